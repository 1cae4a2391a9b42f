// What needs no browser: the line of a new task, dates, and the merge of replica, queue and changes.
import { expect, test } from "@playwright/test";
import type { Task } from "@tasks-api/client";

import { ago, dayLabel } from "@/lib/tasks/dates";
import { applied, type Operation } from "@/lib/tasks/operations";
import { parseLine } from "@/lib/tasks/quick-add";
import { withChanges } from "@/lib/tasks/replica";
import { disputed } from "@/lib/tasks/send";

// A Friday.
const TODAY = "2026-11-27";
const plain = { due_date: null, due_time: null, priority: "none", tags: [] };

for (const [line, expected] of Object.entries({
  "Buy milk": { title: "Buy milk" },
  "Call Ana tomorrow 9:00 p1 #work": { title: "Call Ana", due_date: "2026-11-28", due_time: "09:00", priority: "high", tags: ["work"] },
  "p2 #a #b Pay today": { title: "Pay", due_date: TODAY, priority: "medium", tags: ["a", "b"] },
  "Meet friday": { title: "Meet", due_date: "2026-12-04" },
  "Meet on monday at 5pm": { title: "Meet", due_date: "2026-11-30", due_time: "17:00" },
  "Run in 2 weeks": { title: "Run", due_date: "2026-12-11" },
  "Plan next week": { title: "Plan", due_date: "2026-11-30" },
  "Ship 2027-02-28": { title: "Ship", due_date: "2027-02-28" },
  "Lunch 12am": { title: "Lunch", due_date: TODAY, due_time: "00:00" },
  "Dinner 18:30": { title: "Dinner", due_date: TODAY, due_time: "18:30" },
  // Words that only look like it.
  'Read "The Day After Tomorrow" p3': { title: "Read The Day After Tomorrow", priority: "low" },
  '"tomorrow"': { title: "tomorrow" },
  "Fix mp3 and C# of tomorrows": { title: "Fix mp3 and C# of tomorrows" },
  "Ship 2026-02-30": { title: "Ship" },
  "#home": { title: "", tags: ["home"] },
  "#a #a Twice": { title: "Twice", tags: ["a"] },
})) {
  test(`the line: ${line}`, () => expect(parseLine(line, TODAY)).toEqual({ ...plain, ...expected }));
}

test("days are named as long as the name is clear", () => {
  const labels = ["2026-11-26", TODAY, "2026-11-28", "2026-12-03", "2026-12-04", "2027-01-06", "2026-01-06"];
  expect(labels.map((day) => dayLabel(day, TODAY))).toEqual([
    "Yesterday", "Today", "Tomorrow", "Thursday", "4 Dec", "6 Jan 2027", "6 Jan",
  ]);
});

test("moments are relative", () => {
  const now = Date.parse("2026-11-27T12:00:00Z");
  const moments = ["11:59:30", "11:55:00", "09:00:00"].map((time) => `2026-11-27T${time}Z`);
  expect([...moments, "2026-11-26T11:00:00Z"].map((moment) => ago(moment, now))).toEqual([
    "just now", "5 minutes ago", "3 hours ago", "yesterday",
  ]);
});

const task = (id: number, version: number, changes: Partial<Task> = {}): Task => ({
  id,
  version,
  user_id: "ana",
  title: `Task ${id}`,
  description: null,
  completed: false,
  completed_at: null,
  due_date: null,
  due_time: null,
  priority: "none",
  tags: [],
  position: `a${id}`,
  idempotency_key: null,
  created_at: "2026-11-27T12:00:00Z",
  updated_at: "2026-11-27T12:00:00Z",
  ...changes,
});
const page = { tasks: [] as Task[], deleted: [] as { id: number; version: number; idempotency_key: null }[], cursor: "2", more: false };

test("changes come late and twice: the higher version of a task stays", () => {
  const replica = { tasks: [task(1, 5), task(2, 3)], cursor: "1" };
  const late = withChanges(replica, { ...page, tasks: [task(1, 4, { title: "old" }), task(3, 6)] });
  expect(late.tasks.map(({ id, version }) => [id, version])).toEqual([[1, 5], [2, 3], [3, 6]]);
  const gone = withChanges(late, { ...page, deleted: [{ id: 1, version: 4, idempotency_key: null }, { id: 2, version: 7, idempotency_key: null }] });
  expect(gone.tasks.map(({ id }) => id)).toEqual([1, 3]);
  expect(withChanges(gone, { ...page, tasks: [task(9, 1)], reset: true }).tasks.map(({ id }) => id)).toEqual([9]);
});

test("what waits is shown on top of the replica, in its order", () => {
  const operations: Operation[] = [
    { seq: "1", kind: "create", ref: "key k", body: { title: "New" } },
    { seq: "2", kind: "patch", ref: "key k", task: task(-1, 0), changes: { title: "Newer" } },
    { seq: "3", kind: "trash", ref: "id 1", id: 1 },
    { seq: "4", kind: "complete-all", ref: "", completed: true },
    { seq: "5", kind: "restore", ref: "id 1", id: 1, task: task(1, 5) },
    { seq: "6", kind: "patch", ref: "id 3", id: 3, task: task(3, 1), changes: { title: "Gone there" }, problem: { kind: "gone" } },
  ];
  const shown = applied([task(1, 5), task(2, 3)], operations);
  expect(shown.map(({ title, completed, pending }) => [title, completed, pending])).toEqual([
    ["Task 2", true, true],
    ["Newer", true, true],
    ["Task 1", false, true],
    ["Gone there", false, true],
  ]);
  expect(shown.at(-1)?.problem?.problem).toEqual({ kind: "gone" });
});

test("a row that nothing changed is the same object, so that it is not rendered again", () => {
  const tasks = [task(1, 5), task(2, 3)];
  const patch: Operation = { seq: "1", kind: "patch", ref: "id 1", id: 1, task: tasks[0]!, changes: { title: "x" } };
  const [before, after] = [applied(tasks, []), applied(tasks, [patch])];
  expect(after[1]).toBe(before[1]);
  expect(after[0]).not.toBe(before[0]);
});

test("only a field that both sides changed, to different values, is in dispute", () => {
  const seen = task(1, 1, { title: "a", description: "b", tags: ["x"] });
  const now = task(1, 2, { title: "theirs", description: "b", tags: ["y"], completed: true });
  expect(disputed(seen, { title: "mine" }, now)).toEqual(["title"]);
  expect(disputed(seen, { title: "theirs" }, now)).toEqual([]);
  expect(disputed(seen, { description: "mine", due_date: "2026-01-01" }, now)).toEqual([]);
  expect(disputed(seen, { tags: ["z"] }, now)).toEqual(["tags"]);
  // Of these the last write counts.
  expect(disputed(seen, { completed: false, position: "b" }, now)).toEqual([]);
});
