import * as api from "./generated.js";
import type { Via } from "./send.js";

export type * from "./generated.js";

export interface TasksClientOptions {
  /** Where the service is, such as `https://tasks.example.com`; `""` is the page's own origin. */
  baseUrl: string;
  /**
   * Where tokens come from, asked before every request. `fresh` is true when the
   * service has just refused the last one: answer with a new token then, not with
   * a stored one. What it throws, the operation throws.
   */
  token: (wanted: { fresh: boolean }) => Promise<string>;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** What `fetch` takes beside what the contract settles: `signal`, `cache`, `keepalive` and so on. */
export type RequestOptions = Omit<RequestInit, "method" | "headers" | "body">;

/**
 * An answer that the contract does not know: a body that is not the documented
 * JSON, or an undocumented status without a problem (RFC 9457). Mostly it comes
 * from a proxy on the way.
 */
export class UnexpectedResponseError extends Error {
  override readonly name = "UnexpectedResponseError";

  constructor(
    /** The answer; its body has been read. */
    readonly response: Response,
    /** The body as it came. */
    readonly body: string,
  ) {
    super(`The answer ${response.status} of ${response.url} is not in the contract`);
  }

  get status(): number {
    return this.response.status;
  }
}

/** Whether `data` of an answer is a problem (RFC 9457), whatever the status was. */
export const isProblem = (data: unknown): data is api.Problem => {
  const problem = data as Partial<Record<keyof api.Problem, unknown>> | null;
  return (
    typeof problem === "object" &&
    typeof problem?.type === "string" &&
    typeof problem.title === "string" &&
    typeof problem.status === "number" &&
    typeof problem.detail === "string"
  );
};

interface Responses {
  listTasks: api.listTasksResponse;
  createTask: api.createTaskResponse;
  getTask: api.getTaskResponse;
  updateTask: api.updateTaskResponse;
  deleteTask: api.deleteTaskResponse;
  completeTask: api.completeTaskResponse;
}

// The documented statuses, which the generated code has as types alone. The
// compiler wants exactly these: one too many or too few does not build.
const documented: { [O in keyof Responses]: Record<Responses[O]["status"], 1> } = {
  listTasks: { 200: 1, 400: 1, 401: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  createTask: { 201: 1, 400: 1, 401: 1, 403: 1, 408: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  getTask: { 200: 1, 401: 1, 404: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  updateTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
  deleteTask: { 200: 1, 401: 1, 404: 1, 408: 1, 413: 1, 429: 1, 500: 1, 503: 1 },
  completeTask: { 200: 1, 400: 1, 401: 1, 404: 1, 408: 1, 413: 1, 415: 1, 429: 1, 500: 1, 503: 1 },
};

const isProblemJson = (headers: Headers) =>
  /^application\/problem\+json *(;|$)/i.test(headers.get("content-type") ?? "");

const read = async (response: Response, operation: keyof Responses) => {
  const { status, headers } = response;
  const body = await response.text();
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

/**
 * The six operations. Each answers a union that `status` tells apart, with the
 * body in `data`; no documented status throws, nor does any other failure whose body
 * is a problem. What throws: `fetch` (no network, aborted), the token source, and
 * `UnexpectedResponseError`.
 */
export const createTasksClient = ({ baseUrl, token, fetch: given }: TasksClientOptions) => {
  const base = baseUrl.replace(/\/+$/, "");

  const on = (operation: keyof Responses, options?: RequestOptions) => {
    const via: Via = async (path, init) => {
      const attempt = async (fresh: boolean) => {
        const headers = new Headers(init.headers);
        headers.set("Authorization", `Bearer ${await token({ fresh })}`);
        // The global is looked up at each call: frameworks and tests replace it.
        return (given ?? fetch)(base + path, { ...init, headers });
      };
      let response = await attempt(false);
      if (response.status === 401) {
        // Unread, the refusal would hold on to its connection.
        await response.body?.cancel();
        response = await attempt(true);
      }
      return read(response, operation);
    };
    return { ...options, via };
  };

  return {
    /** The signed-in user's tasks, newest first; all of them unless `status` says which. */
    listTasks: (params?: api.ListTasksParams, options?: RequestOptions) =>
      api.listTasks(params, on("listTasks", options)),
    /** Creates a pending task. */
    createTask: (body: api.CreateTask, options?: RequestOptions) =>
      api.createTask(body, on("createTask", options)),
    /** Reads a task; another user's is 404 like one that never was. */
    getTask: (id: number, options?: RequestOptions) => api.getTask(id, on("getTask", options)),
    /** Writes what the body names and keeps the rest; `description: null` removes the description. */
    updateTask: (id: number, body: api.UpdateTask, options?: RequestOptions) =>
      api.updateTask(id, body, on("updateTask", options)),
    /** Sets `completed` and never toggles it, so a retry is harmless. */
    completeTask: (id: number, body: api.CompleteTask, options?: RequestOptions) =>
      api.completeTask(id, body, on("completeTask", options)),
    /** Deletes a task for good; a second time answers 404. */
    deleteTask: (id: number, options?: RequestOptions) => api.deleteTask(id, on("deleteTask", options)),
  };
};

export type TasksClient = ReturnType<typeof createTasksClient>;
