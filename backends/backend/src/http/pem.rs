//! A scanner for certificates in PEM text (RFC 7468).
//!
//! A system's bundle holds about 150 certificates and is looked through in every process that trusts it. The general
//! parsers cost 26 million instructions for that; `ci/bench` counts what this one costs.

use core::ops::Range;
use std::io::{self, Read};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem::Finder;
use rustls::pki_types::CertificateDer;

use super::names::{self, Source as _};

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";
/// What no base64 has.
const DASHES: &[u8] = b"-----";
const BEGIN_OF_ANY: &[u8] = b"-----BEGIN ";

/// As rustls' own parser takes it: nobody looks at what the last digits say too much, or at the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// So much of a bundle is in memory at a time, where no certificate is larger.
const CHUNK: usize = 16 << 10;

/// So much of a certificate may be decoded to find its subject, which ends after 200 to 400 bytes in those of public
/// authorities.
const HEAD: usize = 1024;

/// The certificates in `text`, in order. What is not a certificate (comments, keys) is passed over, and so
/// is a block that is not base64.
pub(super) fn certificates(text: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    let scanner = Scanner::new();
    let mut rest = text;
    core::iter::from_fn(move || {
        loop {
            let (block, after) = scanner.next(rest)?;
            rest = after;
            if let Some(der) = block.der() {
                return Some(der);
            }
        }
    })
}

/// Has `look` see the block of each certificate that `reader` gives, in order.
pub(super) fn each_block(mut reader: impl Read, mut look: impl FnMut(Block<'_>)) -> io::Result<()> {
    let scanner = Scanner::new();
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = match reader.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        filled += read;
        let mut rest = &buffer[..filled];
        while let Some((block, after)) = scanner.next(rest) {
            look(block);
            rest = after;
        }
        // A block that has only begun.
        let left = rest.len();
        buffer.copy_within(filled - left..filled, 0);
        filled = left;
    }
}

struct Scanner {
    begin: Finder<'static>,
    dashes: Finder<'static>,
}

impl Scanner {
    fn new() -> Self {
        Self {
            begin: Finder::new(BEGIN),
            dashes: Finder::new(DASHES),
        }
    }

    /// The first whole block, and what follows it. One that another begins in is cut off, and none.
    fn next<'a>(&self, text: &'a [u8]) -> Option<(Block<'a>, &'a [u8])> {
        let mut start = self.begin(text, 0)?;
        let mut at = start;
        loop {
            at += self.dashes.find(&text[at..])?;
            let (line, ahead) = (&text[at..], at + DASHES.len());
            if line.starts_with(END) {
                let block = Block(text[start..at].trim_ascii());
                return Some((block, &line[END.len()..]));
            }
            if line.starts_with(BEGIN_OF_ANY) {
                start = self.begin(text, at)?;
            }
            at = start.max(ahead);
        }
    }

    /// Behind the first line that begins a block, from here on: within a line it is a part of something else.
    fn begin(&self, text: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let at = from + self.begin.find(&text[from..])?;
            from = at + BEGIN.len();
            if at
                .checked_sub(1)
                .is_none_or(|before| matches!(text[before], b'\n' | b'\r'))
            {
                return Some(from);
            }
        }
    }
}

