"""Checks that all candidates give the same responses: sends each the same requests,
and compares the responses field by field.

What may differ: ids (compared by their order of appearance), times (compared by
their form), fields of tasks that version 1.0 does not have, the wording of a problem's `detail`, and headers that the contract
does not name.
"""

import http.client
import json
import re

from . import data
from .candidates import Candidate
from .processes import Failure

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z")
QUOTA = 10_000
# The fields of version 1.0, which the peers have.
TASK = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}


class Client:
    def __init__(self, candidate: Candidate, secret: str):
        self.label = candidate.label
        self.port = candidate.port
        self.tokens = {sub: data.token(secret, sub) for sub in ("alike-ana", "alike-bob")}
        self.tokens |= {
            "expired": data.token(secret, "alike-ana", lifetime=-3600),
            "forged": data.token(secret[::-1], "alike-ana"),
            "malformed": "not.a.token",
            "twenty": data.token(secret, str(data.TWENTY + 1)),
        }
        self.ids: dict[int, str] = {}
        self.responses: list[tuple[str, object]] = []
        self.last_id = 0

    def send(self, method: str, path: str, body=None, who: str | None = "alike-ana") -> None:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, str) else json.dumps(body)
        step = f"{method} {path} {body or ''} as {who}"
        try:
            target = path.replace("{id}", str(self.last_id))
            # A new connection for each: a server may close one after it rejected a
            # request before its body arrived.
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            text = response.read()
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{self.label}: {step[:150]}: {error!r}") from None
        try:
            found = json.loads(text)
        except ValueError:
            found = f"not JSON: {text[:80]!r}"
        if isinstance(found, dict) and response.status == 201:
            self.last_id = found.get("id", 0)
        self.responses.append((step, self._comparable(response, found)))

    def _comparable(self, response, found) -> dict:
        shown = {
            "status": response.status,
            "type": response.headers.get_content_type(),
            "location": re.sub(r"\d+$", self._id, response.getheader("Location") or ""),
        }
        if response.status >= 400:
            shown["body"] = {key: found.get(key) for key in ("type", "title", "status")}
            shown["has detail"] = bool(found.get("detail"))
            shown["challenge"] = (response.getheader("WWW-Authenticate") or "")[:6]
        else:
            shown["body"] = self._plain(found)
        return shown

    def _id(self, number) -> str:
        number = int(number if isinstance(number, int) else number.group())
        return self.ids.setdefault(number, f"#{len(self.ids) + 1}")

    def _plain(self, value, key: str = ""):
        if isinstance(value, list):
            return [self._plain(one) for one in value]
        if isinstance(value, dict):
            is_task = "user_id" in value
            return {
                name: self._plain(one, name)
                for name, one in value.items()
                if name in TASK or not is_task
            }
        if key == "id" and isinstance(value, int):
            return self._id(value)
        if key.endswith("_at") and isinstance(value, str) and TIME.fullmatch(value):
            return "a time"
        return value


def _script(client: Client, tables: data.Tables) -> None:
    send = client.send
    counter = f"UPDATE {tables.counts} SET tasks = %s WHERE user_id = 'alike-ana'"
    send("GET", "/api/tasks")
    send("POST", "/api/tasks", {"title": "  Trimmed  ", "other": 1})
    send("POST", "/api/tasks", {"title": "Ünïcode ☕ \"quoted\"", "description": "Two\nlines"})
    send("GET", "/api/tasks/{id}")
    send("GET", "/api/tasks")
    send("PATCH", "/api/tasks/{id}/complete", {"completed": True})
    send("PATCH", "/api/tasks/{id}/complete", {"completed": True})
    for status in ("all", "pending", "completed", "done"):
        send("GET", f"/api/tasks?status={status}")
    send("PUT", "/api/tasks/{id}", {"title": "Renamed"})
    send("PUT", "/api/tasks/{id}", {"title": "Renamed", "completed": False})
    send("PUT", "/api/tasks/{id}", {"title": "Renamed", "description": None})
    send("PUT", "/api/tasks/{id}", {"completed": True})
    send("PATCH", "/api/tasks/{id}/complete", {})
    send("PATCH", "/api/tasks/{id}/complete", {"completed": "true"})
    for title in (1, None, "   ", "x" * 201, "nul\0"):
        send("POST", "/api/tasks", {"title": title})
    send("POST", "/api/tasks", {"title": "x" * 200, "description": "y" * 10_000})
    send("POST", "/api/tasks", {"title": "x", "description": "y" * 10_001})
    send("POST", "/api/tasks", "{not json")
    send("POST", "/api/tasks", {})
    # Another user's task and an invalid id must look like a missing task.
    for path, method, body in (
        ("/api/tasks/{id}", "GET", None),
        ("/api/tasks/{id}", "PUT", {"title": "Mine"}),
        ("/api/tasks/{id}/complete", "PATCH", {"completed": True}),
        ("/api/tasks/{id}", "DELETE", None),
    ):
        send(method, path, body, who="alike-bob")
        send(method, path.replace("{id}", "9223372036854775807"), body)
        send(method, path.replace("{id}", "undefined"), body)
    for who in (None, "expired", "forged", "malformed"):
        send("GET", "/api/tasks", who=who)
        send("POST", "/api/tasks", {"title": ""}, who=who)
    send("DELETE", "/api/tasks/{id}")
    send("DELETE", "/api/tasks/{id}")
    send("GET", "/api/tasks/{id}")
    # The quota, reached by setting the counter.
    tables.run(counter % QUOTA)
    send("POST", "/api/tasks", {"title": "One too many"})
    tables.run(counter % (QUOTA - 1))
    send("POST", "/api/tasks", {"title": "The last"})
    send("DELETE", "/api/tasks/{id}")
    send("GET", "/api/tasks", who="twenty")


def check(candidates: list[Candidate], secret: str) -> int:
    """Raises `Failure` with every difference; returns the number of responses compared."""
    responses = {}
    for candidate in candidates:
        client = Client(candidate, secret)
        tables = candidate.tables
        _script(client, tables)
        responses[candidate.label] = client.responses
        left = tables.run(f"SELECT tasks FROM {tables.counts} WHERE user_id = 'alike-ana'")
        if left != str(QUOTA - 1):
            raise Failure(f"{candidate.label}: the counter is {left}")
        tables.run("DELETE FROM tasks WHERE user_id LIKE 'alike-%';"
                   f"DELETE FROM {tables.counts} WHERE user_id LIKE 'alike-%'")
    (first, expected), *others = responses.items()
    differences = [
        f"{step[:150]}\n  {first}: {ours}\n  {label}: {theirs}"
        for label, found in others
        for (step, ours), (_, theirs) in zip(expected, found, strict=True)
        if ours != theirs
    ]
    if differences:
        raise Failure("the candidates give different responses:\n" + "\n".join(differences))
    return len(expected)
