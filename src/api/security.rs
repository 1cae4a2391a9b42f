//! The bearer scheme: from a request to a [`User`], the only way in.

use std::sync::{Arc, OnceLock};

use poem::{
    Request, RequestBody,
    http::header::{AUTHORIZATION, HeaderMap},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use sha2::{Digest, Sha256};

use crate::{
    api::rest::{body::drain, problem::Problem},
    auth::{AuthError, User, Verifier},
};

const SCHEME: &str = "bearerAuth";

/// The user whose token the request carries. As an operation's first argument
/// it is judged before anything else of the request is looked at.
#[derive(Debug)]
pub struct SignedIn(pub User);

/// Who else has a say once a token was judged, put with the request by the
/// layers around the routes.
pub trait Admission: Send + Sync {
    /// The token is `user`'s.
    fn token_accepted(&self, user: &User) -> Result<(), Problem>;

    /// A token was sent, and is not accepted.
    fn token_refused(&self) -> Result<(), Problem>;
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1; the
/// scheme's name is case-insensitive, RFC 9110, section 11.1). `None` where
/// none was sent; the empty text, which no verifier takes, where the header is
/// there twice or holds no text.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some("");
    }
    let Ok(value) = value.to_str() else {
        return Some("");
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_matches(' '))
}

/// Who turned out to send a request: put with it empty, filled once its token is
/// accepted, read for the log when it is answered.
#[derive(Debug, Default)]
pub struct Caller(OnceLock<User>);

impl Caller {
    /// A short name for the user in the logs: it joins the lines of one user
    /// without saying who that is.
    #[must_use]
    pub fn log_name(&self) -> Option<String> {
        let user = self.0.get()?;
        let digest = Sha256::digest(user.subject().as_bytes());
        Some(hex::encode(&digest[..6]))
    }
}

async fn user(request: &Request) -> Result<User, Problem> {
    let token = bearer_token(request.headers()).ok_or_else(Problem::token_missing)?;
    let verifier: &Verifier = request
        .data()
        .ok_or_else(|| Problem::internal("no token verifier is attached to the routes"))?;
    let admission: Option<&Arc<dyn Admission>> = request.extensions().get();
    match verifier.verify(token).await {
        Ok(user) => {
            admission.map_or(Ok(()), |admission| admission.token_accepted(&user))?;
            Ok(user)
        }
        // Why a token was refused is in the log: the verifier has put it there.
        Err(AuthError::Invalid(_)) => {
            admission.map_or(Ok(()), |admission| admission.token_refused())?;
            Err(Problem::token_invalid())
        }
        Err(AuthError::KeysUnavailable { retry_after }) => Err(Problem::unavailable(retry_after)),
    }
}

impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "A JWT of the application that signed the user in: its `sub` claim is the \
                     user. See the README for the algorithms and claims that are accepted.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match user(request).await {
            Ok(user) => {
                if let Some(caller) = request.extensions().get::<Arc<Caller>>() {
                    // It is empty: a request is judged once.
                    let _ = caller.0.set(user.clone());
                }
                Ok(Self(user))
            }
            Err(problem) => {
                if let Ok(body) = body.take() {
                    drain(body).await;
                }
                Err(problem.into())
            }
        }
    }
}
