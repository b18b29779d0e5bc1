//! The two names in a certificate (RFC 5280, section 4.1), read from its DER without looking at anything else.
//!
//! A name is the content of its element, as rustls compares them, byte for byte.

/// Who has issued the certificate, if this is one.
pub(super) fn issuer(der: &[u8]) -> Option<&[u8]> {
    Some(fields(der)?.next_content()?.0)
}

/// Whom the certificate is for, if this is one, or the beginning of one that reaches so far.
pub(super) fn subject(der: &[u8]) -> Option<&[u8]> {
    let (_issuer, validity_on) = fields(der)?.next_content()?;
    let (_validity, subject_on) = validity_on.next_content()?;
    Some(subject_on.next_content()?.0)
}

/// What follows the signature's algorithm within the certificate: issuer, validity, subject and on.
fn fields(der: &[u8]) -> Option<Elements<'_>> {
    let certificate = Elements(der).enter(SEQUENCE)?;
    let signed = certificate.enter(SEQUENCE)?;
    let serial_on = match signed.0.first()? {
        &VERSION => signed.next_content()?.1,
        _ => signed,
    };
    let (_serial, algorithm_on) = serial_on.next_content()?;
    Some(algorithm_on.next_content()?.1)
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Elements of DER (X.690), of which the last may be cut off.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Those within the first one, whose end may be missing.
    fn enter(self, tag: u8) -> Option<Self> {
        let (found, _, content) = self.header()?;
        (found == tag).then_some(Self(content))
    }

    /// The content of the first one, and those after it.
    fn next_content(self) -> Option<(&'a [u8], Self)> {
        let (_, length, content) = self.header()?;
        let (content, rest) = content.split_at_checked(length)?;
        Some((content, Self(rest)))
    }

    /// The first one's tag and length, and what follows these.
    fn header(self) -> Option<(u8, usize, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        // Bit 8: the length of the length follows. What has more than two bytes of it is no name.
        match first {
            0..=0x7f => Some((tag, first.into(), rest)),
            0x81 => {
                let (&[length], rest) = rest.split_first_chunk()?;
                Some((tag, length.into(), rest))
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                Some((tag, u16::from_be_bytes(*length).into(), rest))
            }
            _ => None,
        }
    }
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

    #[test]
    fn names_are_found_as_soon_as_they_are_whole() {
        assert_eq!(issuer(CERTIFICATE), Some(&[0xaa, 0xab][..]));
        assert_eq!(subject(CERTIFICATE), Some(&[0xba, 0xbb, 0xbc][..]));
        for end in 0..CERTIFICATE.len() {
            let cut = &CERTIFICATE[..end];
            assert_eq!(issuer(cut).is_some(), end >= 23, "{end}");
            assert_eq!(subject(cut).is_some(), end >= 31, "{end}");
        }
    }

    #[test]
    fn a_certificate_of_the_first_version_says_no_version() {
        let first = [&CERTIFICATE[..7], &CERTIFICATE[12..]].concat();
        assert_eq!(subject(&first), Some(&[0xba, 0xbb, 0xbc][..]));
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
            assert_eq!(subject(other), None, "{other:?}");
        }
    }
}
