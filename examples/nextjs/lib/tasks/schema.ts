import * as z from "zod";

// What the service accepts, so that a form can say it at the field. The document
// (openapi/tasks.yaml) is the authority: test/schema.spec.ts compares both.

/** Characters as the service counts them: an emoji is one, where `length` has two. */
const characters = (text: string) => [...text].length;

// Unicode White_Space and U+FEFF; `trim()` leaves U+0085 as it is.
const SPACE = "\\s\\u0085\\ufeff";
const trimmed = (text: string) => text.replace(new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g"), "");
/** At least one character that can be seen. */
const VISIBLE = new RegExp(`[^\\p{Cf}\\p{Default_Ignorable_Code_Point}\\u2800${SPACE}]`, "u");

const plain = z.string().refine((text) => !text.includes("\0"), "Must not contain the character U+0000");
const atMost = (count: number) => (text: string) => characters(trimmed(text)) <= count;

export const title = plain
  .refine((text) => VISIBLE.test(text), "Enter a title")
  .refine(atMost(200), "Use at most 200 characters");

export const description = plain.refine((text) => characters(text) <= 10_000, "Use at most 10,000 characters");

const tag = plain.refine((text) => trimmed(text) !== "", "Enter a tag").refine(atMost(50), "Use at most 50 characters per tag");

/** The writable fields of a task. */
export const fields = z.object({
  title,
  description: description.nullable(),
  due_date: z.iso.date().nullable(),
  due_time: z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, "Use hours and minutes, such as 18:00").nullable(),
  priority: z.enum(["none", "low", "medium", "high"]),
  tags: z.array(tag).max(20, "Use at most 20 tags"),
  position: z.string().regex(/^[0-9A-Za-z]{1,64}$/),
});

/** The form of a task: text inputs have no null, and tags are one line. */
export const form = z
  .object({
    title,
    description,
    due_date: z.union([z.literal(""), z.iso.date("Enter a day")]),
    due_time: z.union([z.literal(""), fields.shape.due_time.unwrap()]),
    priority: fields.shape.priority,
    tags: z.string().refine(
      (line) => fields.shape.tags.safeParse(tagsOf(line)).success,
      "Use at most 20 tags of 50 characters",
    ),
  })
  .refine(({ due_date, due_time }) => due_date || !due_time, { path: ["due_time"], error: "A time needs a day" });

export type TaskForm = z.infer<typeof form>;

/** "home, errands" as tags, each once. */
export const tagsOf = (line: string) => [...new Set(line.split(",").map((tag) => trimmed(tag).replace(/^#/, "")).filter(Boolean))];
