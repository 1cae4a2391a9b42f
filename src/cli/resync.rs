//! `tasks-api resync`: what clients must learn of a restored backup.

use crate::{
    app::{error::StartError, open_existing_store},
    config::Config,
};

/// Marks the sequences of all users as new, and returns a line that says how many.
pub async fn run(config: &Config) -> Result<String, StartError> {
    let (url, store) = open_existing_store(config).await?;
    let missing = |missing| StartError::Failed(format!("DATABASE_URL: {missing}"));
    let store = store.map_err(missing)?;
    store.check_statements().await?;
    let sequences = store.resync().await?;
    store.close().await;
    Ok(format!(
        "{url}: sequences that have a new life: {sequences}\n"
    ))
}
