//! Makes keys and signs anything with them, well-formed or not.
#![allow(dead_code, reason = "shared by test binaries, none of which uses all")]

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
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.test";
pub const AUDIENCE: &str = "https://api.test";
pub const SECRET: &str = "a shared secret of more than 32 bytes, päßword";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hs256,
    EdDsa,
    Es256,
    Rs256,
    Ps256,
}

impl Kind {
    pub const PUBLISHED: [Self; 4] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Ps256];

    pub fn alg(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

enum Pair {
    Secret(Vec<u8>),
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(&'static RsaKeyPair),
}

pub struct Signer {
    pub kind: Kind,
    pub kid: String,
    pair: Pair,
}

impl Signer {
    /// A key of its own; but there are only two for RSA, which take long to make:
    /// this one and `another`'s.
    pub fn new(kind: Kind, id: &str) -> Self {
        static FIRST: OnceLock<RsaKeyPair> = OnceLock::new();
        Self::of(kind, id, &FIRST)
    }

    pub fn another(kind: Kind, id: &str) -> Self {
        static SECOND: OnceLock<RsaKeyPair> = OnceLock::new();
        Self::of(kind, id, &SECOND)
    }

    /// The key that HS256 tokens are verified by.
    pub fn secret() -> Self {
        Self::hs256(SECRET.as_bytes())
    }

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
            Kind::Rs256 | Kind::Ps256 => {
                Pair::Rsa(rsa.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
            }
        };
        Self {
            kind,
            kid: id.into(),
            pair,
        }
    }

    /// The public key as issuers publish it.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.jwk_without_alg();
        jwk["alg"] = self.kind.alg().into();
        jwk
    }

    pub fn jwk_without_alg(&self) -> Value {
        let kid = &self.kid;
        match &self.pair {
            Pair::Secret(secret) => json!({"kty": "oct", "kid": kid, "k": encode(secret)}),
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y)})
            }
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "kid": kid, "n": encode(public.n), "e": encode(public.e)})
            }
        }
    }

    /// The public key in every form in which a careless server might use it as an
    /// HMAC secret.
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
                if self.kind == Kind::Ps256 {
                    pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature)
                        .unwrap();
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                        .unwrap();
                }
                signature
            }
        }
    }

    /// Signs two parts, whatever they are.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_encoded(&encode(header), &encode(payload))
    }

    /// Signs two parts that are encoded already, or ought to be.
    pub fn sign_encoded(&self, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let signature = encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    pub fn header(&self) -> Value {
        json!({"alg": self.kind.alg(), "kid": self.kid, "typ": "JWT"})
    }

    /// A token with this payload and the usual header.
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

    pub fn without_claim(&self, name: &str) -> String {
        let mut payload = payload();
        payload.as_object_mut().unwrap().remove(name).unwrap();
        self.payload(&payload)
    }

    /// The usual token with one header changed.
    pub fn with_header(&self, name: &str, value: impl Into<Value>) -> String {
        let mut header = self.header();
        header[name] = value.into();
        self.sign(header.to_string(), payload().to_string())
    }

    pub fn without_header(&self, name: &str) -> String {
        let mut header = self.header();
        header.as_object_mut().unwrap().remove(name).unwrap();
        self.sign(header.to_string(), payload().to_string())
    }
}

/// The usual payload.
pub fn payload() -> Value {
    let now = now();
    json!({"sub": "ana", "iat": now, "exp": now + 900, "iss": ISSUER, "aud": AUDIENCE})
}

pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
