"""The plan's own stack: FastAPI and SQLModel, as good as its authors would make it.

Async all the way (asyncpg under SQLAlchemy, uvloop under uvicorn); one statement
for each request, on autocommitting connections, so that none pays for a BEGIN and
a COMMIT of its own; nothing is selected only to be updated.
"""

import os
from datetime import UTC, datetime
from typing import Annotated, Literal

import jwt
from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, StrictBool, StrictStr, StringConstraints
from sqlalchemy import BigInteger, DateTime, func, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException as RoutingError

SECRET = os.environ["BETTER_AUTH_SECRET"]
TASKS_PER_USER = int(os.environ.get("TASKS_PER_USER", "10000"))

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://"),
    # Per worker.
    pool_size=int(os.environ.get("POOL", "16")),
    max_overflow=0,
    isolation_level="AUTOCOMMIT",
    # With autocommit nothing needs a rollback when a connection is returned.
    pool_reset_on_return=None,
)
app = FastAPI(openapi_url=None)


def now() -> datetime:
    return datetime.now(UTC)


class Task(SQLModel, table=True):
    __tablename__ = "tasks"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    user_id: str
    title: str
    description: str | None = None
    completed: bool = False
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class TaskOut(SQLModel):
    id: int
    user_id: str
    title: str
    description: str | None
    completed: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


NoNul = StringConstraints(pattern=r"^[^\x00]*$")
Title = Annotated[
    StrictStr,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    NoNul,
]
Description = Annotated[StrictStr, StringConstraints(max_length=10_000), NoNul]


class Create(SQLModel):
    title: Title
    description: Description | None = None


class Update(SQLModel):
    title: Title
    description: Description | None = None
    completed: StrictBool = False


class Complete(SQLModel):
    completed: StrictBool


KINDS = {
    400: ("invalid-request", "Invalid request"),
    401: ("unauthorized", "Unauthorized"),
    403: ("quota-exceeded", "Quota exceeded"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
}


def problem(status: int, detail: str, headers=None, errors=None) -> JSONResponse:
    kind, title = KINDS.get(status, ("internal", "Internal error"))
    body = {
        "type": f"/problems/{kind}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(
        body, status, headers, media_type="application/problem+json"
    )


@app.exception_handler(RoutingError)
async def refused(_: Request, error: RoutingError) -> JSONResponse:
    return problem(error.status_code, str(error.detail), error.headers)


@app.exception_handler(RequestValidationError)
async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    if any(one["loc"][0] == "path" for one in error.errors()):
        return problem(404, "No such task.")
    errors = [
        {"field": str(one["loc"][-1]), "message": one["msg"]} for one in error.errors()
    ]
    return problem(400, f"{errors[0]['field']}: {errors[0]['message']}", None, errors)


NOT_FOUND = HTTPException(404, "No such task.")


async def signed_in(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme != "Bearer":
            raise jwt.InvalidTokenError
        claims = jwt.decode(
            token,
            SECRET,
            algorithms=["HS256"],
            leeway=30,
            options={"require": ["exp", "sub"], "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        raise HTTPException(
            401, "The token is not accepted.", {"WWW-Authenticate": "Bearer"}
        ) from None
    return claims["sub"]


async def session():
    # The objects are only read again for the response.
    async with AsyncSession(engine, expire_on_commit=False) as opened:
        yield opened


User = Annotated[str, Depends(signed_in)]
Db = Annotated[AsyncSession, Depends(session)]
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]

INSERT = select(Task).from_statement(
    text(
        """
        WITH granted AS (
          INSERT INTO task_counts AS held (user_id, tasks)
          SELECT :user_id, 1 WHERE CAST(:quota AS bigint) > 0
          ON CONFLICT (user_id) DO UPDATE SET tasks = held.tasks + 1
            WHERE held.tasks < :quota
          RETURNING user_id)
        INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
        SELECT user_id, :title, :description, FALSE, :now, :now FROM granted
        RETURNING id, user_id, title, description, completed, created_at, updated_at
        """
    )
)
COUNT_ONE_LESS = text("UPDATE task_counts SET tasks = tasks - 1 WHERE user_id = :user_id")


@app.get("/api/tasks", response_model=list[TaskOut])
async def list_tasks(
    user: User, db: Db, status: Literal["all", "pending", "completed"] = "all"
):
    tasks = select(Task).where(Task.user_id == user).order_by(Task.id.desc())
    if status != "all":
        tasks = tasks.where(Task.completed == (status == "completed"))
    return (await db.exec(tasks)).all()


@app.post("/api/tasks", response_model=TaskOut, status_code=201)
async def create_task(user: User, db: Db, new: Create, response: Response):
    values = {
        "user_id": user,
        "quota": TASKS_PER_USER,
        "title": new.title,
        "description": new.description,
        "now": now(),
    }
    task = (await db.exec(INSERT, params=values)).scalars().one_or_none()
    if task is None:
        raise HTTPException(403, "You hold as many tasks as you may; delete some first.")
    response.headers["Location"] = f"/api/tasks/{task.id}"
    return task


@app.get("/api/tasks/{id}", response_model=TaskOut)
async def get_task(user: User, db: Db, id: Id):
    task = select(Task).where(Task.id == id, Task.user_id == user)
    found = (await db.exec(task)).one_or_none()
    if found is None:
        raise NOT_FOUND
    return found


async def write(user: str, db: AsyncSession, id: int, values: dict) -> Task:
    later = Task.updated_at + text("interval '1 microsecond'")
    change = (
        update(Task)
        .where(Task.id == id, Task.user_id == user)
        .values(**values, updated_at=func.greatest(now(), later))
        .returning(Task)
        # The session holds no other copy that needs to be synchronised.
        .execution_options(synchronize_session=False)
    )
    task = (await db.exec(change)).scalars().one_or_none()
    if task is None:
        raise NOT_FOUND
    return task


@app.put("/api/tasks/{id}", response_model=TaskOut)
async def update_task(user: User, db: Db, id: Id, change: Update):
    return await write(user, db, id, change.model_dump(exclude_unset=True))


@app.patch("/api/tasks/{id}/complete", response_model=TaskOut)
async def complete_task(user: User, db: Db, id: Id, change: Complete):
    return await write(user, db, id, {"completed": change.completed})


@app.delete("/api/tasks/{id}")
async def delete_task(user: User, db: Db, id: Id):
    # Two statements that must succeed together: the only explicit transaction.
    await db.connection(execution_options={"isolation_level": "READ COMMITTED"})
    gone = await db.exec(
        delete(Task)
        .where(Task.id == id, Task.user_id == user)
        .execution_options(synchronize_session=False)
    )
    if gone.rowcount == 0:
        await db.rollback()
        raise NOT_FOUND
    await db.exec(COUNT_ONE_LESS, params={"user_id": user})
    await db.commit()
    return {"message": "Task deleted successfully"}
