//! How many long lists may be in flight, and whose page is read next.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::User;

/// The most long lists that are being sent. Each holds one page of at most 256 KiB (the
/// capacity of its buffer), so all of them together at most 64 MiB.
const IN_FLIGHT: usize = 256;

/// Admits long lists. Clones share the state.
#[derive(Clone, Default)]
pub struct Admission(Arc<Mutex<InFlight>>);

#[derive(Default)]
struct InFlight {
    lists: usize,
    users: HashMap<User, OfUser>,
}

struct OfUser {
    lists: usize,
    /// One permit: the pages of one user are read one after the other, so that the
    /// number of lists of a user gains no larger share of the database.
    turn: Arc<Semaphore>,
}

impl Admission {
    /// Admits a list of `user`, unless the user has as many in flight as are left for
    /// all others: then a few users can never take all.
    pub fn admit(&self, user: &User) -> Option<Admitted> {
        let mut state = self.0.lock();
        let own = state.users.get(user).map_or(0, |user| user.lists);
        if own >= IN_FLIGHT - state.lists {
            return None;
        }
        state.lists += 1;
        let of_user = state.users.entry(user.clone()).or_insert_with(|| OfUser {
            lists: 0,
            turn: Arc::new(Semaphore::new(1)),
        });
        of_user.lists += 1;
        Some(Admitted {
            turn: Arc::clone(&of_user.turn),
            user: user.clone(),
            admission: self.clone(),
        })
    }
}

/// A list in flight, until it is dropped.
pub struct Admitted {
    user: User,
    turn: Arc<Semaphore>,
    admission: Admission,
}

impl Admitted {
    /// Whose list it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The user's turn to read a page; the user's other lists wait for it in order.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.admission.0.lock();
        state.lists -= 1;
        if let Entry::Occupied(mut of_user) = state.users.entry(self.user.clone()) {
            of_user.get_mut().lists -= 1;
            if of_user.get().lists == 0 {
                of_user.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::user;

    #[tokio::test]
    async fn a_user_leaves_room_for_the_lists_of_others() {
        let admission = Admission::default();
        let admit = |user: &User| {
            let admitted = std::iter::from_fn(|| admission.admit(user));
            admitted.collect::<Vec<_>>()
        };
        let (ana, bob, eve) = (user("ana").await, user("bob").await, user("eve").await);

        let of_ana = admit(&ana);
        let of_bob = admit(&bob);
        let of_eve = admit(&eve);

        let counts = [&of_ana, &of_bob, &of_eve].map(Vec::len);
        assert_eq!(counts, [128, 64, 32]);
        drop(of_ana);
        assert!(
            admission.admit(&ana).is_some(),
            "a list that ends makes room"
        );
        drop((of_bob, of_eve));
        let state = admission.0.lock();
        assert_eq!((state.lists, state.users.len()), (0, 0));
    }

    #[tokio::test]
    async fn the_pages_of_one_user_are_read_one_after_the_other() {
        let admission = Admission::default();
        let (ana, bob) = (user("ana").await, user("bob").await);
        let [first, second] = [0; 2].map(|_| admission.admit(&ana).unwrap());
        let other = admission.admit(&bob).unwrap();
        let is_free = |admitted: &Admitted| admitted.turn.available_permits() == 1;

        let turn = first.turn().await;
        assert!(!is_free(&second));
        assert!(is_free(&other));
        drop(turn);
        assert!(is_free(&second));
    }
}
