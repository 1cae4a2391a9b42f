// What a front-end developer does, with the packages that `just package` made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { caller, emptyFolder, isServing, serve, stop } from "./program.mjs";
import { install, startRegistry } from "./registry.mjs";

const onWindows = process.platform === "win32";
const own = `@tasks-api/${process.platform}-${process.arch}`;

/** Creates, lists, completes and deletes a task. */
async function story(call) {
  const created = await call("POST", "/api/tasks", { title: "Buy milk" });
  assert.equal(created.status, 201);
  const { id } = created.data;
  assert.deepEqual(await call("GET", "/api/tasks"), { status: 200, data: [created.data] });
  const completed = await call("PATCH", `/api/tasks/${id}/complete`, { completed: true });
  assert.deepEqual([completed.status, completed.data.completed], [200, true]);
  assert.equal((await call("DELETE", `/api/tasks/${id}`)).status, 200);
  assert.deepEqual(await call("GET", "/api/tasks"), { status: 200, data: [] });
}

test("npx in an empty folder downloads the binary of this platform and serves", async (t) => {
  const registry = await startRegistry();
  t.after(registry.stop);
  const folder = await emptyFolder(t);
  const begin = performance.now();

  const npx = await serve(t, folder, ["npx", "--yes", "tasks-api"], { npm_config_registry: registry.url });
  const call = caller(npx);
  const first = await call("POST", "/api/tasks", { title: "The first" });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  assert.equal(first.status, 201);
  assert.equal((await call("DELETE", `/api/tasks/${first.data.id}`)).status, 200);
  await story(call);

  const names = registry.downloads.map(({ name }) => name);
  // npm before 9.6 does not know `libc`, and downloads the packages of both C libraries.
  const expected = (name) => name === "tasks-api" || name.startsWith(own);
  assert.ok(names.includes("tasks-api") && names.length > 1 && names.every(expected), names.join(", "));
  const bytes = registry.downloads.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  t.diagnostic(`from npx to the first 201: ${seconds} s, ${bytes} bytes downloaded`);
  await stop(npx);
  assert.equal(await isServing(npx.url), false);
});

test("installed from the files, npx serves until SIGTERM, and then nothing is left running", async (t) => {
  const folder = await emptyFolder(t);
  await install(t, folder);

  const service = await serve(t, folder, ["npx", "--no-install", "tasks-api"]);
  await story(caller(service));

  await stop(service);
  // Windows ends a process without letting it say anything.
  if (!onWindows) assert.match(service.output(), /stopped/);
  assert.equal(await isServing(service.url), false);
});
