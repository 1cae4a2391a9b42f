// One source of changes for all consumers: the stream, or polling where streams do not get through.
import type { Changes } from "./generated.js";
import { ProblemError, UnexpectedResponseError, unwrap } from "./problem.js";
import { createEventParser } from "./sse.js";
import { backoff, createDeadline, pause, retryAfter } from "./time.js";
import { TokenError } from "./token.js";
import { read, type createTransport } from "./transport.js";

export type ChangesStatus = "live" | "polling" | "waiting";

/** What the source says, to this page and to the other tabs. */
export interface Message {
  status: ChangesStatus;
  /** The changes between the cursor `from` and the page's own. Absent: a sign of life. */
  part?: { from: string; page: Changes } | undefined;
  /** The source does not know any more what the consumers have: each finds out by itself. */
  expired?: boolean | undefined;
}

/** The service sends a comment at once. A proxy that collects the response holds it back. */
const FIRST_BYTE = 10_000;

/** The service sends a comment every 20 s. After two missed ones the connection is dead. */
const SILENCE = 45_000;

/** A stream that lasted so long is none that fails. */
const STABLE = 5_000;

/** A service of version 1.0, or a proxy that takes no streams. */
const STREAMLESS_STATUSES = [404, 405, 501];

/** How long to poll before a stream is tried again, at first and at most. It doubles. */
const STREAMLESS = { first: 30_000, most: 300_000 };

/** Streams do not get through, though the network may work. */
class NoStreamError extends Error {}

/** Whether the service, or a proxy, has responded at all. */
const statusOf = (error: unknown): number | undefined =>
  error instanceof ProblemError || error instanceof UnexpectedResponseError ? error.status : undefined;

/** Whether time does not help: the consumer has to know. */
const isFinal = (error: unknown): boolean =>
  (error instanceof TokenError && error.code !== "unavailable") ||
  (error instanceof ProblemError && error.status < 500 && ![408, 410, 429].includes(error.status));

/** The cursor is of no use any more: start without it. */
export const isExpired = (error: unknown): boolean => error instanceof ProblemError && error.status === 410;

/** How long to wait after a failure, in milliseconds. Throws what does not pass. */
export const delayAfter = (error: unknown, failures: number, base?: number): number => {
  if (isFinal(error)) throw error;
  const headers = error instanceof UnexpectedResponseError ? error.response.headers : (error as ProblemError).headers;
  return ((headers && retryAfter(headers)) ?? 0) + backoff(failures, base);
};

const EVENTS = "/api/events";

export interface SourceOptions {
  transport: ReturnType<typeof createTransport>;
  list: (since: string) => Promise<Changes>;
  /** The cursor of this page's consumer. */
  current: () => string | undefined;
  /** Tells the consumer of this page, and those of other tabs. The error is for this page alone. */
  publish: (message: Message, error?: unknown) => void;
  pollInterval: number;
  signal: AbortSignal;
}

/** Publishes all changes from the consumer's cursor on, until the signal ends or the failure is final. */
export const runSource = async ({ transport, list, current, publish, pollInterval, signal }: SourceOptions) => {
  let from = current()!;
  /** In a row. */
  const failures = { stream: 0, poll: 0 };
  /** Streams that began and then were silent, in a row. */
  let silences = 0;
  /** Streams that did not get through, in a row. */
  let refusals = 0;
  let streamlessUntil = 0;
  /** The server's field `retry`. */
  let base: number | undefined;

  const pass = (status: ChangesStatus, page: Changes) => {
    publish({ status, part: { from, page } });
    from = page.cursor;
  };

  const poll = async () => {
    let page: Changes;
    do pass("polling", (page = await list(from)));
    while (page.more);
    failures.poll = 0;
  };

  const stream = async () => {
    const { signal: ended, set, race, abort, end } = createDeadline(signal);
    let hasBegun = false;
    set(FIRST_BYTE);
    // The browser knows of a lost network sooner than the connection does.
    globalThis.addEventListener?.("offline", abort);
    try {
      const headers = { Accept: "text/event-stream", "Last-Event-ID": from };
      const response = await race(transport.open(EVENTS, { headers, cache: "no-store", signal: ended }));
      if (!response.ok) await unwrap(read(response, await race(response.text()), "listChanges"));
      // Some runtimes cannot read a body in parts, and a proxy may have a page of its own.
      const isStream = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
      if (!isStream || !response.body) throw new NoStreamError();
      const reader = response.body.getReader();
      // As `race` does, which would remember each part until the end of the stream.
      ended.addEventListener("abort", () => void reader.cancel().catch(() => {}));
      const parser = createEventParser();
      for (;;) {
        const { done, value } = await reader.read();
        ended.throwIfAborted();
        if (done) return;
        hasBegun = true;
        if (silences === 0) refusals = 0;
        set(SILENCE);
        const events = parser.push(value);
        base = parser.retry ?? base;
        if (events.length === 0) publish({ status: "live" });
        for (const { type, data } of events) {
          if (type !== "changes") continue;
          failures.stream = silences = 0;
          pass("live", JSON.parse(data));
        }
      }
    } catch (error) {
      const isSilent = (error as Error).name === "TimeoutError";
      if (isSilent && (!hasBegun || (silences += 1) > 1)) throw new NoStreamError();
      throw error;
    } finally {
      globalThis.removeEventListener?.("offline", abort);
      end();
      abort();
    }
  };

  for (;;) {
    const kind = Date.now() < streamlessUntil ? "poll" : "stream";
    const started = Date.now();
    let error: unknown;
    try {
      await (kind === "poll" ? poll() : stream());
    } catch (caught) {
      error = caught;
    }
    signal.throwIfAborted();
    let wait: number;
    if (!error && kind === "poll") {
      wait = Math.min(pollInterval, Math.max(0, streamlessUntil - Date.now()));
    } else if (!error) {
      // The token has expired, or the service stops: it is not a failure.
      if (Date.now() - started > STABLE) failures.stream = 0;
      wait = backoff(failures.stream++, base);
    } else if (
      kind === "stream" &&
      (error instanceof NoStreamError || STREAMLESS_STATUSES.includes(statusOf(error)!))
    ) {
      streamlessUntil = Date.now() + Math.min(STREAMLESS.most, STREAMLESS.first * 2 ** refusals++);
      continue;
    } else {
      wait = delayAfter(error, failures[kind]++, isExpired(error) ? undefined : base);
      if (isExpired(error)) publish({ status: "waiting", expired: true }, error);
      else if (kind === "stream" && statusOf(error)) {
        // Too many streams, or none for the moment: reads may succeed meanwhile.
        streamlessUntil = Date.now() + wait;
        continue;
      } else {
        // Without a network nothing is known about streams.
        if (!statusOf(error)) streamlessUntil = 0;
        publish({ status: "waiting" }, error);
      }
    }
    await pause(wait, signal, error && !statusOf(error) ? "online" : "");
    // The consumer has started over by now, or the next attempt expires, too.
    if (isExpired(error)) from = current() ?? from;
  }
};
