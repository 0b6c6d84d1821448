//! What must hold for any bytes: called by tests, fuzz targets and the replay of their corpora.
//!
//! Invariant: a check panics only for a bug of ours.

use super::{Certificate, RevocationList, der, pem};

/// Bundles: text, its blocks, and what they hold.
pub fn bundle(data: &[u8]) {
    for around in [pem::Around::Anything, pem::Around::Comments] {
        let Ok(blocks) = pem::blocks(data, around, 50) else { continue };
        assert!(blocks.len() <= 50);
        for block in &blocks {
            let again = pem::blocks(pem::encode("X", &block.der).as_bytes(), around, 1);
            assert_eq!(again.map(|again| again[0].der.clone()), Ok(block.der.clone()));
            certificate(&block.der);
        }
    }
    certificate(data);
}

/// Certificates.
pub fn certificate(data: &[u8]) {
    let Ok(read) = Certificate::parse(data) else { return };
    assert_eq!(read.der, data);
    let signature = read.signature();
    assert!(!signature.message.is_empty() && signature.message.len() < data.len());
    assert!(read.serial.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'));
    assert!(read.extended_key_usages.iter().all(|oid| oid.contains('.')));
}

/// Revocation lists, and the reader that they are walked with.
pub fn revocations(data: &[u8]) {
    if let Ok(list) = RevocationList::parse(data) {
        // An entry has a serial number of one octet and a time of thirteen, each with its head.
        assert!(list.entries.saturating_mul(20) <= data.len() as u64);
        assert!(list.signature.message.len() < data.len());
    }
    let mut reader = der::Reader::new(data);
    let mut read = 0;
    while let Some(element) = reader.element() {
        read += element.whole.len();
    }
    assert_eq!(read + reader.rest().len(), data.len());
}
