//! JSON Web Tokens with RS256, as service accounts sign them.
//!
//! All accounts share one key pair, `test-only-key.pem`, since ring makes no RSA keys. It was made for this file and is
//! good for nothing else. What tells the accounts apart is the key's id.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

/// The private key of every service account here, PKCS #8.
pub(super) const PRIVATE_KEY_PEM: &str = include_str!("test-only-key.pem");

/// A token whose signature is right: what its two readable parts say.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) key_id: String,
    pub(super) claims: Value,
}

/// Signs a token with exactly these claims.
pub(super) fn sign(key_id: &str, claims: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": key_id, "typ": "JWT" }).to_string();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let pair = pair();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .expect("the buffer has the length of the modulus");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks a token's signature; `None` if it is none, or another's, or of another algorithm than RS256.
pub(super) fn verify(token: &str) -> Option<Signed> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let pair = pair();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .verify(signed.as_bytes(), &decode(signature)?)
        .ok()?;
    (header["alg"] == "RS256").then_some(())?;
    Some(Signed {
        key_id: header["kid"].as_str()?.to_owned(),
        claims: serde_json::from_slice(&decode(claims)?).ok()?,
    })
}

fn pair() -> RsaKeyPair {
    let text: String = PRIVATE_KEY_PEM
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(text).expect("the test key is PEM");
    RsaKeyPair::from_pkcs8(&der).expect("the test key is an RSA key of 2048 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_token_is_believed_and_a_changed_one_is_not() {
        let token = sign("k1", r#"{"iss":"me"}"#);
        let signed = verify(&token).unwrap();
        assert_eq!(
            (signed.key_id.as_str(), &signed.claims["iss"]),
            ("k1", &json!("me"))
        );
        let forged = URL_SAFE_NO_PAD.encode(r#"{"iss":"you"}"#);
        let parts: Vec<&str> = token.split('.').collect();
        assert!(verify(&format!("{}.{forged}.{}", parts[0], parts[2])).is_none());
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
        assert!(verify(&format!("{none}.{}.", parts[1])).is_none());
        assert!(verify("a.b").is_none());
    }
}
