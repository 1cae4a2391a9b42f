import { type RefObject, useEffect, useState } from "react";

import { whenLoaded } from "@/lib/preload";

type Drag = typeof import("@/components/sortable");

/**
 * What makes the rows draggable, once it is loaded. It is put around the list, and so makes
 * the rows anew: that waits for a moment in which nobody is using them.
 */
export function useDrag(list: RefObject<HTMLElement | null>): Drag | undefined {
  const [drag, setDrag] = useState<Drag>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let ended = false;
    function attempt(loaded: Drag) {
      if (ended) return;
      const inUse = list.current?.matches(":focus-within, :active, :has(form, [aria-expanded=true])");
      if (inUse) timer = setTimeout(attempt, 500, loaded);
      else setDrag(loaded);
    }
    void whenLoaded().then(({ sortable }) => attempt(sortable));
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [list]);
  return drag;
}
