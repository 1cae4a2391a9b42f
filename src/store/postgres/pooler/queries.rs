//! The queries of [`pooler`](super), as plain text: they are sent without being
//! prepared, except [`unique`].

const SESSION_NAME: &str = "concat(pid, ' ', backend_start)";

/// A statement that no other client has.
pub fn unique(nonce: &str) -> String {
    format!("SELECT '{nonce}'")
}

/// By which name the server knows [`unique`], and which of its sessions this is.
/// A PID alone is ambiguous: PIDs are reused, and another server may have the same
/// one. A role that logs in as another one cannot see when its session started.
pub fn known_as(nonce: &str) -> String {
    format!(
        "SELECT {SESSION_NAME} AS session, \
         (SELECT name FROM pg_prepared_statements WHERE statement LIKE '%{nonce}%') AS name, \
         current_setting('lock_timeout') AS lock_timeout, \
         current_setting('server_encoding') AS encoding \
         FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    )
}

/// Which of the server's sessions this is.
pub fn session() -> String {
    format!("SELECT {SESSION_NAME} AS session FROM pg_stat_activity WHERE pid = pg_backend_pid()")
}

/// Removes the statement of this name.
pub fn deallocate(name: &str) -> String {
    format!("DEALLOCATE \"{}\"", name.replace('"', "\"\""))
}
