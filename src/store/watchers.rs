//! The streams of changes of this process, and whom a write wakes. A write here wakes the
//! streams of its user at once; what other instances wrote, [`poll`](super::poll) finds.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    cursor::Sequence,
    owned::{Owned, owned_by},
};
use crate::{
    api::tasks::{TaskError, Watch},
    auth::User,
    telemetry::metrics,
};

/// The most streams of one user: some devices with some tabs each. Each costs a connection,
/// and a read for every write.
pub const STREAMS_PER_USER: usize = 8;

/// The users whose changes streams wait for. Clones share it.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many users there are in `state`: a write reads this alone where there are none.
    users: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<User, Watched>,
    /// A poll runs.
    is_polled: bool,
    is_closed: bool,
}

struct Watched {
    /// Its receivers are the user's streams.
    wake: watch::Sender<()>,
    found: Found,
}

/// What the last poll found of a user's sequence.
#[derive(PartialEq, Eq)]
enum Found {
    /// There was no poll yet.
    Unknown,
    /// It is this one, or there is none.
    Known(Option<Sequence>),
}

/// A stream that waits, until it is dropped.
struct Waiting {
    /// Dropped first, by hand: it is what counts.
    receiver: Option<watch::Receiver<()>>,
    user: User,
    watchers: Watchers,
}

impl Watchers {
    /// Adds a stream of `user`. Also says whether the caller must start a poll, which runs until
    /// [`Watchers::users`] has none.
    pub fn add(&self, user: &User) -> Result<(Watch, bool), TaskError> {
        let mut state = self.0.state.lock();
        if state.is_closed {
            return Err(TaskError::Unavailable("the service stops".to_owned()));
        }
        let watched = state.users.entry(user.clone()).or_insert_with(|| Watched {
            wake: watch::Sender::new(()),
            found: Found::Unknown,
        });
        if watched.wake.receiver_count() >= STREAMS_PER_USER {
            metrics::limit_hit("streams");
            return Err(TaskError::TooManyStreams {
                limit: STREAMS_PER_USER,
            });
        }
        let waiting = Waiting {
            receiver: Some(watched.wake.subscribe()),
            user: user.clone(),
            watchers: self.clone(),
        };
        self.0.users.store(state.users.len(), Relaxed);
        let must_poll = !std::mem::replace(&mut state.is_polled, true);
        drop(state);
        let watch = stream::unfold(waiting, async |mut waiting| {
            let woken = waiting.receiver.as_mut()?.changed().await;
            woken.ok().map(|()| ((), waiting))
        });
        Ok((watch.boxed(), must_poll))
    }

    /// Something of these users may have been written.
    pub fn wake<'u>(&self, users: impl IntoIterator<Item = &'u User>) {
        // A stream that begins at this moment is woken by its first poll.
        if self.0.users.load(Relaxed) == 0 {
            return;
        }
        let state = self.0.state.lock();
        for user in users {
            if let Some(watched) = state.users.get(user) {
                watched.wake.send_replace(());
            }
        }
    }

    /// The users of all streams, for the poll; nothing if there is no stream, and no poll any
    /// more.
    pub fn users(&self) -> Option<Vec<Owned<()>>> {
        let mut state = self.0.state.lock();
        state.is_polled = !state.users.is_empty();
        let users = state.users.keys().map(|user| owned_by(user, ()));
        state.is_polled.then(|| users.collect())
    }

    /// Wakes the streams of those users whose sequence is another one than the last poll found,
    /// or is gone.
    pub fn found(&self, users: &[Owned<()>], sequences: &HashMap<String, Sequence>) {
        let mut state = self.0.state.lock();
        for owned in users {
            let found = Found::Known(sequences.get(owned.owner().as_str()).copied());
            if let Some(watched) = state.users.get_mut(owned.user())
                && watched.found != found
            {
                watched.found = found;
                watched.wake.send_replace(());
            }
        }
    }

    /// Ends every stream, and accepts no further one.
    pub fn close(&self) {
        let mut state = self.0.state.lock();
        state.is_closed = true;
        state.users.clear();
        self.0.users.store(0, Relaxed);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.watchers.0.state.lock();
        self.receiver = None;
        let watched = state.users.get(&self.user);
        if watched.is_some_and(|watched| watched.wake.receiver_count() == 0) {
            state.users.remove(&self.user);
            self.watchers.0.users.store(state.users.len(), Relaxed);
        }
    }
}
