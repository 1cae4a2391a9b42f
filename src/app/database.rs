//! The database that the configuration names.

use secrecy::ExposeSecret;

use super::error::StartError;
use crate::{
    config::Config,
    store::{DatabaseUrl, Store},
};

/// Parses `DATABASE_URL`.
pub fn url(config: &Config) -> Result<DatabaseUrl, StartError> {
    DatabaseUrl::parse(config.database_url.expose_secret())
        .map_err(|error| StartError::config("DATABASE_URL", &error))
}

/// Opens the store. PostgreSQL may be down: connections are made when needed.
pub async fn open(config: &Config, url: &DatabaseUrl) -> Result<Store, StartError> {
    Ok(Store::connect(url, config.tasks_per_user).await?)
}
