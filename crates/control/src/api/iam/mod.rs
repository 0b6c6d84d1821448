//! IAM: server certificates, the older way to bring a certificate to a listener, and the
//! service-linked role that tools make first.
//!
//! Invariant: a private key enters and never leaves.
// spec: control-plane §3.2 The rest, minimal action sets

mod role;
mod server_certificate;

use weir_wire::error::ApiError;
use weir_wire::generated::iam::Operation;
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    use server_certificate as certificate;
    match operation {
        Op::CreateServiceLinkedRole => out(role::create(call, call.input()?).await),
        Op::DeleteServerCertificate => nothing(certificate::delete(call, call.input()?).await),
        Op::GetServerCertificate => out(certificate::show(call, call.input()?)),
        Op::ListServerCertificateTags => out(certificate::tags(call, call.input()?)),
        Op::ListServerCertificates => out(certificate::list(call, call.input()?)),
        Op::TagServerCertificate => nothing(certificate::tag(call, call.input()?).await),
        Op::UntagServerCertificate => nothing(certificate::untag(call, call.input()?).await),
        Op::UpdateServerCertificate => nothing(certificate::update(call, call.input()?).await),
        Op::UploadServerCertificate => out(certificate::upload(call, call.input()?).await),
    }
}

fn out<T: ToValue>(answer: Result<T, ApiError>) -> Result<Value, ApiError> {
    answer.map(|output| output.to_value())
}

/// These operations have no output in the model.
fn nothing(answer: Result<(), ApiError>) -> Result<Value, ApiError> {
    answer.map(|()| Value::Struct(Default::default()))
}
