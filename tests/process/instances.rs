//! Several instances started at once on one empty database.

use futures_util::future::join_all;
use tasks_api_test_support::{
    database::TestDatabase,
    process::{Service, run},
};

#[tokio::test]
async fn instances_started_at_once_migrate_once() {
    for _ in 0..10 {
        let database = TestDatabase::create().await;
        let count = if database.is_postgres() { 16 } else { 4 };

        let starting = (0..count).map(|_| Service::on(database.url()));
        let services = join_all(starting).await;

        for service in &services {
            service.wait_until_ready().await;
        }
        let variables = [("DATABASE_URL", database.url())];
        let status = run(&variables, &["migrate", "status"]).await;
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        let mut lines: Vec<_> = text.lines().collect();
        assert!(
            lines.iter().all(|line| line.starts_with("applied")),
            "{text}"
        );
        let all = lines.len();
        lines.dedup();
        assert_eq!(lines.len(), all, "each once: {text}");
    }
}
