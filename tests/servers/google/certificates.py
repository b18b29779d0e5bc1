"""The public keys that Google publishes, of its own and of service accounts, as certificates and as key sets."""

import datetime
import json
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from refusals import Refused


def answer(world, request):
    """`/oauth2/v1/certs` and `/oauth2/v3/certs` are Google's own; the others name a service account at their end."""
    path, _, last = request.path.rpartition("/")
    if path.startswith("/oauth2/"):
        keys, as_jwks = [world.key_of_google()], path == "/oauth2/v3"
    else:
        account = world.account(urllib.parse.unquote(last))
        if account is None:
            raise Refused("NOT_FOUND", "Requested entity was not found.")
        keys, as_jwks = [*account.keys.values(), account.system_key()], path.endswith("/jwk")
    given = {"keys": [key.jwk() for key in keys]} if as_jwks else {key.id: _certificate(key, last) for key in keys}
    return 200, {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(given, indent=2).encode()


def _certificate(key, name):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(subject, subject, key.private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=10))
    return builder.sign(key.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
