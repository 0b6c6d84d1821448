//! What the operator decided, as the control side reads it.
//!
//! Invariant: the secret key is never printed: its type redacts itself and nothing serialises it.

use weir_core::catalog;
use weir_wire::sigv4::SecretKey;

/// The access key that signs API calls.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Redacts itself.
    pub secret_access_key: SecretKey,
}

/// Settings of the control side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Account, regions, domain, quotas, waivers.
    pub catalog: catalog::Settings,
    /// The one key that may call the API.
    pub credentials: Credentials,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret() {
        let secret_access_key = SecretKey::new("s3cr3t");
        let credentials = Credentials { access_key_id: "AKIA1".into(), secret_access_key };
        let text = format!("{credentials:?}");
        assert!(text.contains("AKIA1") && !text.contains("s3cr3t"), "{text}");
    }
}
