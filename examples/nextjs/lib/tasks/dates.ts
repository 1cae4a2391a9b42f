// Due dates are calendar days without a time zone, as the service keeps them ("2026-01-06"):
// they are compared as text, and never become a moment.

const DAY = 86_400_000;

/** The calendar day of a moment, on this device. */
export function dayOf(moment: number): string {
  const date = new Date(moment);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

// At noon in UTC, a day stays the same day whatever is added and however it is formatted.
const noon = (day: string) => new Date(`${day}T12:00:00Z`);

export const addDays = (day: string, count: number) =>
  new Date(noon(day).getTime() + count * DAY).toISOString().slice(0, 10);

export const daysBetween = (from: string, to: string) => Math.round((noon(to).getTime() - noon(from).getTime()) / DAY);

/** Sunday is 0. */
export const weekdayOf = (day: string) => noon(day).getUTCDay();

const format = (day: string, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(noon(day));

/** "Today", "Friday", "6 Jan", "6 Jan 2028": as short as it is clear. */
export function dayLabel(day: string, today: string): string {
  const distance = daysBetween(today, day);
  if (distance === 0) return "Today";
  if (distance === 1) return "Tomorrow";
  if (distance === -1) return "Yesterday";
  if (distance > 1 && distance < 7) return format(day, { weekday: "long" });
  const year = day.slice(0, 4) === today.slice(0, 4) ? {} : ({ year: "numeric" } as const);
  return format(day, { day: "numeric", month: "short", ...year });
}

/** The full day, for headings and for the pointer's title. */
export const fullDay = (day: string) =>
  format(day, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export const dayAndMonth = (day: string) => format(day, { day: "numeric", month: "long" });

export function dueTitle(day: string, time: string | null): string {
  return time ? `${fullDay(day)}, ${time}` : fullDay(day);
}

const UNITS = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["week", 7 * DAY],
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** "5 minutes ago" */
export function ago(moment: string, now: number): string {
  const distance = new Date(moment).getTime() - now;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(distance) >= length) ?? [];
  if (!unit || !length) return "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(distance / length), unit);
}

export const exactTime = (moment: string) =>
  new Date(moment).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "medium" });
