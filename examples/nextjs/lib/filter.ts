import type { ListTasksStatus, Task } from "@tasks-api/client";

export const filters = ["all", "pending", "completed"] as const satisfies ListTasksStatus[];

export type Filter = (typeof filters)[number];

export const filterOf = (value: unknown): Filter => filters.find((known) => known === value) ?? "all";

export const matches = (task: Task, filter: Filter) =>
  filter === "all" || task.completed === (filter === "completed");
