// How requests are sent: token, time limit, retries, and the reading of the response.
import type * as api from "./generated.js";
import { isProblem, UnexpectedResponseError } from "./problem.js";
import type { Via } from "./send.js";
import { backoff, pause, retryAfter, within } from "./time.js";
import type { TokenSource } from "./token.js";

export interface TasksClientOptions {
  /** Where the service is, such as `https://tasks.example.com`; `""` is the page's own origin. */
  baseUrl: string;
  /**
   * Where tokens come from, called before every request: `createTokenSource`, or a function of
   * your own. `fresh` is true when the service has just refused the last one: return a
   * new token then, not with a stored one. What it throws, the operation throws.
   */
  token: TokenSource;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /**
   * The time limit of an attempt in milliseconds, body included; 30,000 by default, `Infinity`
   * for none. Then a `DOMException` named `TimeoutError` is thrown.
   */
  timeout?: number | undefined;
  /**
   * How often a request that is safe to repeat is sent again after a network error, a timeout,
   * 408, 429, 502, 503 or 504; 2 by default.
   */
  retries?: number | undefined;
}

/**
 * What `fetch` takes beside what the contract settles (`signal`, `cache`, `keepalive` and so
 * on), and the client's `timeout` and `retries` for this request.
 */
export type RequestOptions = Omit<RequestInit, "method" | "headers" | "body"> &
  Pick<TasksClientOptions, "timeout" | "retries">;

/** The entity tags that the caller has (`"58"`, quotes included): 304 if one is current. */
export interface IfNoneMatch {
  ifNoneMatch: string | undefined;
}

/** The entity tag of the state that the write is for (`"58"`): 412 if there is another by now. */
export interface IfMatch {
  ifMatch: string | undefined;
}

/** A text made up for this task, such as a UUID: the request may then be sent again. */
export interface IdempotencyKey {
  idempotencyKey: string | undefined;
}

/** Where a deleted task goes: with `trash` it can be restored. */
export interface Trash {
  trash: boolean | undefined;
}

export type Options = RequestOptions & Partial<IfMatch & IfNoneMatch & IdempotencyKey & Trash>;

export interface Responses {
  listTasks: api.listTasksResponse;
  createTask: api.createTaskResponse;
  getTask: api.getTaskResponse;
  updateTask: api.updateTaskResponse;
  patchTask: api.patchTaskResponse;
  deleteTask: api.deleteTaskResponse;
  completeTask: api.completeTaskResponse;
  restoreTask: api.restoreTaskResponse;
  completeTasks: api.completeTasksResponse;
  clearTasks: api.clearTasksResponse;
  listTrash: api.listTrashResponse;
  listChanges: api.listChangesResponse;
  eraseData: api.eraseDataResponse;
}

