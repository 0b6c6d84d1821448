//! `ImportCertificate`, `DeleteCertificate`.
//!
//! Invariant: the private key is verified and sealed before anything is decided, and the clear
//! one is gone when the call returns.

use weir_core::catalog::command::{ArnInput, CertificateDraft, CertificateImport};
use weir_core::catalog::{CertificateRefusal, Command};
use weir_wire::error::ApiError;
use weir_wire::generated::acm as api;

use super::super::call::Call;
use crate::vault::pair::{self, ChainNeed, Pair, PairTrouble};

/// `ImportCertificate`.
pub async fn import(
    call: &Call,
    input: api::ImportCertificateRequest,
) -> Result<api::ImportCertificateResponse, ApiError> {
    let again = input.certificate_arn.is_some();
    let arn = match again {
        true => super::arn(call, input.certificate_arn)?,
        false => super::fresh_arn(call),
    };
    if again {
        // Told before the certificate is judged, as for every call that names one.
        call.read(|catalog| Ok(catalog.acm_certificate(&call.facts.region, &arn).map(drop)?))?;
    }
    let refuse = |trouble| call.refuse(&words(trouble).into());
    let now_ms = call.facts.now.epoch_ms();
    let (body, chain) = (input.certificate.unwrap_or_default(), input.certificate_chain);
    let key = input.private_key.unwrap_or_default();
    // A long chain takes milliseconds to verify.
    let read = tokio::task::spawn_blocking(move || {
        let chain = chain.as_deref().filter(|chain| !chain.is_empty());
        Pair::read(&body, chain, key.expose(), now_ms, ChainNeed::Required)
    });
    let pair = read.await.map_err(|error| call.bug(&error))?.map_err(refuse)?;
    let draft = draft(call, &pair, &arn)?;
    let region = call.facts.region.clone();
    let tags = super::tags(input.tags);
    let import = CertificateImport { region, arn, again, draft, tags };
    let decision = call.submit(Command::CertificateImport(import)).await?;
    let arn = super::certificate(call, &decision)?.arn.to_string();
    Ok(api::ImportCertificateResponse { certificate_arn: Some(arn) })
}

/// `DeleteCertificate`.
pub async fn delete(call: &Call, input: api::DeleteCertificateRequest) -> Result<(), ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    let region = call.facts.region.clone();
    call.submit(Command::CertificateDelete(ArnInput { region, arn })).await.map(drop)
}

/// What the catalog keeps of a pair; the key is sealed for this record.
pub fn draft(call: &Call, pair: &Pair, context: &str) -> Result<CertificateDraft, ApiError> {
    let sealed = call.vault()?.key().seal(&pair.key, context);
    let key = sealed.map_err(|error| call.bug(&error))?;
    let (body, chain) = (pair.body(), pair.chain_text());
    Ok(CertificateDraft { body, chain, key, facts: pair::facts(&pair.leaf) })
}

/// ACM's words.
fn words(trouble: PairTrouble) -> CertificateRefusal {
    use CertificateRefusal as No;
    let not_pem = |field: &str| No::AcmNotPem { field: field.to_owned() };
    match trouble {
        PairTrouble::CertificateUnreadable => not_pem("certificate"),
        PairTrouble::CertificateSeveral => No::AcmMoreCertificates {},
        PairTrouble::ChainUnreadable => not_pem("certificate chain"),
        PairTrouble::ChainBroken { index } => No::AcmChainInvalid { index: index.to_string() },
        PairTrouble::ChainMismatch => No::AcmChainMismatch {},
        PairTrouble::NotSelfSigned => No::AcmNotSelfSigned {},
        PairTrouble::KeyUnreadable => not_pem("private key"),
        PairTrouble::KeyEncrypted => No::AcmKeyEncrypted {},
        PairTrouble::KeyUnsupported => No::AcmKeyUnsupported {},
        PairTrouble::KeyMismatch => No::AcmKeyMismatch {},
        PairTrouble::Algorithm(algorithm) => No::AcmKeyAlgorithm { algorithm },
        PairTrouble::Expired => No::AcmExpired {},
        PairTrouble::NotYetValid => No::AcmNotYetValid {},
        PairTrouble::TooLarge { field } => No::AcmTooLarge { field: field.to_owned() },
    }
}
