//! What other instances write: while there are streams, one statement a second asks for the
//! sequences of their users.
//!
//! A notification of the database (`LISTEN`) needs a connection that no pooler shares, and
//! `SQLite` has none
//! ([decision 12](../../docs/decisions/0012-streams-poll-sequences.md)).

use std::{collections::HashMap, time::Duration};

use tokio::time::sleep;

use super::{Store, cursor::Sequence, owned::Owned};
use crate::{
    api::tasks::{TaskError, Watch},
    auth::User,
};

/// A write on another instance reaches a stream after this time and that of two statements.
const INTERVAL: Duration = Duration::from_secs(1);
/// The most users of one statement, which takes some milliseconds then.
const USERS: usize = 4_096;

impl Store {
    /// Watches what is written for `user`, here and on other instances.
    pub fn watch_user(&self, user: &User) -> Result<Watch, TaskError> {
        self.check_migrated()?;
        let (watch, must_poll) = self.0.watchers.add(user)?;
        if must_poll {
            tokio::spawn(self.clone().poll());
        }
        Ok(watch)
    }

    /// Ends every stream of changes: clients connect again, to another instance.
    pub fn end_streams(&self) {
        self.0.watchers.close();
    }

    /// Polls until there is no stream.
    async fn poll(self) {
        let mut is_failing = false;
        loop {
            sleep(INTERVAL).await;
            let Some(users) = self.0.watchers.users() else {
                return;
            };
            for users in users.chunks(USERS) {
                match self.sequences(users).await {
                    Ok(sequences) => {
                        self.0.watchers.found(users, &sequences);
                        if std::mem::take(&mut is_failing) {
                            tracing::info!("streams of changes go on");
                        }
                    }
                    // Each of a long outage's polls fails. None is lost: the next that
                    // succeeds finds what was written since.
                    Err(error) if !is_failing => {
                        is_failing = true;
                        tracing::warn!(%error, "streams of changes wait for the database");
                    }
                    Err(_) => {}
                }
            }
        }
    }

    async fn sequences(&self, users: &[Owned<()>]) -> Result<HashMap<String, Sequence>, TaskError> {
        self.lists()?.sequences(users.to_vec()).await
    }
}
