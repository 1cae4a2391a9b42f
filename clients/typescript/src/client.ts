// The operations, typed by their statuses.
import * as api from "./generated.js";
import {
  createTransport,
  type IdempotencyKey,
  type IfMatch,
  type IfNoneMatch,
  type Options,
  type RequestOptions,
  type Responses,
  type TasksClientOptions,
  type Trash,
} from "./transport.js";

/** A response without the statuses that occur only with an option that the call does not have. */
type Without<R extends { status: number }, S extends number> = Promise<Exclude<R, { status: S }>>;

/**
 * The operations. Each resolves to a union that `status` discriminates, with the
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
  /** Deletes a task for good, or with `trash` into the trash; the second time it is 404. */
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

/** Makes a client of the service at `baseUrl`. */
export const createTasksClient = (settings: TasksClientOptions): TasksClient => {
  const { on } = createTransport(settings);
  // The overloads say which responses a call can get; here each gets all of them.
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