/// What stands between the first and the last line of a certificate.
#[derive(Clone, Copy)]
pub(super) struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    /// The certificate, if this is base64.
    pub(super) fn der(self) -> Option<CertificateDer<'static>> {
        let mut base64 = Vec::with_capacity(self.0.len());
        self.equal_lines()
            .for_each(|line| base64.extend_from_slice(line));
        let der = STANDARD.decode(&base64).or_else(|_| {
            base64.clear();
            base64.extend(self.0.iter().filter(|byte| !is_space(**byte)));
            LENIENT.decode(&base64)
        });
        der.ok().map(CertificateDer::from)
    }

    /// Whether the subject of the certificate is one of `names`, for which no more lines of it are decoded than tell. `None`
    /// says nothing of the certificate.
    pub(super) fn is_for(self, names: &[&[u8]], head: &mut Head) -> Option<bool> {
        let mut lines = Lines::of(self, head)?;
        let subject = names::subject(&mut lines)?;
        if !names.iter().any(|name| name.len() == subject.len()) {
            return Some(false);
        }
        let subject = lines.bytes(subject)?;
        Some(names.contains(&subject))
    }

    /// The lines, if they are as long as the first, which almost all blocks are made of: to look for the end of each costs
    /// more than all else. Other lines leave a line break in, which no base64 has.
    fn equal_lines(self) -> impl Iterator<Item = &'a [u8]> {
        let length = memchr::memchr(b'\n', self.0).map_or(self.0.len(), |end| end + 1);
        self.0.chunks(length.max(1)).map(<[u8]>::trim_ascii_end)
    }
}

/// Those of ASCII: between the letters of base64 they are nothing.
fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// Where the beginning of one certificate after the other is decoded.
pub(super) struct Head([u8; HEAD]);

impl Head {
    pub(super) fn new() -> Self {
        Self([0; HEAD])
    }
}

/// The beginning of a certificate, of which each line is decoded when it is asked for.
struct Lines<'a> {
    block: &'a [u8],
    /// How far it is from one line to the next.
    step: usize,
    /// How many bytes there are in a line.
    bytes: usize,
    head: &'a mut Head,
    /// One bit for each line that is decoded.
    decoded: u32,
}

impl<'a> Lines<'a> {
    /// `None` if there is one line only, if a line is not base64 of its own, or if they are so short that nobody has them.
    fn of(block: Block<'a>, head: &'a mut Head) -> Option<Self> {
        let step = memchr::memchr(b'\n', block.0)? + 1;
        let characters = block.0[..step].trim_ascii_end().len();
        let bytes = characters / 4 * 3;
        (characters.is_multiple_of(4) && HEAD / u32::BITS as usize <= bytes).then_some(Self {
            block: block.0,
            step,
            bytes,
            head,
            decoded: 0,
        })
    }

    fn decode(&mut self, line: usize) -> Option<()> {
        if self.decoded & 1 << line != 0 {
            return Some(());
        }
        let start = line * self.step;
        let end = self.block.len().min(start + self.step);
        let base64 = self.block.get(start..end)?.trim_ascii_end();
        let place = self.head.0.get_mut(line * self.bytes..)?;
        // Only the last one is shorter, where no subject is.
        if STANDARD.decode_slice(base64, place).ok()? != self.bytes {
            return None;
        }
        self.decoded |= 1 << line;
        Some(())
    }
}

impl names::Source for Lines<'_> {
    fn bytes(&mut self, range: Range<usize>) -> Option<&[u8]> {
        if range.end > HEAD {
            return None;
        }
        for line in range.start / self.bytes..range.end.div_ceil(self.bytes) {
            self.decode(line)?;
        }
        self.head.0.get(range)
    }
}

#[cfg(any(test, fuzzing))]
pub mod fuzzing {
    //! What must hold whatever a bundle is, in builds with `--cfg fuzzing` and in tests only.

    use super::*;

    /// Where the general parser finds no fault, both find the same certificates; and so they are in whatever pieces they are
    /// read, by the name that rustls has for them and by no other.
    pub fn laws(text: &[u8]) {
        use rustls::pki_types::pem::PemObject as _;

        let ours: Vec<_> = certificates(text).collect();
        let theirs = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        if let Ok(theirs) = theirs
            && is_plain(text)
        {
            assert_eq!(ours, theirs);
        }
        let (mut pieces, mut head) = (Vec::new(), Head::new());
        each_block(Pieces(text), |block| {
            if let Some(der) = block.der() {
                named(block, &der, &mut head);
                pieces.push(der);
            }
        })
        .expect("bytes can be read");
        assert_eq!(pieces, ours);
    }

