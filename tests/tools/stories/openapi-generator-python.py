from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from story import UNSET, Failed, Status, Unset, story
from tasks import configuration, tasks
from tasks_api import ApiClient, ApiException, Configuration, TasksApi
from tasks_api.models import CompleteTask, CreateTask, Problem, Task, UpdateTask

rejected = TasksApi(ApiClient(Configuration(host=configuration.host, access_token="rejected")))

T = TypeVar("T")


def result(call: Callable[..., T], *arguments: Any) -> T:
    try:
        return call(*arguments)
    except ApiException as error:
        assert isinstance(error.data, Problem), error
        raise Failed(error.data.status, error.data.type) from error


class Client:
    def list(self, status: Status = "all") -> Sequence[Task]:
        return result(tasks.list_tasks, status)

    def create(self, title: str, description: str | None) -> Task:
        return result(tasks.create_task, CreateTask(title=title, description=description))

    def get(self, id: int) -> Task:
        return result(tasks.get_task, id)

    def update(self, id: int, title: str, description: str | None | Unset = UNSET) -> Task:
        changes = UpdateTask(title=title)
        if not isinstance(description, Unset):
            changes.description = description
        return result(tasks.update_task, id, changes)

    def complete(self, id: int, completed: bool) -> Task:
        return result(tasks.complete_task, id, CompleteTask(completed=completed))

    def remove(self, id: int) -> str:
        return result(tasks.delete_task, id).message

    def list_with_rejected_token(self) -> Sequence[Task]:
        return result(rejected.list_tasks)


story(Client())
