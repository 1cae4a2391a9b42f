//! `.env` in the working directory.

use std::{collections::HashMap, env};

use super::reader::{ConfigError, ConfigErrors};

/// Looks a variable up in the environment, then in `.env`.
pub(super) fn environment_and_file() -> Result<impl Fn(&str) -> Option<String>, ConfigErrors> {
    let variable = ".env";
    let file = read().map_err(|message| ConfigErrors(vec![ConfigError { variable, message }]))?;
    Ok(move |name: &str| env::var(name).ok().or_else(|| file.get(name).cloned()))
}

/// The variables of `.env`; none without such a file. The library's own errors would repeat
/// the line, which may hold a secret.
fn read() -> Result<HashMap<String, String>, String> {
    let entries = match dotenvy::from_path_iter(".env") {
        Ok(entries) => entries,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(_) => return Err("cannot be read".to_owned()),
    };
    let numbered = (1..).zip(entries);
    numbered
        .map(|(n, entry)| entry.map_err(|_| format!("entry {n} is not of the form NAME=value")))
        .collect()
}
