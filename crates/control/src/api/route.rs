//! Which service a request is for, before anything in it is believed.
//!
//! The service part of the credential scope decides; a request without credentials is told so in
//! the manner of the API version that it names.
//!
//! Invariant: routing decides only who answers; what is answered waits for the signature.

use weir_wire::generated::{ec2, elbv2, sts};
use weir_wire::protocol::Call;
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
    /// The model.
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::LoadBalancing => &elbv2::SCHEMA,
            Self::Ec2 => &ec2::SCHEMA,
            Self::Sts => &sts::SCHEMA,
        }
    }

    /// Whether a credential scope of this region may call the service, besides served regions.
    /// SDKs sign for `us-east-1` when they take a service for a global one.
    // spec: control-plane §1.6 SigV4 verification
    pub fn is_global_in(self, region: &str) -> bool {
        self == Self::Sts && region == "us-east-1"
    }

    /// Whether the call names an API version that the service speaks. EC2 clients of any age ask
    /// for what has not changed; ELB's older version is another API.
    // spec: control-plane §1.0 Identity
    pub fn speaks(self, call: &Call) -> bool {
        match self {
            Self::Ec2 => true,
            Self::LoadBalancing | Self::Sts => call.version() == Some(self.schema().api_version),
        }
    }
}

// === impl Route ===

impl Route {
    /// Looks at the claim first, then at the version.
    pub fn of(request: &Request<'_>) -> Self {
        if let Ok(claim) = Claim::parse(request) {
            return match claim.scope.service.as_str() {
                "elasticloadbalancing" => Self::Served(Service::LoadBalancing),
                "ec2" => Self::Served(Service::Ec2),
                "sts" => Self::Served(Service::Sts),
                other => Self::Foreign(other.chars().take(64).collect()),
            };
        }
        Self::Served(by_version(request))
    }
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
        assert_eq!(asked("iam"), Route::Foreign("iam".into()));
    }

    #[test]
    fn without_credentials_the_version_decides() {
        let served = |body| route(&[], "", body);
        assert_eq!(served("Action=A&Version=2016-11-15"), Route::Served(Service::Ec2));
        assert_eq!(served("Action=A&Version=2011-06-15"), Route::Served(Service::Sts));
        assert_eq!(served("Action=A"), Route::Served(Service::LoadBalancing));
    }
}
