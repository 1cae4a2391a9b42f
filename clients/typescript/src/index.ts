export type * from "./generated.js";
export { changes, type ChangesEvent, type ChangesOptions } from "./changes.js";
export { createTasksClient, type TasksClient } from "./client.js";
export {
  isProblem,
  ProblemError,
  UnexpectedResponseError,
  unwrap,
  type AnyProblemType,
  type SuccessData,
} from "./problem.js";
export { nextCursor } from "./link.js";
export type { ChangesStatus } from "./stream.js";
export {
  createTokenSource,
  TokenError,
  type FetchedToken,
  type TokenErrorCode,
  type TokenRequest,
  type TokenSource,
} from "./token.js";
export type { IdempotencyKey, IfMatch, IfNoneMatch, RequestOptions, TasksClientOptions, Trash } from "./transport.js";
