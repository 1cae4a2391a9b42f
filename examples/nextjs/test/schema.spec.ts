// The forms accept exactly what the document of the service accepts.
import { readFileSync } from "node:fs";

import { expect, test } from "@playwright/test";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { parse } from "yaml";

import { fields, form, tagsOf } from "@/lib/tasks/schema";

const path = new URL("../../../openapi/tasks.yaml", import.meta.url);
const document = parse(readFileSync(path, "utf8")) as {
  components: { schemas: { CreateTask: { properties: Record<string, Record<string, unknown>> } } };
};
const { properties } = document.components.schemas.CreateTask;
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats.default(ajv);

/** Values at every border that the document draws, for every type. */
const long = (count: number) => [count - 1, count, count + 1].flatMap((length) => ["x".repeat(length), "😀".repeat(length)]);
const values: unknown[] = [
  null, 1, true, "", " ", "a", "a\u0000", "\u0000", "\t a \n", "\u0085", "\u0085a", "\ufeff", "\u200b", "\u3164", "\u2800", "\u00ad",
  "\u200ba", "😀", "e\u0301", ...long(50), ...long(64), ...long(200), ...long(10_000),
  "none", "low", "medium", "high", "urgent", "LOW",
  "2026-01-06", "2026-02-29", "2028-02-29", "2026-13-01", "26-01-06", "2026-1-6",
  "18:00", "24:00", "00:00", "23:59", "7:00", "18:60", "18:00:00",
  "a0", "Zz", "a-0", [], ["a"], ["a", "b"], ["a", 1], [""], [" "], ["\u0000"],
  ...long(50).map((tag) => [tag]),
  ...[19, 20, 21].map((count) => Array.from({ length: count }, (_, index) => `tag${index}`)),
];

test("the forms know every field that a client may write", () => {
  expect(Object.keys(fields.shape).sort()).toEqual(Object.keys(properties).sort());
});

for (const [name, { nullable, ...schema }] of Object.entries(properties)) {
  test(`${name}: the same values as in the document`, () => {
    const documented = ajv.compile({ anyOf: [schema, ...(nullable ? [{ type: "null" }] : [])] });
    const mine = fields.shape[name as keyof typeof fields.shape];
    const told = (accepts: (value: unknown) => boolean) =>
      values.filter((value) => accepts(value)).map((value) => JSON.stringify(value).slice(0, 40));
    const expected = told((value) => documented(value));
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(values.length);
    expect(told((value) => mine.safeParse(value).success)).toEqual(expected);
  });
}

test("white space is trimmed before the length is counted, as the service does", () => {
  expect(fields.shape.title.safeParse(` ${"x".repeat(200)} `).success).toBe(true);
  expect(fields.shape.title.safeParse(`${"x".repeat(201)}`).success).toBe(false);
});

test("the form of a task: tags in one line, and no time without a day", () => {
  expect(tagsOf(" home, #errands,,home , ")).toEqual(["home", "errands"]);
  const task = { title: "a", description: "", due_date: "", due_time: "", priority: "none", tags: "" };
  expect(form.safeParse(task).success).toBe(true);
  expect(form.safeParse({ ...task, due_time: "10:00" }).error?.issues[0]?.path).toEqual(["due_time"]);
  expect(form.safeParse({ ...task, tags: "x".repeat(51) }).success).toBe(false);
});
