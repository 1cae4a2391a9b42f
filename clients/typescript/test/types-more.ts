// Compiled, never run: the types of unwrap, ProblemError, changes and /react-query.
import { QueryClient, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import {
  changes,
  createTasksClient,
  createTokenSource,
  ProblemError,
  TokenError,
  unwrap,
  type Changes,
  type ChangesEvent,
  type ChangesStatus,
  type Deleted,
  type FieldError,
  type ProblemType,
  type Task,
} from "@tasks-api/client";
import { createTasksQueries } from "@tasks-api/client/react-query";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

const settings = { baseUrl: "", token: createTokenSource(async () => "", { sub: "ana" }) };
const client = createTasksClient({ ...settings, timeout: 5_000, retries: 0 });

export async function unwrapped(): Promise<void> {
  holds<Equal<Awaited<ReturnType<typeof read>>, Task>>();
  const read = () => unwrap(client.getTask(1));
  const deleted = await unwrap(client.deleteTask(1, { trash: true }));
  holds<Equal<typeof deleted, Deleted>>();
  const listed = await unwrap(await client.listTasks());
  holds<Equal<typeof listed, Task[]>>();
  // With a known state there may be nothing to return.
  const known = await unwrap(client.getTask(1, { ifNoneMatch: '"58"' }));
  // @ts-expect-error it may be undefined
  void known.title;
  await client.getTask(1, { timeout: 1_000, retries: 5 });
}

export function narrowed(error: unknown): Task | FieldError[] | undefined {
  if (error instanceof TokenError) {
    switch (error.code) {
      case "signed-out":
      case "user-changed":
      case "malformed":
      case "unavailable":
        return undefined;
      default:
        return error.code satisfies never;
    }
  }
  if (!(error instanceof ProblemError)) return undefined;
  if (error.is("/problems/version-conflict")) {
    holds<Equal<typeof error.current, Task>>();
    return error.current;
  }
  // @ts-expect-error there is no such type of problem
  error.is("/problems/no-such");
  switch (error.type) {
    case "/problems/invalid-request":
      return error.errors;
    // A later version may have more types, so a string is one, too.
    case "/problems/of-a-later-version":
      return undefined;
    default:
      return error.current;
  }
}

export const everyType = (type: ProblemType): number => {
  switch (type) {
    case "/problems/invalid-request":
    case "/problems/unauthorized":
    case "/problems/quota-exceeded":
    case "/problems/not-found":
    case "/problems/method-not-allowed":
    case "/problems/request-timeout":
    case "/problems/cursor-expired":
    case "/problems/already-deleted":
    case "/problems/version-conflict":
    case "/problems/content-too-large":
    case "/problems/unsupported-media-type":
    case "/problems/key-reused":
    case "/problems/rate-limited":
    case "/problems/head-too-large":
    case "/problems/internal-error":
    case "/problems/service-unavailable":
    case "/problems/outcome-unknown":
      return 1;
    default:
      return type satisfies never;
  }
};

export async function followed(signal: AbortSignal): Promise<string | undefined> {
  const onStatus = (status: ChangesStatus): string => {
    switch (status) {
      case "live":
      case "polling":
      case "waiting":
        return status;
      default:
        return status satisfies never;
    }
  };
  let cursor: string | undefined;
  for await (const event of changes({ ...settings, since: cursor, signal, onStatus, share: false })) {
    holds<Equal<typeof event, ChangesEvent>>();
    const page: Changes = event;
    const reset: boolean = event.reset;
    if (reset) cursor = page.cursor;
  }
  // @ts-expect-error a base URL is needed
  changes({ token: settings.token });
  return cursor;
}

export function Component(): void {
  const queries = createTasksQueries(client, { scope: "ana" });
  holds<Equal<ReturnType<typeof list>["data"], Task[] | undefined>>();
  const list = () => useQuery(queries.list({ status: "pending", sort: "due" }));
  const { data } = useInfiniteQuery(queries.pages({ limit: 50 }));
  const titles: string[] | undefined = data?.pages.flatMap(({ tasks }) => tasks.map(({ title }) => title));
  void titles;
  // @ts-expect-error the pages have their own cursors
  queries.pages({ limit: 50, cursor: "x" });
  // @ts-expect-error a part of a list is a page
  queries.list({ limit: 50 });
  const { mutate } = useMutation(queries.patch());
  mutate({ id: 1, body: { priority: "high" }, ifMatch: '"58"' });
  // @ts-expect-error there is no such priority
  mutate({ id: 1, body: { priority: "urgent" } });
  // What is in the cache has the type of the query.
  const cached = new QueryClient().getQueryData(queries.task(1).queryKey);
  holds<Equal<typeof cached, Task | undefined>>();
}
