import type { CreateTask } from "@tasks-api/client";

import { addDays, weekdayOf } from "./dates";

/** What the line "Call Ana tomorrow 9:00 p1 #work" says. */
export type Parsed = Pick<CreateTask, "title"> & Required<Pick<CreateTask, "due_date" | "due_time" | "priority" | "tags">>;

const PRIORITIES = { p1: "high", p2: "medium", p3: "low", p4: "none" } as const;
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/**
 * Takes dates, times, priorities and tags out of a line. Each counts once, and only as a
 * word of its own; in quotes, words stay what they are.
 */
export function parseLine(line: string, today: string): Parsed {
  const quoted: string[] = [];
  let rest = line.replace(/"([^"]*)"/g, (_, text: string) => `\u0001${quoted.push(text) - 1}\u0001`);

  /** The first match of a whole word, which then leaves the line. */
  function take(pattern: string): RegExpExecArray | null {
    const match = new RegExp(`(?<=^|\\s)(?:${pattern})(?=$|\\s)`, "iu").exec(rest);
    if (match) rest = rest.slice(0, match.index) + rest.slice(match.index + match[0].length);
    return match;
  }

  const tags: string[] = [];
  for (let tag = take("#([^\\s#]{1,50})"); tag && tags.length < 20; tag = take("#([^\\s#]{1,50})")) {
    if (!tags.includes(tag[1]!)) tags.push(tag[1]!);
  }
  const priority = take("p[1-4]")?.[0].toLowerCase() as keyof typeof PRIORITIES | undefined;
  const due_date = takeDate(take, today);
  const due_time = takeTime(take);
  const title = rest
    .replace(/\u0001(\d+)\u0001/g, (_, index: string) => quoted[Number(index)] ?? "")
    .replace(/\s+/g, " ")
    .trim();
  return {
    title,
    // A time without a day is today's.
    due_date: due_date ?? (due_time ? today : null),
    due_time,
    priority: priority ? PRIORITIES[priority] : "none",
    tags,
  };
}

type Take = (pattern: string) => RegExpExecArray | null;

function takeDate(take: Take, today: string): string | null {
  const iso = take("\\d{4}-\\d{2}-\\d{2}")?.[0];
  if (iso) return isDay(iso) ? iso : null;
  if (take("today|tod")) return today;
  if (take("tomorrow|tmr")) return addDays(today, 1);
  const ahead = take("in (\\d{1,3}) (day|week)s?");
  if (ahead) return addDays(today, Number(ahead[1]) * (ahead[2]!.toLowerCase() === "week" ? 7 : 1));
  if (take("next week")) return addDays(today, ((8 - weekdayOf(today)) % 7) || 7);
  const weekday = take(`(?:on )?(${WEEKDAYS.join("|")})`)?.[1];
  // The next one: said on a Friday, "friday" is in a week.
  if (weekday) return addDays(today, ((WEEKDAYS.indexOf(weekday.toLowerCase()) - weekdayOf(today) + 6) % 7) + 1);
  return null;
}

const isDay = (text: string) => new Date(`${text}T12:00:00Z`).toJSON()?.startsWith(text) ?? false;

function takeTime(take: Take): string | null {
  const [, hours, minutes] = take("(?:at )?([01]?\\d|2[0-3]):([0-5]\\d)") ?? [];
  if (hours && minutes) return `${hours.padStart(2, "0")}:${minutes}`;
  const [, hour, half] = take("(?:at )?(1[0-2]|[1-9]) ?(am|pm)") ?? [];
  if (!hour || !half) return null;
  return `${String((Number(hour) % 12) + (half.toLowerCase() === "pm" ? 12 : 0)).padStart(2, "0")}:00`;
}
