//! Worker threads. Each has a single-threaded runtime, and a connection stays on its
//! thread: on many cores, a runtime whose threads take work from one another costs twice
//! the processor time per request (`docs/decisions/0008-worker-threads.md`).

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The threads among which connections are divided. They end when it is dropped.
pub struct Workers {
    workers: Vec<Worker>,
    /// Where the search for the next one begins, so that equals take turns.
    next: usize,
}

struct Worker {
    runtime: Handle,
    open: Arc<AtomicUsize>,
    thread: Option<Thread>,
}

struct Thread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

/// A connection of a worker, until it is dropped.
pub struct Assigned {
    /// The number of the worker, from 0.
    pub(super) worker: usize,
    open: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts so many threads.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let workers = (0..count.get()).map(Worker::start);
        Ok(Self {
            workers: workers.collect::<io::Result<_>>()?,
            next: 0,
        })
    }

    /// No further thread: connections stay on the current runtime.
    #[must_use]
    pub fn here() -> Self {
        Self {
            workers: vec![Worker::of(Handle::current(), None)],
            next: 0,
        }
    }

    /// The runtime of each thread.
    #[must_use]
    pub fn runtimes(&self) -> Vec<Handle> {
        let runtimes = self.workers.iter().map(|worker| worker.runtime.clone());
        runtimes.collect()
    }

    /// The runtime with the fewest connections: a few long-lived ones of a balancer are
    /// divided as evenly as a thousand, which the kernel's `SO_REUSEPORT` does not do.
    pub(super) fn assign(&mut self) -> (&Handle, Assigned) {
        let count = self.workers.len();
        let order = (self.next..self.next + count).map(|index| index % count);
        let open = |index: &usize| self.workers[*index].open.load(Relaxed);
        let chosen = order.min_by_key(open).unwrap_or_default();
        self.next = (chosen + 1) % count;
        let worker = &self.workers[chosen];
        worker.open.fetch_add(1, Relaxed);
        let assigned = Assigned {
            worker: chosen,
            open: Arc::clone(&worker.open),
        };
        (&worker.runtime, assigned)
    }
}

impl Worker {
    fn of(runtime: Handle, thread: Option<Thread>) -> Self {
        Self {
            runtime,
            open: Arc::default(),
            thread,
        }
    }

    fn start(number: usize) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (started, starting) = mpsc::channel();
        let thread = thread::Builder::new().name(format!("worker-{number}"));
        let handle = thread.spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let _ = started.send(Ok(runtime.handle().clone()));
            // A sender that is gone stops it as well.
            let _ = runtime.block_on(stopped);
            // A name that is being resolved must not hold up the end of the process.
            runtime.shutdown_background();
        })?;
        let runtime = starting.recv().map_err(io::Error::other)??;
        Ok(Self::of(runtime, Some(Thread { stop, handle })))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let threads = self.workers.iter_mut().filter_map(|w| w.thread.take());
        let stopped = threads.map(|thread| {
            let _ = thread.stop.send(());
            thread.handle
        });
        for handle in stopped.collect::<Vec<_>>() {
            // A panic was logged where it happened.
            let _ = handle.join();
        }
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn workers(count: usize) -> Workers {
        Workers::start(NonZeroUsize::new(count).unwrap()).unwrap()
    }

    #[test]
    fn connections_are_divided_evenly_whatever_their_number() {
        for connections in [4, 10, 1000] {
            let mut workers = workers(4);
            let open: Vec<_> = (0..connections).map(|_| workers.assign().1).collect();

            let each = workers.workers.iter().map(|w| w.open.load(Relaxed));
            let each: Vec<_> = each.collect();
            let (least, most) = (each.iter().min().unwrap(), each.iter().max().unwrap());
            assert!(most - least <= 1, "{each:?}");
            drop(open);
        }
    }

    #[test]
    fn the_worker_whose_connections_closed_gets_the_next_ones() {
        let mut workers = workers(2);
        let (runtime, first) = workers.assign();
        let freed = runtime.id();
        let _second = workers.assign().1;
        drop(first);

        assert_eq!(workers.assign().0.id(), freed);
    }

    #[test]
    fn connections_that_close_at_once_take_turns() {
        let mut workers = workers(3);
        let mut turns = HashMap::new();
        for _ in 0..9 {
            let (runtime, _closed) = workers.assign();
            *turns.entry(runtime.id()).or_insert(0) += 1;
        }

        assert!(turns.len() == 3 && turns.values().all(|count| *count == 3));
    }

    #[test]
    fn each_runs_its_tasks_on_its_own_thread_until_it_is_dropped() {
        let workers = workers(2);
        let (sender, receiver) = mpsc::channel();
        for runtime in workers.runtimes() {
            let sender = sender.clone();
            runtime.spawn(async move {
                let name = thread::current().name().map(str::to_owned);
                sender.send(name.unwrap()).unwrap();
                std::future::pending::<()>().await;
            });
        }
        let mut names = [receiver.recv().unwrap(), receiver.recv().unwrap()];
        names.sort();
        assert_eq!(names, ["worker-0", "worker-1"]);

        drop((workers, sender));
        assert!(receiver.recv().is_err(), "the tasks are dropped");
    }

    #[test]
    fn a_panic_ends_one_task_alone() {
        let workers = workers(1);
        let runtime = &workers.runtimes()[0];
        let panicked = runtime.spawn(async { panic!("a test") });
        let next = runtime.spawn(async { 7 });

        let results = tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(async { (panicked.await, next.await) });
        assert!(results.0.is_err());
        assert_eq!(results.1.unwrap(), 7);
    }
}
