"""Users, their tasks, and their tokens.

Three kinds of user, each with a separate token:

- busy: 100 tasks each; one of them is read or completed. 80 % of the rows.
- twenty: 20 tasks each, never written, so that a list stays a list of 20.
- new: without tasks. Workloads create tasks for them, which are deleted after each
  measurement.

Rows are inserted in a realistic order, one task of each user in turn, so that a user's
tasks are spread over many pages.
"""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

from .postgres import Cluster

BUSY, TWENTY, NEW = 10**18, 2 * 10**18, 3 * 10**18
PER_BUSY, PER_TWENTY = 100, 20


class Users:
    def __init__(self, rows: int):
        self.busy = rows * 8 // 10 // PER_BUSY
        self.twenty = rows * 2 // 10 // PER_TWENTY
        self.new = max(1000, rows // 100)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret: str, sub: str, lifetime: int = 6 * 3600) -> str:
    """A token like those of Better Auth's custom `jwt.sign`: HS256 with the raw secret."""
    now = int(time.time())
    header = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": sub, "iat": min(now, now + lifetime), "exp": now + lifetime}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    signed = ".".join(_encode(part) for part in parts)
    mac = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_encode(mac)}"


def write_tokens(folder: Path, secret: str, users: Users) -> None:
    kinds = {
        "busy": (BUSY, users.busy),
        "twenty": (TWENTY, users.twenty),
        "new": (NEW, users.new),
    }
    folder.mkdir(exist_ok=True)
    for name, (base, count) in kinds.items():
        with open(folder / name, "w") as file:
            for number in range(1, count + 1):
                print(token(secret, str(base + number)), file=file)


def fill(cluster: Cluster, users: Users) -> None:
    """Empties and fills the tables, including the counters."""
    columns = "id, user_id, title, description, completed, created_at, updated_at"

    def rows(base: int, count: int, each: int, after: int) -> str:
        return f"""
            INSERT INTO tasks ({columns})
            SELECT {after} + n * {count} + u, ({base} + u)::text,
                   'Task ' || n || ' of a long afternoon',
                   CASE WHEN n % 2 = 0 THEN
                     'Two litres, the blue one, and ask whether the red one is back' END,
                   n % 3 = 0, at, at
            FROM generate_series(0, {each - 1}) AS n, generate_series(1, {count}) AS u,
                 LATERAL (SELECT now() - (({each} - n) * interval '1 hour')
                                       + (u * interval '1 microsecond') AS at) AS t
            ORDER BY n, u;
            INSERT INTO task_counts (user_id, tasks)
            SELECT ({base} + u)::text, {each} FROM generate_series(1, {count}) AS u;
        """

    held = users.busy * PER_BUSY
    cluster.run(
        "TRUNCATE tasks, task_counts RESTART IDENTITY;"
        + rows(BUSY, users.busy, PER_BUSY, 0)
        + rows(TWENTY, users.twenty, PER_TWENTY, held)
        + "SELECT setval(pg_get_serial_sequence('tasks', 'id'), max(id)) FROM tasks;"
        + "VACUUM ANALYZE tasks; VACUUM ANALYZE task_counts; CHECKPOINT;"
    )


def tidy(cluster: Cluster) -> int:
    """Deletes the new users' tasks and vacuums; returns the number of deleted tasks."""
    new = f"user_id >= '{NEW}' AND user_id < '{NEW + 10**18}'"
    created = cluster.run(
        f"WITH gone AS (DELETE FROM tasks WHERE {new} RETURNING 1) SELECT count(*) FROM gone;"
    )
    cluster.run(
        f"DELETE FROM task_counts WHERE {new};"
        "VACUUM ANALYZE tasks; VACUUM ANALYZE task_counts; CHECKPOINT;"
    )
    return int(created)


def miscounted(cluster: Cluster) -> int:
    """The number of users whose counter differs from their tasks."""
    return int(
        cluster.run(
            "SELECT count(*) FROM (SELECT user_id, count(*) AS n FROM tasks GROUP BY 1) AS t"
            " FULL JOIN task_counts AS c USING (user_id)"
            " WHERE coalesce(t.n, 0) <> coalesce(c.tasks, 0)"
        )
    )
