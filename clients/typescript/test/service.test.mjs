// The client against the real service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTasksClient, isProblem } from "@tasks-api/client";
import { startService } from "./server.mjs";

const QUOTA = 3;
let service;

before(async () => {
  service = await startService({ TASKS_PER_USER: String(QUOTA) });
});
after(() => service?.stop());

async function clientOf(sub) {
  const token = await service.token(sub);
  return createTasksClient({ baseUrl: service.baseUrl, token: async () => token });
}

/** The body of an answer that must have this status. */
function expect(answer, status) {
  assert.equal(answer.status, status, JSON.stringify(answer.data));
  assert.equal(isProblem(answer.data), status >= 400);
  assert.ok(answer.headers.get("x-request-id"));
  return answer.data;
}

test("a task's whole story", async () => {
  const ana = await clientOf("story");
  assert.deepEqual(expect(await ana.listTasks(), 200), []);

  const created = await ana.createTask({ title: "  Buy milk ", description: "Two litres" });
  const milk = expect(created, 201);
  assert.equal(created.headers.get("location"), `/api/tasks/${milk.id}`);
  assert.equal(typeof milk.id, "number");
  assert.equal(milk.user_id, "story");
  assert.equal(milk.title, "Buy milk");
  assert.equal(milk.completed, false);
  const bread = expect(await ana.createTask({ title: "Brot, Grüße & 🥖" }), 201);

  assert.deepEqual(expect(await ana.getTask(milk.id), 200), milk);
  assert.deepEqual(expect(await ana.listTasks(), 200), [bread, milk]);

  const done = expect(await ana.completeTask(milk.id, { completed: true }), 200);
  assert.equal(done.completed, true);
  assert.ok(done.updated_at > milk.updated_at);
  assert.deepEqual(expect(await ana.listTasks({ status: "completed" }), 200), [done]);
  assert.deepEqual(expect(await ana.listTasks({ status: "pending" }), 200), [bread]);
  assert.deepEqual(expect(await ana.listTasks({ status: "all" }), 200), [bread, done]);

  const renamed = expect(await ana.updateTask(milk.id, { title: "Buy oat milk" }), 200);
  assert.equal(renamed.title, "Buy oat milk");
  assert.equal(renamed.completed, true);

  const word = expect(await ana.deleteTask(milk.id), 200);
  assert.deepEqual(word, { message: "Task deleted successfully" });
  assert.equal(expect(await ana.deleteTask(milk.id), 404).type, "/problems/not-found");
  assert.deepEqual(expect(await ana.listTasks(), 200), [bread]);
});

test("a write for another state is refused, a known state is not sent", async () => {
  const ana = await clientOf("conditional");
  const { id, version } = expect(await ana.createTask({ title: "a", tags: ["x"], priority: "high" }), 201);
  const read = await ana.getTask(id);
  const ifMatch = read.headers.get("etag");
  assert.equal(ifMatch, `"${version}"`);
  assert.equal((await ana.getTask(id, { ifNoneMatch: ifMatch })).status, 304);
  const list = await ana.listTasks({ tag: ["x"], sort: "priority" });
  assert.equal(expect(list, 200).length, 1);
  assert.equal((await ana.listTasks({}, { ifNoneMatch: list.headers.get("etag") })).status, 304);

  const patched = expect(await ana.patchTask(id, { title: "b" }, { ifMatch }), 200);
  const conflict = expect(await ana.completeTask(id, { completed: true }, { ifMatch }), 412);
  assert.equal(conflict.type, "/problems/version-conflict");
  assert.deepEqual(conflict.current, patched);
  expect(await ana.updateTask(id, { title: "c" }, { ifMatch }), 412);
  expect(await ana.deleteTask(id, { ifMatch, trash: true }), 412);
});

test("a creation with a key may be sent again", async () => {
  const ana = await clientOf("key");
  const once = { idempotencyKey: "0c5d8e0a" };
  const task = expect(await ana.createTask({ title: "a" }, once), 201);
  const again = await ana.createTask({ title: "a" }, once);
  assert.equal(expect(again, 201).id, task.id);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(expect(await ana.createTask({ title: "b" }, once), 422).type, "/problems/key-reused");
  expect(await ana.deleteTask(task.id), 200);
  assert.equal(expect(await ana.createTask({ title: "a" }, once), 410).type, "/problems/already-deleted");
});

