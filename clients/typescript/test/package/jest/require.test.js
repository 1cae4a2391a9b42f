const { createTasksClient, ProblemError, unwrap } = require("@tasks-api/client");
const { createTasksQueries } = require("@tasks-api/client/react-query");

const client = createTasksClient({ baseUrl: process.env.TASKS_URL, token: async () => process.env.TASKS_TOKEN });

test("a required client writes and reads", async () => {
  const task = await unwrap(client.createTask({ title: "by require" }));
  await expect(unwrap(client.getTask(task.id))).resolves.toEqual(task);
  await expect(unwrap(client.getTask(task.id + 1000))).rejects.toBeInstanceOf(ProblemError);
});

test("required query options run", async () => {
  const { queryKey, queryFn } = createTasksQueries(client, { scope: "ana" }).list();
  expect(queryKey).toEqual(["tasks-api", "ana", "list", {}]);
  expect(Array.isArray(await queryFn({ signal: new AbortController().signal }))).toBe(true);
});
