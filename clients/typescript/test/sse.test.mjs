// The parser of server-sent events, by the rules of the WHATWG.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventParser } from "../dist/esm/sse.js";

const encode = (text) => new TextEncoder().encode(text);

/** The events of a stream that arrives in these pieces. */
const parse = (...pieces) => {
  const parser = createEventParser();
  return pieces.flatMap((piece) => parser.push(typeof piece === "string" ? encode(piece) : piece));
};
const message = (data, more = {}) => ({ type: "message", data, id: "", ...more });

// Every kind of line, in each of the three line ends, with characters of 1 to 4 bytes.
const lines = [
  ": a comment",
  "",
  "event: changes",
  "id: 1-a",
  "data: first",
  "data:second",
  "data:  two spaces: é€🥖",
  "",
  "retry: 1500",
  "data",
  "",
  "unknown: field",
  "event: ping",
  "",
  "id",
  "data: [1]",
  "",
  "data: unfinished",
  "",
];
const expected = [
  { type: "changes", data: "first\nsecond\n two spaces: é€🥖", id: "1-a" },
  { type: "message", data: "", id: "1-a" },
  { type: "message", data: "[1]", id: "" },
];
const ends = { LF: "\n", CR: "\r", CRLF: "\r\n" };

for (const [name, end] of Object.entries(ends)) {
  for (const [mark, start] of [
    ["", ""],
    [" after a byte order mark", "\ufeff"],
  ]) {
    // Without the last line end the last event is incomplete.
    const bytes = encode(start + lines.slice(0, -1).join(end));

    test(`lines that end with ${name}${mark} are the same in two pieces, split anywhere`, () => {
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepEqual(parse(bytes.subarray(0, at), bytes.subarray(at)), expected, `split at ${at}`);
      }
    });

    test(`lines that end with ${name}${mark} are the same in three pieces, split anywhere`, () => {
      const short = encode(`${start}data: é${end}id: 🥖${end}${end}data: x${end}${end}`);
      const events = [message("é", { id: "🥖" }), message("x", { id: "🥖" })];
      for (let a = 0; a <= short.length; a++) {
        for (let b = a; b <= short.length; b++) {
          const pieces = [short.subarray(0, a), short.subarray(a, b), short.subarray(b)];
          assert.deepEqual(parse(...pieces), events, `split at ${a} and ${b}`);
        }
      }
    });

    test(`lines that end with ${name}${mark} are the same byte by byte`, () => {
      assert.deepEqual(parse(...[...bytes].map((byte) => Uint8Array.of(byte))), expected);
    });
  }
}

test("line ends may be mixed", () => {
  assert.deepEqual(parse("data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\n"), [message("a\nb\nc"), message("d")]);
  // CR, then LF: one line end. LF, then CR: two.
  assert.deepEqual(parse("data: a\n\rdata: b\r\r"), [message("a"), message("b")]);
});

test("an event is complete with its blank line, not with the next piece", () => {
  const parser = createEventParser();
  assert.deepEqual(parser.push(encode("data: a\r\n\r")), [message("a")]);
  assert.deepEqual(parser.push(encode("\ndata: b\n")), []);
  assert.deepEqual(parser.push(encode("\n")), [message("b")]);
});

test("an event without data is none, and its type is forgotten", () => {
  assert.deepEqual(parse("event: changes\nid: 7\n\ndata: a\n\n"), [message("a", { id: "7" })]);
});

test("an id with a null character is ignored, an empty one clears", () => {
  assert.deepEqual(parse("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid:\ndata: c\n\n"), [
    message("a", { id: "1" }),
    message("b", { id: "1" }),
    message("c"),
  ]);
});

test("a retry time is a number of digits alone", () => {
  const parser = createEventParser();
  assert.equal(parser.retry, undefined);
  for (const value of ["1s", "-1", "", "1.5"]) parser.push(encode(`retry: ${value}\n`));
  assert.equal(parser.retry, undefined);
  parser.push(encode("retry: 250\n"));
  assert.equal(parser.retry, 250);
});

test("a byte order mark elsewhere is a character", () => {
  assert.deepEqual(parse("data: a\n\n\ufeffdata: b\n\ndata: c\n\n"), [message("a"), message("c")]);
});

test("one space after the colon is removed, and a field name is case-sensitive", () => {
  assert.deepEqual(parse("data:  a \nDATA: b\n data: c\n\n"), [message(" a ")]);
});

test("a long line in many pieces is read once", () => {
  const line = "x".repeat(4 << 20);
  const bytes = encode(`data: ${line}\n\n`);
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 4096) pieces.push(bytes.subarray(at, at + 4096));
  assert.equal(parse(...pieces)[0].data.length, line.length);
});
