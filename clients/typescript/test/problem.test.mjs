// Errors as exceptions: unwrap and ProblemError, with problems of the real service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTasksClient, nextCursor, ProblemError, UnexpectedResponseError, unwrap } from "@tasks-api/client";
import { serve } from "./http.mjs";
import { startService } from "./server.mjs";

let service;
let client;
before(async () => {
  service = await startService({ TASKS_PER_USER: "5" });
  const token = await service.token("ana");
  client = createTasksClient({ baseUrl: service.baseUrl, token: async () => token });
});
after(() => service?.stop());

/** The ProblemError of a call that must fail. */
const failure = async (call) => {
  const error = await unwrap(call).then(
    (data) => assert.fail(`no error, but ${JSON.stringify(data)}`),
    (error) => error,
  );
  assert.ok(error instanceof ProblemError, String(error));
  assert.ok(error instanceof Error);
  assert.equal(error.name, "ProblemError");
  return error;
};

test("the data of a success is returned, of a response and of a promise", async () => {
  const task = await unwrap(client.createTask({ title: "a" }));
  assert.equal(task.title, "a");
  assert.deepEqual(await unwrap(await client.getTask(task.id)), task);
  assert.equal(await unwrap(client.getTask(task.id, { ifNoneMatch: `"${task.version}"` })), undefined);
});

test("an invalid request names its fields", async () => {
  const error = await failure(client.createTask({ title: " " }));
  assert.equal(error.type, "/problems/invalid-request");
  assert.equal(error.status, 400);
  assert.equal(error.message, error.detail);
  assert.deepEqual(
    error.errors.map(({ field }) => field),
    ["title"],
  );
  assert.equal(error.current, undefined);
  assert.ok(error.headers.get("x-request-id"));
  assert.equal(error.problem.title, "Invalid request");
});

test("a version conflict has the task as it is", async () => {
  const task = await unwrap(client.createTask({ title: "b" }));
  const current = await unwrap(client.patchTask(task.id, { title: "c" }));
  const error = await failure(client.patchTask(task.id, { title: "d" }, { ifMatch: `"${task.version}"` }));
  assert.ok(error.is("/problems/version-conflict"));
  assert.ok(!error.is("/problems/not-found"));
  assert.deepEqual(error.current, current);
  assert.deepEqual(error.errors, []);
});

test("a rate limit says when to try again", async () => {
  const limited = await startService({ RATE_LIMIT_PER_USER: "1" });
  try {
    const token = await limited.token("ana");
    const hasty = createTasksClient({ baseUrl: limited.baseUrl, token: async () => token, retries: 0 });
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => unwrap(hasty.listTasks())));
    const errors = results.flatMap(({ reason }) => reason ?? []);
    assert.ok(errors.length > 0);
    for (const error of errors) {
      assert.equal(error.type, "/problems/rate-limited");
      assert.ok(error.retryAfter >= 1000 && error.retryAfter <= 60_000, `${error.retryAfter}`);
    }
  } finally {
    await limited.stop();
  }
});

test("a response outside of the contract is thrown as before", async () => {
  const server = await serve((_, response) => response.end("<h1>Hello</h1>"));
  try {
    const other = createTasksClient({ baseUrl: server.url, token: async () => "t" });
    await assert.rejects(unwrap(other.listTasks()), UnexpectedResponseError);
  } finally {
    server.close();
  }
});

test("the cursor of the next page is in the header Link", async () => {
  const token = await service.token("pages");
  const pages = createTasksClient({ baseUrl: service.baseUrl, token: async () => token });
  for (const title of ["a & b", "a & c", "a & d", "a & e"]) await unwrap(pages.createTask({ title, tags: ["é,<>"] }));
  const seen = [];
  let cursor;
  do {
    const page = await pages.listTasks({ q: "a &", tag: ["é,<>"], limit: 3, ...(cursor && { cursor }) });
    seen.push(...(await unwrap(page)).map(({ title }) => title));
    cursor = nextCursor(page.headers);
  } while (cursor);
  assert.deepEqual(seen, ["a & e", "a & d", "a & c", "a & b"]);
  assert.equal(nextCursor(new Headers()), undefined);
});
