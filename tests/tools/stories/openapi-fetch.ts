import { tasks } from "./tasks";
import { type Problem, type Result, story } from "./story";

const rejected = { headers: { Authorization: "Bearer rejected" } };

async function result<T>(
  call: Promise<{ data?: T; error?: Problem; response: Response }>,
): Promise<Result<T>> {
  const { data, error, response } = await call;
  return { status: response.status, data: (data ?? error)! };
}

await story({
  list: (status) => result(tasks.GET("/api/tasks", { params: { query: { status } } })),
  create: (body) => result(tasks.POST("/api/tasks", { body })),
  get: (id) => result(tasks.GET("/api/tasks/{id}", { params: { path: { id } } })),
  update: (id, body) => result(tasks.PUT("/api/tasks/{id}", { params: { path: { id } }, body })),
  complete: (id, body) =>
    result(tasks.PATCH("/api/tasks/{id}/complete", { params: { path: { id } }, body })),
  remove: (id) => result(tasks.DELETE("/api/tasks/{id}", { params: { path: { id } } })),
  listWithRejectedToken: () => result(tasks.GET("/api/tasks", rejected)),
});
