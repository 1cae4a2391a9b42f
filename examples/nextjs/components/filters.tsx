"use client";

import type { MouseEvent } from "react";

import { type Filter, filters } from "@/lib/filter";

const texts: Record<Filter, string> = { all: "All", pending: "Pending", completed: "Completed" };

/** Links, so that each list has an address: to reload, to keep, to open in a new tab. */
export function Filters({ current }: { current: Filter }) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    // With a key held, the link is the browser's: a new tab, a new window.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // The address changes and the page stays; the list comes straight from the service.
    window.history.pushState(null, "", event.currentTarget.href);
  }

  return (
    <nav aria-label="Which tasks">
      <ul className="filters">
        {filters.map((filter) => (
          <li key={filter}>
            <a
              href={filter === "all" ? "/" : `/?status=${filter}`}
              aria-current={filter === current ? "page" : undefined}
              onClick={follow}
            >
              {texts[filter]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
