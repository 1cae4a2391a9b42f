"use client";

import type { CreateTask, FieldError, Task } from "@tasks-api/client";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";

import type { Outcome } from "@/lib/outcome";

/** The fields that the user changed. A field that is absent keeps what others wrote into it. */
export type Changes = Partial<CreateTask>;

interface Props {
  /** Names the form for screen readers. */
  label: string;
  task?: Task;
  save: (changes: Changes) => Promise<Outcome<unknown>>;
  cancel?: () => void;
  button: string;
  busyButton: string;
}

const valuesOf = (form: HTMLFormElement) => {
  const values = new FormData(form);
  return { title: String(values.get("title")), description: String(values.get("description")) };
};

/**
 * Title and description, to add a task or to edit one. The service validates them:
 * each of its messages is shown at the field that it is about.
 */
export function TaskForm({ label, task: given, save, cancel, button, busyButton }: Props) {
  // A list that loads during the edit must not change the form.
  const [task] = useState(given);
  const form = useRef<HTMLFormElement>(null);
  const initial = useRef({ title: "", description: "" });
  const [errors, setErrors] = useState<FieldError[]>([]);
  const [busy, setBusy] = useState(false);
  const [ready, setReady] = useState(false);

  // Until the page is hydrated, a submit would reload it and lose what was typed.
  useEffect(() => setReady(true), []);

  // Read from the form, not from the task: inputs normalize line breaks, which is no change of the user's.
  useEffect(() => {
    if (task && form.current) initial.current = valuesOf(form.current);
  }, [task]);

  async function submit(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    if (busy || !form.current) return;
    const { title, description } = valuesOf(form.current);
    const changes: Changes = {};
    if (title !== initial.current.title) changes.title = title;
    // An empty description is none.
    if (description !== initial.current.description) changes.description = description || null;
    if (task && Object.keys(changes).length === 0) return cancel?.();
    setBusy(true);
    const outcome = await save(changes);
    flushSync(() => {
      setBusy(false);
      setErrors(!outcome.ok && outcome.failure.kind === "invalid" ? outcome.failure.errors : []);
    });
    // The first invalid field takes the focus, so that its message is read out.
    form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    if (outcome.ok && !task) {
      // Ready for the next one.
      form.current?.reset();
      form.current?.querySelector<HTMLElement>("[name=title]")?.focus();
    }
  }

  /** Removes the errors that the input may have corrected. */
  function input(event: FormEvent) {
    const { name } = event.target as HTMLInputElement;
    setErrors((errors) => errors.filter(({ field }) => isShown(field) && field !== name));
  }

  function close() {
    // The outcome of a write in flight belongs to this form.
    if (!busy) cancel?.();
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Escape") close();
    // Enter is a new line in the description: with Ctrl or Cmd it saves.
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event);
  }

  const isShown = (field: string) => field === "title" || field === "description";
  const error = (field: keyof CreateTask) => errors.find((one) => one.field === field)?.message;

  return (
    <form ref={form} className="stack" aria-label={label} onSubmit={submit} onInput={input} onKeyDown={key}>
      {/* Read-only during a write: its success would discard what is typed meanwhile. */}
      <Field label="Title" error={error("title")}>
        {(attributes) => (
          <input
            {...attributes}
            name="title"
            autoComplete="off"
            defaultValue={task?.title}
            autoFocus={!!task}
            readOnly={busy}
          />
        )}
      </Field>
      <Field label="Description" optional error={error("description")}>
        {(attributes) => (
          <textarea
            {...attributes}
            name="description"
            rows={1}
            defaultValue={task?.description ?? ""}
            readOnly={busy}
          />
        )}
      </Field>
      {/* Errors about no field that is shown here, such as the body as a whole. */}
      {errors.filter(({ field }) => !isShown(field)).map(({ field, message }) => (
        <p key={field} className="error" role="alert">
          {field} {message}
        </p>
      ))}
      <div className="row">
        <button className="primary" disabled={!ready} aria-disabled={busy}>
          {busy ? busyButton : button}
        </button>
        {cancel && (
          <button type="button" onClick={close} aria-disabled={busy}>
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
