import { changes, createTasksClient, ProblemError, type Task } from "@tasks-api/client";
import { createTasksQueries } from "@tasks-api/client/react-query";
import { onlineManager, type QueryClient } from "@tanstack/react-query";

import { type NewOperation, type Operation, refOf, withTime } from "./operations";
import { isSessionEnd, pinnedToken } from "./pinned-token";
import { createQueue } from "./queue";
import { EMPTY, type Replica, withChanges, withoutTask, withTask } from "./replica";
import { send, untouched } from "./send";

/** Whether the service can be reached, as far as the last attempt showed. */
export type Connection = "online" | "offline" | "unavailable" | "rejected";

export interface SyncOptions {
  userId: string;
  serviceUrl: string;
  queryClient: QueryClient;
  /** The page's user is no longer the signed-in one. */
  onUserChanged: () => void;
}

/** What the tabs of one user tell each other. */
type Message = { task?: Task; removed?: number };

/**
 * Owns the tasks of one user in the browser: the replica in TanStack Query's cache, the
 * queue of what the user did, and the live stream. Components read the first two together
 * (`use-tasks.ts`), and write by `enqueue` alone.
 */
export function createSync({ userId, serviceUrl, queryClient, onUserChanged }: SyncOptions) {
  const token = pinnedToken(userId, onUserChanged);
  const service = { baseUrl: serviceUrl, token };
  const client = createTasksClient({ ...service, timeout: 10_000, retries: 0 });
  const queue = createQueue(userId);
  /** What a component asks the service for by itself: the search, and the trash. */
  const queries = createTasksQueries(client, { scope: userId });
  const queryKey = ["replica", userId];

  const update = (change: (replica: Replica) => Replica) =>
    queryClient.setQueryData<Replica>(queryKey, (replica) => change(replica ?? EMPTY));

  let connection: Connection = "online";
  const listeners = new Set<() => void>();
  let trouble: ReturnType<typeof setTimeout> | undefined;
  function setConnection(next: Connection) {
    clearTimeout(trouble);
    connection = next;
    for (const listener of listeners) listener();
  }

  /** Keeps the state of the connection after a failure. Whether it may pass with time. */
  function failed(error: unknown): boolean {
    if (isSessionEnd(error)) return false;
    // Too much at once, such as the undo of a thousand completions: it goes on in a moment.
    if (error instanceof ProblemError && error.status === 429) return true;
    const rejected = error instanceof ProblemError && error.status === 401;
    setConnection(rejected ? "rejected" : onlineManager.isOnline() ? "unavailable" : "offline");
    return !rejected;
  }

  /** Of tasks that were created here: an undo may name one that is in neither replica nor queue. */
  const created = new Map<string, number>();

  const idOf = ({ id, ref }: Operation) =>
    id ??
    created.get(ref) ??
    queryClient.getQueryData<Replica>(queryKey)?.tasks.find((task) => refOf(task) === ref)?.id;

  function apply({ task, removed }: Message) {
    if (task) update((replica) => withTask(replica, task));
    if (removed !== undefined) update((replica) => withoutTask(replica, removed));
  }

  /** The id and the version that this write gave its task are what later operations are for. */
  function rebase(task: Task) {
    created.set(refOf(task), task.id);
    for (const later of queue.list()) {
      if (later.ref !== refOf(task)) continue;
      const seen = later.kind === "patch" && untouched(later.task, later.changes, task);
      queue.replace({ ...later, id: task.id, ...(seen && { version: task.version }) });
    }
  }

  let channel: BroadcastChannel | undefined;
  function settle(operation: Operation, message: Message) {
    if (message.task) rebase(message.task);
    // First the replica, then the queue: the row must not show the old state in between.
    apply(message);
    queue.remove(operation);
    channel?.postMessage(message);
  }

  /** The response to a bulk operation is a number; the stream brings the tasks. Until then they look as they will. */
  function bulk(operation: Operation) {
    if (operation.kind !== "clear-completed" && operation.kind !== "complete-all") return;
    update((replica) => ({
      ...replica,
      tasks: replica.tasks.flatMap((task) => {
        if (operation.kind === "clear-completed") return task.completed ? [] : [task];
        if (task.completed === operation.completed) return [task];
        return [{ ...task, ...withTime({ completed: operation.completed }, Date.now()) }];
      }),
    }));
  }

  async function sendNext(operation: Operation) {
    const id = idOf(operation);
    const outcome = await send(client, operation, id);
    setConnection("online");
    if (outcome.done) {
      bulk(operation);
      settle(operation, { ...(outcome.task && { task: outcome.task }), ...(outcome.removed && { removed: id }) });
    } else if ("version" in outcome) {
      queue.replace({ ...operation, version: outcome.version } as Operation);
    } else {
      if (outcome.attention.kind === "conflict") apply({ task: outcome.attention.current });
      queue.replace({ ...operation, problem: outcome.attention });
      channel?.postMessage({});
    }
  }

  let flushing = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0;

  /** Sends what waits, in order; one tab at a time. */
  async function flush() {
    clearTimeout(retry);
    if (flushing || !onlineManager.isOnline()) return;
    flushing = true;
    try {
      await navigator.locks.request(`tasks queue ${userId}`, async () => {
        queue.read();
        for (let next = queue.next(); next; next = queue.next()) await sendNext(next);
        // Before the lock is given back: what is added from now on needs a new turn.
        flushing = false;
        attempts = 0;
      });
    } catch (error) {
      flushing = false;
      if (failed(error)) {
        const wait = (error instanceof ProblemError && error.retryAfter) || Math.min(1000 * 2 ** attempts++, 30_000);
        retry = setTimeout(flush, wait);
      }
    }
  }

  async function follow(signal: AbortSignal) {
    const since = queryClient.getQueryData<Replica>(queryKey)?.cursor ?? undefined;
    try {
      for await (const page of changes({ ...service, since, signal, onStatus })) {
        update((replica) => withChanges(replica, page));
        void queryClient.invalidateQueries({ queryKey: queries.keys.all });
      }
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      setTimeout(() => signal.aborted || void follow(signal), 30_000);
    }
  }

  function onStatus(status: "live" | "polling" | "waiting") {
    clearTimeout(trouble);
    if (status === "waiting") {
      // Mostly a stream that ended is back at once: its token ended, or an instance was replaced.
      trouble = setTimeout(() => failed(undefined), 2_000);
      return;
    }
    setConnection("online");
    // The queue need not wait for its next attempt.
    if (queue.next()) void flush();
  }

  return {
    queries,
    queue,
    queryKey,
    connection: () => connection,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    enqueue(...operations: NewOperation[]) {
      queue.add(operations);
      channel?.postMessage({});
      void flush();
    },
    /**
     * Puts an operation that waited for the user back to work, or drops it. Later ones of its
     * task go with it: there is no such task, or it is another one now.
     */
    resolve(operation: Operation, next: Operation | null) {
      const { ref, seq, kind, problem } = operation;
      const isGone = kind === "create" || problem?.kind === "gone";
      for (const later of queue.list().filter((one) => one.ref === ref && one.seq > seq)) {
        if (!next && isGone) queue.remove(later);
        else if (next && next.ref !== ref) queue.replace({ ...later, ref: next.ref, id: undefined, version: undefined } as Operation);
      }
      if (next) queue.replace(next);
      else queue.remove(operation);
      channel?.postMessage({});
      void flush();
    },
    /** Begins to send and to follow; what it returns ends both. */
    start() {
      channel = new BroadcastChannel(`tasks ${userId}`);
      channel.onmessage = ({ data }: MessageEvent<Message>) => {
        apply(data);
        queue.read();
        // The tab that wrote it may be closed by now.
        if (queue.next()) void flush();
      };
      let following = new AbortController();
      const connect = () => {
        // A stream that waits for its next attempt does not know that the network is back.
        following.abort();
        following = new AbortController();
        void follow(following.signal);
        void flush();
      };
      const unsubscribe = onlineManager.subscribe((online) => {
        setConnection(online ? "online" : "offline");
        if (online) connect();
      });
      if (!onlineManager.isOnline()) setConnection("offline");
      connect();
      return () => {
        following.abort();
        unsubscribe();
        clearTimeout(retry);
        clearTimeout(trouble);
        channel?.close();
        channel = undefined;
      };
    },
  };
}

export type Sync = ReturnType<typeof createSync>;
