"use client";

import type { CreateTask, FieldError, Task } from "@tasks-api/client";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

import type { Outcome } from "@/lib/outcome";

interface Props {
  /** Names the form for screen readers. */
  label: string;
  task?: Task;
  save: (values: Required<CreateTask>) => Promise<Outcome<unknown>>;
  cancel?: () => void;
  button: ReactNode;
}

/**
 * Title and description, to add a task or to edit one. What they may be is the
 * service's to say: its words are shown at the field that they are about.
 */
export function TaskForm({ label, task, save, cancel, button }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<FieldError[]>([]);
  const [busy, setBusy] = useState(false);

  // The first wrong field takes the focus, so that its message is read out.
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [errors]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !form.current) return;
    const values = new FormData(form.current);
    setBusy(true);
    const outcome = await save({
      title: String(values.get("title")),
      // An empty description is none.
      description: String(values.get("description")) || null,
    });
    setBusy(false);
    setErrors(!outcome.ok && outcome.failure.kind === "invalid" ? outcome.failure.errors : []);
    if (outcome.ok && !task) {
      // Ready for the next one.
      form.current?.reset();
      form.current?.querySelector<HTMLElement>("[name=title]")?.focus();
    }
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Escape") cancel?.();
    // Enter is a new line in the description: with Ctrl or Cmd it saves.
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event as unknown as FormEvent);
  }

  const error = (field: keyof CreateTask) => errors.find((one) => one.field === field)?.message;
  // About no field that is shown here, such as the body as a whole.
  const others = errors.filter(({ field }) => field !== "title" && field !== "description");

  return (
    <form ref={form} className="stack" aria-label={label} onSubmit={submit} onKeyDown={key}>
      <Field label="Title" error={error("title")}>
        {(attributes) => (
          <input {...attributes} name="title" autoComplete="off" defaultValue={task?.title} autoFocus={!!task} />
        )}
      </Field>
      <Field label="Description" optional error={error("description")}>
        {(attributes) => (
          <textarea {...attributes} name="description" rows={1} defaultValue={task?.description ?? ""} />
        )}
      </Field>
      {others.map(({ field, message }) => (
        <p key={field} className="error" role="alert">
          {field} {message}
        </p>
      ))}
      <div className="row">
        <button className="primary" aria-disabled={busy}>
          {button}
        </button>
        {cancel && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

interface FieldProps {
  label: string;
  optional?: boolean;
  error: string | undefined;
  children: (attributes: { id: string; "aria-invalid": boolean; "aria-describedby": string | undefined }) => ReactNode;
}

function Field({ label, optional, error, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {optional && <span className="hint">(optional)</span>}
      </label>
      {children({ id, "aria-invalid": !!error, "aria-describedby": error ? `${id}-error` : undefined })}
      {error && (
        <p id={`${id}-error`} className="error">
          {label} {error}
        </p>
      )}
    </div>
  );
}
