import type { CreateTask, PatchTask } from "@tasks-api/client";
import { generateKeyBetween } from "fractional-indexing";

import { notify } from "@/lib/notify";

import { applied, type Item, type NewOperation } from "./operations";
import type { Replica } from "./replica";
import type { Sync } from "./sync";
import { manual } from "./views";

/** What a person can do. Each shows at once, is sent when it can be, and says how to undo it. */
export function createActions(sync: Sync, read: () => Replica | undefined) {
  const items = () => applied(read()?.tasks ?? [], sync.queue.list());
  const find = (ref: string) => items().find((item) => item.ref === ref);

  const change = (item: Item, changes: PatchTask): NewOperation => ({
    kind: "patch",
    ref: item.ref,
    task: item,
    changes,
    ...(item.id > 0 && { id: item.id, version: item.version }),
  });
  const restoration = (item: Item): NewOperation => ({
    kind: "restore",
    ref: item.ref,
    task: item,
    ...(item.id > 0 && { id: item.id }),
  });

  /** Sends what changed, alone: what others wrote into other fields stays. */
  function patch(item: Item, changes: PatchTask) {
    if (Object.keys(changes).length > 0) sync.enqueue(change(item, changes));
  }

  return {
    patch,
    add(body: CreateTask) {
      const [first] = items().sort(manual);
      const position = between(null, first?.position ?? null);
      // The key makes it safe to send the creation twice, and names the task until it has an id.
      const key = crypto.randomUUID();
      sync.enqueue({ kind: "create", ref: `key ${key}`, body: { ...body, position } });
    },
    complete(item: Item, completed: boolean) {
      patch(item, { completed });
      if (completed) void notify(`Completed “${item.title}”`, () => patch(find(item.ref) ?? item, { completed: false }));
    },
    trash(item: Item) {
      sync.enqueue({ kind: "trash", ref: item.ref, ...(item.id > 0 && { id: item.id }) });
      void notify(`Deleted “${item.title}”`, () => sync.enqueue(restoration(find(item.ref) ?? item)));
    },
    restore: (item: Item) => sync.enqueue(restoration(item)),
    completeAll() {
      const pending = items().filter((item) => !item.completed);
      sync.enqueue({ kind: "complete-all", ref: "", completed: true });
      void notify(`Completed ${tasks(pending.length)}`, () => {
        const reopened = items().filter(({ ref, completed }) => completed && pending.some((item) => item.ref === ref));
        sync.enqueue(...reopened.map((item) => change(item, { completed: false })));
      });
    },
    clearCompleted() {
      const cleared = items().filter((item) => item.completed);
      sync.enqueue({ kind: "clear-completed", ref: "" });
      void notify(`Cleared ${tasks(cleared.length)}`, () => sync.enqueue(...cleared.map(restoration)));
    },
    /** Moves a task between two others of the manual order. */
    move(item: Item, before: Item | undefined, after: Item | undefined) {
      patch(item, { position: between(before?.position ?? null, after?.position ?? null) });
    },
  };
}

export type Actions = ReturnType<typeof createActions>;

const tasks = (count: number) => (count === 1 ? "1 task" : `${count} tasks`);

/** A key between two others. Equal ones, and ones of another form, occur where other clients write. */
function between(before: string | null, after: string | null): string {
  try {
    return generateKeyBetween(before, before !== null && after !== null && before >= after ? null : after);
  } catch {
    return `${before ?? ""}V`;
  }
}
