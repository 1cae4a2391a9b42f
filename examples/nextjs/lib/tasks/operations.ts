import type { CreateTask, PatchTask, Task } from "@tasks-api/client";

/**
 * What a user did and the service has not acknowledged yet. Operations are kept by the
 * queue (`queue.ts`), shown on top of the service's tasks (`applied`), and sent in order
 * (`send.ts`).
 *
 * `ref` names a task before it has an id: see `refOf`.
 */
export type Operation = { seq: string; ref: string; id?: number; problem?: Attention } & (
  | { kind: "create"; body: CreateTask }
  /** `task` is what the user saw: a field that is different by now is a conflict. */
  | { kind: "patch"; task: Task; changes: PatchTask; version?: number }
  | { kind: "trash" }
  | { kind: "restore"; task: Task }
  | { kind: "complete-all"; completed: boolean }
  | { kind: "clear-completed" }
);

export type NewOperation = Operation extends infer O ? (O extends Operation ? Omit<O, "seq"> : never) : never;

/** Why an operation waits for the user. */
export type Attention =
  /** The same field was changed elsewhere; `current` is the task as it is. */
  | { kind: "conflict"; current: Task }
  | { kind: "gone" }
  | { kind: "refused"; detail: string };

/** A task as it is shown: with what is still to be sent. */
export interface Item extends Task {
  ref: string;
  pending: boolean;
  problem?: Operation;
}

/**
 * A task's name in this application. A task that was created offline has no id yet, but it
 * has the key that makes its creation safe to repeat, and the service keeps that key.
 */
export const refOf = (task: Pick<Task, "id" | "idempotency_key">) =>
  task.idempotency_key ? `key ${task.idempotency_key}` : `id ${task.id}`;

export const keyOf = (ref: string) => ref.slice("key ".length);

const items = new WeakMap<Task, Item>();

/** The same item for the same task, so that a row that did not change is not rendered again. */
function itemOf(task: Task): Item {
  let item = items.get(task);
  if (!item) items.set(task, (item = { ...task, ref: refOf(task), pending: false }));
  return item;
}

/** The service's tasks with the waiting operations on top. */
export function applied(tasks: Task[], operations: Operation[]): Item[] {
  const shown = new Map(tasks.map((task) => [refOf(task), itemOf(task)]));
  for (const operation of operations) apply(shown, operation);
  return [...shown.values()];
}

function apply(shown: Map<string, Item>, operation: Operation) {
  const { ref, problem } = operation;
  const put = (item: Task | Item, changes: Partial<Item> = {}) => {
    const earlier = "problem" in item ? item.problem : undefined;
    const attention = problem ? operation : earlier;
    shown.set(ref, { ...item, ...changes, ref, pending: true, ...(attention && { problem: attention }) });
  };
  switch (operation.kind) {
    case "create":
      // The response, or the live stream, may be ahead of the queue.
      if (!shown.has(ref)) put(draft(operation));
      break;
    case "patch":
      put(shown.get(ref) ?? operation.task, withTime(operation.changes, timeOf(operation)));
      break;
    case "trash":
      shown.delete(ref);
      break;
    case "restore":
      if (!shown.has(ref)) put(operation.task);
      break;
    case "complete-all":
      for (const [ref, item] of shown) {
        if (item.completed !== operation.completed) {
          const changes = withTime({ completed: operation.completed }, timeOf(operation));
          shown.set(ref, { ...item, ...changes, pending: true });
        }
      }
      break;
    case "clear-completed":
      for (const [ref, item] of shown) if (item.completed) shown.delete(ref);
  }
}

/** When the user did it: see `createQueue`. */
const timeOf = ({ seq }: Operation) => parseInt(seq, 36);

/** `completed_at` is the service's to set; until it has, the time shown is this device's. */
export const withTime = <C extends PatchTask>(changes: C, now: number) =>
  changes.completed === undefined
    ? changes
    : { ...changes, completed_at: changes.completed ? new Date(now).toISOString() : null };

/** A task that only this device knows. */
function draft(operation: Extract<Operation, { kind: "create" }>): Task {
  const { ref, body } = operation;
  const now = new Date(timeOf(operation)).toISOString();
  return {
    id: -1,
    version: 0,
    user_id: "",
    completed: false,
    completed_at: null,
    idempotency_key: keyOf(ref),
    created_at: now,
    updated_at: now,
    priority: "none",
    tags: [],
    position: "a0",
    due_time: null,
    ...body,
    description: body.description ?? null,
    due_date: body.due_date ?? null,
  };
}
