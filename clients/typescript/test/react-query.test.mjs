// The options for TanStack Query, run by its query client against the real service.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { InfiniteQueryObserver, MutationObserver, QueryClient, QueryObserver } from "@tanstack/react-query";
import { ProblemError } from "@tasks-api/client";
import { createTasksQueries } from "@tasks-api/client/react-query";
import { userOf } from "./replica.mjs";
import { startService, until } from "./server.mjs";

let service;
before(async () => {
  service = await startService();
});
after(() => service?.stop());

const setUp = async (sub = randomUUID(), queryClient = new QueryClient()) => {
  const { client } = await userOf(service, sub);
  const queries = createTasksQueries(client, { scope: sub });
  const mutate = (options, variables) => new MutationObserver(queryClient, options).mutate(variables);
  return { queryClient, queries, mutate, sub };
};

test("every mutation writes, and every query reads", async () => {
  const { queryClient, queries, mutate } = await setUp();
  const fetch = (options) => queryClient.fetchQuery(options);
  const task = await mutate(queries.create(), { body: { title: "a" }, idempotencyKey: "k" });
  assert.equal(task.idempotency_key, "k");
  assert.deepEqual(await fetch(queries.task(task.id)), task);
  assert.deepEqual(await fetch(queries.list()), [task]);
  assert.deepEqual(await fetch(queries.list({ status: "completed" })), []);

  const renamed = await mutate(queries.update(), { id: task.id, body: { title: "b" }, ifMatch: `"${task.version}"` });
  assert.equal(renamed.title, "b");
  assert.equal((await mutate(queries.patch(), { id: task.id, body: { priority: "high" } })).priority, "high");
  assert.equal((await mutate(queries.complete(), { id: task.id, completed: true })).completed, true);
  assert.deepEqual(await mutate(queries.completeAll(), { completed: false }), { count: 1 });
  await mutate(queries.remove(), { id: task.id, trash: true });
  assert.deepEqual(
    (await fetch(queries.trash())).map(({ id }) => id),
    [task.id],
  );
  assert.equal((await mutate(queries.restore(), task.id)).id, task.id);
  await mutate(queries.completeAll(), { completed: true });
  assert.deepEqual(await mutate(queries.clear(), undefined), { count: 1 });
  assert.deepEqual(await mutate(queries.erase(), undefined), { count: 1 });
});

test("a failure is a ProblemError, at once", async () => {
  const { queryClient, queries, mutate } = await setUp();
  const task = await mutate(queries.create(), { body: { title: "a" } });
  await mutate(queries.patch(), { id: task.id, body: { title: "b" } });
  const conflict = mutate(queries.patch(), { id: task.id, body: { title: "c" }, ifMatch: `"${task.version}"` });
  await assert.rejects(conflict, (error) => error instanceof ProblemError && error.current.title === "b");
  const observer = new QueryObserver(queryClient, queries.task(task.id + 1));
  const stop = observer.subscribe(() => {});
  await until(() => observer.getCurrentResult().isError, "an error");
  assert.equal(observer.getCurrentResult().error.type, "/problems/not-found");
  assert.equal(observer.getCurrentResult().failureCount, 1);
  stop();
});

test("a list comes in pages", async () => {
  const { queryClient, queries, mutate } = await setUp();
  for (const title of ["a", "b", "c", "d", "e"]) await mutate(queries.create(), { body: { title } });
  const observer = new InfiniteQueryObserver(queryClient, queries.pages({ limit: 2, sort: "oldest" }));
  const stop = observer.subscribe(() => {});
  await until(() => observer.getCurrentResult().isSuccess, "the first page");
  while (observer.getCurrentResult().hasNextPage) await observer.fetchNextPage();
  const { pages } = observer.getCurrentResult().data;
  assert.deepEqual(
    pages.map(({ tasks }) => tasks.map(({ title }) => title)),
    [["a", "b"], ["c", "d"], ["e"]],
  );
  stop();
});

test("a mutation makes the queries of its user read again, and no others", async () => {
  const queryClient = new QueryClient();
  const [ana, ben] = [await setUp(undefined, queryClient), await setUp(undefined, queryClient)];
  const [hers, his] = [ana, ben].map(({ queries }) => new QueryObserver(queryClient, queries.list()));
  const stops = [hers, his].map((observer) => observer.subscribe(() => {}));
  await until(() => [hers, his].every((observer) => observer.getCurrentResult().isSuccess), "both lists");
  const before = his.getCurrentResult().dataUpdatedAt;
  await ana.mutate(ana.queries.create(), { body: { title: "hers" } });
  await until(() => hers.getCurrentResult().data.length === 1, "her list");
  assert.deepEqual(his.getCurrentResult().data, []);
  assert.equal(his.getCurrentResult().dataUpdatedAt, before);
  for (const stop of stops) stop();
});

test("a query that nobody needs any more is aborted", async () => {
  const { queryClient, queries } = await setUp();
  const options = queries.list();
  let signal;
  const fetched = queryClient.fetchQuery({
    ...options,
    queryFn: (context) => {
      ({ signal } = context);
      return options.queryFn(context);
    },
  });
  await queryClient.cancelQueries({ queryKey: queries.keys.lists });
  await assert.rejects(fetched);
  assert.ok(signal.aborted);
});
