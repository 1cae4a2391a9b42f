//! `.env` in the working directory.

use std::collections::HashMap;

use super::error::{ConfigError, ConfigErrors};

/// Looks a variable up in the environment, then in `.env`.
pub(super) fn environment_and_file() -> Result<impl Fn(&str) -> Option<String>, ConfigErrors> {
    let file = read().map_err(|error| ConfigErrors(vec![error]))?;
    Ok(move |name: &str| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
}

/// The variables of `.env`; none without such a file.
fn read() -> Result<HashMap<String, String>, ConfigError> {
    // The library's own message would repeat the line, which may hold a secret.
    let error = |message: String| ConfigError {
        variable: ".env",
        message,
    };
    let entries = match dotenvy::from_path_iter(".env") {
        Ok(entries) => entries,
        Err(cause) if cause.not_found() => return Ok(HashMap::new()),
        Err(_) => return Err(error("cannot be read".to_owned())),
    };
    entries
        .enumerate()
        .map(|(index, entry)| {
            let number = index + 1;
            entry.map_err(|_| error(format!("entry {number} is not of the form NAME=value")))
        })
        .collect()
}