    /// Whether each block ends before another begins, and on a line before it: they put what is cut off in front of what
    /// follows, and we read files that were put together without a line break between them.
    fn is_plain(text: &[u8]) -> bool {
        let mut is_open = false;
        text.split(|byte| matches!(byte, b'\n' | b'\r'))
            .all(|line| {
                let begins = line.starts_with(BEGIN_OF_ANY);
                let is_odd = begins && is_open || line.windows(10).any(|ten| ten == [b'-'; 10]);
                is_open = begins || is_open && !line.starts_with(b"-----END ");
                !is_odd
            })
    }

    fn named(block: Block<'_>, der: &CertificateDer<'_>, head: &mut Head) {
        let mut store = rustls::RootCertStore::empty();
        // What rustls takes for no authority is nobody's.
        if store.add(der.clone()).is_err() {
            return;
        }
        for root in &store.roots {
            let subject = root.subject.as_ref();
            assert_ne!(block.is_for(&[b"", subject], head), Some(false));
            let other: Vec<_> = subject.iter().map(|byte| !byte).collect();
            let is_other = block.is_for(&[&other], head);
            assert!(subject.is_empty() || is_other != Some(true));
        }
    }

    /// Gives few bytes a read.
    struct Pieces<'a>(&'a [u8]);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(61);
            self.0.read(&mut buffer[..length])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_keeps_the_laws() {
        test_servers::corpus::replay("pem", fuzzing::laws);
    }

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
    fn what_is_cut_off_hides_nothing_behind_it() {
        for before in [
            "-----BEGIN CERTIFICATE-----\nAQID\n",
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAQID\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "# -----BEGIN CERTIFICATE-----\n",
            "# -----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----\n",
        ] {
            let text = format!("{before}{BEGIN_LINE}Bgc={END_LINE}");
            let found: Vec<_> = certificates(text.as_bytes()).collect();
            assert_eq!(found, [CertificateDer::from(vec![6, 7])], "{before:?}");
        }
    }

    #[test]
    fn what_was_put_together_without_a_line_break_is_read() {
        let block = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----";
        assert_eq!(certificates(block.repeat(3).as_bytes()).count(), 3);
    }

    #[test]
    fn blocks_are_found_wherever_a_read_ends() {
        let comment = "#".repeat(3 * CHUNK) + "\n";
        let block = |base64: &str| format!("{BEGIN_LINE}{base64}{END_LINE}{comment}");
        let text = ["AQID", &"AAAA".repeat(CHUNK), "BAUG", ""]
            .map(block)
            .concat();
        let expected: Vec<_> = certificates(text.as_bytes()).collect();
        assert_eq!(expected.len(), 4);
        for step in [1021, CHUNK - 1, usize::MAX] {
            let mut found = Vec::new();
            let reader = Steps(text.as_bytes(), step);
            each_block(reader, |block| found.extend(block.der())).unwrap();
            assert_eq!(found, expected, "{step} bytes a read");
        }
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
            "\rAQID\rBAUG\rBwgJ\r",
            "AQ IDBAUG\x0bBwgJ",
        ] {
            let text = format!("-----BEGIN CERTIFICATE-----{lines}-----END CERTIFICATE-----");
            let found: Vec<_> = certificates(text.as_bytes()).collect();
            let expected = [1, 2, 3, 4, 5, 6, 7, 8, 9];
            assert_eq!(found, [CertificateDer::from(&expected[..])], "{lines:?}");
        }
        let nothing = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
        assert_eq!(certificates(nothing.as_bytes()).count(), 1);
    }

    const BEGIN_LINE: &str = "-----BEGIN CERTIFICATE-----\n";
    const END_LINE: &str = "\n-----END CERTIFICATE-----\n";

    /// Gives no more than so many bytes a read.
    struct Steps<'a>(&'a [u8], usize);

    impl Read for Steps<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }
}
