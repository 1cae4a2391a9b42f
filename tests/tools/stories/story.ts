// The story of a task that each TypeScript client runs against the service.
import assert from "node:assert/strict";

/** What the generated type of a task has, whatever the tool calls the other fields. */
export interface Task {
  id: number;
  title: string;
  description: string | null;
  completed: boolean;
}

export interface Problem {
  type: string;
  status: number;
  detail: string;
  errors?: { field: string; message: string }[];
}

/** A response: its status, and its body with the type that the tool gives it. */
export interface Result<T> {
  status: number;
  /** Nothing for a status without a body (304), which no call of the story gets. */
  data: T | Problem | void;
}

type Update = { title: string; description?: string | null; completed?: boolean };

/** A generated client, as each file of this folder adapts it. */
export interface Client {
  list(status?: "all" | "pending" | "completed"): Promise<Result<Task[]>>;
  create(body: { title: string; description?: string | null }): Promise<Result<Task>>;
  get(id: number): Promise<Result<Task>>;
  update(id: number, body: Update): Promise<Result<Task>>;
  complete(id: number, body: { completed: boolean }): Promise<Result<Task>>;
  remove(id: number): Promise<Result<{ message: string }>>;
  /** Lists the tasks with a token that the service rejects. */
  listWithRejectedToken(): Promise<Result<Task[]>>;
}

function body<T>({ status, data }: Result<T>, expected: number): T {
  assert.equal(status, expected, JSON.stringify(data));
  return data as T;
}

function problem(result: Result<unknown>, status: number, slug: string): Problem {
  assert.equal(result.status, status, JSON.stringify(result.data));
  const data = result.data as Problem;
  assert.equal(data.type, `/problems/${slug}`);
  assert.equal(data.status, status);
  assert.ok(data.detail);
  return data;
}

const ids = (tasks: Task[]) => tasks.map(({ id }) => id);

export async function story(client: Client) {
  const before = body(await client.list(), 200);

  const milk = body(await client.create({ title: " Buy milk ", description: "Two litres" }), 201);
  assert.equal(milk.title, "Buy milk");
  assert.equal(milk.description, "Two litres");
  assert.equal(milk.completed, false);
  const bread = body(await client.create({ title: "Brot, Grüße & 🥖", description: null }), 201);
  assert.equal(bread.description, null);
  assert.deepEqual(ids(body(await client.list("all"), 200)), [bread.id, milk.id, ...ids(before)]);
  assert.deepEqual(body(await client.get(milk.id), 200), milk);

  // A field that is not sent keeps its value, and null removes it.
  const renamed = body(await client.update(milk.id, { title: "Buy oat milk" }), 200);
  assert.equal(renamed.title, "Buy oat milk");
  assert.equal(renamed.description, "Two litres");
  const cleared = body(await client.update(milk.id, { title: "Oat milk", description: null }), 200);
  assert.equal(cleared.description, null);

  const done = body(await client.complete(milk.id, { completed: true }), 200);
  assert.equal(done.completed, true);
  assert.deepEqual(ids(body(await client.list("completed"), 200)), [milk.id]);
  assert.ok(!ids(body(await client.list("pending"), 200)).includes(milk.id));

  const confirmation = body(await client.remove(milk.id), 200);
  assert.deepEqual(confirmation, { message: "Task deleted successfully" });
  problem(await client.get(milk.id), 404, "not-found");
  problem(await client.remove(milk.id), 404, "not-found");
  problem(await client.listWithRejectedToken(), 401, "unauthorized");

  // A proxy that validates rejects this request itself.
  if (process.env.ONLY_VALID_REQUESTS === undefined) {
    const invalid = problem(await client.create({ title: " " }), 400, "invalid-request");
    assert.deepEqual(invalid.errors?.map(({ field }) => field), ["title"]);
  }

  body(await client.remove(bread.id), 200);
}
