//! The part behind `sqlite:`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::error::DatabaseUrlError;

/// A relative path behind no slash or two, an absolute one behind its own.
pub fn parse(rest: &str) -> Result<PathBuf, DatabaseUrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    // Python's tutorials write a relative path like this, and nobody an absolute one.
    let path = path
        .strip_prefix('/')
        .filter(|path| path.starts_with("./") || path.starts_with("../"))
        .unwrap_or(path);
    file(path)
}

/// By `SQLAlchemy`'s rule: three slashes before a relative path, four before an
/// absolute one.
pub fn parse_pythons(rest: &str) -> Result<PathBuf, DatabaseUrlError> {
    match rest.strip_prefix("///") {
        Some(path) => file(path),
        None => Err(DatabaseUrlError::new(
            "names no file; with a Python driver, SQLite wants three slashes before a relative \
             path and four before an absolute one",
        )),
    }
}

fn file(text: &str) -> Result<PathBuf, DatabaseUrlError> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if path.is_empty() {
        return Err(DatabaseUrlError::new(
            "names no file; wants sqlite://path/to/file.db",
        ));
    }
    if path.contains(":memory:") || query.contains("mode=memory") {
        let what = "an in-memory database would forget every task; wants a file";
        return Err(DatabaseUrlError::new(what));
    }
    let first = path.split('/').next().unwrap_or_default();
    if first.contains(':') && first.contains('@') {
        return Err(DatabaseUrlError::new("names a host; SQLite wants a file"));
    }
    if !matches!(query, "" | "mode=rwc" | "mode=rw") {
        return Err(DatabaseUrlError::new("sqlite takes no parameters"));
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(path) if !path.contains('\0') => Ok(PathBuf::from(path.as_ref())),
        _ => Err(DatabaseUrlError::new("the file's name is not UTF-8 text")),
    }
}
