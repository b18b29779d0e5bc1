"""A certificate authority of the fake's own, for Google's hosts: each gets a certificate when somebody asks for it."""

import datetime
import functools
import os
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority of the fake of Google")
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = self._sign(self._name, self._key, (constraints, True))

    def pem(self):
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    @functools.lru_cache
    def context(self, host):
        """What serves TLS as that host."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name("a host"), key, (x509.SubjectAlternativeName([x509.DNSName(host)]), False))
        kind = serialization.PrivateFormat.PKCS8
        parts = [
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()),
        ]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Python takes certificates from files only.
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "host.pem")
            with open(path, "wb") as file:
                file.write(b"".join(parts))
            context.load_cert_chain(path)
        return context

    def _sign(self, name, key, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=30))
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(subject, critical=False)
        return builder.add_extension(extension[0], critical=extension[1]).sign(self._key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
