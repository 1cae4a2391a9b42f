//! Whose tasks the running batches of all queues write.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

use crate::{auth::User, store::watchers::Watchers};

/// The users whose tasks are being written. Queues that write share it, so that none of
/// them sends a batch that would only wait for another one's lock on a user's sequence.
#[derive(Clone, Default)]
pub struct Writers {
    busy: Arc<Mutex<HashSet<User>>>,
    watchers: Watchers,
}

impl Writers {
    /// Nobody writes yet. What is written wakes the streams of `watchers`.
    pub fn new(watchers: Watchers) -> Self {
        Self {
            busy: Arc::default(),
            watchers,
        }
    }

    /// Chooses the members of a batch: `choose` is given those who are busy, and returns the
    /// users of the batch, who are busy until they are [removed](Self::remove).
    pub fn add<T>(
        &self,
        choose: impl FnOnce(&HashSet<User>) -> (T, HashSet<User>),
    ) -> (T, HashSet<User>) {
        let mut busy = self.busy.lock();
        let (chosen, users) = choose(&busy);
        busy.extend(users.iter().cloned());
        (chosen, users)
    }

    /// The batch of these users has ended: it is committed, unless it failed.
    pub fn remove(&self, users: &HashSet<User>) {
        if !users.is_empty() {
            self.busy.lock().retain(|user| !users.contains(user));
            self.watchers.wake(users);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::user;

    #[tokio::test]
    async fn a_user_is_busy_for_all_queues_until_the_batch_ends() {
        let (ana, ben) = (user("ana").await, user("ben").await);
        let (first, second) = (Writers::default(), Writers::default());
        let shared = first.clone();
        // Chooses both users, unless they are busy.
        let choose = |busy: &HashSet<User>| {
            let users = [&ana, &ben].into_iter().filter(|user| !busy.contains(user));
            let users: HashSet<_> = users.cloned().collect();
            (users.len(), users)
        };

        let ((), of_ana) = first.add(|_| ((), HashSet::from([ana.clone()])));
        let (chosen, of_ben) = shared.add(choose);
        assert_eq!((chosen, of_ben.contains(&ben)), (1, true));
        assert_eq!(first.add(choose).0, 0);
        assert_eq!(second.add(choose).0, 2, "of other queues");

        shared.remove(&of_ben);
        let (_, of_ben) = first.add(choose);
        assert!(of_ben.contains(&ben));
        first.remove(&of_ben);
        first.remove(&of_ana);
        assert_eq!(shared.add(choose).0, 2);
    }
}
