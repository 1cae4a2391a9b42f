import { type RefObject, useEffect } from "react";

/** Keys that focus a field, from anywhere but another field. */
export function useShortcuts(targets: Record<string, RefObject<HTMLElement | null>>) {
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      const target = targets[event.key]?.current;
      if (!target || event.metaKey || event.ctrlKey || event.altKey) return;
      const at = event.target as HTMLElement;
      if (at.matches("input:not([type=checkbox]), textarea, select") || at.closest("[role=dialog], [role=menu]")) return;
      event.preventDefault();
      target.focus();
    }
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
}
