//! The signals that stop the service: SIGINT (Ctrl-C) and SIGTERM. Each one that follows is
//! more urgent.

use std::process::exit;

use tokio::sync::watch;

/// The exit code of a program that a signal of this number ended, by convention.
const fn exit_code(signal: i32) -> i32 {
    128 + signal
}

const SIGINT: i32 = 2;
#[cfg(unix)]
const SIGTERM: i32 = 15;
/// This many signals end the process at once.
const AT_ONCE: u32 = 3;

/// The stop signals that were received.
pub struct Signals {
    count: watch::Receiver<u32>,
    /// How many of them [`Signals::next`] has returned.
    seen: u32,
}

impl Signals {
    /// Counts the stop signals from now on. The third ends the process at once, with
    /// requests in flight.
    pub fn receive() -> Self {
        let (received, count) = watch::channel(0);
        let source = Source::new();
        tokio::spawn(async move {
            let mut source = match source {
                Ok(source) => source,
                Err(error) => {
                    tracing::warn!(%error, "cannot install a signal handler");
                    return received.closed().await;
                }
            };
            loop {
                let signal = source.next().await;
                received.send_modify(|count| *count += 1);
                if *received.borrow() >= AT_ONCE {
                    tracing::warn!("stopped at once, by a third signal");
                    exit(exit_code(signal));
                }
            }
        });
        Self { count, seen: 0 }
    }

    /// Resolves with the next signal; with none left out, and each only once.
    pub async fn next(&mut self) {
        let seen = self.seen;
        // The sender lives as long as this receiver.
        let _ = self.count.wait_for(|count| *count > seen).await;
        self.seen += 1;
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
        }
    }
}

#[cfg(not(unix))]
struct Source(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Source {
    fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> i32 {
        self.0.recv().await;
        SIGINT
    }
}
