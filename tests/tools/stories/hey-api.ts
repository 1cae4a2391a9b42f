import { completeTask, createTask, deleteTask, getTask, listTasks, updateTask } from "./client";
import { client } from "./client/client.gen";
import { type Problem, type Result, story } from "./story";
import "./tasks";

async function result<T>(
  call: Promise<{ data?: T; error?: Problem; response?: Response }>,
): Promise<Result<T>> {
  const { data, error, response } = await call;
  return { status: response?.status ?? 0, data: (data ?? error)! };
}

await story({
  list: (status) => result(listTasks({ query: { status } })),
  create: (body) => result(createTask({ body })),
  get: (id) => result(getTask({ path: { id } })),
  update: (id, body) => result(updateTask({ path: { id }, body })),
  complete: (id, body) => result(completeTask({ path: { id }, body })),
  remove: (id) => result(deleteTask({ path: { id } })),
  listWithRejectedToken: () => result(listTasks({ client, auth: () => "rejected" })),
});
