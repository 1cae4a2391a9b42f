import { addDays, dayAndMonth, dayLabel, fullDay } from "./dates";
import type { Item } from "./operations";

export const views = ["all", "today", "upcoming", "completed", "trash"] as const;
export type View = (typeof views)[number];

export const sorts = ["manual", "due", "priority", "newest"] as const;
export type Sort = (typeof sorts)[number];

/** What the address says is shown. */
export interface Selection {
  view: View;
  sort: Sort;
  tag: string | null;
  q: string;
}

const known = <T extends string>(values: readonly T[], value: string | null | undefined): T =>
  values.find((one) => one === value) ?? values[0]!;

export const selectionOf = (params: URLSearchParams): Selection => ({
  view: known(views, params.get("view")),
  sort: known(sorts, params.get("sort")),
  tag: params.get("tag"),
  q: params.get("q") ?? "",
});

/** The address of a selection. What is as usual is left out. */
export function hrefOf({ view = "all", sort = "manual", tag = null, q = "" }: Partial<Selection>): string {
  const params = new URLSearchParams();
  if (view !== "all") params.set("view", view);
  if (sort !== "manual") params.set("sort", sort);
  if (tag !== null) params.set("tag", tag);
  if (q) params.set("q", q);
  return params.size ? `/?${params}` : "/";
}

const RANK = { high: 0, medium: 1, low: 2, none: 3 };
const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
type Compare = (a: Item, b: Item) => number;

// A task without an id was created last.
const newest: Compare = (a, b) => text(b.created_at, a.created_at) || b.id - a.id;
export const manual: Compare = (a, b) => text(a.position, b.position) || newest(a, b);
const due: Compare = (a, b) =>
  text(a.due_date ?? "9999", b.due_date ?? "9999") || text(a.due_time ?? "99", b.due_time ?? "99") || manual(a, b);
const priority: Compare = (a, b) => RANK[a.priority] - RANK[b.priority] || due(a, b);
const completed: Compare = (a, b) => text(b.completed_at ?? "", a.completed_at ?? "") || newest(a, b);
const order: Record<Sort, Compare> = { manual, due, priority, newest };

export interface Section {
  /** Null: without a heading. */
  title: string | null;
  items: Item[];
}

export const isOverdue = (item: Pick<Item, "due_date" | "completed">, today: string) =>
  !item.completed && item.due_date !== null && item.due_date < today;

/** The sections of a view. `matches` are the results of a search, which looks into everything. */
export function sectionsOf(items: Item[], { view, sort, tag }: Selection, today: string, matches?: Item[]): Section[] {
  if (matches) {
    const [pending, done] = [matches.filter((item) => !item.completed), matches.filter((item) => item.completed)];
    return present([
      { title: "Open", items: pending.sort(manual) },
      { title: "Completed", items: done.sort(completed) },
    ]);
  }
  const tagged = tag === null ? items : items.filter((item) => item.tags.includes(tag));
  const pending = tagged.filter((item) => !item.completed);
  switch (view) {
    case "today":
      return present([
        { title: "Overdue", items: pending.filter((item) => isOverdue(item, today)).sort(due) },
        { title: "Today", items: pending.filter((item) => item.due_date === today).sort(due) },
      ]);
    case "upcoming": {
      const sections: Section[] = [];
      for (const item of pending.filter(({ due_date }) => due_date && due_date > today).sort(due)) {
        const title = heading(item.due_date!, today);
        if (sections.at(-1)?.title !== title) sections.push({ title, items: [] });
        sections.at(-1)!.items.push(item);
      }
      return sections;
    }
    case "completed":
      return present([{ title: null, items: tagged.filter((item) => item.completed).sort(completed) }]);
    case "all":
      return present([{ title: null, items: pending.sort(order[sort]) }]);
    case "trash":
      return [];
  }
}

const present = (sections: Section[]) => sections.filter(({ items }) => items.length > 0);

const heading = (day: string, today: string) =>
  day < addDays(today, 7) ? `${dayLabel(day, today)} · ${dayAndMonth(day)}` : fullDay(day);

/** How many pending tasks each view has. */
export function countsOf(items: Item[], today: string): Record<"all" | "today" | "upcoming", number> {
  const counts = { all: 0, today: 0, upcoming: 0 };
  for (const { completed, due_date } of items) {
    if (completed) continue;
    counts.all += 1;
    if (due_date && due_date <= today) counts.today += 1;
    else if (due_date) counts.upcoming += 1;
  }
  return counts;
}

/** The tags in use, most used first. */
export function tagsOf(items: Item[]): string[] {
  const counts = new Map<string, number>();
  for (const item of items) for (const tag of item.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || text(a, b)).map(([tag]) => tag);
}

/** Whether a task has every word of the search, as the service looks for them. */
export function matches({ title, description }: Item, q: string): boolean {
  const haystack = `${title}\n${description ?? ""}`.toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => haystack.includes(word));
}
