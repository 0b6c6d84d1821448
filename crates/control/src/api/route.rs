//! Which service a request is for, before anything in it is believed.
//!
//! The service part of the credential scope decides; a request without credentials is told so in
//! the manner of the API version that it names.
//!
//! Invariant: routing decides only who answers; what is answered waits for the signature.

use weir_wire::generated::{
    acm, cloudtrail, ec2, elbv2, iam, resourcegroupstaggingapi as tagging, shield, sts,
};
use weir_wire::protocol::{CBOR_PATH, Call};
use weir_wire::request::Request;
use weir_wire::schema::Schema;
use weir_wire::sigv4::Claim;

/// The services that this version serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Elastic Load Balancing, 2015-12-01.
    LoadBalancing,
    /// EC2, 2016-11-15: the part that load balancing needs.
    Ec2,
    /// STS, 2011-06-15: who am I.
    Sts,
    /// Certificate Manager, 2015-12-08: the certificates of listeners.
    Acm,
    /// IAM, 2010-05-08: server certificates.
    Iam,
    /// Resource Groups Tagging, 2017-01-26.
    Tagging,
    /// Shield, 2016-06-02: says that it is not there.
    Shield,
    /// CloudTrail, 2013-11-01: who did what.
    CloudTrail,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// This service.
    Served(Service),
    /// Nobody: the scope names another service of AWS.
    Foreign(String),
}

// === impl Service ===

impl Service {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::LoadBalancing,
        Self::Ec2,
        Self::Sts,
        Self::Acm,
        Self::Iam,
        Self::Tagging,
        Self::Shield,
        Self::CloudTrail,
    ];

    /// The model.
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::LoadBalancing => &elbv2::SCHEMA,
            Self::Ec2 => &ec2::SCHEMA,
            Self::Sts => &sts::SCHEMA,
            Self::Acm => &acm::SCHEMA,
            Self::Iam => &iam::SCHEMA,
            Self::Tagging => &tagging::SCHEMA,
            Self::Shield => &shield::SCHEMA,
            Self::CloudTrail => &cloudtrail::SCHEMA,
        }
    }

    /// Whether a credential scope of this region may call the service, besides served regions.
    /// SDKs sign for `us-east-1` when they take a service for a global one.
    // spec: control-plane §1.6 SigV4 verification
    pub fn is_global_in(self, region: &str) -> bool {
        matches!(self, Self::Sts | Self::Iam | Self::Shield) && region == "us-east-1"
    }

    /// Whether the call names an API version that the service speaks. EC2 clients of any age ask
    /// for what has not changed; ELB's older version is another API.
    // spec: control-plane §1.0 Identity
    pub fn speaks(self, call: &Call) -> bool {
        match self {
            Self::Ec2 => true,
            Self::LoadBalancing | Self::Sts | Self::Iam => {
                call.version() == Some(self.schema().api_version)
            }
            // Their version is part of the operation's prefix, or not told at all.
            Self::Acm | Self::Tagging | Self::Shield | Self::CloudTrail => true,
        }
    }
}

// === impl Route ===

impl Route {
    /// Looks at the claim first, then at the version.
    pub fn of(request: &Request<'_>) -> Self {
        if let Ok(claim) = Claim::parse(request) {
            let scope = claim.scope.service.as_str();
            let mut all = Service::ALL.iter();
            return match all.find(|service| service.schema().signing_name == scope) {
                Some(service) => Self::Served(*service),
                None => Self::Foreign(scope.chars().take(64).collect()),
            };
        }
        Self::Served(by_target(request).unwrap_or_else(|| by_version(request)))
    }
}

/// The service of a JSON target or of a CBOR path.
fn by_target(request: &Request<'_>) -> Option<Service> {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit_once('.'));
    let path = request.path.strip_prefix(CBOR_PATH).and_then(|path| path.split_once('/'));
    let prefix = target.or(path)?.0;
    let mut all = Service::ALL.iter();
    all.find(|service| !prefix.is_empty() && service.schema().target_prefix == prefix).copied()
}

/// A guess for the manner of an error; nothing else depends on it.
fn by_version(request: &Request<'_>) -> Service {
    let names = |bytes: &[u8], version: &str| {
        let wanted = format!("Version={version}");
        bytes.split(|byte| *byte == b'&').any(|pair| pair == wanted.as_bytes())
    };
    let asks = |version| names(request.query.as_bytes(), version) || names(request.body, version);
    match () {
        () if asks(ec2::SCHEMA.api_version) => Service::Ec2,
        () if asks(sts::SCHEMA.api_version) => Service::Sts,
        () if asks(iam::SCHEMA.api_version) => Service::Iam,
        () => Service::LoadBalancing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(headers: &[(&str, &[u8])], query: &str, body: &str) -> Route {
        let body = body.as_bytes();
        Route::of(&Request { method: "POST", path: "/", query, headers, body })
    }

    #[test]
    fn the_scope_decides() {
        let authorization = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/{service}/aws4_request, \
                 SignedHeaders=host, Signature=00"
            )
        };
        let asked = |service: &str| {
            let value = authorization(service);
            let headers: [(&str, &[u8]); 2] =
                [("authorization", value.as_bytes()), ("x-amz-date", b"20260101T000000Z")];
            route(&headers, "", "Version=2016-11-15")
        };
        assert_eq!(asked("elasticloadbalancing"), Route::Served(Service::LoadBalancing));
        assert_eq!(asked("ec2"), Route::Served(Service::Ec2));
        assert_eq!(asked("sts"), Route::Served(Service::Sts));
        for service in Service::ALL {
            assert_eq!(asked(service.schema().signing_name), Route::Served(*service));
        }
        assert_eq!(asked("wafv2"), Route::Foreign("wafv2".into()));
    }

    #[test]
    fn without_credentials_the_target_decides() {
        for service in Service::ALL {
            let prefix = service.schema().target_prefix;
            let target = format!("{prefix}.Fly");
            let headers: [(&str, &[u8]); 1] = [("X-Amz-Target", target.as_bytes())];
            let json = route(&headers, "", "{}");
            let path = format!("/service/{prefix}/operation/Fly");
            let request =
                Request { method: "POST", path: &path, query: "", headers: &[], body: b"" };
            let expected = if prefix.is_empty() { Service::LoadBalancing } else { *service };
            assert_eq!([json, Route::of(&request)], [(); 2].map(|()| Route::Served(expected)));
        }
    }

    #[test]
    fn without_credentials_the_version_decides() {
        let served = |body| route(&[], "", body);
        assert_eq!(served("Action=A&Version=2016-11-15"), Route::Served(Service::Ec2));
        assert_eq!(served("Action=A&Version=2011-06-15"), Route::Served(Service::Sts));
        assert_eq!(served("Action=A&Version=2010-05-08"), Route::Served(Service::Iam));
        assert_eq!(served("Action=A"), Route::Served(Service::LoadBalancing));
    }
}
