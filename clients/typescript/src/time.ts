// Time limits, delays and the header Retry-After.

/** `setTimeout` takes a 32-bit number; with a larger one it fires at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** A signal that follows another one and has a time limit, which can be set anew. */
export const createDeadline = (outer?: AbortSignal | null) => {
  const controller = new AbortController();
  const { signal } = controller;
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  // Nobody may be waiting when the signal ends.
  ended.catch(() => {});
  const abort = () => controller.abort(outer!.reason);
  if (outer?.aborted) abort();
  else outer?.addEventListener("abort", abort);
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    signal,
    /** Starts the limit anew. `Infinity`: none. */
    set: (ms: number) => {
      clearTimeout(timer);
      if (ms > MAX_TIMER) return;
      timer = setTimeout(() => controller.abort(new DOMException(`Nothing received for ${ms} ms`, "TimeoutError")), ms);
    },
    /** The result of `work`, unless the signal ends first: also what ignores signals is bounded. */
    race: <T>(work: Promise<T>) => Promise.race([work, ended]),
    /** Ends what uses the signal. */
    abort: () => controller.abort(),
    /** Forgets the outer signal and the limit. */
    end: () => {
      clearTimeout(timer);
      outer?.removeEventListener("abort", abort);
    },
  };
};

/** Runs `work` with a time limit and, if there is one, the caller's signal. */
export const within = async <T>(
  ms: number,
  outer: AbortSignal | null | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const { signal, set, race, end } = createDeadline(outer);
  set(ms);
  try {
    signal.throwIfAborted();
    return await race(work(signal));
  } finally {
    end();
  }
};

/** Waits, or until `event` occurs in the page; rejects if the signal ends meanwhile. */
export const pause = async (ms: number, signal?: AbortSignal | null, event = ""): Promise<void> => {
  const { race, end } = createDeadline(signal);
  let wake = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await race(
      new Promise<void>((done) => {
        wake = done;
        timer = setTimeout(wake, Math.min(ms, MAX_TIMER));
        globalThis.addEventListener?.(event, wake);
      }),
    );
  } finally {
    clearTimeout(timer);
    globalThis.removeEventListener?.(event, wake);
    end();
  }
};

/** Exponential, at most 30 s. Half of it is random, so that clients do not return all at once. */
export const backoff = (failures: number, base = 500): number =>
  Math.min(30_000, base * 2 ** failures) * (0.5 + Math.random() / 2);

/** The header `Retry-After` in milliseconds: seconds or a date (RFC 9110, section 10.2.3). */
export const retryAfter = (headers: Headers): number | undefined => {
  const value = headers.get("retry-after");
  if (!value) return undefined;
  // A date is by the server's clock.
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
};
