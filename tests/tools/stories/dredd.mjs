// Dredd, with the hooks of the page: the statuses that a single request can cause.
import assert from "node:assert/strict";

export default async function ({ commands: [dredd], shell }) {
  const output = await shell(dredd);
  const [, passing, failing, errors] =
    output.match(/(\d+) passing, (\d+) failing, (\d+) errors/) ?? [];
  assert.deepEqual([failing, errors], ["0", "0"]);
  // 14 successes (patchTask has two media types), twice 304, 11 times 400, 15 times 401, 7 times
  // 404, 5 times 412, and 413 and 415 of each of the 6 bodies.
  assert.equal(passing, "66");
}