// The documented statuses, which the generated code has as types alone. The
// compiler wants exactly these: one too many or too few does not build.
const documented: { [O in keyof Responses]: Record<Responses[O]["status"], 1> } = {
  listTasks: { 200: 1, 304: 1, 400: 1, 401: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  createTask: { 201: 1, 400: 1, 401: 1, 403: 1, 408: 1, 410: 1, 413: 1, 415: 1, 422: 1, 429: 1, 500: 1, 503: 1 },
  getTask: { 200: 1, 304: 1, 401: 1, 404: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  updateTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 412: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  patchTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 412: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  deleteTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 412: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  completeTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 412: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  restoreTask: { 200: 1, 401: 1, 403: 1, 404: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  completeTasks: { 200: 1, 400: 1, 401: 1, 408: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  clearTasks: { 200: 1, 400: 1, 401: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  listTrash: { 200: 1, 401: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  listChanges: { 200: 1, 400: 1, 401: 1, 408: 1, 410: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  eraseData: { 200: 1, 401: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
};

const isProblemJson = (headers: Headers) =>
  /^application\/problem\+json *(;|$)/i.test(headers.get("content-type") ?? "");

/** Takes a response for one of the contract, or throws. */
export const read = (response: Response, body: string, operation: keyof Responses) => {
  const { status, headers } = response;
  // The caller has the state already: there is no body.
  if (status === 304 && status in documented[operation] && body === "") return { status, data: undefined, headers };
  let data: unknown;
  try {
    data = JSON.parse(body);
  } catch {
    throw new UnexpectedResponseError(response, body);
  }
  // A proxy's own 429 or 503 may well be JSON, but it is no problem. An undocumented
  // failure that calls itself one is: 405 belongs to a path, not to an operation, and a
  // later service may have statuses that this client does not know.
  const expected =
    status in documented[operation]
      ? response.ok !== isProblem(data)
      : status >= 400 && isProblem(data) && isProblemJson(headers);
  if (!expected) throw new UnexpectedResponseError(response, body);
  return { status, data, headers };
};

/** The options that are headers of the contract. */
const HEADERS = { ifMatch: "If-Match", ifNoneMatch: "If-None-Match", idempotencyKey: "Idempotency-Key" } as const;

/** The statuses that pass, from the service or from a proxy. */
const PASSING = [408, 429, 502, 503, 504];

/** The longest `Retry-After` that a request waits for, in milliseconds. */
const MAX_DELAY = 30_000;

/** How one service is reached. */
export const createTransport = ({
  baseUrl,
  token,
  fetch: given,
  timeout: usualTimeout = 30_000,
  retries: usualRetries = 2,
}: TasksClientOptions) => {
  const base = baseUrl.replace(/\/+$/, "");
  let skew: number | undefined;

  /** Sends a request with a token, and once more with a fresh one if that is refused. */
  const open = async (path: string, init: RequestInit, onSend = () => {}): Promise<Response> => {
    const attempt = async (refused?: string) => {
      const bearer = await token({ fresh: refused !== undefined, refused, skew });
      const headers = new Headers(init.headers);
      headers.set("Authorization", `Bearer ${bearer}`);
      // The token source may have outlasted the caller.
      init.signal?.throwIfAborted();
      onSend();
      // The global is looked up at each call: frameworks and tests replace it.
      const response = await (given ?? fetch)(base + path, { ...init, headers });
      const date = Date.parse(response.headers.get("date") ?? "");
      if (date) skew = date - Date.now();
      return { bearer, response };
    };
    const { bearer, response } = await attempt();
    if (response.status !== 401) return response;
    // Unread, the refusal would hold on to its connection.
    await response.body?.cancel();
    return (await attempt(bearer)).response;
  };

  /** The options of a generated function. */
  const on = (operation: keyof Responses, options: Options = {}) => {
    const { trash: _, ifMatch, ifNoneMatch, idempotencyKey, timeout, retries, signal, ...rest } = options;
    const values = { ifMatch, ifNoneMatch, idempotencyKey };
    const via: Via = async (path, init) => {
      const headers = new Headers(init.headers);
      for (const name of Object.keys(HEADERS) as (keyof typeof HEADERS)[]) {
        const value = values[name];
        if (value !== undefined) headers.set(HEADERS[name], value);
      }
      // Sent twice, these have the effect of once: also where the outcome is unknown.
      const condition = { GET: true, PUT: true, PATCH: ifMatch, POST: idempotencyKey }[init.method!];
      const attempts = condition ? (retries ?? usualRetries) : 0;
      for (let failures = 0; ; failures++) {
        let sent = false;
        let wait = backoff(failures);
        let response: Response | undefined;
        let body = "";
        try {
          await within(timeout ?? usualTimeout, signal, async (signal) => {
            const received = await open(path, { ...init, headers, signal }, () => (sent = true));
            body = await received.text();
            response = received;
          });
        } catch (error) {
          // The token source has its own rules.
          if (!sent || signal?.aborted || failures >= attempts) throw error;
        }
        if (response) {
          const asked = retryAfter(response.headers) ?? 0;
          const passes = PASSING.includes(response.status) && asked <= MAX_DELAY;
          if (!passes || failures >= attempts) return read(response, body, operation);
          wait += asked;
        }
        await pause(wait, signal);
      }
    };
    return { ...rest, via };
  };

  return { open, on };
};
