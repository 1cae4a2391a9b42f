//! The story of a task that the Rust client runs against the service, as story.ts does.

#![deny(warnings)]

use std::{env, error::Error, num::NonZeroU64};

use tasks_client::{
    ByteStream, ResponseValue,
    types::{CompleteTask, CreateTask, ListTasksStatus, UpdateTask},
};

type Response<T> = Result<ResponseValue<T>, tasks_client::Error<ByteStream>>;

/// The problem that `response` must be.
async fn expect<T>(response: Response<T>, status: u16, slug: &str) -> Result<(), Box<dyn Error>> {
    let Err(error) = response else {
        return Err(format!("a success in place of {slug}").into());
    };
    assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
    let problem = to_do::problem(error).await?;
    assert_eq!(problem.type_.to_string(), format!("/problems/{slug}"));
    assert_eq!(problem.status, i32::from(status));
    assert!(!problem.detail.is_empty());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = to_do::client(&env::var("TOKEN")?)?;
    let ids = async |status| -> Result<Vec<NonZeroU64>, Box<dyn Error>> {
        let tasks = client.list_tasks(status).await?;
        Ok(tasks.iter().map(|task| task.id).collect())
    };
    let create = async |title: &str, description: Option<&str>| -> Result<_, Box<dyn Error>> {
        let title = title.parse()?;
        let description = description.map(str::parse).transpose()?;
        let new = CreateTask { title, description };
        Ok(client.create_task(&new).await?.into_inner())
    };
    let before = ids(None).await?;

    let milk = create(" Buy milk ", Some("Two litres")).await?;
    assert_eq!(*milk.title, "Buy milk");
    assert_eq!(milk.description.unwrap().as_str(), "Two litres");
    assert!(!milk.completed);
    let bread = create("Brot, Grüße & 🥖", None).await?;
    assert!(bread.description.is_none());
    let all = [&[bread.id, milk.id], &before[..]].concat();
    assert_eq!(ids(Some(ListTasksStatus::All)).await?, all);
    let read = client.get_task(milk.id).await?;
    assert_eq!(*read.title, *milk.title);
    assert_eq!(read.created_at, milk.created_at);

    // A field that is not sent keeps its value.
    let title = "Buy oat milk".parse()?;
    let update = UpdateTask {
        title,
        description: None,
        completed: None,
    };
    let renamed = client.update_task(milk.id, &update).await?;
    assert_eq!(*renamed.title, "Buy oat milk");
    assert_eq!(renamed.description.as_ref().unwrap().as_str(), "Two litres");

    let body = CompleteTask { completed: true };
    let done = client.complete_task(milk.id, &body).await?;
    assert!(done.completed);
    assert_eq!(ids(Some(ListTasksStatus::Completed)).await?, [milk.id]);
    assert!(
        !ids(Some(ListTasksStatus::Pending))
            .await?
            .contains(&milk.id)
    );

    let confirmation = client.delete_task(milk.id).await?;
    assert_eq!(confirmation.message, "Task deleted successfully");
    expect(client.get_task(milk.id).await, 404, "not-found").await?;
    expect(client.delete_task(milk.id).await, 404, "not-found").await?;
    let rejected = to_do::client("rejected")?;
    expect(rejected.list_tasks(None).await, 401, "unauthorized").await?;
    // The client's own types refuse it before it is sent.
    assert!(create(" ", None).await.is_err());

    client.delete_task(bread.id).await?;
    Ok(())
}
