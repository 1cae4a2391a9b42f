"use client";

import { SearchIcon, XIcon } from "lucide-react";
import { type Ref, useEffect, useState } from "react";

import { hrefOf, type Selection } from "@/lib/tasks/views";

/** The search is in the address, which follows the typing. */
export function SearchBox({ selection, ref }: { selection: Selection; ref: Ref<HTMLInputElement> }) {
  const [text, setText] = useState(selection.q);
  // Back, forward, and a link to another view.
  const [shown, setShown] = useState(selection.q);
  if (selection.q !== shown) {
    setShown(selection.q);
    if (selection.q !== text.trim()) setText(selection.q);
  }

  useEffect(() => {
    const q = text.trim();
    if (q === selection.q) return;
    // A request per word, not per letter; and one entry of the history per search.
    const timer = setTimeout(() => {
      const change = selection.q ? "replaceState" : "pushState";
      window.history[change](null, "", hrefOf({ ...selection, q }));
    }, 200);
    return () => clearTimeout(timer);
  }, [text, selection]);

  return (
    <div role="search" className="relative min-w-0 flex-1 lg:w-56 lg:flex-none">
      <SearchIcon className="absolute top-1/2 left-3 size-4 -translate-y-1/2 text-muted-foreground" aria-hidden />
      <input
        ref={ref}
        type="search"
        aria-label="Search"
        placeholder="Search"
        autoComplete="off"
        enterKeyHint="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          setText("");
          event.currentTarget.blur();
        }}
        className="h-11 w-full rounded-md bg-muted pr-9 pl-9 text-base placeholder:text-muted-foreground lg:h-9 lg:text-sm [&::-webkit-search-cancel-button]:hidden"
      />
      {text ? (
        <button
          type="button"
          onClick={() => setText("")}
          className="absolute top-1/2 right-0 flex size-11 -translate-y-1/2 items-center justify-center rounded-md text-muted-foreground hover:text-foreground lg:size-9"
        >
          <XIcon className="size-4" aria-hidden />
          <span className="sr-only">Clear the search</span>
        </button>
      ) : (
        <kbd className="absolute top-1/2 right-2 -translate-y-1/2 rounded border bg-background px-1.5 py-0.5 font-sans text-xs text-muted-foreground max-lg:hidden">
          /
        </kbd>
      )}
    </div>
  );
}
