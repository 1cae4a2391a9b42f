"use client";

import { CalendarIcon, FlagIcon, HashIcon, PlusIcon } from "lucide-react";
import { type FormEvent, type Ref, useEffect, useId, useRef, useState } from "react";

import { Due, Priority } from "@/components/task-meta";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { FieldError } from "@/components/ui/field";
import { parseLine, type Parsed } from "@/lib/tasks/quick-add";
import { useActions } from "@/lib/tasks/use-tasks";

interface Props {
  today: string;
  /** What a new task has in the present view, so that it does not vanish from it. */
  defaults: Partial<Pick<Parsed, "due_date">> & { tag?: string | null };
  ref: Ref<HTMLInputElement>;
}

/** What can be added to a line by a tap. */
const HINTS = [
  { label: "Due tomorrow", text: "tomorrow", Icon: CalendarIcon, missing: (task: Parsed) => !task.due_date },
  { label: "High priority", text: "p1", Icon: FlagIcon, missing: (task: Parsed) => task.priority === "none" },
  { label: "A tag", text: "#", Icon: HashIcon, missing: () => true },
];

/** One line for a task and all about it: "Call Ana tomorrow 9:00 p1 #work". */
export function QuickAdd({ today, defaults, ref }: Props) {
  const { add } = useActions();
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  // The input keeps its own text: what is typed before the scripts run stays in it.
  const [line, setLine] = useState("");
  const input = () => form.current!.elements.namedItem("line") as HTMLInputElement;
  useEffect(() => setLine(input().value), []);
  const [error, setError] = useState<string>();
  const [added, setAdded] = useState("");
  const [focused, setFocused] = useState(false);
  const parsed = parseLine(line, today);
  const task = {
    ...parsed,
    due_date: parsed.due_date ?? defaults.due_date ?? null,
    tags: defaults.tag && !parsed.tags.includes(defaults.tag) ? [...parsed.tags, defaults.tag] : parsed.tags,
  };

  async function submit(event: FormEvent) {
    event.preventDefault();
    // Not needed to show the page, so it is loaded after it.
    const { fields } = await import("@/lib/tasks/schema");
    const { error } = fields.partial().safeParse(task);
    if (error) return setError(error.issues[0]?.message);
    add(task);
    write("");
    setAdded(`Added “${task.title}”`);
  }

  function write(text: string) {
    input().value = text;
    setLine(text);
  }

  function insert(text: string) {
    write(`${line.trimEnd()} ${text}${text === "#" ? "" : " "}`);
    input().focus();
  }

  return (
    <form ref={form} aria-label="Add a task" noValidate onSubmit={submit}>
      <div className="flex items-center gap-1 rounded-xl border bg-card pr-1.5 shadow-xs transition-shadow focus-within:border-ring focus-within:shadow-md lg:gap-2">
        <PlusIcon className="ml-3.5 size-5 shrink-0 text-primary" aria-hidden />
        <input
          ref={ref}
          name="line"
          aria-label="New task"
          aria-describedby={`${id}-hint ${id}-error`}
          aria-invalid={error ? true : undefined}
          placeholder={focused ? "Call Ana tomorrow 9:00 p1 #work" : "Add a task"}
          autoComplete="off"
          enterKeyHint="done"
          defaultValue=""
          onChange={(event) => {
            setLine(event.target.value);
            setError(undefined);
          }}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
          className="h-12 min-w-0 flex-1 bg-transparent px-1 text-base outline-hidden placeholder:text-muted-foreground lg:text-sm"
        />
        {line.trim() ? (
          <Button type="submit" size="sm" className="h-9 lg:h-8">
            Add
          </Button>
        ) : (
          <kbd className="mr-2 rounded border px-1.5 py-0.5 font-sans text-xs text-muted-foreground max-lg:hidden">n</kbd>
        )}
      </div>
      <FieldError id={`${id}-error`} className="px-3 pt-2">
        {error}
      </FieldError>
      <p id={`${id}-hint`} className="sr-only">
        A date such as tomorrow, a time, a priority from p1 to p3 and tags such as #home are taken from the line.
      </p>
      {/* Not by the focus alone: the list must not move between the press and the release of a click on it. */}
      {line.trim() && (
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 pt-2">
          <Due {...task} completed={false} today={today} />
          <Priority priority={task.priority} />
          {task.tags.map((tag) => (
            <Badge key={tag}>#{tag}</Badge>
          ))}
          <span className="flex items-center gap-1 text-xs text-muted-foreground">
            {HINTS.filter(({ missing }) => missing(task)).map(({ label, text, Icon }) => (
              <button
                key={text}
                type="button"
                onClick={() => insert(text)}
                className="inline-flex h-11 items-center gap-1 rounded-sm border border-dashed px-2 max-lg:border-transparent hover:bg-accent hover:text-accent-foreground lg:h-6"
              >
                <Icon className="size-3.5" aria-hidden />
                <span className="sr-only">{label}: </span>
                {text === "#" ? "tag" : text}
              </button>
            ))}
          </span>
        </div>
      )}
      <p role="status" className="sr-only">
        {added}
      </p>
    </form>
  );
}
