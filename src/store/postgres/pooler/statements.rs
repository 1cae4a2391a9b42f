//! What [`pooler`](super::super::pooler) asks, as plain text: it is sent without
//! being prepared, but for [`named`].

const SESSION_NAME: &str = "concat(pid, ' ', backend_start)";

/// A statement that no other client has.
pub fn named(nonce: &str) -> String {
    format!("SELECT '{nonce}'")
}

/// By which name the server knows [`named`], and which of its sessions this is.
/// Its number alone could be that of another server's, or be used again. A role that
/// logs in as another one does not see when it started.
pub fn known_as(nonce: &str) -> String {
    format!(
        "SELECT {SESSION_NAME} AS session, \
         (SELECT name FROM pg_prepared_statements WHERE statement LIKE '%{nonce}%') AS name, \
         current_setting('lock_timeout') AS lock_timeout \
         FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    )
}

/// Which of the server's sessions this is.
pub fn session() -> String {
    format!("SELECT {SESSION_NAME} AS session FROM pg_stat_activity WHERE pid = pg_backend_pid()")
}

/// Lets go of the statement of this name.
pub fn deallocate(name: &str) -> String {
    format!("DEALLOCATE \"{}\"", name.replace('"', "\"\""))
}
