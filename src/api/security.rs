//! The bearer scheme: makes a [`User`] of a request's token. Nothing else does.

use std::sync::{Arc, OnceLock};

use poem::{
    Request, RequestBody,
    http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use sha2::{Digest, Sha256};

use crate::{
    api::rest::problem::{Problem, ProblemType},
    auth::{AuthError, Session, User, Verifier},
    server::InReserve,
};

const SCHEME: &str = "bearerAuth";

/// The user of the request's token. As the first argument of an operation, it is verified
/// before anything else of the request is read.
#[derive(Debug)]
pub struct SignedIn(pub User);

/// [`SignedIn`] for a response that goes on until the token expires. Refused where the
/// connection is to be closed soon.
#[derive(Debug)]
pub struct InSession(pub Session);

/// What happens after the verification of a token: the rate limits count it. An error
/// becomes the response.
pub trait TokenHooks: Send + Sync {
    /// The token is valid, and is `user`'s.
    fn accepted(&self, user: &User) -> Result<(), Problem>;

    /// A token was sent and rejected.
    fn rejected(&self) -> Result<(), Problem>;
}

/// The state of one request that middleware and operations share: an extension of the
/// request, where the type of the hooks is erased.
pub struct RequestContext<H: ?Sized = dyn TokenHooks> {
    verifier: Verifier,
    user: OnceLock<User>,
    /// The hooks of this request.
    pub hooks: H,
}

impl<H> RequestContext<H> {
    /// The context of a request whose token `verifier` is to verify.
    pub fn new(verifier: Verifier, hooks: H) -> Self {
        Self {
            verifier,
            user: OnceLock::new(),
            hooks,
        }
    }
}

impl<H: ?Sized> RequestContext<H> {
    /// The user's name in the log, if the request's token was accepted. It joins the
    /// lines of one user and does not reveal who that is.
    pub fn log_name(&self) -> Option<String> {
        let user = self.user.get()?;
        let digest = Sha256::digest(user.subject().as_bytes());
        Some(hex::encode(&digest[..6]))
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1; the
/// scheme's name is case-insensitive, RFC 9110, section 11.1). `None` if there is none.
/// A repeated header, or one that is no text, gives the empty token, which no verifier
/// accepts.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    let (Ok(value), None) = (value.to_str(), values.next()) else {
        return Some("");
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_matches(' '))
}

async fn verify(request: &Request) -> Result<Session, Problem> {
    let unauthorized = Problem::new(ProblemType::Unauthorized);
    let Some(token) = bearer_token(request.headers()) else {
        return Err(unauthorized.with_detail("Send a token: Authorization: Bearer <JWT>."));
    };
    let context = request
        .extensions()
        .get::<Arc<RequestContext>>()
        .ok_or_else(|| Problem::internal("the routes have no middleware"))?;
    match context.verifier.session(token).await {
        Ok(session) => {
            context.hooks.accepted(&session.user)?;
            // It is empty: a request is verified once.
            let _ = context.user.set(session.user.clone());
            Ok(session)
        }
        // The verifier has logged why.
        Err(AuthError::Invalid(_)) => {
            context.hooks.rejected()?;
            // RFC 6750, section 3: `error` only if a token was sent.
            Err(unauthorized.with_header(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))
        }
        Err(AuthError::KeysUnavailable { retry_after }) => {
            Err(Problem::new(ProblemType::Unavailable).with_retry_after(retry_after))
        }
    }
}

impl<'a> ApiExtractor<'a> for InSession {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "A JWT of the application that signed the user in: its `sub` claim, 1 to 255 \
                     characters, is the user. It is signed with the application's secret \
                     (HS256) or with a key of its key set (EdDSA, ES256, ES384, RS256, RS384, \
                     RS512, PS256, PS384, PS512), as the operator configures. `exp` is \
                     required; it, `nbf` and `iat` may have a fraction. A token has at most \
                     16 KiB.",
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
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let session = verify(request).await?;
        if request.extensions().get::<InReserve>().is_some() {
            let full = "Too many connections are open; try again in a moment.";
            return Err(Problem::new(ProblemType::Unavailable)
                .with_detail(full)
                .into());
        }
        Ok(Self(session))
    }
}

impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = InSession::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        InSession::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        InSession::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(verify(request).await?.user))
    }
}
