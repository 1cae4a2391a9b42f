//! The part behind `postgres:`, in the form that the driver reads. What the driver does
//! not understand, or would find out only with each connection, is refused here.

use std::{borrow::Cow, net::Ipv6Addr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Host, Url};

use super::{
    error::DatabaseUrlError,
    parameters::{Parameters, Place},
};

/// Stands where a URL has no host, which `Url` does not take behind a user. The parameter
/// `host` must replace it.
const NO_HOST: &str = "no-host.invalid";

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Parses it. The result has the place and the user as its parts and TLS alone as
/// parameters. Also returns the names of the parameters that are ignored.
pub fn parse(rest: &str) -> Result<(Url, Vec<&'static str>), DatabaseUrlError> {
    let Some(authority) = rest.strip_prefix("//") else {
        return Err(DatabaseUrlError::with_forms(
            "has no // behind its scheme, and so names no host",
        ));
    };
    let url = Url::parse(&format!("postgres://{}", with_host(authority))).map_err(|error| {
        if is_cut_short(rest) {
            return cut_short();
        }
        DatabaseUrlError::with_forms(&format!("is not a URL ({error})"))
    })?;
    if is_cut_short(rest) || url.fragment().is_some() {
        return Err(cut_short());
    }
    if url.path().trim_start_matches('/').contains('/') {
        return Err(DatabaseUrlError::new("names a database with a slash in it"));
    }
    let Parameters {
        place,
        mut tls,
        ignored,
    } = Parameters::read(&url)?;
    let mut url = url;
    url.set_query(None);
    replace(&mut url, &place)?;
    check_text(&url)?;
    if is_socket(&url) {
        // As in libpq: there is no TLS on a socket.
        tls = vec![("sslmode".to_owned(), "disable".to_owned())];
    }
    let mut parameters = tls;
    if let Some(Host::Ipv6(address)) = url.host() {
        // The driver takes the brackets for a part of the host's name.
        parameters.push(("host".to_owned(), address.to_string()));
    }
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok((url, ignored))
}

/// The part behind `//`, with [`NO_HOST`] where it names none.
fn with_host(text: &str) -> Cow<'_, str> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let host = text[..end].rfind('@').map_or(0, |at| at + 1);
    if host == end || text[host..].starts_with(':') {
        return format!("{}{NO_HOST}{}", &text[..host], &text[host..]).into();
    }
    text.into()
}

/// Puts what parameters name into its part of the URL. As in libpq, they win.
fn replace(url: &mut Url, place: &Place) -> Result<(), DatabaseUrlError> {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let host = place.host.as_deref().or(url.host_str()).unwrap_or_default();
    if matches!(host, "" | NO_HOST) {
        return Err(DatabaseUrlError::with_forms("names no host"));
    }
    if host.contains(',') {
        return Err(DatabaseUrlError::new("names several hosts; wants one"));
    }
    if let Some(host) = &place.host {
        let host = if host.starts_with('/') {
            encoded(host)
        } else if host.parse::<Ipv6Addr>().is_ok() {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let what = "the host is neither a name, an address nor a socket's folder";
        url.set_host(Some(&host))
            .map_err(|_| DatabaseUrlError::new(what))?;
    }
    let port = match &place.port {
        None => url.port(),
        Some(port) => Some(port.parse().unwrap_or_default()),
    };
    if port == Some(0) {
        let what = "the port wants a number from 1 to 65535";
        return Err(DatabaseUrlError::new(what));
    }
    // These cannot fail: there is a host.
    let _ = url.set_port(port);
    if let Some(user) = &place.user {
        let _ = url.set_username(&encoded(user));
    }
    if let Some(password) = &place.password {
        let _ = url.set_password(Some(&encoded(password)));
    }
    if let Some(database) = &place.database {
        url.set_path(&encoded(database));
    }
    Ok(())
}

fn check_text(url: &Url) -> Result<(), DatabaseUrlError> {
    let parts = [
        ("user", url.username()),
        ("password", url.password().unwrap_or_default()),
        ("host", url.host_str().unwrap_or_default()),
        ("database", url.path()),
    ];
    for (name, part) in parts {
        let text = percent_decode_str(part).decode_utf8();
        if !text.is_ok_and(|text| !text.contains('\0')) {
            let what = format!("the {name} is not UTF-8 text");
            return Err(DatabaseUrlError::new(what));
        }
    }
    Ok(())
}

fn is_socket(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    percent_decode_str(host).next() == Some(b'/')
}

/// Whether a character of the password that has another meaning in a URL ended the
/// part before the host. What follows is then neither a host nor a parameter.
fn is_cut_short(rest: &str) -> bool {
    let rest = rest.trim_start_matches('/');
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let before_parameters = behind.split('=').next().unwrap_or_default();
    !authority.contains('@') && before_parameters.contains('@')
}

fn cut_short() -> DatabaseUrlError {
    DatabaseUrlError::new(
        "a character of the password must be percent-encoded: / is %2F, ? is %3F, # is %23, \
         @ is %40, : is %3A, % is %25",
    )
}
