// The page of the tests: a copy of the user's tasks, for the test to look at.
import { changes, createTasksClient, createTokenSource, unwrap } from "@tasks-api/client";

const tasks = new Map();
const abort = new AbortController();

window.page = {
  resets: 0,
  status: undefined,
  error: undefined,
  ended: false,
  titles: () => [...tasks.values()].map(({ title }) => title).sort(),
  stop: () => abort.abort(),
};

/** Follows the changes of a user. */
window.follow = async ({ baseUrl, token, sub, ...options }) => {
  const source = createTokenSource(async () => token, { sub });
  const client = createTasksClient({ baseUrl, token: source });
  window.create = (title) => unwrap(client.createTask({ title }, { idempotencyKey: crypto.randomUUID() }));
  window.read = async () => {
    const { status, headers } = await client.listTasks({ limit: 1 });
    return { status, etag: headers.get("etag"), link: headers.get("link") };
  };
  const onStatus = (status) => (window.page.status = status);
  try {
    for await (const event of changes({ baseUrl, token: source, signal: abort.signal, onStatus, ...options })) {
      if (event.reset) {
        window.page.resets += 1;
        tasks.clear();
      }
      for (const task of event.tasks) tasks.set(task.id, task);
      for (const { id } of event.deleted) tasks.delete(id);
    }
  } catch (error) {
    window.page.error = String(error);
  }
  window.page.ended = true;
};
