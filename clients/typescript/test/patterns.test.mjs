// The patterns of the document, in the language that most clients evaluate them in.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

/** The patterns of the properties `title` in a document. */
async function titlePatterns(document) {
  const text = await readFile(new URL(`../../../openapi/${document}.yaml`, import.meta.url), "utf8");
  const patterns = text.matchAll(/^ {8}title:\n(?: {10}.*\n)*? {10}pattern: (.+)$/gm);
  return [...new Set([...patterns].map(([, pattern]) => pattern))];
}

test("titles have one pattern, which needs a visible character", async () => {
  const patterns = await titlePatterns("tasks");
  assert.equal(patterns.length, 1);
  const pattern = new RegExp(patterns[0]);
  for (const title of ["a", " a ", "\u200b東", "\ufeffa\ufeff", "👩‍👧", "❤\ufe0f", "\ud83d\ude00"]) {
    assert.ok(pattern.test(title), JSON.stringify(title));
  }
  for (const title of ["", " \t\n", "\u0085", "\ufeff", "\u200b", "\u3164", "\u2800", " \u200d ", "a\0", "\0"]) {
    assert.ok(!pattern.test(title), JSON.stringify(title));
  }
});

test("every character that the pattern of 1.0.0 refuses, it refuses, and more only where nothing is to be seen", async () => {
  const [now] = await titlePatterns("tasks");
  const [before] = await titlePatterns("released/1.0.0");
  const added = [];
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code);
    const [accepted, accepts] = [before, now].map((pattern) => new RegExp(pattern).test(character));
    assert.ok(accepted || !accepts, code.toString(16));
    if (accepted && !accepts) added.push(character);
  }
  assert.ok(added.length > 50 && added.length < 100, `${added.length}`);
  assert.ok(added.every((character) => /^[\p{Cf}\p{Default_Ignorable_Code_Point}\u0085\u2800]$/u.test(character)));
});

test("matching does not take quadratic time", async () => {
  const [pattern] = await titlePatterns("tasks");
  const matching = new RegExp(pattern);
  // By the pattern of 1.0.0, 4.4 s each.
  for (const title of [" ".repeat(60_000), " ".repeat(60_000) + "\0", "a".repeat(60_000) + "\0"]) {
    const start = performance.now();
    assert.ok(!matching.test(title));
    assert.ok(performance.now() - start < 1000);
  }
});
