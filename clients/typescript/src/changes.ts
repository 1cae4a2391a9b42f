// The live changes of a user's tasks, as an async iterator.
import { listChanges, type Changes } from "./generated.js";
import { unwrap } from "./problem.js";
import { createInbox } from "./inbox.js";
import { delayAfter, isExpired, runSource, type ChangesStatus, type Message } from "./stream.js";
import { pause } from "./time.js";
import { claimsOf, TokenError } from "./token.js";
import { createTransport, type TasksClientOptions } from "./transport.js";

export interface ChangesOptions extends Omit<TasksClientOptions, "retries"> {
  /** Where to go on: the last event's `cursor`, or a list's `ETag` without its quotes. Absent: all tasks first. */
  since?: string | undefined;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal | undefined;
  /**
   * Whether all tabs of this user and base URL share one stream; true by default. It needs Web
   * Locks and `BroadcastChannel`, which browsers have on secure pages; else each has its own.
   */
  share?: boolean | undefined;
  /** The interval of polling in milliseconds where streams do not get through; 5,000 by default. */
  pollInterval?: number | undefined;
  /**
   * Called when the connection changes. `live`: a stream is open; `polling`: changes are read in
   * intervals; `waiting`: there is no connection at present, because of `error` (which is
   * absent if another tab has the stream).
   */
  onStatus?: ((status: ChangesStatus, error?: unknown) => void) | undefined;
}

/**
 * A page of changes. Apply the entries by id and ignore a lower version than the one you have;
 * keep `cursor` together with what was applied.
 */
export interface ChangesEvent extends Changes {
  /**
   * The page is the first of a complete copy, because there was no `since`, or the cursor is not
   * valid any more (410): drop what you have, then apply the page.
   */
  reset: boolean;
}

/** The most entries of a page that is read, by the contract. */
const PAGE = 1_000;

/** A tab that hears nothing of the one with the stream for so long reads by itself, in milliseconds. */
const LEADERLESS = 60_000;

/** Whether this is a page of a browser, which may have more tabs than this one. */
const hasTabs = () =>
  typeof document !== "undefined" && typeof BroadcastChannel !== "undefined" && !!globalThis.navigator?.locks;

async function* follow(options: ChangesOptions, signal: AbortSignal): AsyncGenerator<ChangesEvent, void> {
  const { baseUrl, token, since, share = true, pollInterval = 5_000, onStatus } = options;

  let status: ChangesStatus | undefined;
  const setStatus = (next: ChangesStatus, error?: unknown) => {
    if (next !== status) onStatus?.((status = next), error);
  };
  const inbox = createInbox<Message>(signal);
  const receive = (message: Message, error?: unknown) => {
    setStatus(message.status, error);
    if (message.expired) inbox.miss();
    else inbox.push(message);
  };

  // A cursor belongs to one user, and so does what tabs share.
  let user: string | undefined;
  let name = "";
  let channel: BroadcastChannel | undefined;
  const join = (sub: string) => {
    user = sub;
    if (!share || !hasTabs()) return;
    name = `tasks-api-changes-1 ${JSON.stringify([baseUrl, sub])}`;
    channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => receive(data);
    signal.addEventListener("abort", () => channel?.close());
  };
  const transport = createTransport({
    ...options,
    retries: 0,
    token: async (wanted) => {
      const bearer = await token(wanted);
      const { sub } = claimsOf(bearer);
      // Before the first read, so that nothing is missed between it and the first message.
      if (user === undefined) join(sub);
      if (user !== sub) throw new TokenError("user-changed");
      return bearer;
    },
  });
  const list = (since?: string) =>
    unwrap(listChanges({ ...(since && { since }), limit: PAGE }, transport.on("listChanges", { signal })));

  let cursor = since;
  /** Reads all changes from the cursor on. */
  async function* catchUp(): AsyncGenerator<ChangesEvent, void> {
    let reset = !cursor;
    for (let failures = 0; ;) {
      let page: Changes;
      try {
        page = await list(cursor);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (isExpired(error) && cursor) {
          cursor = undefined;
          reset = true;
          continue;
        }
        const wait = delayAfter(error, failures++);
        setStatus("waiting", error);
        await pause(wait, signal);
        continue;
      }
      const isNews = reset || page.cursor !== cursor;
      cursor = page.cursor;
      if (isNews) yield { ...page, reset };
      if (!page.more) return;
      reset = false;
    }
  }
  yield* catchUp();

  let isLeader = !channel;
  const lead = async () => {
    isLeader = true;
    const publish = (message: Message, error?: unknown) => {
      receive(message, error);
      channel?.postMessage(message);
    };
    await runSource({ transport, list, current: () => cursor, publish, pollInterval, signal });
  };
  // The browser gives the lock to the next tab when this one is closed.
  const locked = async () => {
    try {
      await navigator.locks.request(name, { signal }, lead);
    } catch (error) {
      if (isLeader || signal.aborted) throw error;
      // Some pages have locks and may not use them, such as those in a sandbox.
      await lead();
    }
  };
  (channel ? locked() : lead()).catch(inbox.fail);

  for (;;) {
    const message = await inbox.take(isLeader ? Infinity : LEADERLESS);
    const part = message?.part;
    if (message && (!part || part.page.cursor === cursor)) continue;
    if (part && part.from === cursor) {
      cursor = part.page.cursor;
      yield { ...part.page, reset: false };
    } else {
      // Something was missed, or is ahead of this tab. What is in the queue, the read includes.
      inbox.clear();
      yield* catchUp();
    }
  }
}

/**
 * The changes of the user's tasks, as they happen: first everything since the cursor (or all
 * tasks), then live. It goes on through network failures, restarts and expired tokens, and ends
 * with `break`, `return()` or the signal. Delivery is at least once, and includes the client's
 * own writes.
 *
 * It throws a `TokenError` if nobody is signed in or the user changes, and a `ProblemError` if
 * the service refuses the request for good (400, 401 with a fresh token, a version without changes).
 */
export const changes = (options: ChangesOptions): AsyncIterableIterator<ChangesEvent, void, void> => {
  const controller = new AbortController();
  const { signal } = controller;
  const abort = () => controller.abort();
  if (options.signal?.aborted) abort();
  options.signal?.addEventListener("abort", abort);
  const stop = () => {
    options.signal?.removeEventListener("abort", abort);
    abort();
  };
  const events = follow(options, signal);
  const iterator: AsyncIterableIterator<ChangesEvent, void, void> = {
    [Symbol.asyncIterator]: () => iterator,
    next: async () => {
      try {
        signal.throwIfAborted();
        const result = await events.next();
        // A page that was read before the end is not lost: it comes again from the kept cursor.
        signal.throwIfAborted();
        return result;
      } catch (error) {
        const hasEnded = signal.aborted;
        stop();
        if (!hasEnded) throw error;
        return { done: true, value: undefined };
      }
    },
    // A generator alone would first wait for the page that `next` waits for.
    return: async () => {
      stop();
      await events.return();
      return { done: true, value: undefined };
    },
  };
  return iterator;
};
