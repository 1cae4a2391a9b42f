//! Generates keys and signs with them, also input that is not well-formed.

use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// The `iss` of the usual token.
pub const ISSUER: &str = "https://issuer.test";
/// The `aud` of the usual token.
pub const AUDIENCE: &str = "https://api.test";
/// A shared secret with non-ASCII characters.
pub const SECRET: &str = "a shared secret of more than 32 bytes, päßword";

/// A signature algorithm of RFC 7518, section 3.1, or RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HMAC with SHA-256.
    Hs256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

impl Kind {
    /// The algorithms with a public key.
    pub const PUBLISHED: [Self; 9] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    /// The name in the header field `alg`.
    pub fn alg(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }
}

enum Pair {
    Secret(Vec<u8>),
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(&'static RsaKeyPair),
}

/// A key with its identifier.
pub struct Signer {
    /// The algorithm it signs with.
    pub kind: Kind,
    /// The identifier, in the header field `kid`.
    pub kid: String,
    pair: Pair,
}

impl Signer {
    /// A new key. RSA keys take long to generate, so there are only two: this one and
    /// that of [`Signer::another`].
    pub fn new(kind: Kind, id: &str) -> Self {
        static FIRST: OnceLock<RsaKeyPair> = OnceLock::new();
        Self::of(kind, id, &FIRST)
    }

    /// [`Signer::new`] with the second RSA key.
    pub fn another(kind: Kind, id: &str) -> Self {
        static SECOND: OnceLock<RsaKeyPair> = OnceLock::new();
        Self::of(kind, id, &SECOND)
    }

    /// The HS256 key of [`SECRET`].
    pub fn secret() -> Self {
        Self::hs256(SECRET.as_bytes())
    }

    /// A key for HS256.
    pub fn hs256(key: &[u8]) -> Self {
        Self {
            kind: Kind::Hs256,
            kid: "secret".into(),
            pair: Pair::Secret(key.to_vec()),
        }
    }

    fn of(kind: Kind, id: &str, rsa: &'static OnceLock<RsaKeyPair>) -> Self {
        let pair = match kind {
            Kind::Hs256 => Pair::Secret(b"another secret that is long enough too".to_vec()),
            Kind::EdDsa => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            Kind::Es256 => {
                Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Kind::Es384 => {
                Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
            }
            _ => Pair::Rsa(rsa.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        };
        Self {
            kind,
            kid: id.into(),
            pair,
        }
    }

    /// The public key as a JWK (RFC 7517), as issuers publish it.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.jwk_without_alg();
        jwk["alg"] = self.kind.alg().into();
        jwk
    }

    /// The public key as a JWK (RFC 7517) without `alg`.
    pub fn jwk_without_alg(&self) -> Value {
        let kid = &self.kid;
        match &self.pair {
            Pair::Secret(secret) => json!({"kty": "oct", "kid": kid, "k": encode(secret)}),
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "kid": kid, "x": encode(x), "y": encode(y)})
            }
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "kid": kid, "n": encode(public.n), "e": encode(public.e)})
            }
        }
    }

    /// The public key in every form that a vulnerable server might use as HMAC secret
    /// (RFC 8725, section 2.1).
    pub fn public_forms(&self) -> Vec<Vec<u8>> {
        let jwk = self.jwk();
        let mut forms = vec![
            jwk.to_string().into_bytes(),
            json!({"keys": [jwk]}).to_string().into(),
        ];
        for number in ["x", "n"] {
            if let Some(text) = self.jwk()[number].as_str() {
                forms.push(text.as_bytes().to_vec());
                forms.push(URL_SAFE_NO_PAD.decode(text).unwrap());
            }
        }
        match &self.pair {
            Pair::Secret(_) => {}
            Pair::Ed(pair) => forms.push(pair.public_key().as_ref().to_vec()),
            Pair::Ec(pair) => forms.push(pair.public_key().as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let der = pair.public_key().as_der().unwrap();
                let body = STANDARD.encode(der.as_ref());
                let lines: Vec<_> = body
                    .as_bytes()
                    .chunks(64)
                    .map(|line| str::from_utf8(line).unwrap())
                    .collect();
                let pem = format!(
                    "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                    lines.join("\n")
                );
                forms.push(pem.trim_end().as_bytes().to_vec());
                forms.push(pem.into_bytes());
                forms.push(der.as_ref().to_vec());
            }
        }
        forms
    }

    /// The signature of `message`.
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &dyn RsaEncoding = match self.kind {
                    Kind::Ps256 => &RSA_PSS_SHA256,
                    Kind::Ps384 => &RSA_PSS_SHA384,
                    Kind::Ps512 => &RSA_PSS_SHA512,
                    Kind::Rs384 => &RSA_PKCS1_SHA384,
                    Kind::Rs512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// Signs two parts, which need not be JSON.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_encoded(&encode(header), &encode(payload))
    }

    /// Signs two parts as they are. Nothing is encoded.
    pub fn sign_encoded(&self, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let signature = encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The usual header.
    pub fn header(&self) -> Value {
        json!({"alg": self.kind.alg(), "kid": self.kid, "typ": "JWT"})
    }

    /// A token with the usual header and this payload.
    pub fn payload(&self, payload: &Value) -> String {
        self.sign(self.header().to_string(), payload.to_string())
    }

    /// The usual token.
    pub fn token(&self) -> String {
        self.payload(&payload())
    }

    /// The usual token with one claim changed.
    pub fn claim(&self, name: &str, value: impl Into<Value>) -> String {
        let mut payload = payload();
        payload[name] = value.into();
        self.payload(&payload)
    }

    /// The usual token without one claim.
    pub fn without_claim(&self, name: &str) -> String {
        let mut payload = payload();
        payload.as_object_mut().unwrap().remove(name).unwrap();
        self.payload(&payload)
    }

    /// The usual token with one header field changed.
    pub fn with_header(&self, name: &str, value: impl Into<Value>) -> String {
        let mut header = self.header();
        header[name] = value.into();
        self.sign(header.to_string(), payload().to_string())
    }

    /// The usual token without one header field.
    pub fn without_header(&self, name: &str) -> String {
        let mut header = self.header();
        header.as_object_mut().unwrap().remove(name).unwrap();
        self.sign(header.to_string(), payload().to_string())
    }
}

/// The usual payload: a token of `ana` that expires in 15 minutes.
pub fn payload() -> Value {
    let now = now();
    json!({"sub": "ana", "iat": now, "exp": now + 900, "iss": ISSUER, "aud": AUDIENCE})
}

/// The current time in seconds since the Unix epoch.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

/// Base64url without padding (RFC 4648, section 5).
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
