import { type PatchTask, ProblemError, type Task, type TasksClient, unwrap } from "@tasks-api/client";

import { type Attention, keyOf, type Operation } from "./operations";

/** What became of an operation; it throws when that is not known, and it is to be sent again. */
export type Outcome =
  | { done: true; task?: Task; removed?: boolean }
  /** Sent again, for this version of the task. */
  | { done: false; version: number }
  | { done: false; attention: Attention };

const done = (task?: Task): Outcome => ({ done: true, ...(task && { task }) });

/** Sends one operation. Each may be sent again after a lost response: it then changes nothing. */
export async function send(client: TasksClient, operation: Operation, id: number | undefined): Promise<Outcome> {
  try {
    switch (operation.kind) {
      case "create":
        return done(await unwrap(client.createTask(operation.body, { idempotencyKey: keyOf(operation.ref) })));
      case "complete-all":
        await unwrap(client.completeTasks({ completed: operation.completed }));
        return done();
      case "clear-completed":
        await unwrap(client.clearTasks({ status: "completed" }));
        return done();
    }
    // Its creation was refused, or the task was deleted before it could be sent.
    if (id === undefined) return gone(operation);
    switch (operation.kind) {
      case "patch": {
        const ifMatch = operation.version === undefined ? undefined : `"${operation.version}"`;
        return done(await unwrap(client.patchTask(id, operation.changes, { ifMatch })));
      }
      case "trash":
        await unwrap(client.deleteTask(id, { trash: true }));
        return { done: true, removed: true };
      case "restore":
        return done(await unwrap(client.restoreTask(id)));
    }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return refused(operation, error);
  }
}

function refused(operation: Operation, error: ProblemError): Outcome {
  switch (error.status) {
    case 404:
      return gone(operation);
    case 410:
      // Created, and deleted since.
      return { done: true, removed: true };
    case 412:
      if (operation.kind === "patch" && error.current) return merged(operation, error.current);
      break;
    case 400:
    case 403:
    case 413:
    case 422:
      return { done: false, attention: { kind: "refused", detail: error.detail } };
  }
  throw error;
}

function gone(operation: Operation): Outcome {
  if (operation.kind === "restore") {
    return { done: false, attention: { kind: "refused", detail: "It is no longer in the trash." } };
  }
  // Nobody typed anything that would be lost.
  const typed = operation.kind === "patch" && Object.keys(operation.changes).some((field) => !SETTLED.has(field));
  return typed ? { done: false, attention: { kind: "gone" } } : { done: true, removed: true };
}

/** Fields of which the last write counts: nobody is asked which place in the list is right. */
const SETTLED = new Set(["completed", "position"]);

/** The task has another version than the user saw. That is a conflict only where both changed one field. */
function merged(operation: Extract<Operation, { kind: "patch" }>, current: Task): Outcome {
  const { task, changes } = operation;
  // The response to an earlier attempt was lost.
  if (fieldsOf(changes).every((field) => same(changes[field], current[field]))) return done(current);
  return untouched(task, changes, current)
    ? { done: false, version: current.version }
    : { done: false, attention: { kind: "conflict", current } };
}

export type Field = keyof PatchTask & keyof Task;
const fieldsOf = (changes: PatchTask) => Object.keys(changes) as Field[];
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** The fields that both sides changed, and not to the same value. */
export const disputed = (seen: Task, changes: PatchTask, current: Task) =>
  fieldsOf(changes).filter(
    (field) => !SETTLED.has(field) && !same(seen[field], current[field]) && !same(changes[field], current[field]),
  );

/** Whether `current` has nothing that a change of these fields would overwrite unseen. */
export const untouched = (seen: Task, changes: PatchTask, current: Task) =>
  disputed(seen, changes, current).length === 0;
