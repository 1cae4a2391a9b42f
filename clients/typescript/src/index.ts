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

/** An answer without the statuses that occur only with an option that the call does not have. */
type Without<R extends { status: number }, S extends number> = Promise<Exclude<R, { status: S }>>;

/**
 * The operations. Each answers a union that `status` tells apart, with the
 * body in `data`; no documented status throws, nor does any other failure whose body
 * is a problem. What throws: `fetch` (no network, aborted), the token source, and
 * `UnexpectedResponseError`.
 */
export interface TasksClient {
  /** The signed-in user's tasks, newest first; all of them unless `params` say which. */
  listTasks(params?: api.ListTasksParams, options?: RequestOptions): Without<api.listTasksResponse, 304>;
  listTasks(
    params: api.ListTasksParams | undefined,
    options: RequestOptions & IfNoneMatch,
  ): Promise<api.listTasksResponse>;
  /** Creates a pending task; with `idempotencyKey` it may be sent again. */
  createTask(body: api.CreateTask, options?: RequestOptions): Without<api.createTaskResponse, 410 | 422>;
  createTask(body: api.CreateTask, options: RequestOptions & IdempotencyKey): Promise<api.createTaskResponse>;
  /** Reads a task; another user's is 404 like one that never was. */
  getTask(id: number, options?: RequestOptions): Without<api.getTaskResponse, 304>;
  getTask(id: number, options: RequestOptions & IfNoneMatch): Promise<api.getTaskResponse>;
  /** Writes what the body names and keeps the rest; `description: null` removes the description. */
  updateTask(id: number, body: api.UpdateTask, options?: RequestOptions): Without<api.updateTaskResponse, 412>;
  updateTask(id: number, body: api.UpdateTask, options: RequestOptions & IfMatch): Promise<api.updateTaskResponse>;
  /** As `updateTask`, and the body needs no title. */
  patchTask(id: number, body: api.PatchTask, options?: RequestOptions): Without<api.patchTaskResponse, 412>;
  patchTask(id: number, body: api.PatchTask, options: RequestOptions & IfMatch): Promise<api.patchTaskResponse>;
  /** Sets `completed` and never toggles it, so a retry is harmless. */
  completeTask(id: number, body: api.CompleteTask, options?: RequestOptions): Without<api.completeTaskResponse, 412>;
  completeTask(
    id: number,
    body: api.CompleteTask,
    options: RequestOptions & IfMatch,
  ): Promise<api.completeTaskResponse>;
  /** Deletes a task for good, or with `trash` into the trash; a second time answers 404. */
  deleteTask(id: number, options?: RequestOptions): Without<api.deleteTaskResponse, 400 | 412>;
  deleteTask(
    id: number,
    options: RequestOptions & ((IfMatch & Partial<Trash>) | (Partial<IfMatch> & Trash)),
  ): Promise<api.deleteTaskResponse>;
  /** Takes a task out of the trash. */
  restoreTask(id: number, options?: RequestOptions): Promise<api.restoreTaskResponse>;
  /** Completes or reopens all tasks, and says how many were changed. */
  completeTasks(body: api.CompleteTasks, options?: RequestOptions): Promise<api.completeTasksResponse>;
  /** Moves the completed tasks to the trash, and says how many they were. */
  clearTasks(params: api.ClearTasksParams, options?: RequestOptions): Promise<api.clearTasksResponse>;
  /** The tasks in the trash, the last deleted one first. */
  listTrash(options?: RequestOptions): Promise<api.listTrashResponse>;
  /** What changed since a cursor; without one, all tasks. */
  listChanges(params?: api.ListChangesParams, options?: RequestOptions): Promise<api.listChangesResponse>;
  /** Removes everything of the user. There is no way back. */
  eraseData(options?: RequestOptions): Promise<api.eraseDataResponse>;
}

const isProblemJson = (headers: Headers) =>
  /^application\/problem\+json *(;|$)/i.test(headers.get("content-type") ?? "");

const read = async (response: Response, operation: keyof Responses) => {
  const { status, headers } = response;
  const body = await response.text();
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

type Options = RequestOptions & Partial<IfMatch & IfNoneMatch & IdempotencyKey & Trash>;

/** Makes a client of the service at `baseUrl`. */
export const createTasksClient = ({ baseUrl, token, fetch: given }: TasksClientOptions): TasksClient => {
  const base = baseUrl.replace(/\/+$/, "");

  const on = (operation: keyof Responses, options: Options = {}) => {
    const { trash: _, ifMatch, ifNoneMatch, idempotencyKey, ...rest } = options;
    const values = { ifMatch, ifNoneMatch, idempotencyKey };
    const via: Via = async (path, init) => {
      const attempt = async (fresh: boolean) => {
        const headers = new Headers(init.headers);
        for (const name of Object.keys(HEADERS) as (keyof typeof HEADERS)[]) {
          const value = values[name];
          if (value !== undefined) headers.set(HEADERS[name], value);
        }
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
    return { ...rest, via };
  };

  // The overloads say which answers a call can get; here each gets all of them.
  const client: { [O in keyof Responses]: (...call: never[]) => Promise<Responses[O]> } = {
    listTasks: (params?: api.ListTasksParams, options?: Options) => api.listTasks(params, on("listTasks", options)),
    createTask: (body: api.CreateTask, options?: Options) => api.createTask(body, on("createTask", options)),
    getTask: (id: number, options?: Options) => api.getTask(id, on("getTask", options)),
    updateTask: (id: number, body: api.UpdateTask, options?: Options) =>
      api.updateTask(id, body, on("updateTask", options)),
    patchTask: (id: number, body: api.PatchTask, options?: Options) =>
      api.patchTask(id, body, on("patchTask", options)),
    completeTask: (id: number, body: api.CompleteTask, options?: Options) =>
      api.completeTask(id, body, on("completeTask", options)),
    deleteTask: (id: number, options?: Options) =>
      api.deleteTask(id, options?.trash ? { trash: true } : {}, on("deleteTask", options)),
    restoreTask: (id: number, options?: Options) => api.restoreTask(id, on("restoreTask", options)),
    completeTasks: (body: api.CompleteTasks, options?: Options) =>
      api.completeTasks(body, on("completeTasks", options)),
    clearTasks: (params: api.ClearTasksParams, options?: Options) => api.clearTasks(params, on("clearTasks", options)),
    listTrash: (options?: Options) => api.listTrash(on("listTrash", options)),
    listChanges: (params?: api.ListChangesParams, options?: Options) =>
      api.listChanges(params, on("listChanges", options)),
    eraseData: (options?: Options) => api.eraseData(on("eraseData", options)),
  };
  return client as TasksClient;
};
