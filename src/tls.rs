//! Why a TLS connection failed, in the words of an operator: the library's own name types
//! and seconds since 1970.

use std::{env, error::Error, io};

use chrono::{DateTime, SecondsFormat};
use rustls::{
    AlertDescription, CertificateError, Error as TlsError,
    pki_types::{ServerName, UnixTime},
};

/// What failed, where a TLS error is among the causes of `error`; nothing otherwise.
/// `authorities` says how the operator makes a further certificate authority known.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), authorities: &str) -> Option<String> {
    Some(match cause(error)? {
        TlsError::InvalidCertificate(wrong) => {
            format!(
                "the server's certificate {}",
                certificate(wrong, authorities)
            )
        }
        TlsError::NoCertificatesPresented => "the server presents no certificate".to_owned(),
        TlsError::AlertReceived(alert) => alerted(*alert),
        TlsError::InvalidMessage(_) => "the server does not respond with TLS".to_owned(),
        TlsError::InconsistentKeys(_) => {
            "the client certificate and its key do not belong together".to_owned()
        }
        TlsError::PeerIncompatible(_) => {
            "the server has no common TLS version or cipher".to_owned()
        }
        // The words of the verifier of the system's certificates.
        TlsError::General(text) if text.starts_with("No CA certificates") => {
            format!(
                "no certificate authority is known: {}; {authorities}",
                no_authorities()
            )
        }
        other => format!("no TLS connection: {other}"),
    })
}

/// The TLS error among the causes.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
        // The source of an error of input and output is that of the error in it.
        next = wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped));
    }
    None
}

fn certificate(wrong: &CertificateError, authorities: &str) -> String {
    match wrong {
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("has expired: it was valid until {}", time(*not_after))
        }
        CertificateError::NotValidYet => "is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid yet: it is valid from {}", time(*not_before))
        }
        CertificateError::NotValidForName => "is for another host".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let presented: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let presented = presented.join(", ");
            format!(
                "is for another host: {}, wants {}",
                presented,
                name(expected)
            )
        }
        CertificateError::UnknownIssuer => {
            format!("is not of a known certificate authority; {authorities}")
        }
        // Of an authority that was made anew under its old name, for example.
        CertificateError::BadSignature => {
            format!("is not signed with the key of the known authority of this name; {authorities}")
        }
        CertificateError::Revoked => "is revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for servers".to_owned()
        }
        // The library has no variant for it. `openssl req -x509` makes such certificates.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is a certificate authority's own; wants one that an authority has signed for a server"
                .to_owned()
        }
        other if format!("{other:?}").contains("UnsupportedCertVersion") => {
            "is of an old version; wants X.509 version 3".to_owned()
        }
        other => format!("is not accepted: {other}"),
    }
}

/// What the server says of this side.
fn alerted(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "the server wants a client certificate".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            format!("the server refuses the client certificate ({alert:?})")
        }
        other => format!("the server refuses the TLS connection ({other:?})"),
    }
}

fn no_authorities() -> &'static str {
    if env::var_os("SSL_CERT_FILE").is_some() || env::var_os("SSL_CERT_DIR").is_some() {
        "SSL_CERT_FILE and SSL_CERT_DIR name no readable certificate"
    } else {
        "the system has no certificates (package ca-certificates)"
    }
}

/// `db.example.com` of `DnsName("db.example.com")`.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn name(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

fn time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
