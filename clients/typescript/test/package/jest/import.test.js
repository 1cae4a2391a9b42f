import { changes, createTasksClient, unwrap } from "@tasks-api/client";
import { createTasksQueries } from "@tasks-api/client/react-query";

const options = { baseUrl: process.env.TASKS_URL, token: async () => process.env.TASKS_TOKEN };
const client = createTasksClient(options);

test("an imported client writes, and a cut connection is retried", async () => {
  let calls = 0;
  const flaky = createTasksClient({
    ...options,
    fetch: (...call) => (calls++ ? fetch(...call) : Promise.reject(new TypeError("fetch failed"))),
  });
  const task = await unwrap(flaky.createTask({ title: "by import" }, { idempotencyKey: "jest" }));
  expect(task.title).toBe("by import");
  expect(calls).toBe(2);
});

test("changes arrive", async () => {
  const titles = [];
  for await (const { reset, tasks } of changes(options)) {
    titles.push(...tasks.map(({ title }) => title));
    if (titles.includes("live")) break;
    if (reset) await unwrap(client.createTask({ title: "live" }));
  }
  expect(titles).toContain("live");
});

test("imported query options have keys", () => {
  expect(createTasksQueries(client).task(7).queryKey).toEqual(["tasks-api", "", "task", 7]);
});
