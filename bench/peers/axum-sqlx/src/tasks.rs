//! The six operations, each one statement.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request, State, rejection::JsonRejection,
    },
    http::{StatusCode, header::LOCATION, request::Parts},
    response::IntoResponse,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::json;
use sqlx::FromRow;

use crate::{App, auth::User, problem::Problem};

#[derive(Serialize, FromRow)]
pub struct Task {
    id: i64,
    user_id: String,
    title: String,
    description: Option<String>,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
pub struct Create {
    title: String,
    description: Option<String>,
}

#[derive(Deserialize)]
pub struct Update {
    title: String,
    /// Absent: kept. Null: removed.
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    completed: Option<bool>,
}

#[derive(Deserialize)]
pub struct Complete {
    completed: bool,
}

#[derive(Deserialize)]
pub struct Filter {
    status: Option<String>,
}

/// Distinguishes null from an absent field.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

/// A JSON body; an invalid one is a problem.
pub struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::NOT_JSON),
            Err(JsonRejection::BytesRejection(_)) => Err(Problem::TOO_LARGE),
            Err(_) => Err(Problem::invalid(
                "body",
                "the body lacks a field, or one is of the wrong type",
            )),
        }
    }
}

/// A task's id; anything but a number matches no task.
pub struct Id(i64);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Path::from_request_parts(parts, app).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Problem::NOT_FOUND)
    }
}

fn title(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    let long = text.chars().count();
    if (1..=200).contains(&long) && !text.contains('\0') {
        return Ok(text);
    }
    Err(Problem::invalid(
        "title",
        "title must be 1 to 200 characters long",
    ))
}

fn description(text: Option<&str>) -> Result<Option<&str>, Problem> {
    match text {
        Some(text) if text.contains('\0') || text.chars().count() > 10_000 => {
            Err(Problem::invalid(
                "description",
                "description must be at most 10,000 characters long",
            ))
        }
        text => Ok(text),
    }
}

pub async fn list(
    User(user): User,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
    State(app): State<App>,
) -> Result<Json<Vec<Task>>, Problem> {
    const WRONG: Problem = Problem::invalid("status", "status must be all, pending or completed");
    let Query(filter) = filter.map_err(|_| WRONG)?;
    let completed = match filter.status.as_deref() {
        None | Some("all") => None,
        Some("pending") => Some(false),
        Some("completed") => Some(true),
        Some(_) => return Err(WRONG),
    };
    let tasks = match completed {
        None => sqlx::query_as(
            "SELECT id, user_id, title, description, completed, created_at, updated_at \
             FROM tasks WHERE user_id = $1 ORDER BY id DESC",
        )
        .bind(user),
        Some(completed) => sqlx::query_as(
            "SELECT id, user_id, title, description, completed, created_at, updated_at \
             FROM tasks WHERE user_id = $1 AND completed = $2 ORDER BY id DESC",
        )
        .bind(user)
        .bind(completed),
    };
    Ok(Json(tasks.fetch_all(&app.pool).await?))
}

pub async fn create(
    User(user): User,
    State(app): State<App>,
    Body(new): Body<Create>,
) -> Result<impl IntoResponse, Problem> {
    // One statement for the count and the task: the quota is exact without another round
    // trip.
    let task: Option<Task> = sqlx::query_as(
        "WITH granted AS ( \
           INSERT INTO task_counts AS held (user_id, tasks) SELECT $1, 1 WHERE $2 > 0 \
           ON CONFLICT (user_id) DO UPDATE SET tasks = held.tasks + 1 WHERE held.tasks < $2 \
           RETURNING user_id) \
         INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
         SELECT user_id, $3, $4, FALSE, $5, $5 FROM granted \
         RETURNING id, user_id, title, description, completed, created_at, updated_at",
    )
    .bind(user)
    .bind(app.tasks_per_user)
    .bind(title(&new.title)?)
    .bind(description(new.description.as_deref())?)
    .bind(Utc::now())
    .fetch_optional(&app.pool)
    .await?;
    let task = task.ok_or(Problem::QUOTA_EXCEEDED)?;
    let location = [(LOCATION, format!("/api/tasks/{}", task.id))];
    Ok((StatusCode::CREATED, location, Json(task)))
}

pub async fn get(
    User(user): User,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Json<Task>, Problem> {
    let task = sqlx::query_as(
        "SELECT id, user_id, title, description, completed, created_at, updated_at \
         FROM tasks WHERE id = $1 AND user_id = $2",
    )
    .bind(id)
    .bind(user)
    .fetch_optional(&app.pool)
    .await?;
    task.map(Json).ok_or(Problem::NOT_FOUND)
}

pub async fn update(
    User(user): User,
    Id(id): Id,
    State(app): State<App>,
    Body(change): Body<Update>,
) -> Result<Json<Task>, Problem> {
    let text = change.description.as_ref().and_then(Option::as_deref);
    let task = sqlx::query_as(
        "UPDATE tasks SET title = $3, \
           description = CASE WHEN $4 THEN $5 ELSE description END, \
           completed = COALESCE($6, completed), \
           updated_at = GREATEST($7, updated_at + interval '1 microsecond') \
         WHERE id = $1 AND user_id = $2 \
         RETURNING id, user_id, title, description, completed, created_at, updated_at",
    )
    .bind(id)
    .bind(user)
    .bind(title(&change.title)?)
    .bind(change.description.is_some())
    .bind(description(text)?)
    .bind(change.completed)
    .bind(Utc::now())
    .fetch_optional(&app.pool)
    .await?;
    task.map(Json).ok_or(Problem::NOT_FOUND)
}

pub async fn complete(
    User(user): User,
    Id(id): Id,
    State(app): State<App>,
    Body(change): Body<Complete>,
) -> Result<Json<Task>, Problem> {
    let task = sqlx::query_as(
        "UPDATE tasks SET completed = $3, \
           updated_at = GREATEST($4, updated_at + interval '1 microsecond') \
         WHERE id = $1 AND user_id = $2 \
         RETURNING id, user_id, title, description, completed, created_at, updated_at",
    )
    .bind(id)
    .bind(user)
    .bind(change.completed)
    .bind(Utc::now())
    .fetch_optional(&app.pool)
    .await?;
    task.map(Json).ok_or(Problem::NOT_FOUND)
}

pub async fn delete(
    User(user): User,
    Id(id): Id,
    State(app): State<App>,
) -> Result<impl IntoResponse, Problem> {
    let gone = sqlx::query(
        "WITH gone AS (DELETE FROM tasks WHERE id = $1 AND user_id = $2 RETURNING user_id), \
         counted AS (UPDATE task_counts SET tasks = tasks - 1 \
           WHERE user_id IN (SELECT user_id FROM gone)) \
         SELECT 1 FROM gone",
    )
    .bind(id)
    .bind(user)
    .fetch_optional(&app.pool)
    .await?;
    gone.ok_or(Problem::NOT_FOUND)?;
    Ok(Json(json!({"message": "Task deleted successfully"})))
}
