import type { Changes, Task } from "@tasks-api/client";

/** One user's tasks as the service had them at `cursor`. Null: not loaded yet. */
export interface Replica {
  tasks: Task[];
  cursor: string | null;
}

export const EMPTY: Replica = { tasks: [], cursor: null };

/** With a page of changes. Pages may come twice, and late: the higher version of a task stays. */
export function withChanges(replica: Replica, page: Changes & { reset?: boolean }): Replica {
  const tasks = new Map(page.reset ? [] : replica.tasks.map((task) => [task.id, task]));
  for (const task of page.tasks) {
    const known = tasks.get(task.id);
    if (!known || known.version < task.version) tasks.set(task.id, task);
  }
  for (const { id, version } of page.deleted) {
    if ((tasks.get(id)?.version ?? version) <= version) tasks.delete(id);
  }
  return { tasks: [...tasks.values()], cursor: page.cursor };
}

/** With the response to a write of this browser, which is here before the stream has it. */
export const withTask = (replica: Replica, task: Task): Replica => ({
  ...replica,
  tasks: withChanges(replica, { tasks: [task], deleted: [], cursor: "", more: false }).tasks,
});

export const withoutTask = (replica: Replica, id: number): Replica => ({
  ...replica,
  tasks: replica.tasks.filter((task) => task.id !== id),
});
