import { type RefObject, useCallback, useLayoutEffect, useMemo, useRef } from "react";

import type { Row } from "@/components/task-list";

/** Keeps the focus in the list: rows leave it, move in it, and exist only while they are in sight. */
export function useListFocus(list: RefObject<HTMLElement | null>, rows: Row[]) {
  // A null `ref` is the list itself, when its last row has left.
  const wanted = useRef<{ ref: string | null; control: string } | null>(null);
  const current = useRef(rows);
  useLayoutEffect(() => {
    current.current = rows;
  });

  const attempt = useCallback(() => {
    if (!wanted.current) return;
    const { ref, control } = wanted.current;
    const at = document.activeElement;
    // The user has gone elsewhere meanwhile. A menu of a row closes by itself.
    if (at && at !== document.body && !list.current?.contains(at) && !at.closest("[role=menu]")) {
      wanted.current = null;
      return;
    }
    const element =
      ref === null
        ? current.current.length === 0 && list.current
        : list.current?.querySelector<HTMLElement>(`[data-ref=${JSON.stringify(ref)}] [data-control=${control}]`);
    if (!element) return;
    wanted.current = null;
    element.focus({ preventScroll: true });
  }, [list]);
  useLayoutEffect(attempt);

  return useMemo(
    () => ({
      go(ref: string, control: string) {
        wanted.current = { ref, control };
        attempt();
      },
      /** The row is about to leave: the focus goes to the one that takes its place. */
      leave(ref: string, control: string) {
        const items = current.current.filter((row) => "item" in row);
        const index = items.findIndex(({ key }) => key === ref);
        const next = items[index + 1] ?? items[index - 1];
        wanted.current = { ref: next?.key ?? null, control };
      },
    }),
    [attempt],
  );
}
