//! JSON Web Tokens with ES256, signed and verified with ring.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

/// What stands before the 65 bytes of an uncompressed P-256 point in a `SubjectPublicKeyInfo` (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A private key that signs tokens.
#[derive(Debug)]
pub struct SigningKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl SigningKey {
    /// Makes a key with a random id.
    #[must_use]
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("the operating system has random numbers");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .expect("a generated key is valid");
        Self {
            pair,
            id: crate::random::alphanumeric(8),
        }
    }

    /// Signs a token with exactly these claims; the header names the key.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": self.id, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("the operating system has random numbers");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key, PEM of a `SubjectPublicKeyInfo`, as Vault's `jwt_validation_pubkeys` wants it.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let text = STANDARD.encode([&SPKI_PREFIX, self.point()].concat());
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// The key set (RFC 7517) with the public key.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let (x, y) = self.point()[1..].split_at(32);
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({
            "alg": "ES256", "crv": "P-256", "kid": self.id, "kty": "EC", "use": "sig", "x": part(x), "y": part(y),
        });
        json!({ "keys": [key] })
    }

    fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

impl Default for SigningKey {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a token can't be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It does not have three parts.
    Shape,
    /// A part is not base64 of JSON.
    Encoding,
    /// No key made the signature, or the algorithm is not ES256.
    Signature,
}

/// Checks a token's signature with any of these public keys (PEM) and returns its claims, unchecked.
///
/// # Errors
/// If the token is malformed or none of the keys signed it.
pub fn verify(token: &str, public_keys_pem: &[String]) -> Result<Value, Distrust> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err(Distrust::Shape);
    };
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_not_base64| Distrust::Encoding)
    };
    let parse =
        |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(|_not_json| Distrust::Encoding);
    let head: Value = parse(decode(header)?)?;
    let signature = decode(signature)?;
    let signed = format!("{header}.{claims}");
    let signed_by = |pem: &String| {
        let point = point_of(pem)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &signature)
            .ok()
    };
    // The algorithm is ours, never the token's: `none` and HS256 with the public key as the secret must fail.
    if head["alg"] != "ES256" || !public_keys_pem.iter().any(|pem| signed_by(pem).is_some()) {
        return Err(Distrust::Signature);
    }
    parse(decode(claims)?)
}

/// The claims of a token, whoever signed it: to tell people what it says.
#[must_use]
pub fn claims_unverified(token: &str) -> Option<Value> {
    let claims = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn point_of(pem: &str) -> Option<Vec<u8>> {
    let text: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    let bytes = STANDARD.decode(text).ok()?;
    bytes.strip_prefix(&SPKI_PREFIX[..]).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_token_is_believed_and_a_changed_one_is_not() {
        let (key, other) = (SigningKey::new(), SigningKey::new());
        let claims = json!({ "sub": "me", "exp": 1 });
        let token = key.sign(&claims);
        let keys = [other.public_key_pem(), key.public_key_pem()];
        assert_eq!(verify(&token, &keys), Ok(claims));
        assert_eq!(verify(&token, &keys[..1]), Err(Distrust::Signature));
        assert_eq!(verify("a.b", &keys), Err(Distrust::Shape));
        assert_eq!(verify("a.b.c", &keys), Err(Distrust::Encoding));
        let parts: Vec<&str> = token.split('.').collect();
        let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "you" }).to_string());
        assert_eq!(
            verify(&format!("{}.{forged}.{}", parts[0], parts[2]), &keys),
            Err(Distrust::Signature)
        );
        let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        assert_eq!(
            verify(&format!("{none}.{}.", parts[1]), &keys),
            Err(Distrust::Signature)
        );
    }
}
