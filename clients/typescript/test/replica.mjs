// A copy of a user's tasks that lives from changes().
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { changes, createTasksClient, unwrap } from "@tasks-api/client";
import { until } from "./server.mjs";

/** A user of the service with a client, and what follows the user's changes. */
export async function userOf(service, sub = randomUUID()) {
  const bearer = await service.token(sub);
  const token = async () => bearer;
  const client = createTasksClient({ baseUrl: service.baseUrl, token });
  return {
    sub,
    token,
    client,
    create: (title) => unwrap(client.createTask({ title })),
    list: () => unwrap(client.listTasks()),
    /** Follows the changes until `stop`. */
    follow: (options = {}) => follow({ baseUrl: service.baseUrl, token, ...options }),
  };
}

export function follow(options) {
  const tasks = new Map();
  const events = [];
  const statuses = [];
  const errors = [];
  const iterator = changes({
    ...options,
    onStatus: (status, error) => {
      statuses.push(status);
      if (error) errors.push(error);
    },
  });
  const replica = {
    events,
    statuses,
    errors,
    iterator,
    failed: undefined,
    cursor: () => events.at(-1)?.cursor,
    titles: () => [...tasks.values()].map(({ title }) => title).sort(),
    has: (title) => until(() => replica.failed || replica.titles().includes(title), `a task ${title}`),
    is: (status) => until(() => replica.failed || statuses.at(-1) === status, `the status ${status}`),
    /** Waits until the copy is what the service has. */
    equals: async (list) => {
      const wanted = JSON.stringify((await list()).sort((a, b) => a.id - b.id));
      const copy = () => JSON.stringify([...tasks.values()].sort((a, b) => a.id - b.id));
      await until(() => replica.failed || copy() === wanted, `a copy equal to ${wanted.slice(0, 300)}`);
      assert.equal(replica.failed, undefined);
      assert.equal(copy(), wanted);
    },
    stop: async () => {
      await iterator.return();
      await replica.ended;
    },
  };
  replica.ended = (async () => {
    try {
      for await (const event of iterator) {
        events.push(event);
        if (event.reset) tasks.clear();
        for (const task of event.tasks) {
          const known = tasks.get(task.id);
          if (!known || known.version <= task.version) tasks.set(task.id, task);
        }
        for (const { id, version } of event.deleted) {
          if (tasks.get(id)?.version < version) tasks.delete(id);
        }
      }
    } catch (error) {
      replica.failed = error;
    }
  })();
  return replica;
}
