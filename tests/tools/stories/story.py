"""The story of a task that each Python client runs against the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Status = Literal["all", "pending", "completed"]


class Task(Protocol):
    """What the generated type of a task has."""

    id: int
    title: str
    description: str | None
    completed: bool


class Unset:
    """The value of a field that is not sent."""


UNSET = Unset()


@dataclass
class Failed(Exception):
    """A response of status 400 or above, with the problem's type and invalid fields."""

    status: int
    type: str
    fields: Sequence[str] = ()


class Client(Protocol):
    """A generated client, as the files of this folder adapt it. All methods may raise
    `Failed`."""

    def list(self, status: Status = "all") -> Sequence[Task]: ...
    def create(self, title: str, description: str | None) -> Task: ...
    def get(self, id: int) -> Task: ...
    def update(self, id: int, title: str, description: str | None | Unset = UNSET) -> Task: ...
    def complete(self, id: int, completed: bool) -> Task: ...
    def remove(self, id: int) -> str: ...
    def list_with_rejected_token(self) -> Sequence[Task]: ...


def failure(call: object, *arguments: object) -> Failed:
    assert callable(call)
    try:
        value = call(*arguments)
    except Failed as failed:
        return failed
    raise AssertionError(f"a problem was expected, not {value}")


def ids(tasks: Sequence[Task]) -> list[int]:
    return [task.id for task in tasks]


def story(client: Client) -> None:
    before = ids(client.list())

    milk = client.create(" Buy milk ", "Two litres")
    assert (milk.title, milk.description, milk.completed) == ("Buy milk", "Two litres", False)
    bread = client.create("Brot, Grüße & 🥖", None)
    assert bread.description is None
    assert ids(client.list("all")) == [bread.id, milk.id, *before]
    assert client.get(milk.id) == milk

    # A field that is not sent keeps its value, and null removes it.
    renamed = client.update(milk.id, "Buy oat milk")
    assert (renamed.title, renamed.description) == ("Buy oat milk", "Two litres")
    assert client.update(milk.id, "Oat milk", None).description is None

    assert client.complete(milk.id, True).completed
    assert ids(client.list("completed")) == [milk.id]
    assert milk.id not in ids(client.list("pending"))

    assert client.remove(milk.id) == "Task deleted successfully"
    assert failure(client.get, milk.id) == Failed(404, "/problems/not-found")
    assert failure(client.remove, milk.id) == Failed(404, "/problems/not-found")
    assert failure(client.list_with_rejected_token) == Failed(401, "/problems/unauthorized")
    client.remove(bread.id)
