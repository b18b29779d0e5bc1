//! A scanner for certificates in PEM text (RFC 7468).
//!
//! A system's bundle holds about 150 certificates and is read in every process that trusts it. The general
//! parsers cost 26 million instructions for that, this one a seventh; `ci/bench` counts them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The certificates in `text`, in order. What is not a certificate (comments, keys) is passed over, and so
/// is a block that is not base64.
///
/// One is decoded when it is asked for: whoever takes what it needs of each, and lets it go, has all of them
/// decoded in the same few pages of memory.
pub(super) fn certificates(text: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    let begin = memmem::Finder::new(BEGIN);
    let end = memmem::Finder::new(END);
    let mut rest = text;
    let mut base64 = Vec::new();
    core::iter::from_fn(move || {
        loop {
            rest = &rest[begin.find(rest)? + BEGIN.len()..];
            let length = end.find(rest)?;
            let (block, after) = rest.split_at(length);
            rest = &after[END.len()..];
            for join in [join_equal_lines, join_lines] {
                base64.clear();
                join(block, &mut base64);
                if let Ok(der) = STANDARD.decode(&base64) {
                    return Some(CertificateDer::from(der));
                }
            }
        }
    })
}

/// Puts the lines of a block together, if they are as long as the first, which almost all blocks are made of: to look for
/// the end of each costs a tenth of all that a bundle costs. Other lines leave a line break in, which no base64 has.
fn join_equal_lines(block: &[u8], base64: &mut Vec<u8>) {
    let block = block.trim_ascii();
    let length = memchr::memchr(b'\n', block).map_or(block.len(), |end| end + 1);
    for line in block.chunks(length.max(1)) {
        base64.extend_from_slice(line.trim_ascii_end());
    }
}

/// Puts the lines of a block together, however long they are.
fn join_lines(block: &[u8], base64: &mut Vec<u8>) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', block).chain([block.len()]) {
        base64.extend_from_slice(block[start..end].trim_ascii());
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = b"# a comment\n-----BEGIN CERTIFICATE-----\r\nAQID\r\nBAU=\r\n-----END CERTIFICATE-----\r\n\
            -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\
            -----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n\
            -----BEGIN CERTIFICATE-----\nBgc=\n-----END CERTIFICATE-----\n\
            -----BEGIN CERTIFICATE-----\nAAAA";
        let found: Vec<_> = certificates(text).map(|der| der.to_vec()).collect();
        assert_eq!(found, [vec![1, 2, 3, 4, 5], vec![6, 7]]);
    }

    #[test]
    fn lines_of_any_length_are_put_together() {
        for lines in [
            "AQIDBAUGBwgJ",
            "AQID\nBAUG\nBwgJ\n",
            "AQIDB\r\nAUGBw\r\ngJ",
            "AQ\nIDBAUG\nBwgJ",
            "AQIDBAUG\nBw\ngJ",
            "\n AQID\n\nBAUG \t\n BwgJ\n\n",
        ] {
            let text = format!("-----BEGIN CERTIFICATE-----{lines}-----END CERTIFICATE-----");
            let found: Vec<_> = certificates(text.as_bytes()).collect();
            let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9];
            assert_eq!(found, [CertificateDer::from(&expected[..])], "{lines:?}");
        }
        let nothing = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
        assert_eq!(certificates(nothing.as_bytes()).count(), 1);
    }
}
