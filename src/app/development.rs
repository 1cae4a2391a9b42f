//! The development secret: signs and verifies tokens where no source of keys is
//! configured. It is kept in a file beside the database, so that tokens survive a
//! restart and `tasks-api token` signs tokens of the running service.
//!
//! Staging and production neither read nor write the file.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::error::StartError;
use crate::{
    config::{Config, Environment, MIN_SECRET_BYTES},
    store::DatabaseUrl,
};

/// Appended to the name of the SQLite file, as SQLite's own `-wal` is.
const SUFFIX: &str = "-secret";
/// The file of a service whose database is no file.
const WITHOUT_DATABASE_FILE: &str = "data/development-secret";

/// Where the secret of the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `BETTER_AUTH_SECRET`, or there is none.
    Configured,
    /// The file.
    File(PathBuf),
    /// Made for this run, since the file cannot be written.
    ThisRun,
}

/// The file of the development secret, if the configuration needs one.
#[must_use]
pub fn secret_file(config: &Config, url: &DatabaseUrl) -> Option<PathBuf> {
    if config.verifies_tokens() || config.environment != Environment::Development {
        return None;
    }
    let Some(database) = url.file() else {
        return Some(WITHOUT_DATABASE_FILE.into());
    };
    let mut path = database.as_os_str().to_owned();
    path.push(SUFFIX);
    Some(path.into())
}

/// Sets the development secret, if the configuration needs one: reads the file, or makes
/// a secret and the file.
///
/// # Errors
/// The file has other content than a secret.
pub fn keep_secret(config: &mut Config, url: &DatabaseUrl) -> Result<SecretSource, StartError> {
    let Some(file) = secret_file(config, url) else {
        return Ok(SecretSource::Configured);
    };
    if set_secret_of(&file, config)? {
        return Ok(SecretSource::File(file));
    }
    let secret = random_secret()?;
    let source = match create(&file, &secret) {
        Ok(()) => SecretSource::File(file),
        // Another instance was faster. Its secret counts for both.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && set_secret_of(&file, config)? => {
            return Ok(SecretSource::File(file));
        }
        Err(error) => {
            let file = file.display();
            tracing::warn!(%file, %error, "cannot keep the secret; tokens end with this run");
            SecretSource::ThisRun
        }
    };
    config.better_auth_secret = Some(secret);
    Ok(source)
}

/// Sets the secret of an existing file. Returns whether there is one.
///
/// # Errors
/// The file cannot be read or has other content than a secret.
pub fn set_secret_of(file: &Path, config: &mut Config) -> Result<bool, StartError> {
    let secret = match fs::read_to_string(file) {
        Ok(text) => SecretString::from(text.trim_end()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unusable(file, &error.to_string())),
    };
    if secret.expose_secret().len() < MIN_SECRET_BYTES {
        let bytes = secret.expose_secret().len();
        return Err(unusable(file, &format!("it has {bytes} bytes")));
    }
    config.better_auth_secret = Some(secret);
    Ok(true)
}

fn unusable(file: &Path, why: &str) -> StartError {
    let file = file.display();
    StartError::Failed(format!(
        "{file}: no development secret: {why}; delete the file, and the next start makes a new one"
    ))
}

fn random_secret() -> Result<SecretString, StartError> {
    let mut bytes = [0_u8; MIN_SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| StartError::Failed(format!("no random bytes are available: {error}")))?;
    Ok(hex::encode(bytes).into())
}

/// Creates the file with all its content at once, readable by its owner alone. It never
/// replaces a file.
fn create(file: &Path, secret: &SecretString) -> io::Result<()> {
    // `Path::parent` of a bare name is empty, which names no folder.
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // On Unix, its mode is 0600.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(temporary, "{}", secret.expose_secret())?;
    temporary.persist_noclobber(file)?;
    Ok(())
}
