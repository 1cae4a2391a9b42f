// Compiled, never run: what a user of the client can and cannot write.
import {
  createTasksClient,
  isProblem,
  type CompleteTask,
  type CreateTask,
  type Problem,
  type Task,
  type TasksClient,
  type UpdateTask,
} from "@tasks-api/client";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

const client: TasksClient = createTasksClient({ baseUrl: "", token: async () => "" });

// Every documented status is handled: nothing is left for `default`.
export async function everyStatus(body: CreateTask): Promise<Task | Problem> {
  const r = await client.createTask(body);
  switch (r.status) {
    case 201:
      holds<Equal<typeof r.data, Task>>();
      return r.data;
    case 400:
    case 401:
    case 403:
    case 408:
    case 413:
    case 415:
    case 429:
    case 500:
    case 503:
      holds<Equal<typeof r.data, Problem>>();
      return r.data;
    default:
      return r satisfies never;
  }
}

// One documented status (403, the quota) is not: that does not compile.
export async function oneStatusTooFew(body: CreateTask): Promise<Task | Problem> {
  const r = await client.createTask(body);
  switch (r.status) {
    case 201:
    case 400:
    case 401:
    case 408:
    case 413:
    case 415:
    case 429:
    case 500:
    case 503:
      return r.data;
    default:
      // @ts-expect-error 403 is documented and unhandled
      return r satisfies never;
  }
}

// A status that needs a header occurs only for a call that has it: the function above, of
// version 1.0, still handles all.
export async function withHeader(body: UpdateTask): Promise<Task | Problem | undefined> {
  const { data, status } = await client.updateTask(1, body, { ifMatch: '"58"' });
  if (status === 412) return data.current;
  const without = await client.updateTask(1, body);
  // @ts-expect-error nothing was expected of the task
  if (without.status === 412) return undefined;
  const read = await client.getTask(1, { ifNoneMatch: '"58"' });
  if (read.status === 304) {
    holds<Equal<typeof read.data, void>>();
    return undefined;
  }
  const listed = await client.listTasks(undefined, { ifNoneMatch: undefined });
  holds<Equal<Extract<typeof listed.status, 304>, 304>>();
  const keyed = await client.createTask(body, { idempotencyKey: "k" });
  holds<Equal<Extract<typeof keyed.status, 410 | 422>, 410 | 422>>();
  const deleted = await client.deleteTask(1);
  holds<Equal<Extract<typeof deleted.status, 400 | 412>, never>>();
  const trashed = await client.deleteTask(1, { trash: true });
  holds<Equal<Extract<typeof trashed.status, 400>, 400>>();
  return undefined;
}

// A status that is not documented cannot be asked for.
export async function unknownStatus(): Promise<boolean> {
  const r = await client.getTask(1);
  // @ts-expect-error reading has no quota
  return r.status === 403;
}

// The body is the task's only once the status says so.
export async function unchecked(): Promise<unknown> {
  const r = await client.getTask(1);
  // @ts-expect-error it may be a problem
  return r.data.completed;
}

// A guard tells the two apart without a list of statuses.
export async function guarded(): Promise<number> {
  const { data } = await client.getTask(1);
  if (isProblem(data)) {
    holds<Equal<typeof data, Problem>>();
    return data.errors?.length ?? 0;
  }
  holds<Equal<typeof data, Task>>();
  return data.id;
}

// Null removes, absence keeps, a response always has the key.
holds<Equal<UpdateTask["description"], string | null | undefined>>();
holds<Equal<Task["description"], string | null>>();
holds<Equal<Task["id"], number>>();
export const removed: UpdateTask = { title: "t", description: null };
export const kept: UpdateTask = { title: "t" };

// @ts-expect-error a new task needs a title
export const untitled: CreateTask = {};
// @ts-expect-error completion is set, never toggled
export const toggled: CompleteTask = {};
// @ts-expect-error the server alone gives ids
export const owned: CreateTask = { title: "t", id: 1 };

export const calls = async (signal: AbortSignal): Promise<void> => {
  await client.listTasks({ status: "pending" }, { signal, cache: "no-store" });
  // @ts-expect-error there is no such filter
  await client.listTasks({ status: "done" });
  // @ts-expect-error an id is a number
  await client.deleteTask("1");
  // @ts-expect-error the token is the token source's business
  await client.getTask(1, { headers: {} });
  // @ts-expect-error a read takes no such header
  await client.getTask(1, { ifMatch: "*" });
  // @ts-expect-error nothing is cleared by default
  await client.clearTasks();
  // @ts-expect-error a token source is needed
  createTasksClient({ baseUrl: "" });
};
