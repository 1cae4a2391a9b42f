"use client";

import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual";
import { Fragment, type KeyboardEvent, lazy, Suspense, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";

import { type RowHandlers, TaskRow } from "@/components/task-row";
import { useDrag } from "@/components/use-drag";
import { useListFocus } from "@/components/use-list-focus";
import type { Item, Operation } from "@/lib/tasks/operations";
import { useActions } from "@/lib/tasks/use-tasks";
import type { Section } from "@/lib/tasks/views";

const TaskEditor = lazy(() => import("@/components/task-editor"));

export type Row = { key: string } & ({ heading: string } | { item: Item });

interface Props {
  label: string;
  sections: Section[];
  today: string;
  /** Whether the order is the user's own, and can be changed. */
  sortable: boolean;
  /** The task that is being edited, as it was when that began. */
  editing: Item | null;
  onEdit: (item: Item | null) => void;
  onReview: (problem: Operation) => void;
}

/** A list of any length: only the rows in sight are in the document. */
export function TaskList({ label, sections, today, sortable, editing, onEdit, onReview }: Props) {
  const rows = useMemo(() => rowsOf(sections, editing), [sections, editing]);
  const actions = useActions();
  const list = useRef<HTMLUListElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => setMargin(list.current?.offsetTop ?? 0));
  const [dragged, setDragged] = useState<string | null>(null);
  const drag = useDrag(list);

  // These rows stay in the document wherever the page is scrolled to.
  const kept = [editing?.ref, dragged].map((key) => rows.findIndex((row) => row.key === key)).filter((index) => index >= 0);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: (index) => ("heading" in rows[index]! ? 56 : 46),
    getItemKey: (index) => rows[index]!.key,
    scrollMargin: margin,
    overscan: 8,
    // For the first paint, on the server.
    initialRect: { width: 800, height: 900 },
    rangeExtractor: (range: Range) => [...new Set([...defaultRangeExtractor(range), ...kept])].sort((a, b) => a - b),
  });

  const focus = useListFocus(list, rows);
  const latest = useRef({ rows, actions, onEdit, onReview });
  useLayoutEffect(() => void (latest.current = { rows, actions, onEdit, onReview }));

  const place = useCallback((item: Item, to: number) => {
    const items = latest.current.rows.flatMap((row) => ("item" in row ? [row.item] : []));
    const others = items.filter(({ ref }) => ref !== item.ref);
    if (to >= 0 && to < items.length) latest.current.actions.move(item, others[to - 1], others[to]);
  }, []);

  // One object for all rows and all renders, so that a row is rendered again only if its task changed.
  const handlers = useMemo<RowHandlers>(() => {
    const indexOf = (item: Item) =>
      latest.current.rows.filter((row) => "item" in row).findIndex((row) => row.key === item.ref);
    return {
      complete(item, completed) {
        focus.leave(item.ref, "check");
        latest.current.actions.complete(item, completed);
      },
      edit: (item) => latest.current.onEdit(item),
      remove(item) {
        focus.leave(item.ref, "title");
        latest.current.actions.trash(item);
      },
      move: (item, by) => place(item, indexOf(item) + by),
      review: (problem) => latest.current.onReview(problem),
    };
  }, [focus, place]);

  function onKeyDown(event: KeyboardEvent<HTMLElement>) {
    const target = event.target as HTMLElement;
    const control = target.dataset["control"];
    const ref = target.closest<HTMLElement>("[data-ref]")?.dataset["ref"];
    const index = rows.findIndex((row) => row.key === ref);
    const row = rows[index];
    if (!control || control === "handle" || !row || !("item" in row)) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      if (event.altKey) return sortable ? handlers.move(row.item, by) : undefined;
      let next = index + by;
      while (rows[next] && "heading" in rows[next]!) next += by;
      if (!rows[next]) return;
      virtualizer.scrollToIndex(next);
      focus.go(rows[next]!.key, control);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      handlers.remove(row.item);
    }
  }

  const refs = useMemo(() => (sortable ? rows.map(({ key }) => key) : []), [rows, sortable]);
  const itemOf = (ref: string) => rows.flatMap((row) => ("item" in row && row.key === ref ? [row.item] : []))[0];
  const frame = drag && {
    refs,
    titleOf: (ref: string) => itemOf(ref)?.title ?? "",
    onDrag: setDragged,
    onMove(ref: string, to: number) {
      const item = itemOf(ref);
      if (item) place(item, to);
    },
  };
  const Frame = drag?.SortableFrame ?? Fragment;
  const Row = sortable && drag ? drag.SortableRow : TaskRow;

  return (
    <Frame {...(frame as NonNullable<typeof frame>)}>
      <ul ref={list} tabIndex={-1} aria-label={label} onKeyDown={onKeyDown} className="relative" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index]!;
          return (
            <li
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              data-ref={"item" in row ? row.key : undefined}
              aria-posinset={index + 1}
              aria-setsize={rows.length}
              className="absolute inset-x-0"
              style={{ top: start - virtualizer.options.scrollMargin, zIndex: row.key === dragged ? 1 : undefined }}
            >
              {"heading" in row ? (
                <h2 className="border-b pt-6 pb-2 text-sm font-semibold">{row.heading}</h2>
              ) : row.key === editing?.ref ? (
                <Suspense>
                  <TaskEditor
                    item={editing}
                    onClose={() => {
                      onEdit(null);
                      focus.go(editing.ref, "title");
                    }}
                  />
                </Suspense>
              ) : (
                <Row item={row.item} today={today} handlers={handlers} movable={sortable} />
              )}
            </li>
          );
        })}
      </ul>
    </Frame>
  );
}

/** An editor stays open whatever is shown and whatever happens to its task: nothing typed is lost. */
function rowsOf(sections: Section[], editing: Item | null): Row[] {
  const rows = sections.flatMap(({ title, items }): Row[] => [
    ...(title === null ? [] : [{ key: `heading ${title}`, heading: title }]),
    ...items.map((item) => ({ key: item.ref, item })),
  ]);
  if (editing && !rows.some(({ key }) => key === editing.ref)) rows.unshift({ key: editing.ref, item: editing });
  return rows;
}
