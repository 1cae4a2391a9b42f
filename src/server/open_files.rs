//! The limit of open files, which every connection counts on.

/// Raises the limit of open files to `wanted`, as far as the system allows; returns the
/// limit that holds, `None` if there is none.
#[cfg(unix)]
#[must_use]
pub fn raise_limit(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = wanted.min(most);
    if raised <= current {
        return Some(current);
    }
    let limit = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    Some(match setrlimit(Resource::Nofile, limit) {
        Ok(()) => raised,
        Err(_) => current,
    })
}

/// There is no such limit.
#[cfg(not(unix))]
#[must_use]
pub fn raise_limit(_: u64) -> Option<u64> {
    None
}
