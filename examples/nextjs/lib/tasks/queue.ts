import type { NewOperation, Operation } from "./operations";

/**
 * The operations of one user that are to be sent, in order. They survive a reload and a
 * closed browser, and every tab of the user shares them: each is an item of localStorage,
 * so that one tab appends while another removes and neither undoes the other's work.
 */
export function createQueue(userId: string) {
  const prefix = `tasks ${userId} `;
  const listeners = new Set<() => void>();
  // On the server there is no storage, and nothing to be sent.
  const storage = typeof localStorage === "undefined" ? undefined : localStorage;
  /** By `seq`. `stored` is false when the storage is full: such an operation is this tab's alone. */
  let known = new Map<string, { operation: Operation; text: string; stored: boolean }>();
  let list: Operation[] = [];
  read();

  function read() {
    const unstored = [...known].filter(([, { stored }]) => !stored);
    const entries = Object.keys(storage ?? {})
      .filter((key) => key.startsWith(prefix))
      .map((key) => {
        const [seq, text] = [key.slice(prefix.length), storage!.getItem(key)!] as const;
        const same = known.get(seq);
        return [seq, same?.text === text ? same : { operation: JSON.parse(text), text, stored: true }] as const;
      });
    known = new Map([...entries, ...unstored]);
    changed();
  }

  function changed() {
    const seqs = [...known.keys()].sort();
    list = seqs.map((seq) => known.get(seq)!.operation);
    for (const listener of listeners) listener();
  }

  function put(operation: Operation) {
    const text = JSON.stringify(operation);
    let stored = true;
    try {
      storage?.setItem(prefix + operation.seq, text);
    } catch {
      stored = false;
    }
    known.set(operation.seq, { operation, text, stored });
  }

  return {
    list: () => list,
    /** Reads what other tabs have written. */
    read,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    add(operations: NewOperation[]) {
      // Ascending in this browser, whatever the clock does; the tail tells tabs apart.
      let at = Math.max(Date.now(), parseInt(list.at(-1)?.seq ?? "0", 36) + 1);
      for (const operation of operations) put({ ...operation, seq: `${(at++).toString(36)}-${crypto.randomUUID().slice(0, 8)}` });
      changed();
    },
    /** Writes an operation that is still in the queue: another tab may have removed it. */
    replace(operation: Operation) {
      if (!known.has(operation.seq)) return;
      put(operation);
      changed();
    },
    remove({ seq }: Operation) {
      storage?.removeItem(prefix + seq);
      known.delete(seq);
      changed();
    },
    /** The first operation that nothing holds back: a problem holds back its own task alone. */
    next(): Operation | undefined {
      const held = new Set<string>();
      return list.find((operation) => {
        if (operation.problem) held.add(operation.ref);
        return !held.has(operation.ref);
      });
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;
