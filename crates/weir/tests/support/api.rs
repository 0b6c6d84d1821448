//! A signed API client that keeps its connection.
//!
//! Invariant: every call has a deadline, and an error answer becomes an error with its AWS code.

use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_wire::request::Request;
use weir_wire::sigv4::{SecretKey, Signer};
use weir_wire::time::Time;

use super::http::{read_response, write_all};

const DEADLINE: Duration = Duration::from_secs(60);
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// One connection to the API.
pub struct Api {
    endpoint: String,
    key: String,
    secret: SecretKey,
    region: String,
    stream: Option<TcpStream>,
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 when the connection broke, so that nobody knows what happened.
    pub status: u16,
    /// AWS's code.
    pub code: String,
    /// AWS's text.
    pub message: String,
}

// === impl Api ===

impl Api {
    /// A client; it connects at its first call.
    pub fn new(endpoint: &str, key: &str, secret: &str, region: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            key: key.to_owned(),
            secret: SecretKey::new(secret),
            region: region.to_owned(),
            stream: None,
        }
    }

    /// Calls an ELBv2 action that must succeed; gives the XML.
    pub fn elbv2(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.try_elbv2(action, parameters).unwrap_or_else(|e| panic!("{action}: {e:?}"))
    }

    /// Calls an ELBv2 action.
    ///
    /// # Errors
    /// The answer's code, or status 0 when there was none.
    pub fn try_elbv2(
        &mut self,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, ApiError> {
        self.call("elasticloadbalancing", "2015-12-01", action, parameters)
    }

    /// Calls an EC2 action that must succeed; gives the XML.
    pub fn ec2(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        let answer = self.call("ec2", "2016-11-15", action, parameters);
        answer.unwrap_or_else(|e| panic!("{action}: {e:?}"))
    }

    /// Calls an IAM action that must succeed; gives the XML.
    pub fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> String {
        let answer = self.call("iam", "2010-05-08", action, parameters);
        answer.unwrap_or_else(|e| panic!("{action}: {e:?}"))
    }

    /// Ids of the default VPC and of its subnets.
    pub fn network(&mut self) -> (String, Vec<String>) {
        let vpc = text(&self.ec2("DescribeVpcs", &[]), "vpcId").to_owned();
        (vpc, texts(&self.ec2("DescribeSubnets", &[]), "subnetId"))
    }

    /// Makes an application load balancer in two zones; gives its ARN.
    pub fn load_balancer(&mut self, name: &str, subnets: &[String]) -> String {
        let answer = self.elbv2(
            "CreateLoadBalancer",
            &[("Name", name), ("Subnets.member.1", &subnets[0]), ("Subnets.member.2", &subnets[1])],
        );
        text(&answer, "LoadBalancerArn").to_owned()
    }

    /// Makes a listener that answers this text; gives its ARN.
    pub fn listener(&mut self, lb: &str, port: u16, body: &str) -> String {
        let answer = self.elbv2(
            "CreateListener",
            &[
                ("LoadBalancerArn", lb),
                ("Protocol", "HTTP"),
                ("Port", &port.to_string()),
                ("DefaultActions.member.1.Type", "fixed-response"),
                ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
                ("DefaultActions.member.1.FixedResponseConfig.MessageBody", body),
            ],
        );
        text(&answer, "ListenerArn").to_owned()
    }

    /// Makes an empty target group of type ip; gives its ARN.
    pub fn group(&mut self, name: &str, vpc: &str) -> String {
        let answer = self.elbv2("CreateTargetGroup", &group(name, vpc));
        text(&answer, "TargetGroupArn").to_owned()
    }

    /// Addresses of a load balancer, in order.
    pub fn addresses(&mut self, lb: &str) -> Vec<String> {
        let description = format!("ELB {}", lb.split_once("loadbalancer/").unwrap().1);
        let filter = [("Filter.1.Name", "description"), ("Filter.1.Value.1", &*description)];
        let answer = self.ec2("DescribeNetworkInterfaces", &filter);
        let mut addresses: Vec<String> = answer
            .split("<networkInterfaceId>")
            .skip(1)
            .map(|interface| text(interface, "privateIpAddress").to_owned())
            .collect();
        addresses.sort();
        addresses
    }

    fn call(
        &mut self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, ApiError> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        let broken = |error: std::io::Error| ApiError {
            status: 0,
            code: "Broken".to_owned(),
            message: error.to_string(),
        };
        let request = self.signed(service, &body);
        let (status, answer) = self.exchange(&request).map_err(broken)?;
        if status == 200 {
            return Ok(answer);
        }
        let of = |name| optional(&answer, name).unwrap_or_default().to_owned();
        Err(ApiError { status, code: of("Code"), message: of("Message") })
    }

    fn exchange(&mut self, request: &[u8]) -> std::io::Result<(u16, String)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.endpoint)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.set_write_timeout(Some(DEADLINE))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().unwrap();
        let answer = write_all(stream, request).and_then(|()| read_response(stream, false));
        match answer {
            Ok((status, body)) => Ok((status, String::from_utf8_lossy(&body).into_owned())),
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    fn signed(&self, service: &str, body: &str) -> Vec<u8> {
        let headers = [("Host", self.endpoint.as_bytes()), ("Content-Type", FORM.as_bytes())];
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let signer = Signer {
            access_key_id: &self.key,
            secret: &self.secret,
            session_token: None,
            region: &self.region,
            service,
            now: Time::from_epoch_s(since.as_secs() as i64),
        };
        let mut out = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n",
            self.endpoint,
            body.len()
        );
        for (name, value) in signer.sign(&request) {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        out.push_str(body);
        out.into_bytes()
    }
}

// === helpers ===

/// Parameters of CreateTargetGroup.
pub fn group<'a>(name: &'a str, vpc: &'a str) -> [(&'a str, &'a str); 5] {
    [("Name", name), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", vpc), ("TargetType", "ip")]
}

fn optional<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let len = xml[start..].find(&format!("</{name}>"))?;
    Some(&xml[start..start + len])
}

/// The text of the first element of this name, which must be there.
pub fn text<'a>(xml: &'a str, name: &str) -> &'a str {
    optional(xml, name).unwrap_or_else(|| panic!("no <{name}> in {xml}"))
}

/// The texts of all elements of this name.
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.filter_map(|part| part.split_once(&close).map(|(text, _)| text.to_owned())).collect()
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
