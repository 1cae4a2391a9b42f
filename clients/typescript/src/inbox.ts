// What a consumer of changes has not taken yet.
import { createDeadline } from "./time.js";

/** More than this is read from the service instead: a slow consumer costs no memory. */
const CAPACITY = 16;

/** A bounded queue. What does not fit empties it, and the consumer is told that it missed something. */
export const createInbox = <T>(signal: AbortSignal) => {
  let messages: T[] = [];
  let hasMissed = false;
  let failure: { error: unknown } | undefined;
  let wake = () => {};

  const clear = () => {
    messages = [];
  };
  const miss = () => {
    clear();
    hasMissed = true;
    wake();
  };
  const isIdle = () => messages.length === 0 && !hasMissed && !failure;

  return {
    push: (message: T) => {
      if (messages.push(message) > CAPACITY) miss();
      else wake();
    },
    clear,
    /** The consumer missed something: what is in the queue does not matter any more. */
    miss,
    /** Ends the consumer with this error. */
    fail: (error: unknown) => {
      failure ??= { error };
      wake();
    },
    /** The next message; undefined if something was missed, or if there was nothing for `ms`. */
    take: async (ms: number): Promise<T | undefined> => {
      if (isIdle()) {
        const { set, race, end } = createDeadline(signal);
        set(ms);
        try {
          await race(new Promise<void>((done) => (wake = done)));
        } catch {
          signal.throwIfAborted();
        } finally {
          end();
        }
      }
      if (failure) throw failure.error;
      if (!hasMissed) return messages.shift();
      hasMissed = false;
      return undefined;
    },
  };
};
