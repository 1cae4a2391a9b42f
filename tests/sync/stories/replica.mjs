// Two copies of docs/sync.md, one on each instance, over connections that are cut: random
// edits on both, and in the end both are what the server has.
import assert from "node:assert/strict";

import { Replica } from "./replica.mjs";
import { below, client } from "../tools.mjs";

const ROUNDS = 60;

export default async function ({ urls, cutUrls, token }) {
  const copies = cutUrls.map((url) => new Replica(url, async () => token));
  const created = new Set();
  const sync = async (copy) => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await copy.sync();
      } catch (error) {
        if (error instanceof assert.AssertionError || attempt > 200) throw error;
      }
    }
  };
  const edit = (copy) => {
    const names = [...copy.tasks.keys()];
    const name = names[below(names.length)];
    const kind = below(10);
    if (kind < 4 || name === undefined) created.add(copy.create({ title: `Task ${below(1e6)}` }));
    else if (kind < 7) copy.change(name, { title: `Edit ${below(1e6)}` });
    else if (kind < 9) copy.change(name, { completed: below(2) === 1, tags: [`t${below(5)}`] });
    else copy.remove(name);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const copy of copies) for (let n = below(4); n >= 0; n--) edit(copy);
    await Promise.all(copies.map(sync));
  }
  // Both have sent everything; now both read the rest.
  for (const copy of copies) await sync(copy);

  const server = await client(urls[0], token).json("GET", "/api/tasks");
  const byId = (list) => list.toSorted((a, b) => a.id - b.id);
  for (const copy of copies) assert.deepEqual(byId([...copy.tasks.values()]), byId(server));
  const keys = server.map((task) => task.idempotency_key);
  assert.equal(new Set(keys).size, keys.length, "a key twice");
  assert.ok(keys.every((key) => created.has(key)));

  // After an erase both begin again.
  await client(urls[1], token).json("DELETE", "/api/data");
  await sync(copies[0]);
  assert.equal(copies[0].tasks.size, 0);
}
