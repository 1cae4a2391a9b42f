//! What a batch queue and its connections need of the requests that they carry.

use super::{engine::Driver, error::Access, requests::Outcome};

/// A kind of request whose members can share statements.
pub trait Batchable: Send + Sync + Sized + 'static {
    /// What one of them responds with.
    type Response: Send + 'static;
    /// Whether losing a response leaves a doubt.
    const ACCESS: Access;

    /// The row that it writes. Of two requests for one row the later one waits for the
    /// next batch, so that writes to one row keep their order.
    fn row(&self) -> Option<i64> {
        None
    }

    /// Runs a batch: an outcome for each member, in their order.
    fn run(
        batch: &[Self],
        driver: &mut dyn Driver,
    ) -> impl Future<Output = Result<Vec<Outcome<Self::Response>>, sqlx::Error>> + Send;
}
