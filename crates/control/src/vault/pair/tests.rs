//! Pairs of every kind that clients bring, and what is wrong with the others.
//!
//! Invariant: keys are made anew in each run; none is kept in this repository.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};

use super::*;

const NOW_MS: i64 = 1_800_000_000_000;

struct Made {
    pem: String,
    key: KeyPair,
    params: CertificateParams,
}

fn params(name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn self_signed(name: &str, key: KeyPair) -> Made {
    let params = params(name, true);
    let der = params.self_signed(&key).unwrap();
    Made { pem: pem::encode("CERTIFICATE", der.der()), key, params }
}

fn signed(name: &str, by: &Made) -> Made {
    let (params, key) = (params(name, true), ec());
    let issuer = rcgen::Issuer::from_params(&by.params, &by.key);
    let der = params.signed_by(&key, &issuer).unwrap();
    Made { pem: pem::encode("CERTIFICATE", der.der()), key, params }
}

fn ec() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn key_text(key: &KeyPair) -> String {
    pem::encode("PRIVATE KEY", key.serialized_der())
}

fn read(cert: &str, chain: Option<&str>, key: &str) -> Result<Pair, PairTrouble> {
    let chain = chain.map(str::as_bytes);
    Pair::read(cert.as_bytes(), chain, key.as_bytes(), NOW_MS, ChainNeed::Required)
}

#[test]
fn every_kind_of_key_in_every_wrapping() {
    let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap();
    let keys = [
        (rsa(RsaKeySize::_2048), "RSA_2048", "RSA PRIVATE KEY"),
        (rsa(RsaKeySize::_3072), "RSA_3072", "RSA PRIVATE KEY"),
        (ec(), "EC_prime256v1", "EC PRIVATE KEY"),
        (KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(), "EC_secp384r1", "EC PRIVATE KEY"),
        (KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap(), "EC_secp521r1", "EC PRIVATE KEY"),
    ];
    for (key, name, label) in keys {
        let made = self_signed("web.example", key);
        let text = key_text(&made.key);
        let pair = read(&made.pem, None, &text).unwrap();
        let facts = facts(&pair.leaf);
        assert_eq!(facts.key_algorithm, name);
        assert_eq!((facts.domain.as_str(), facts.names.len()), ("web.example", 1));
        assert_eq!(pair.body(), made.pem);
        // What is stored reads again, and is the same key.
        let again = PrivateKey::read(pem::encode("PRIVATE KEY", &pair.key).as_bytes()).unwrap();
        assert_eq!(again.public, pair.leaf.key);
        // The older wrappings.
        let (_, parameters, inner) = pkcs8(made.key.serialized_der()).unwrap();
        let old = match label {
            "EC PRIVATE KEY" => {
                let mut fields =
                    der::Reader::new(der::Reader::new(inner).expect(der::SEQUENCE).unwrap());
                let head = [fields.element().unwrap().whole, fields.element().unwrap().whole];
                let curve = der::wrap(der::context(0), &[parameters]);
                der::wrap(der::SEQUENCE, &[head[0], head[1], &curve])
            }
            _ => inner.to_vec(),
        };
        let text =
            format!("{}{}", pem::encode("EC PARAMETERS", parameters), pem::encode(label, &old));
        let text = if label.starts_with("EC") { text } else { pem::encode(label, &old) };
        let pair = read(&made.pem, None, &text).unwrap();
        assert_eq!(pair.leaf.key.kind.name(), Some(name), "{label}");
    }
}

#[test]
fn keys_that_do_not_do() {
    let made = self_signed("web.example", ec());
    let trouble = |key: &str| read(&made.pem, None, key).unwrap_err();
    assert_eq!(trouble(&key_text(&ec())), PairTrouble::KeyMismatch);
    assert_eq!(trouble(""), PairTrouble::KeyUnreadable);
    assert_eq!(trouble(&made.pem), PairTrouble::KeyUnreadable);
    assert_eq!(trouble(&key_text(&made.key).repeat(2)), PairTrouble::KeyUnreadable);
    let encrypted = pem::encode("ENCRYPTED PRIVATE KEY", b"whatever");
    assert_eq!(trouble(&encrypted), PairTrouble::KeyEncrypted);
    let old = pem::encode("RSA PRIVATE KEY", b"whatever").replacen(
        '\n',
        "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
        1,
    );
    assert_eq!(trouble(&old), PairTrouble::KeyEncrypted);
    let cut = &made.key.serialized_der()[..60];
    assert_eq!(trouble(&pem::encode("PRIVATE KEY", cut)), PairTrouble::KeyUnreadable);
    let edwards = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    assert_eq!(trouble(&key_text(&edwards)), PairTrouble::KeyUnsupported);
    let edwards = self_signed("web.example", edwards);
    let refused = read(&edwards.pem, None, &key_text(&edwards.key)).unwrap_err();
    assert_eq!(refused, PairTrouble::Algorithm("ED25519".into()));
}

#[test]
fn chains_are_in_order_and_signed() {
    let root = self_signed("root.example", ec());
    let middle = signed("middle.example", &root);
    let leaf = signed("leaf.example", &middle);
    let key = key_text(&leaf.key);
    let chain = format!("{}{}", middle.pem, root.pem);
    let pair = read(&leaf.pem, Some(&chain), &key).unwrap();
    assert_eq!(pair.chain_text().as_deref(), Some(chain.as_str()));
    read(&leaf.pem, Some(&middle.pem), &key).unwrap();
    let trouble = |chain: Option<&str>| read(&leaf.pem, chain, &key).unwrap_err();
    assert_eq!(trouble(None), PairTrouble::NotSelfSigned);
    let turned = format!("{}{}", root.pem, middle.pem);
    assert_eq!(trouble(Some(&turned)), PairTrouble::ChainMismatch);
    let other = self_signed("root.example", ec());
    let forged = format!("{}{}", middle.pem, other.pem);
    assert_eq!(trouble(Some(&forged)), PairTrouble::ChainBroken { index: 1 });
    assert_eq!(trouble(Some("no certificate")), PairTrouble::ChainUnreadable);
    let optional =
        Pair::read(leaf.pem.as_bytes(), None, key.as_bytes(), NOW_MS, ChainNeed::Optional);
    assert!(optional.unwrap().chain_text().is_none());
}

#[test]
fn certificates_that_do_not_do() {
    let made = self_signed("web.example", ec());
    let key = key_text(&made.key);
    let trouble = |cert: &str| read(cert, None, &key).unwrap_err();
    assert_eq!(trouble(""), PairTrouble::CertificateUnreadable);
    assert_eq!(trouble(&key), PairTrouble::CertificateUnreadable);
    assert_eq!(trouble(&made.pem.repeat(2)), PairTrouble::CertificateSeveral);
    let at = |ms| Pair::read(made.pem.as_bytes(), None, key.as_bytes(), ms, ChainNeed::Required);
    assert_eq!(at(2_100_000_000_000).unwrap_err(), PairTrouble::Expired);
    assert_eq!(at(1_700_000_000_000).unwrap_err(), PairTrouble::NotYetValid);
    let long = "x".repeat(limits::CERTIFICATE_BYTES_MAX + 1);
    assert_eq!(trouble(&long), PairTrouble::TooLarge { field: "certificate" });
}

#[test]
fn debug_shows_no_key() {
    let made = self_signed("web.example", ec());
    let pair = read(&made.pem, None, &key_text(&made.key)).unwrap();
    assert_eq!(format!("{pair:?}"), "Pair(CN=web.example)");
    let key = PrivateKey::read(key_text(&made.key).as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(EC_prime256v1, ***)");
}

#[test]
fn the_local_authority_issues_what_imports() {
    use crate::vault::issue::{Issuer, RequestedKey};
    use crate::vault::seal::SealingKey;
    let home = tempfile::tempdir().unwrap();
    let sealing = SealingKey::new(&Zeroizing::new([3; 32])).unwrap();
    let names = ["web.example", "*.web.example"].map(str::to_owned);
    let first = Issuer::new(home.path());
    for key in [RequestedKey::P256, RequestedKey::P384, RequestedKey::Rsa2048] {
        let pair = first.issue(&sealing, &names, key, NOW_MS).unwrap();
        assert_eq!(facts(&pair.leaf).names, names);
        assert!(!pair.leaf.is_authority && pair.chain.len() == 1 && pair.chain[0].is_authority);
    }
    // A restart goes on with the same authority.
    let chain = first.issue(&sealing, &names, RequestedKey::P256, NOW_MS).unwrap().chain_text();
    let again = Issuer::new(home.path());
    again.verify(&sealing).unwrap();
    let pair = again.issue(&sealing, &names, RequestedKey::P256, NOW_MS).unwrap();
    assert_eq!(pair.chain_text(), chain);
    let other = SealingKey::new(&Zeroizing::new([4; 32])).unwrap();
    assert!(again.verify(&other).is_err());
}

#[test]
fn bundles_hold_authorities_only() {
    use crate::vault::trust::bundle;
    let root = self_signed("root.example", ec());
    let two = format!("# two roots\n{}{}", root.pem, self_signed("b.example", ec()).pem);
    assert_eq!(bundle(two.as_bytes()).unwrap().certificates, 2);
    assert!(bundle(two.as_bytes()).unwrap().subject_bytes > 20);
    let key = ec();
    let leaf = params("leaf.example", false).self_signed(&key).unwrap();
    let leaf = pem::encode("CERTIFICATE", leaf.der());
    let edwards = self_signed("e.example", KeyPair::generate_for(&PKCS_ED25519).unwrap());
    let spaced = format!("{}\n{}", root.pem, root.pem);
    let mixed = format!("{}{}", root.pem, key_text(&key));
    let bad = ["", "# nothing\n", "garbage", &leaf, &edwards.pem, &spaced, &mixed];
    for text in bad {
        assert!(bundle(text.as_bytes()).is_err(), "{text}");
    }
}
