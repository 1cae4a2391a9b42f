// The snippets of docs/sync.md: a poll, a save, a page of changes.
import assert from "node:assert/strict";

import { poller } from "./poll.mjs";
import { save } from "./save.mjs";
import { client } from "../tools.mjs";

export default async function ({ urls, token, otherToken }) {
  const tasks = client(urls[0], token);
  const task = await tasks.json("POST", "/api/tasks", { title: "Milk" });

  const seen = [];
  const poll = poller(urls[1], token, (list) => seen.push(list.length));
  await poll();
  await poll();
  await client(urls[0], otherToken).json("POST", "/api/tasks", { title: "Of another user" });
  await poll();
  assert.deepEqual(seen, [1]);
  await tasks.json("POST", "/api/tasks", { title: "Eggs" });
  await poll();
  assert.deepEqual(seen, [1, 2]);

  const { saved } = await save(urls[1], token, task, { title: "Oat milk" });
  assert.equal(saved.title, "Oat milk");
  const { current } = await save(urls[0], token, task, { title: "Soy milk" });
  assert.deepEqual(current, saved);
  const { saved: again } = await save(urls[0], token, current, { description: null });
  assert.equal(again.version > saved.version, true);

  // A list, then what changed since.
  const list = await tasks.request("GET", "/api/tasks");
  const since = list.headers.get("ETag").replaceAll('"', "");
  await tasks.json("DELETE", `/api/tasks/${task.id}?trash=true`);
  const changes = await tasks.json("GET", `/api/changes?since=${since}`);
  assert.deepEqual(changes.tasks, []);
  assert.deepEqual(changes.deleted.map(({ id }) => id), [task.id]);
  assert.equal((await tasks.json("GET", "/api/trash"))[0].id, task.id);
  const restored = await tasks.json("POST", `/api/tasks/${task.id}/restore`);
  assert.equal(restored.title, "Oat milk");
}
