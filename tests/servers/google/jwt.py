"""JSON Web Tokens, signed and verified: RS256 and ES256, which is what Google takes."""

import base64
import dataclasses
import json
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

CURVE_BYTES = 32


class BadToken(Exception):
    """What cannot be read as a token."""


class BadSignature(Exception):
    """A signature by another key."""


@dataclasses.dataclass
class Key:
    """A private key with its id."""

    private: object
    id: str

    @classmethod
    def rsa(cls):
        return cls(rsa.generate_private_key(65537, 2048), secrets.token_hex(20))

    def sign(self, claims, header=None):
        is_rsa = isinstance(self.private, rsa.RSAPrivateKey)
        header = {"alg": "RS256" if is_rsa else "ES256", "kid": self.id, "typ": "JWT"} | (header or {})
        signed = f"{encode_json(header)}.{encode_json(claims)}"
        return f"{signed}.{encode(self.sign_bytes(signed.encode()))}"

    def sign_bytes(self, message):
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(CURVE_BYTES, "big") + s.to_bytes(CURVE_BYTES, "big")

    def pem(self):
        kind = serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        part = {"n": encode(numbers.n.to_bytes(size, "big")), "e": encode(numbers.e.to_bytes(3, "big"))}
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id} | part


@dataclasses.dataclass
class Token:
    header: dict
    claims: dict
    signed: bytes
    signature: bytes

    @classmethod
    def parse(cls, text):
        try:
            signed, _, signature = text.rpartition(".")
            header, claims = (json.loads(decode(part)) for part in signed.split("."))
            parsed = cls(header, claims, signed.encode(), decode(signature))
        except ValueError as error:
            raise BadToken(str(error)) from error
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise BadToken("header and claims are objects")
        return parsed

    def verify(self, public):
        try:
            if isinstance(public, rsa.RSAPublicKey) and self.header.get("alg") == "RS256":
                public.verify(self.signature, self.signed, padding.PKCS1v15(), hashes.SHA256())
                return
            if isinstance(public, ec.EllipticCurvePublicKey) and self.header.get("alg") == "ES256":
                halves = self.signature[:CURVE_BYTES], self.signature[CURVE_BYTES:]
                signature = utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in halves))
                public.verify(signature, self.signed, ec.ECDSA(hashes.SHA256()))
                return
        except InvalidSignature as error:
            raise BadSignature("made with another key") from error
        raise BadSignature("the algorithm is not that of the key")


def public_key(jwks, key_id, algorithm):
    """The key of that id in a key set (RFC 7517), or nothing; without an id, the first that fits the algorithm."""
    kind = "RSA" if algorithm == "RS256" else "EC"
    for each in jwks.get("keys", []):
        if each.get("kty") == kind and key_id in (None, each.get("kid")):
            return key_of(each)
    return None


def key_of(jwk):
    number = {name: int.from_bytes(decode(jwk[name]), "big") for name in ("n", "e", "x", "y") if name in jwk}
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
    return ec.EllipticCurvePublicNumbers(number["x"], number["y"], ec.SECP256R1()).public_key()


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value):
    return encode(json.dumps(value, separators=(",", ":")).encode())


def decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def random_text(length):
    return secrets.token_urlsafe(length)[:length]
