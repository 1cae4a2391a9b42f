// The format of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

export interface ServerEvent {
  /** The field `event`, or `message`. */
  type: string;
  data: string;
  /** The last field `id` of the stream up to here. */
  id: string;
}

/** Takes the bytes of a stream in pieces of any size, and returns the events that they complete. */
export const createEventParser = () => {
  // It removes a byte order mark, and keeps the first bytes of a character for the next piece.
  const decoder = new TextDecoder();
  let rest = "";
  let endedWithReturn = false;
  let data: string[] = [];
  let type = "";
  let id = "";
  let retry: number | undefined;

  const takeField = (name: string, value: string) => {
    if (name === "data") data.push(value);
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d+$/.test(value)) retry = Number(value);
  };

  return {
    push: (bytes: Uint8Array): ServerEvent[] => {
      let text = decoder.decode(bytes, { stream: true });
      if (!text) return [];
      // The second half of a CRLF.
      if (endedWithReturn && text.startsWith("\n")) text = text.slice(1);
      endedWithReturn = text.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      lines[0] = rest + lines[0];
      rest = lines.pop()!;
      const events: ServerEvent[] = [];
      for (const line of lines) {
        if (line) {
          const [, name = "", value = ""] = /^([^:]*):? ?([^]*)$/.exec(line)!;
          takeField(name, value);
        } else {
          if (data.length > 0) events.push({ type: type || "message", data: data.join("\n"), id });
          data = [];
          type = "";
        }
      }
      return events;
    },
    /** How long to wait before the next connection, in milliseconds, if the server said it. */
    get retry() {
      return retry;
    },
  };
};
