"""Packs a folder into FILE.tar.gz or FILE.zip, the same bytes each time: python3 ci/release/archive.py FOLDER FILE SECONDS

Names are sorted, times are SECONDS since 1970, and owners and modes say nothing of the machine. For every system, as
each has another tar and zip.
"""

import gzip
import io
import pathlib
import sys
import tarfile
import time
import zipfile


def main(folder, archive, seconds):
    files = sorted((file.relative_to(folder.parent).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    write = write_zip if archive.suffix == ".zip" else write_tar
    write(archive, [(name, file.read_bytes(), mode(file)) for name, file in files], seconds)


def mode(file):
    """What may be run is the program, which has this name on every system."""
    return 0o755 if file.stem == "cargo-credential-bridge" and file.suffix in ("", ".exe") else 0o644


def write_tar(archive, entries, seconds):
    # Neither the name of the file nor a time in gzip's own header.
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, data, bits in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), bits, seconds
            tar.addfile(entry, fileobj=io.BytesIO(data))


def write_zip(archive, entries, seconds):
    with zipfile.ZipFile(archive, "w") as packed:
        for name, data, bits in entries:
            entry = zipfile.ZipInfo(name, time.gmtime(seconds)[:6])
            entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | bits) << 16
            packed.writestr(entry, data)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]))
