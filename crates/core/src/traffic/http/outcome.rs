//! How an exchange that did not simply pass on a target's response ended: one named cause each.
//!
//! The name goes into the access log's `error_reason`; the status is what the client gets, unless a
//! response had already begun: then the cause says why that one was cut short.
//!
//! Invariant: a cause has exactly one status and one name, and no two share a name.
// spec: alb §10.1 Status codes and causes

use super::screen::Refusal;

/// Why the load balancer answered itself, or broke a response off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Not an HTTP/1 request, or a head that no reading makes sense of.
    RequestMalformed,
    /// The request line is too long.
    RequestLineTooLong,
    /// One header, all headers, or their number is beyond the limit.
    RequestHeadersTooLarge,
    /// The mitigation mode blocks such requests.
    DesyncBlocked,
    /// The chunked coding of the request's body is broken.
    RequestBodyMalformed,
    /// The client ended its connection before the body was complete.
    RequestBodyTruncated,
    /// TRACE or CONNECT.
    MethodNotAllowed,
    /// The client sent nothing for the idle timeout while something was due from it.
    RequestTimeout,
    /// The client went away while its request was in flight.
    ClientGone,
    /// The client did not take the response for the idle timeout.
    ClientStalled,
    /// More than 30 addresses in `X-Forwarded-For`.
    ForwardedForTooLong,
    /// A transfer coding that is not supported.
    TransferCodingUnsupported,
    /// HTTP/2 or later on a connection that speaks HTTP/1.
    VersionUnsupported,
    /// The group has no usable target, or every weight is zero.
    TargetsMissing,
    /// No target accepted a connection.
    TargetConnectFailed,
    /// The target did not accept the connection in time.
    TargetConnectTimeout,
    /// The target ended the connection before its response was complete.
    TargetClosed,
    /// The target reset the connection before its response was complete.
    TargetReset,
    /// The target sent nothing for the idle timeout.
    TargetTimeout,
    /// The target's response breaks the grammar.
    ResponseMalformed,
    /// The target's response head is too large.
    ResponseHeadTooLarge,
    /// The deregistration delay was over, or the target is gone.
    TargetDeregistered,
    /// The `Location` of a redirect is too long.
    RedirectTooLong,
    /// A transform made a host or URL that cannot be sent.
    TransformFailed,
}

// === impl Cause ===

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 24] = [
        Self::RequestMalformed,
        Self::RequestLineTooLong,
        Self::RequestHeadersTooLarge,
        Self::DesyncBlocked,
        Self::RequestBodyMalformed,
        Self::RequestBodyTruncated,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::ClientGone,
        Self::ClientStalled,
        Self::ForwardedForTooLong,
        Self::TransferCodingUnsupported,
        Self::VersionUnsupported,
        Self::TargetsMissing,
        Self::TargetConnectFailed,
        Self::TargetConnectTimeout,
        Self::TargetClosed,
        Self::TargetReset,
        Self::TargetTimeout,
        Self::ResponseMalformed,
        Self::ResponseHeadTooLarge,
        Self::TargetDeregistered,
        Self::RedirectTooLong,
        Self::TransformFailed,
    ];

    /// The status that the client gets, or that is logged when nobody can receive it.
    pub fn status(self) -> u16 {
        match self {
            Self::RequestMalformed
            | Self::RequestHeadersTooLarge
            | Self::DesyncBlocked
            | Self::RequestBodyMalformed
            | Self::RequestBodyTruncated => 400,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::RequestLineTooLong => 414,
            Self::ClientGone | Self::ClientStalled => 460,
            Self::ForwardedForTooLong => 463,
            Self::TransferCodingUnsupported => 501,
            Self::TargetConnectFailed
            | Self::TargetClosed
            | Self::TargetReset
            | Self::ResponseMalformed
            | Self::ResponseHeadTooLarge
            | Self::TargetDeregistered => 502,
            Self::TargetsMissing => 503,
            Self::TargetConnectTimeout | Self::TargetTimeout => 504,
            Self::VersionUnsupported => 505,
            Self::RedirectTooLong => 507,
            // spec: alb §2.4 Transforms (released 2025-10-15)
            Self::TransformFailed => 500,
        }
    }

    /// The name in the access log.
    pub fn code(self) -> &'static str {
        match self {
            Self::RequestMalformed => "RequestMalformed",
            Self::RequestLineTooLong => "RequestLineTooLong",
            Self::RequestHeadersTooLarge => "RequestHeadersTooLarge",
            Self::DesyncBlocked => "DesyncBlocked",
            Self::RequestBodyMalformed => "RequestBodyMalformed",
            Self::RequestBodyTruncated => "RequestBodyTruncated",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::RequestTimeout => "RequestTimeout",
            Self::ClientGone => "ClientGone",
            Self::ClientStalled => "ClientStalled",
            Self::ForwardedForTooLong => "ForwardedForTooLong",
            Self::TransferCodingUnsupported => "TransferCodingUnsupported",
            Self::VersionUnsupported => "VersionUnsupported",
            Self::TargetsMissing => "TargetsMissing",
            Self::TargetConnectFailed => "TargetConnectFailed",
            Self::TargetConnectTimeout => "TargetConnectTimeout",
            Self::TargetClosed => "TargetClosed",
            Self::TargetReset => "TargetReset",
            Self::TargetTimeout => "TargetTimeout",
            Self::ResponseMalformed => "ResponseMalformed",
            Self::ResponseHeadTooLarge => "ResponseHeadTooLarge",
            Self::TargetDeregistered => "TargetDeregistered",
            Self::RedirectTooLong => "RedirectTooLong",
            Self::TransformFailed => "TransformFailed",
        }
    }

    /// Whether the client's connection is of no use afterwards: where its next request would
    /// begin is not known, or nobody is there.
    pub fn closes(self) -> bool {
        !matches!(
            self,
            Self::MethodNotAllowed
                | Self::ForwardedForTooLong
                | Self::TargetsMissing
                | Self::TargetConnectFailed
                | Self::TargetConnectTimeout
                | Self::TargetClosed
                | Self::TargetReset
                | Self::TargetTimeout
                | Self::ResponseMalformed
                | Self::ResponseHeadTooLarge
                | Self::TargetDeregistered
                | Self::RedirectTooLong
                | Self::TransformFailed
        )
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::RequestMalformed,
            Refusal::Method => Self::MethodNotAllowed,
            Refusal::TransferCoding => Self::TransferCodingUnsupported,
            Refusal::ForwardedFor => Self::ForwardedForTooLong,
            Refusal::Version => Self::VersionUnsupported,
            Refusal::RequestLine => Self::RequestLineTooLong,
            Refusal::Headers => Self::RequestHeadersTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_statuses_are_errors() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        assert!(Cause::ALL.iter().all(|cause| (400..600).contains(&cause.status())));
    }

    #[test]
    fn a_refusal_and_its_cause_agree() {
        for refusal in [
            Refusal::Malformed,
            Refusal::Method,
            Refusal::TransferCoding,
            Refusal::ForwardedFor,
            Refusal::Version,
            Refusal::RequestLine,
            Refusal::Headers,
        ] {
            let cause = Cause::from(refusal);
            assert_eq!((cause.status(), cause.closes()), (refusal.status(), refusal.closes()));
        }
    }
}
