//! The two names in a certificate (RFC 5280, section 4.1), found in its DER (X.690) without looking at anything else.
//!
//! A name is the content of its element, as rustls compares them, byte for byte.

use core::ops::Range;

/// A certificate, or what there is of it, of which any part may be asked for.
pub(super) trait Source {
    /// These bytes, `None` where they can't be had.
    fn bytes(&mut self, range: Range<usize>) -> Option<&[u8]>;
}

impl Source for &[u8] {
    fn bytes(&mut self, range: Range<usize>) -> Option<&[u8]> {
        self.get(range)
    }
}

/// Who has issued the certificate, if this is one.
pub(super) fn issuer(der: &[u8]) -> Option<&[u8]> {
    let mut source = der;
    let start = fields(&mut source)?;
    der.get(content(&mut source, start)?)
}

/// Where it says whom the certificate is for. Nothing is asked of the source but what stands before each element.
pub(super) fn subject(source: &mut impl Source) -> Option<Range<usize>> {
    let issuer = fields(source)?;
    let validity = content(source, issuer)?.end;
    let subject = content(source, validity)?.end;
    content(source, subject)
}

/// Where the fields begin that follow the signature's algorithm: issuer, validity, subject and on.
fn fields(source: &mut impl Source) -> Option<usize> {
    let certificate = enter(source, 0)?;
    let signed = enter(source, certificate)?;
    let serial = match *source.bytes(signed..signed + 1)? {
        [VERSION] => content(source, signed)?.end,
        _ => signed,
    };
    let algorithm = content(source, serial)?.end;
    Some(content(source, algorithm)?.end)
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Where the elements of the sequence begin.
fn enter(source: &mut impl Source, start: usize) -> Option<usize> {
    match *source.bytes(start..start + 1)? {
        [SEQUENCE] => Some(content(source, start)?.start),
        _ => None,
    }
}

/// Where the content is of the element that begins there.
fn content(source: &mut impl Source, start: usize) -> Option<Range<usize>> {
    let first = source.bytes(start + 1..start + 2)?[0];
    // Bit 8: the length of the length follows. What has more than two bytes of it is no certificate.
    let (start, length): (_, usize) = match first {
        0..=0x7f => (start + 2, first.into()),
        0x81 => (start + 3, source.bytes(start + 2..start + 3)?[0].into()),
        0x82 => match *source.bytes(start + 2..start + 4)? {
            [high, low] => (start + 4, u16::from_be_bytes([high, low]).into()),
            _ => return None,
        },
        _ => return None,
    };
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = &[
        0x30, 0x82, 0x01, 0x00, 0x30, 0x81, 0xf0, // certificate, to be signed
        0xa0, 0x03, 0x02, 0x01, 0x02, // version
        0x02, 0x01, 0x07, // serial
        0x30, 0x02, 0x05, 0x00, // algorithm
        0x30, 0x02, 0xaa, 0xab, // issuer
        0x30, 0x01, 0xff, // validity
        0x30, 0x03, 0xba, 0xbb, 0xbc, // subject
        0x30,
    ];

    fn subject_of(mut der: &[u8]) -> Option<&[u8]> {
        let range = subject(&mut der)?;
        der.get(range)
    }

    #[test]
    fn names_are_found_as_soon_as_they_are_whole() {
        assert_eq!(issuer(CERTIFICATE), Some(&[0xaa, 0xab][..]));
        assert_eq!(subject_of(CERTIFICATE), Some(&[0xba, 0xbb, 0xbc][..]));
        for end in 0..CERTIFICATE.len() {
            let cut = &CERTIFICATE[..end];
            assert_eq!(issuer(cut).is_some(), end >= 23, "{end}");
            assert_eq!(subject_of(cut).is_some(), end >= 31, "{end}");
        }
    }

    #[test]
    fn a_certificate_of_the_first_version_says_no_version() {
        let first = [&CERTIFICATE[..7], &CERTIFICATE[12..]].concat();
        assert_eq!(subject_of(&first), Some(&[0xba, 0xbb, 0xbc][..]));
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        for other in [
            &b""[..],
            b"\x30",
            b"\x31\x82\x01\x00\x30",
            &[0xff; 64],
            &[0x30; 64],
        ] {
            assert_eq!(issuer(other), None, "{other:?}");
            assert_eq!(subject_of(other), None, "{other:?}");
        }
    }
}
