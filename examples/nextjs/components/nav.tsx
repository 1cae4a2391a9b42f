"use client";

import { CalendarDaysIcon, CircleCheckIcon, HashIcon, InboxIcon, SunIcon, Trash2Icon } from "lucide-react";
import type { MouseEvent, ReactNode } from "react";

import { hrefOf, type Selection, type View, views } from "@/lib/tasks/views";
import { cn } from "@/lib/utils";

export const VIEWS = {
  all: { label: "All tasks", short: "All", Icon: InboxIcon },
  today: { label: "Today", short: "Today", Icon: SunIcon },
  upcoming: { label: "Upcoming", short: "Upcoming", Icon: CalendarDaysIcon },
  completed: { label: "Completed", short: "Done", Icon: CircleCheckIcon },
  trash: { label: "Trash", short: "Trash", Icon: Trash2Icon },
} satisfies Record<View, unknown>;

interface Props {
  selection: Selection;
  counts: Partial<Record<View, number>>;
  tags: string[];
}

/**
 * Links, so that each view has an address. The page stays when one is followed: all tasks are
 * in the browser, so that the views work without a network too.
 */
function ViewLink({ to, current, className, children }: {
  to: Partial<Selection>;
  current: boolean;
  className: string;
  children: ReactNode;
}) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    // With a key held, the link is the browser's: a new tab, a new window.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.history.pushState(null, "", event.currentTarget.href);
    window.scrollTo(0, 0);
  }
  return (
    <a href={hrefOf(to)} aria-current={current ? "page" : undefined} onClick={follow} className={className}>
      {children}
    </a>
  );
}

const isCurrent = (selection: Selection, view: View) => !selection.q && selection.tag === null && selection.view === view;

export function Sidebar({ selection, counts, tags }: Props) {
  const link =
    "flex h-9 items-center gap-3 rounded-md px-3 text-sm hover:bg-accent aria-[current]:bg-primary/10 aria-[current]:font-medium aria-[current]:text-primary";
  return (
    <aside className="fixed inset-y-0 left-0 hidden w-60 flex-col overflow-y-auto border-r bg-sidebar px-3 py-5 lg:flex">
      <p className="flex items-center gap-2.5 px-3 pb-5 font-semibold">
        <img src="/icon.svg" alt="" className="size-6" />
        Tasks
      </p>
      <nav aria-label="Views">
        <ul className="flex flex-col gap-0.5">
          {views.map((view) => {
            const { label, Icon } = VIEWS[view];
            return (
              <li key={view}>
                <ViewLink to={{ view }} current={isCurrent(selection, view)} className={link}>
                  <Icon className="size-4 shrink-0" aria-hidden />
                  {label}
                  {!!counts[view] && (
                    <span className="ml-auto text-xs font-normal text-muted-foreground tabular-nums">{counts[view]}</span>
                  )}
                </ViewLink>
              </li>
            );
          })}
        </ul>
      </nav>
      {tags.length > 0 && (
        <nav aria-labelledby="tags">
          <h2 id="tags" className="px-3 pt-6 pb-2 text-xs font-medium text-muted-foreground">
            Tags
          </h2>
          <ul className="flex flex-col gap-0.5">
            {tags.map((tag) => (
              <li key={tag}>
                <ViewLink to={{ tag }} current={selection.tag === tag} className={link}>
                  <HashIcon className="size-4 shrink-0 text-muted-foreground" aria-hidden />
                  <span className="truncate">{tag}</span>
                </ViewLink>
              </li>
            ))}
          </ul>
        </nav>
      )}
    </aside>
  );
}

/** The views on a phone, in reach of a thumb. */
export function TabBar({ selection }: { selection: Selection }) {
  return (
    <nav
      aria-label="Views"
      className="fixed inset-x-0 bottom-0 z-20 border-t bg-background/95 pb-[env(safe-area-inset-bottom)] backdrop-blur lg:hidden"
    >
      <ul className="mx-auto flex max-w-md">
        {views.map((view) => {
          const { short, Icon } = VIEWS[view];
          const current = isCurrent(selection, view);
          return (
            <li key={view} className="flex-1">
              <ViewLink
                to={{ view }}
                current={current}
                className={cn(
                  "flex h-14 flex-col items-center justify-center gap-1 text-xs text-muted-foreground -outline-offset-2",
                  current && "font-medium text-primary",
                )}
              >
                <Icon className="size-5" aria-hidden />
                {short}
              </ViewLink>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
