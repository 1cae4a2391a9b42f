// What the real service never does: answers outside the contract, and silence.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { createTasksClient, isProblem, UnexpectedResponseError } from "@tasks-api/client";

const problem = { type: "/problems/x", title: "X", status: 418, detail: "x" };
// A signal that is ignored would hang, not fail.
const TIMELY = { timeout: 5000 };
let answer;
let server;
let client;

before(async () => {
  server = createServer((request, response) => answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  client = createTasksClient({ baseUrl, token: async () => "t" });
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const answers = (status, type, body) => {
  answer = (_, response) => response.writeHead(status, { "Content-Type": type }).end(body);
};

const json = (value) => JSON.stringify(value);
const outside = [
  ["an undocumented status with JSON", 418, "application/json", json(problem)],
  ["an undocumented status with a problem that lacks a part", 405, "application/problem+json", json({ status: 405 })],
  ["an undocumented status with a page that calls itself a problem", 431, "application/problem+json", "<h1>No</h1>"],
  ["an undocumented success with a problem", 202, "application/problem+json", json(problem)],
  ["a proxy's page", 502, "text/html", "<h1>Bad gateway</h1>"],
  ["a proxy's page under a documented status", 503, "text/html", "<h1>Back soon</h1>"],
  ["a proxy's own JSON under a documented status", 429, "application/json", json({ message: "Slow down" })],
  ["a page where a task should be", 200, "text/html", "<!doctype html>"],
  ["a problem that calls itself a success", 200, "application/problem+json", json(problem)],
  ["nothing", 204, "application/json", ""],
  ["an empty body", 200, "application/json", ""],
];
for (const [what, status, type, body] of outside) {
  test(`${what} throws`, async () => {
    answers(status, type, body);
    await assert.rejects(client.getTask(1), (error) => {
      assert.ok(error instanceof UnexpectedResponseError);
      assert.equal(error.name, "UnexpectedResponseError");
      assert.equal(error.status, status);
      assert.equal(error.body, body);
      assert.ok(error.response.headers.get("date"));
      assert.match(error.message, new RegExp(`${status} .*/api/tasks/1 `));
      return true;
    });
  });
}

for (const [what, status, type] of [
  ["a method that the path does not support", 405, "application/problem+json"],
  ["a body that came too slowly", 408, "application/problem+json"],
  ["too large a head", 431, "Application/Problem+JSON; charset=utf-8"],
  ["a status that another operation documents", 403, "application/problem+json"],
  ["a status of a later service", 412, "application/problem+json;charset=utf-8"],
  ["a gateway's problem", 502, "application/problem+json"],
]) {
  test(`${what} is a problem and does not throw`, async () => {
    const body = { ...problem, status };
    answers(status, type, json(body));
    const answer = await client.getTask(1);
    assert.equal(answer.status, status);
    assert.ok(isProblem(answer.data));
    assert.deepEqual(answer.data, body);
    assert.ok(answer.headers.get("date"));
  });
}

test("a state that the caller has is an answer without a body", async () => {
  answer = (request, response) => {
    assert.equal(request.headers["if-none-match"], '"58"');
    response.writeHead(304, { ETag: '"58"' }).end();
  };
  const { status, data, headers } = await client.getTask(1, { ifNoneMatch: '"58"' });
  assert.equal(status, 304);
  assert.equal(data, undefined);
  assert.equal(headers.get("etag"), '"58"');
  // Of an operation that has no such status it is a proxy's.
  answers(304, "text/html", "");
  await assert.rejects(client.restoreTask(1), UnexpectedResponseError);
});

test("each option is its header, and goes out with the second attempt, too", async () => {
  const seen = [];
  answer = (request, response) => {
    request.resume();
    seen.push(request);
    response.writeHead(seen.length % 2 ? 401 : 404, { "Content-Type": "application/problem+json" });
    response.end(json({ ...problem, status: seen.length % 2 ? 401 : 404 }));
  };
  await client.createTask({ title: "t" }, { idempotencyKey: "key" });
  await client.patchTask(1, {}, { ifMatch: "*" });
  await client.deleteTask(1, { trash: true, ifMatch: '"1"' });
  await client.deleteTask(1, { trash: false, ifMatch: undefined });
  const sent = seen.map(({ url, headers }) => [url, headers["idempotency-key"], headers["if-match"]]);
  const twice = (...row) => [row, row];
  assert.deepEqual(sent, [
    ...twice("/api/tasks", "key", undefined),
    ...twice("/api/tasks/1", undefined, "*"),
    ...twice("/api/tasks/1?trash=true", undefined, '"1"'),
    ...twice("/api/tasks/1", undefined, undefined),
  ]);
});

test("a documented problem does not throw", async () => {
  answers(503, "application/problem+json", json({ ...problem, status: 503 }));
  const { status, data } = await client.getTask(1);
  assert.equal(status, 503);
  assert.ok(isProblem(data));
});

test("what is no problem is not called one", () => {
  for (const value of [null, undefined, 1, "x", [], {}, { ...problem, status: "418" }, { type: "a", title: "b" }]) {
    assert.equal(isProblem(value), false, json(value));
  }
  assert.equal(isProblem(problem), true);
});

test("a signal ends a request on its way", TIMELY, async () => {
  const closed = new Promise((done) => {
    answer = (request) => request.socket.on("close", done);
  });
  const arrived = once(server, "request");
  const abort = new AbortController();
  const listed = client.listTasks({}, { signal: abort.signal });
  await arrived;
  abort.abort();
  await assert.rejects(listed, { name: "AbortError" });
  await closed;
});

test("a signal that has ended sends nothing", TIMELY, async () => {
  answer = () => assert.fail("a request came");
  await assert.rejects(client.listTasks({}, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("a signal ends the second attempt too", TIMELY, async () => {
  const abort = new AbortController();
  let requests = 0;
  answer = (_, response) => {
    requests += 1;
    if (requests === 1) response.writeHead(401).end();
    else abort.abort();
  };
  await assert.rejects(client.getTask(1, { signal: abort.signal }), { name: "AbortError" });
  assert.equal(requests, 2);
});

test("what the token source throws, the operation throws, and nothing is sent", async () => {
  answer = () => assert.fail("a request came");
  const signedOut = new Error("signed out");
  const token = () => Promise.reject(signedOut);
  const client = createTasksClient({ baseUrl: `http://127.0.0.1:${server.address().port}`, token });
  await assert.rejects(client.listTasks(), signedOut);
});

test("body, method and headers go out as documented", async () => {
  let seen;
  answer = (request, response) => {
    seen = request;
    request.resume();
    response.writeHead(404, { "Content-Type": "application/problem+json" }).end(json({ ...problem, status: 404 }));
  };
  await client.completeTask(7, { completed: true }, { cache: "no-store" });
  assert.equal(seen.method, "PATCH");
  assert.equal(seen.url, "/api/tasks/7/complete");
  assert.equal(seen.headers["content-type"], "application/json");
  assert.equal(seen.headers.authorization, "Bearer t");
});
