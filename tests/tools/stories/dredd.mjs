// Dredd, with the hooks of the page: the statuses that a single request can cause.
import assert from "node:assert/strict";

export default async function ({ commands: [dredd], shell }) {
  const output = await shell(dredd);
  const [, passing, failing, errors] =
    output.match(/(\d+) passing, (\d+) failing, (\d+) errors/) ?? [];
  assert.deepEqual([failing, errors], ["0", "0"]);
  // 6 successes, 4 times 400, 6 times 401, 4 times 404, and 413 and 415 of each body.
  assert.equal(passing, "26");
}
