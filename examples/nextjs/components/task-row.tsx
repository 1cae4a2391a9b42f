"use client";

import type { DraggableAttributes, DraggableSyntheticListeners } from "@dnd-kit/core";
import { EllipsisIcon, GripVerticalIcon, Trash2Icon } from "lucide-react";
import { lazy, memo } from "react";

import { LazyMenu } from "@/components/lazy-menu";
import { LinkedText } from "@/components/linked-text";
import { RelativeTime } from "@/components/relative-time";
import { Due, Priority, PRIORITY, SyncState } from "@/components/task-meta";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import type { Item, Operation } from "@/lib/tasks/operations";
import { cn } from "@/lib/utils";

const TaskMenu = lazy(() => import("@/components/menus/task-menu"));

/** What the list does for its rows. */
export interface RowHandlers {
  complete: (item: Item, completed: boolean) => void;
  edit: (item: Item) => void;
  remove: (item: Item) => void;
  move: (item: Item, by: -1 | 1) => void;
  review: (problem: Operation) => void;
}

export interface RowProps {
  item: Item;
  today: string;
  handlers: RowHandlers;
  /** Whether the order is the user's own. */
  movable: boolean;
}

interface Props extends RowProps {
  handle?: { attributes: DraggableAttributes; listeners: DraggableSyntheticListeners };
  dragging?: boolean;
}

export const TaskRow = memo(function TaskRow({ item, today, handlers, movable, handle, dragging = false }: Props) {
  const { title, description, completed, completed_at, due_date, tags } = item;
  const meta =
    due_date || item.priority !== "none" || tags.length > 0 || item.pending || item.problem || (completed && completed_at);
  return (
    <div
      className={cn(
        "group relative flex items-start gap-1 border-b bg-background py-1 lg:gap-2 lg:py-1.5",
        dragging && "z-10 rounded-lg border-transparent shadow-lg ring-1 ring-border",
      )}
    >
      {handle && (
        <button
          type="button"
          {...handle.attributes}
          {...handle.listeners}
          data-control="handle"
          aria-label={`Reorder “${title}”`}
          className="touch-none absolute top-2.5 -left-7 hidden size-6 cursor-grab items-center justify-center rounded-sm text-muted-foreground opacity-0 group-hover:opacity-100 focus-visible:opacity-100 lg:flex"
        >
          <GripVerticalIcon className="size-4" aria-hidden />
        </button>
      )}
      <Check item={item} onChange={(completed) => handlers.complete(item, completed)} />
      <div className="min-w-0 flex-1 py-2.5 lg:py-1">
        <button
          type="button"
          data-control="title"
          onClick={() => handlers.edit(item)}
          aria-label={`Edit “${title}”`}
          className={cn(
            "block w-full rounded-sm text-left text-[0.9375rem] leading-6 [overflow-wrap:anywhere] lg:text-sm lg:leading-6",
            completed && "text-muted-foreground line-through",
          )}
        >
          {title}
        </button>
        {description && (
          <p className="line-clamp-2 text-sm whitespace-pre-line text-muted-foreground [overflow-wrap:anywhere]">
            <LinkedText text={description} />
          </p>
        )}
        {meta && (
          <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted-foreground">
            <SyncState item={item} onReview={() => item.problem && handlers.review(item.problem)} />
            <Due {...item} today={today} />
            <Priority priority={item.priority} />
            {tags.map((tag) => (
              <Badge key={tag} className="min-w-0">
                <span className="truncate">#{tag}</span>
              </Badge>
            ))}
            {completed && completed_at && <RelativeTime moment={completed_at} label="Completed" />}
          </div>
        )}
      </div>
      <div className="flex items-center lg:opacity-0 lg:group-focus-within:opacity-100 lg:group-hover:opacity-100 has-[[aria-expanded=true]]:opacity-100">
        <Button variant="ghost" size="icon-sm" className="hidden lg:inline-flex" onClick={() => handlers.remove(item)}>
          <Trash2Icon aria-hidden />
          <span className="sr-only">Delete “{title}”</span>
        </Button>
        {handle && (
          // A finger has no hover: here the handle is always there.
          <button
            type="button"
            {...handle.listeners}
            data-touch-handle
            tabIndex={-1}
            aria-hidden
            className="flex size-11 touch-none items-center justify-center text-muted-foreground lg:hidden"
          >
            <GripVerticalIcon className="size-4" />
          </button>
        )}
        <LazyMenu
          menu={TaskMenu}
          props={{
            item,
            today,
            onEdit: () => handlers.edit(item),
            onDelete: () => handlers.remove(item),
            onMove: movable ? (by: -1 | 1) => handlers.move(item, by) : undefined,
          }}
          button={{
            variant: "ghost",
            size: "icon-sm",
            "aria-label": `More for “${title}”`,
            children: <EllipsisIcon aria-hidden />,
          }}
        />
      </div>
    </div>
  );
});

/** A checkbox in the colour of the priority, in a label of 44 px for fingers. */
function Check({ item, onChange }: { item: Item; onChange: (completed: boolean) => void }) {
  return (
    <label className="flex size-11 shrink-0 cursor-pointer items-center justify-center lg:size-8">
      <input
        type="checkbox"
        data-control="check"
        checked={item.completed}
        onChange={(event) => onChange(event.target.checked)}
        aria-label={item.title}
        className={cn(
          "size-[1.375rem] cursor-pointer appearance-none rounded-full border-2 transition-colors lg:size-5",
          "before:hidden before:size-full before:bg-background before:mask-[url(/check.svg)] before:mask-center before:mask-no-repeat",
          "checked:border-transparent checked:before:block",
          PRIORITY[item.priority].circle,
        )}
      />
    </label>
  );
}
