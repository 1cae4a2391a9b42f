/**
 * Loads what the first paint does without, once the page is idle: it is there at the first
 * click, and there without a network.
 */
async function load() {
  await idle();
  const [sortable] = await Promise.all([
    import("@/components/sortable"),
    import("@/components/toasts"),
    import("@/lib/tasks/schema"),
    import("@/components/task-editor"),
    import("@/components/menus/task-menu"),
    import("@/components/menus/view-menu"),
    import("@/components/menus/user-menu"),
    import("@/components/conflict-dialog"),
    import("@/components/trash"),
    import("@/components/sign-out"),
    import("@/components/shortcuts"),
  ]);
  return { sortable };
}

// Safari has no requestIdleCallback.
const idle = () =>
  new Promise<unknown>((resolve) => {
    if ("requestIdleCallback" in window) requestIdleCallback(resolve, { timeout: 5000 });
    else setTimeout(resolve, 1000);
  });

let loaded: ReturnType<typeof load> | undefined;
export const whenLoaded = () => (loaded ??= load());
