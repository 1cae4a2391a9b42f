// `fractional-indexing` orders tasks by drag, between default positions too.
import assert from "node:assert/strict";

import { between } from "./move.mjs";
import { below, client } from "../tools.mjs";

export default async function ({ urls, token }) {
  const tasks = client(urls[0], token);
  for (let n = 0; n < 12; n++) await tasks.json("POST", "/api/tasks", { title: `Task ${n}` });
  const order = async () => tasks.json("GET", "/api/tasks?sort=manual");
  let expected = await order();
  const newestFirst = expected.map(({ id }) => id);
  assert.deepEqual(newestFirst, newestFirst.toSorted((a, b) => b - a));

  for (let drag = 0; drag < 80; drag++) {
    const [moved] = expected.splice(below(expected.length), 1);
    const place = below(expected.length + 1);
    const change = between(expected[place - 1], expected[place]);
    const written = await tasks.json("PATCH", `/api/tasks/${moved.id}`, change);
    expected.splice(place, 0, written);
    if (drag % 10 === 0) {
      // A new task comes first, unless another one was dragged there.
      const created = await tasks.json("POST", "/api/tasks", { title: `Drag ${drag}` });
      const before = expected.findIndex(({ position, id }) =>
        position > created.position || (position === created.position && id > created.id));
      expected.splice(before === -1 ? expected.length : before, 0, created);
    }
    assert.deepEqual((await order()).map(({ id }) => id), expected.map(({ id }) => id));
  }
}
