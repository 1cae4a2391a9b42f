from collections.abc import Sequence
from typing import TypeVar

from story import UNSET, Failed, Status, Unset, story
from tasks import client
from tasks_api_client import AuthenticatedClient
from tasks_api_client.api.tasks import (
    complete_task,
    create_task,
    delete_task,
    get_task,
    list_tasks,
    update_task,
)
from tasks_api_client.models import (
    CompleteTask,
    CreateTask,
    ListTasksStatus,
    Problem,
    Task,
    UpdateTask,
)
from tasks_api_client.types import Response

rejected = AuthenticatedClient(base_url=str(client.get_httpx_client().base_url), token="rejected")

T = TypeVar("T")


def result(response: Response[Problem | T]) -> T:
    if isinstance(response.parsed, Problem):
        raise Failed(response.status_code, response.parsed.type_)
    assert response.parsed is not None, response
    return response.parsed


class Client:
    def list(self, status: Status = "all") -> Sequence[Task]:
        return result(list_tasks.sync_detailed(client=client, status=ListTasksStatus(status)))

    def create(self, title: str, description: str | None) -> Task:
        new = CreateTask(title=title, description=description)
        return result(create_task.sync_detailed(client=client, body=new))

    def get(self, id: int) -> Task:
        task = result(get_task.sync_detailed(id, client=client))
        assert isinstance(task, Task)  # Any: the status 304 has no body
        return task

    def update(self, id: int, title: str, description: str | None | Unset = UNSET) -> Task:
        changes = UpdateTask(title=title)
        if not isinstance(description, Unset):
            changes.description = description
        return result(update_task.sync_detailed(id, client=client, body=changes))

    def complete(self, id: int, completed: bool) -> Task:
        body = CompleteTask(completed=completed)
        return result(complete_task.sync_detailed(id, client=client, body=body))

    def remove(self, id: int) -> str:
        return result(delete_task.sync_detailed(id, client=client)).message

    def list_with_rejected_token(self) -> Sequence[Task]:
        return result(list_tasks.sync_detailed(client=rejected))


story(Client())
