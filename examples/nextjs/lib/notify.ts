type Toast = typeof import("sonner").toast;

let found: (toast: Toast) => void;
// `components/toasts.tsx` is loaded when the page is idle: what is said before waits for it.
const loaded = new Promise<Toast>((resolve) => (found = resolve));
export const toastsAreShownBy = (toast: Toast) => found(toast);

/** Says what was done, and offers to undo it. */
export async function notify(message: string, undo?: () => void) {
  const toast = await loaded;
  toast(message, undo && { action: { label: "Undo", onClick: undo }, duration: 8000 });
}

export async function notifyError(message: string) {
  const toast = await loaded;
  toast.error(message);
}