test("tasks go to the trash and come back", async () => {
  const ana = await clientOf("trash");
  const [a, b] = [expect(await ana.createTask({ title: "a" }), 201), expect(await ana.createTask({ title: "b" }), 201)];
  const start = expect(await ana.listChanges(), 200);
  assert.deepEqual(start.tasks.map(({ id }) => id).sort(), [a.id, b.id]);
  expect(await ana.deleteTask(a.id, { trash: true }), 200);
  assert.deepEqual(expect(await ana.completeTasks({ completed: true }), 200), { count: 1 });
  assert.deepEqual(expect(await ana.clearTasks({ status: "completed" }), 200), { count: 1 });
  assert.deepEqual(
    expect(await ana.listTrash(), 200).map(({ title }) => title),
    ["b", "a"],
  );
  const restored = expect(await ana.restoreTask(b.id), 200);
  const { tasks, deleted, more } = expect(await ana.listChanges({ since: start.cursor }), 200);
  assert.deepEqual(tasks, [restored]);
  assert.deepEqual(
    deleted.map(({ id }) => id),
    [a.id],
  );
  assert.equal(more, false);
  assert.deepEqual(expect(await ana.eraseData(), 200), { count: 2 });
  assert.deepEqual(expect(await ana.listTasks(), 200), []);
});

test("an absent description is kept, a null one removed", async () => {
  const ana = await clientOf("null");
  const { id } = expect(await ana.createTask({ title: "t", description: "d" }), 201);
  assert.equal(expect(await ana.updateTask(id, { title: "t" }), 200).description, "d");
  // As JSON.stringify has it, undefined is absent.
  assert.equal(expect(await ana.updateTask(id, { title: "t", description: undefined }), 200).description, "d");
  assert.equal(expect(await ana.updateTask(id, { title: "t", description: null }), 200).description, null);
  assert.equal(expect(await ana.createTask({ title: "t", description: null }), 201).description, null);
});

test("invalid input is a problem that names its fields", async () => {
  const ana = await clientOf("invalid");
  const problem = expect(await ana.createTask({ title: " " }), 400);
  assert.equal(problem.type, "/problems/invalid-request");
  assert.deepEqual(
    problem.errors.map(({ field }) => field),
    ["title"],
  );
  assert.equal(typeof problem.errors[0].message, "string");
  assert.equal(expect(await ana.listTasks({ status: "done" }), 400).errors[0].field, "status");
  assert.equal(expect(await ana.createTask({ title: "t", description: "x".repeat(1 << 18) }), 413).errors, undefined);
});

test("the quota is a documented answer", async () => {
  const ana = await clientOf("quota");
  for (let i = 0; i < QUOTA; i++) expect(await ana.createTask({ title: `${i}` }), 201);
  assert.equal(expect(await ana.createTask({ title: "one more" }), 403).type, "/problems/quota-exceeded");
});

test("another user's task is no task", async () => {
  const ana = await clientOf("owner");
  const ben = await clientOf("other");
  const task = expect(await ana.createTask({ title: "mine" }), 201);
  assert.deepEqual(expect(await ben.listTasks(), 200), []);
  expect(await ben.getTask(task.id), 404);
  expect(await ben.updateTask(task.id, { title: "yours" }), 404);
  expect(await ben.completeTask(task.id, { completed: true }), 404);
  expect(await ben.deleteTask(task.id), 404);
  assert.deepEqual(expect(await ana.getTask(task.id), 200), task);
});

/** A client whose stored token is refused, and a log of what it asked for. */
function withStaleToken(fresh) {
  const asked = [];
  let requests = 0;
  const client = createTasksClient({
    baseUrl: service.baseUrl,
    token: async (wanted) => {
      asked.push(wanted.fresh);
      return wanted.fresh ? fresh : "stale";
    },
    fetch: (...call) => {
      requests += 1;
      return fetch(...call);
    },
  });
  return { client, asked, requests: () => requests };
}

test("a refused token is renewed once, unnoticed, for a write too", async () => {
  const { client, asked, requests } = withStaleToken(await service.token("renewed"));
  const task = expect(await client.createTask({ title: "once" }), 201);
  assert.deepEqual(asked, [false, true]);
  assert.equal(requests(), 2);
  assert.deepEqual(expect(await client.listTasks(), 200), [task]);
});

test("a second refusal is the answer", async () => {
  const { client, asked, requests } = withStaleToken("stale too");
  const answer = await client.listTasks();
  assert.equal(expect(answer, 401).type, "/problems/unauthorized");
  assert.match(answer.headers.get("www-authenticate"), /^Bearer/);
  assert.deepEqual(asked, [false, true]);
  assert.equal(requests(), 2);
});

test("a slash at the end of the base URL does no harm", async () => {
  const token = await service.token("slash");
  const client = createTasksClient({ baseUrl: `${service.baseUrl}/`, token: async () => token });
  assert.deepEqual(expect(await client.listTasks(), 200), []);
});
