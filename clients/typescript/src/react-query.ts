// Query and mutation options for TanStack Query 5.
import {
  infiniteQueryOptions,
  mutationOptions,
  queryOptions,
  type MutationFunctionContext,
} from "@tanstack/react-query";
import type { TasksClient } from "./client.js";
import type { CreateTask, ListTasksParams, PatchTask, UpdateTask } from "./generated.js";
import { nextCursor } from "./link.js";
import { unwrap } from "./problem.js";

export interface TasksQueriesOptions {
  /** Part of each key. With the user's id, one user never sees what is cached of another. */
  scope?: string | undefined;
}

/** The writes that may name the state they are for (`"58"`). */
interface Conditional {
  id: number;
  ifMatch?: string | undefined;
}

/**
 * Options for `useQuery`, `useInfiniteQuery`, `useMutation` and their like. A failure is a
 * `ProblemError`, or what the client throws; the client retries, so the queries do not. Each
 * mutation invalidates all queries of the scope once it is settled.
 */
export const createTasksQueries = (client: TasksClient, { scope = "" }: TasksQueriesOptions = {}) => {
  const all = ["tasks-api", scope] as const;
  const keys = {
    all,
    lists: [...all, "list"] as const,
    list: (params: ListTasksParams) => [...all, "list", params] as const,
    pages: (params: ListTasksParams) => [...all, "list", "pages", params] as const,
    task: (id: number) => [...all, "task", id] as const,
    trash: [...all, "trash"] as const,
  };

  const onSettled = (...[, , , , { client }]: [unknown, unknown, unknown, unknown, MutationFunctionContext]) =>
    client.invalidateQueries({ queryKey: all });

  return {
    /** The keys, to invalidate queries or to write into the cache. */
    keys,
    /** A list as a whole. */
    list: (params: Omit<ListTasksParams, "limit" | "cursor"> = {}) =>
      queryOptions({
        queryKey: keys.list(params),
        queryFn: ({ signal }) => unwrap(client.listTasks(params, { signal })),
        retry: false,
      }),
    /** A list in pages, by the header `Link`. */
    pages: (params: Omit<ListTasksParams, "cursor"> & { limit: number }) =>
      infiniteQueryOptions({
        queryKey: keys.pages(params),
        queryFn: async ({ pageParam, signal }) => {
          const page = pageParam === undefined ? params : { ...params, cursor: pageParam };
          const response = await client.listTasks(page, { signal });
          return { tasks: await unwrap(response), next: nextCursor(response.headers) };
        },
        initialPageParam: undefined as string | undefined,
        getNextPageParam: ({ next }) => next,
        retry: false,
      }),
    task: (id: number) =>
      queryOptions({
        queryKey: keys.task(id),
        queryFn: ({ signal }) => unwrap(client.getTask(id, { signal })),
        retry: false,
      }),
    trash: () =>
      queryOptions({
        queryKey: keys.trash,
        queryFn: ({ signal }) => unwrap(client.listTrash({ signal })),
        retry: false,
      }),

    create: () =>
      mutationOptions({
        mutationKey: [...all, "create"] as const,
        mutationFn: ({ body, idempotencyKey }: { body: CreateTask; idempotencyKey?: string | undefined }) =>
          unwrap(client.createTask(body, { idempotencyKey })),
        onSettled,
      }),
    update: () =>
      mutationOptions({
        mutationKey: [...all, "update"] as const,
        mutationFn: ({ id, body, ifMatch }: Conditional & { body: UpdateTask }) =>
          unwrap(client.updateTask(id, body, { ifMatch })),
        onSettled,
      }),
    patch: () =>
      mutationOptions({
        mutationKey: [...all, "patch"] as const,
        mutationFn: ({ id, body, ifMatch }: Conditional & { body: PatchTask }) =>
          unwrap(client.patchTask(id, body, { ifMatch })),
        onSettled,
      }),
    complete: () =>
      mutationOptions({
        mutationKey: [...all, "complete"] as const,
        mutationFn: ({ id, completed, ifMatch }: Conditional & { completed: boolean }) =>
          unwrap(client.completeTask(id, { completed }, { ifMatch })),
        onSettled,
      }),
    remove: () =>
      mutationOptions({
        mutationKey: [...all, "remove"] as const,
        mutationFn: ({ id, trash, ifMatch }: Conditional & { trash?: boolean | undefined }) =>
          unwrap(client.deleteTask(id, { trash, ifMatch })),
        onSettled,
      }),
    restore: () =>
      mutationOptions({
        mutationKey: [...all, "restore"] as const,
        mutationFn: (id: number) => unwrap(client.restoreTask(id)),
        onSettled,
      }),
    completeAll: () =>
      mutationOptions({
        mutationKey: [...all, "completeAll"] as const,
        mutationFn: (body: { completed: boolean }) => unwrap(client.completeTasks(body)),
        onSettled,
      }),
    clear: () =>
      mutationOptions({
        mutationKey: [...all, "clear"] as const,
        mutationFn: () => unwrap(client.clearTasks({ status: "completed" })),
        onSettled,
      }),
    erase: () =>
      mutationOptions({
        mutationKey: [...all, "erase"] as const,
        mutationFn: () => unwrap(client.eraseData()),
        onSettled,
      }),
  };
};
