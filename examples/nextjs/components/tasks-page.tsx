"use client";

import { HashIcon, SearchIcon } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";

import { Empty, ListSkeleton } from "@/components/empty";
import { Header } from "@/components/header";
import { Sidebar, TabBar, VIEWS } from "@/components/nav";
import { QuickAdd } from "@/components/quick-add";
import { Status } from "@/components/status";
import { TaskList } from "@/components/task-list";
import { useToday } from "@/lib/clock";
import { whenLoaded } from "@/lib/preload";
import { addDays } from "@/lib/tasks/dates";
import type { Item, Operation } from "@/lib/tasks/operations";
import { useSearch } from "@/lib/tasks/use-search";
import { useTasks } from "@/lib/tasks/use-tasks";
import { countsOf, sectionsOf, selectionOf, tagsOf } from "@/lib/tasks/views";
import { useShortcuts } from "@/lib/use-shortcuts";

const Toasts = lazy(() => import("@/components/toasts"));
const Trash = lazy(() => import("@/components/trash"));
const ConflictDialog = lazy(() => import("@/components/conflict-dialog"));

export interface User {
  id: string;
  name: string;
  email: string;
}

export function TasksPage({ user }: { user: User }) {
  const params = useSearchParams();
  const selection = useMemo(() => selectionOf(new URLSearchParams(params)), [params]);
  const { items, loaded } = useTasks();
  const today = useToday();
  const { found, searching, local } = useSearch(selection.q);
  const [editing, setEditing] = useState<Item | null>(null);
  const [reviewed, setReviewed] = useState<Operation | null>(null);
  const newTask = useRef<HTMLInputElement>(null);
  const search = useRef<HTMLInputElement>(null);

  const [complete, setComplete] = useState(false);
  useEffect(() => void whenLoaded().then(() => setComplete(true)), []);
  useShortcuts({ n: newTask, "/": search });

  const sections = useMemo(() => sectionsOf(items, selection, today, found), [items, selection, today, found]);
  const counts = useMemo(() => countsOf(items, today), [items, today]);
  const tags = useMemo(() => tagsOf(items), [items]);
  const { Icon: ViewIcon, label } = VIEWS[selection.view];
  const Icon = selection.q ? SearchIcon : selection.tag !== null ? HashIcon : ViewIcon;
  const title = selection.q ? "Search" : selection.tag !== null ? `#${selection.tag}` : label;
  useEffect(() => void (document.title = `${title} · Tasks`), [title]);
  const listed = selection.view === "trash" && !selection.q ? [] : sections;
  const shown = listed.flatMap((section) => section.items);
  // In the other views a new task would not be seen.
  const adds = !selection.q && selection.view !== "completed" && selection.view !== "trash";

  return (
    <div data-loaded={complete || undefined} className="min-h-dvh lg:pl-60">
      <Sidebar selection={selection} counts={counts} tags={tags} />
      <main className="mx-auto w-full max-w-3xl px-4 pt-4 pb-32 lg:px-12 lg:pt-10 lg:pb-20">
        <Header
          user={user}
          title={title}
          selection={selection}
          left={shown.filter(({ completed }) => !completed).length}
          pending={counts.all}
          completed={items.length - counts.all}
          search={search}
        />
        <Status onReview={setReviewed} />
        {adds && (
          <div className="mb-4">
            <QuickAdd
              ref={newTask}
              today={today}
              defaults={{ tag: selection.tag, due_date: selection.tag === null ? dueIn(selection.view, today) : null }}
            />
          </div>
        )}
        {local && <p className="py-2 text-sm text-muted-foreground">Searching the tasks on this device.</p>}
        <TaskList
          label={title}
          sections={listed}
          today={today}
          sortable={selection.view === "all" && selection.sort === "manual" && !selection.q && selection.tag === null}
          editing={editing}
          onEdit={setEditing}
          onReview={setReviewed}
        />
        {!loaded || (searching && shown.length === 0) ? (
          <ListSkeleton />
        ) : selection.view === "trash" && !selection.q ? (
          <Suspense fallback={<ListSkeleton />}>
            <Trash selection={selection} />
          </Suspense>
        ) : (
          shown.length === 0 && !editing && <Empty selection={selection} icon={<Icon aria-hidden />} />
        )}
      </main>
      <TabBar selection={selection} />
      <Suspense>{complete && <Toasts />}</Suspense>
      {reviewed && (
        <Suspense>
          <ConflictDialog operation={reviewed} onClose={() => setReviewed(null)} />
        </Suspense>
      )}
    </div>
  );
}

/** The day that a task must have to be seen in a view. */
function dueIn(view: string, today: string): string | null {
  if (view === "today") return today;
  return view === "upcoming" ? addDays(today, 1) : null;
}
