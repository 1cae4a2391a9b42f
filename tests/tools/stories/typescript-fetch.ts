import { type ApiResponse, Configuration, ProblemFromJSON, ResponseError, TasksApi } from "./client";
import { type Result, story } from "./story";
import { configuration, tasks } from "./tasks";

const rejected = new TasksApi(
  new Configuration({ basePath: configuration.basePath, accessToken: "rejected" }),
);

/** A response, also of a status that the client throws. */
async function result<T>(call: Promise<ApiResponse<T>>): Promise<Result<T>> {
  try {
    const response = await call;
    return { status: response.raw.status, data: await response.value() };
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const { response } = error;
    return { status: response.status, data: ProblemFromJSON(await response.json()) };
  }
}

await story({
  list: (status) => result(tasks.listTasksRaw({ status })),
  create: (createTask) => result(tasks.createTaskRaw({ createTask })),
  get: (id) => result(tasks.getTaskRaw({ id })),
  update: (id, updateTask) => result(tasks.updateTaskRaw({ id, updateTask })),
  complete: (id, completeTask) => result(tasks.completeTaskRaw({ id, completeTask })),
  remove: (id) => result(tasks.deleteTaskRaw({ id })),
  listWithRejectedToken: () => result(rejected.listTasksRaw({})),
});
