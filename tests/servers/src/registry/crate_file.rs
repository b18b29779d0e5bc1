//! `.crate` files: what `cargo package` makes and `cargo fetch` unpacks.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Packs files into a `.crate`: a gzipped tar with one folder, `NAME-VERSION`.
pub(super) fn pack(name: &str, version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(content.len()).expect("a file of a test is small"));
        header.set_mode(0o644);
        let path = format!("{name}-{version}/{path}");
        archive
            .append_data(&mut header, path, content.as_bytes())
            .expect("memory takes any bytes");
    }
    archive
        .into_inner()
        .and_then(GzEncoder::finish)
        .expect("memory takes any bytes")
}

/// The checksum of the index: SHA-256 in lower-case hexadecimal.
pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
