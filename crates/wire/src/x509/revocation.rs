//! Certificate revocation lists (RFC 5280, section 5), walked in place.
//!
//! Half a million entries are counted without being held: each is looked at once and left.
//!
//! Invariant: reading costs time linear in the input and no memory.

use super::{Algorithm, Error, Signature, der};

/// What a list says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationList<'a> {
    /// The issuer's name as encoded.
    pub issuer: &'a [u8],
    /// Entries; those with negative serial numbers do not count.
    // spec: alb §8.3 Trust store
    pub entries: u64,
    /// Of the issuer, over everything else.
    pub signature: Signature<'a>,
}

// === impl RevocationList ===

impl<'a> RevocationList<'a> {
    /// Reads a list, whole, in DER.
    ///
    /// # Errors
    /// What is not exactly one list.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut outer = der::Reader::new(bytes);
        let list = outer.expect(der::SEQUENCE).ok_or(Error::Encoding("it is no sequence"))?;
        if !outer.is_empty() {
            return Err(Error::Encoding("something follows it"));
        }
        let mut parts = der::Reader::new(list);
        let body = parts.expect_whole(der::SEQUENCE).ok_or(Error::Encoding("it has no list"))?;
        let algorithm = parts.expect(der::SEQUENCE);
        let algorithm = algorithm.ok_or(Error::Encoding("it has no signature algorithm"))?;
        let signature = parts.expect(der::BIT_STRING).and_then(whole_octets);
        let signature = signature.ok_or(Error::Encoding("it has no signature"))?;
        if !parts.is_empty() {
            return Err(Error::Encoding("something follows its signature"));
        }
        let (issuer, entries) = walk(body.body, algorithm)?;
        let algorithm = Algorithm::read(algorithm);
        let signature = Signature { message: body.whole, algorithm, bytes: signature };
        Ok(Self { issuer, entries, signature })
    }
}

/// The issuer and the number of entries of a `TBSCertList`.
fn walk<'a>(body: &'a [u8], algorithm: &[u8]) -> Result<(&'a [u8], u64), Error> {
    let mut reader = der::Reader::new(body);
    if reader.peek() == Some(der::INTEGER) && reader.expect(der::INTEGER) != Some(&[1]) {
        return Err(Error::Encoding("its version is unknown"));
    }
    let inner = reader.expect(der::SEQUENCE);
    if inner != Some(algorithm) {
        return Err(Error::Encoding("its two signature algorithms differ"));
    }
    let issuer = reader.expect_whole(der::SEQUENCE);
    let issuer = issuer.ok_or(Error::Encoding("it has no issuer"))?.whole;
    time(&mut reader).ok_or(Error::Encoding("it has no date"))?;
    // The next update may be missing.
    let _ = time(&mut reader);
    let mut entries = 0;
    if let Some(revoked) = reader.expect(der::SEQUENCE) {
        let mut revoked = der::Reader::new(revoked);
        while !revoked.is_empty() {
            let counts = entry(&mut revoked).ok_or(Error::Encoding("an entry is broken"))?;
            entries += u64::from(counts);
        }
    }
    if reader.peek() == Some(der::context(0)) {
        let extensions = reader.expect(der::context(0)).and_then(|body| {
            let mut reader = der::Reader::new(body);
            reader.expect(der::SEQUENCE).filter(|_| reader.is_empty())
        });
        extensions.ok_or(Error::Encoding("its extensions are broken"))?;
    }
    match reader.is_empty() {
        true => Ok((issuer, entries)),
        false => Err(Error::Encoding("something follows its entries")),
    }
}

/// One entry; whether it counts.
fn entry(reader: &mut der::Reader<'_>) -> Option<bool> {
    let mut fields = der::Reader::new(reader.expect(der::SEQUENCE)?);
    let serial = fields.expect(der::INTEGER)?;
    let first = serial.first()?;
    time(&mut fields)?;
    if !fields.is_empty() {
        fields.expect(der::SEQUENCE)?;
    }
    fields.is_empty().then_some(first & 0x80 == 0)
}

fn time<'a>(reader: &mut der::Reader<'a>) -> Option<&'a [u8]> {
    let digits = |text: &&[u8], len: usize| {
        text.len() == len && text.ends_with(b"Z") && text[..len - 1].iter().all(u8::is_ascii_digit)
    };
    match reader.peek()? {
        der::UTC_TIME => reader.expect(der::UTC_TIME).filter(|text| digits(text, 13)),
        der::GENERALIZED_TIME => {
            reader.expect(der::GENERALIZED_TIME).filter(|text| digits(text, 15))
        }
        _ => None,
    }
}

/// A bit string that ends with an octet.
pub(super) fn whole_octets(body: &[u8]) -> Option<&[u8]> {
    let (&unused, bytes) = body.split_first()?;
    (unused == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::wrap;

    fn list(entries: &[Vec<u8>]) -> Vec<u8> {
        let algorithm = wrap(der::SEQUENCE, &[&wrap(der::OID, &[&[0x2b, 0x65, 0x70]])]);
        let issuer = wrap(der::SEQUENCE, &[]);
        let time = wrap(der::UTC_TIME, &[b"260101000000Z"]);
        let version = wrap(der::INTEGER, &[&[1]]);
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let revoked = wrap(der::SEQUENCE, &entries);
        let body = wrap(der::SEQUENCE, &[&version, &algorithm, &issuer, &time, &time, &revoked]);
        let signature = wrap(der::BIT_STRING, &[&[0], &[9; 64]]);
        wrap(der::SEQUENCE, &[&body, &algorithm, &signature])
    }

    fn entry(serial: &[u8]) -> Vec<u8> {
        let time = wrap(der::UTC_TIME, &[b"260101000000Z"]);
        wrap(der::SEQUENCE, &[&wrap(der::INTEGER, &[serial]), &time])
    }

    #[test]
    fn entries_are_counted_and_negative_ones_ignored() {
        let bytes = list(&[entry(&[1]), entry(&[0x80]), entry(&[0, 0x80]), entry(&[5; 20])]);
        let read = RevocationList::parse(&bytes).unwrap();
        assert_eq!(read.entries, 3);
        assert_eq!(
            (read.signature.algorithm, read.signature.bytes.len()),
            (Algorithm::Ed25519, 64)
        );
        assert_eq!(read.issuer, wrap(der::SEQUENCE, &[]));
        let many: Vec<Vec<u8>> = (0..70_000u32).map(|n| entry(&(n + 1).to_be_bytes())).collect();
        let bytes = list(&many);
        assert_eq!(RevocationList::parse(&bytes).unwrap().entries, 70_000);
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = list(&[entry(&[1]), entry(&[2])]);
        for end in 0..bytes.len() {
            assert!(RevocationList::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(RevocationList::parse(&longer).is_err());
        assert!(RevocationList::parse(&list(&[wrap(der::SEQUENCE, &[])])).is_err());
    }
}
