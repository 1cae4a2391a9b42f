// Three copies that follow streams of changes: by the snippets of docs/sync.md, one of them with
// the npm package eventsource. Their connections go to one instance and the other in turn, and
// are cut. In the end each is what the server has, also after an erase.
import assert from "node:assert/strict";

import { Replica } from "./replica.mjs";
import { follow } from "./live.mjs";
import { listen } from "./source.mjs";
import { below, client } from "../tools.mjs";

const ROUNDS = 50;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default async function (story) {
  const ending = new AbortController();
  try {
    await run(story, ending.signal);
  } finally {
    ending.abort();
  }
}

async function run({ urls, balancedUrl, token }, signal) {
  const servers = urls.map((url) => client(url, token));
  const copies = [];
  for (const kind of [follow, listen, listen]) {
    const copy = new Replica(urls[0], async () => token);
    await copy.sync();
    copies.push(copy);
    const restart = async () => {
      await copy.sync();
      return copy.cursor;
    };
    const apply = (page) => {
      for (const task of page.tasks) copy.store(task);
      for (const gone of page.deleted) {
        const name = gone.idempotency_key ?? `#${gone.id}`;
        if (!(copy.tasks.get(name)?.version > gone.version)) copy.tasks.delete(name);
      }
      copy.cursor = page.cursor;
      copy.pages = (copy.pages ?? 0) + 1;
    };
    const { cursor } = copy;
    kind({ url: balancedUrl, token: async () => token, cursor, apply, restart, signal });
  }

  for (let round = 0; round < ROUNDS; round++) {
    const server = servers[round % 2];
    const tasks = await server.json("GET", "/api/tasks");
    const task = tasks[below(tasks.length)];
    const kind = below(8);
    if (kind < 3 || task === undefined) await server.json("POST", "/api/tasks", { title: `Task ${round}` });
    else if (kind < 5) await server.json("PATCH", `/api/tasks/${task.id}`, { title: `Edit ${round}` });
    else if (kind < 6) await server.json("PATCH", "/api/tasks", { completed: below(2) === 1 });
    else if (kind < 7) await server.json("DELETE", `/api/tasks/${task.id}?trash=true`);
    else await server.json("DELETE", `/api/tasks/${task.id}`);
    await pause(below(100));
  }
  await agree(servers[0], copies);
  for (const copy of copies) assert.ok(copy.pages > 0, "no event");

  await servers[1].json("DELETE", "/api/data");
  await servers[0].json("POST", "/api/tasks", { title: "After the erase" });
  await agree(servers[0], copies);
  assert.equal(copies[0].tasks.size, 1);
}

/** Waits until all copies are what the server has. */
async function agree(server, copies) {
  const byId = (list) => list.toSorted((a, b) => a.id - b.id);
  const expected = byId(await server.json("GET", "/api/tasks"));
  for (let attempt = 0; ; attempt++) {
    try {
      for (const copy of copies) assert.deepEqual(byId([...copy.tasks.values()]), expected);
      return;
    } catch (error) {
      if (attempt === 600) throw error;
    }
    await pause(200);
  }
}
