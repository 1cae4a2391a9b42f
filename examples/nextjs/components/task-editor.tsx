"use client";

import { zodResolver } from "@hookform/resolvers/zod";
import type { PatchTask } from "@tasks-api/client";
import { type KeyboardEvent, useId } from "react";
import { useForm } from "react-hook-form";

import { RelativeTime } from "@/components/relative-time";
import { PRIORITY } from "@/components/task-meta";
import { Button } from "@/components/ui/button";
import { Field, FieldError, FieldLabel } from "@/components/ui/field";
import { Input, NativeSelect, Textarea } from "@/components/ui/input";
import type { Item } from "@/lib/tasks/operations";
import { form, tagsOf, type TaskForm } from "@/lib/tasks/schema";
import { useActions } from "@/lib/tasks/use-tasks";

/** Edits a task in its place in the list. `item` is what the user saw when the edit began. */
export default function TaskEditor({ item, onClose }: { item: Item; onClose: () => void }) {
  const { patch } = useActions();
  const id = useId();
  const {
    register,
    handleSubmit,
    formState: { errors, dirtyFields },
  } = useForm<TaskForm>({
    resolver: zodResolver(form),
    reValidateMode: "onChange",
    defaultValues: {
      title: item.title,
      description: item.description ?? "",
      due_date: item.due_date ?? "",
      due_time: item.due_time ?? "",
      priority: item.priority,
      tags: item.tags.join(", "),
    },
  });

  const save = handleSubmit((values) => {
    patch(item, changesOf(item, values, dirtyFields));
    onClose();
  });

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape") onClose();
    else if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
    // In the description, Enter is a new line.
    else if (event.target instanceof HTMLTextAreaElement && !event.metaKey && !event.ctrlKey) return;
    else if (event.target instanceof HTMLButtonElement) return;
    else void save();
    event.preventDefault();
    event.stopPropagation();
  }

  const field = (name: keyof TaskForm) => ({
    id: `${id}${name}`,
    "aria-invalid": errors[name] ? true : undefined,
    "aria-describedby": errors[name] ? `${id}${name}-error` : undefined,
    ...register(name),
  });
  const error = (name: keyof TaskForm) => <FieldError id={`${id}${name}-error`}>{errors[name]?.message}</FieldError>;

  return (
    <form
      aria-label={`Edit “${item.title}”`}
      noValidate
      onSubmit={save}
      onKeyDown={onKeyDown}
      className="my-2 flex flex-col gap-3 rounded-xl border bg-card p-3 shadow-sm lg:p-4"
    >
      <Field>
        <FieldLabel htmlFor={`${id}title`} className="sr-only">
          Title
        </FieldLabel>
        {/* Opened by the user, who is here to type. */}
        <Input {...field("title")} autoFocus autoComplete="off" className="font-medium" />
        {error("title")}
      </Field>
      <Field>
        <FieldLabel htmlFor={`${id}description`} className="sr-only">
          Description
        </FieldLabel>
        <Textarea {...field("description")} placeholder="Description" rows={3} />
        {error("description")}
      </Field>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Field>
          <FieldLabel htmlFor={`${id}due_date`}>Due</FieldLabel>
          <Input {...field("due_date")} type="date" />
          {error("due_date")}
        </Field>
        <Field>
          <FieldLabel htmlFor={`${id}due_time`}>Time</FieldLabel>
          <Input {...field("due_time")} type="time" />
          {error("due_time")}
        </Field>
        <Field>
          <FieldLabel htmlFor={`${id}priority`}>Priority</FieldLabel>
          <NativeSelect {...field("priority")}>
            {(["none", "low", "medium", "high"] as const).map((priority) => (
              <option key={priority} value={priority}>
                {PRIORITY[priority].label.split(" ")[0]!.replace("No", "None")}
              </option>
            ))}
          </NativeSelect>
        </Field>
        <Field>
          <FieldLabel htmlFor={`${id}tags`}>Tags</FieldLabel>
          <Input {...field("tags")} placeholder="home, errands" autoComplete="off" autoCapitalize="none" />
          {error("tags")}
        </Field>
      </div>
      <div className="flex flex-wrap items-center justify-end gap-2">
        <p className="mr-auto text-xs text-muted-foreground">
          <RelativeTime moment={item.created_at} label="Created" />
          {item.updated_at !== item.created_at && (
            <>
              {" · "}
              <RelativeTime moment={item.updated_at} label="edited" />
            </>
          )}
        </p>
        <Button variant="ghost" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit">Save</Button>
      </div>
    </form>
  );
}

type Dirty = Partial<Record<keyof TaskForm, unknown>>;

/**
 * The fields that were edited, alone. An input holds less than the service does (line ends
 * become "\n"), so a field that was not touched must not be sent back.
 */
function changesOf(item: Item, values: TaskForm, dirty: Dirty): PatchTask {
  const changes: PatchTask = {};
  if (dirty.title) changes.title = values.title.trim();
  if (dirty.description) changes.description = values.description || null;
  if (dirty.due_date) changes.due_date = values.due_date || null;
  if (dirty.due_time) changes.due_time = values.due_time || null;
  // Without a day there is no time.
  if (item.due_time && !values.due_date) changes.due_time = null;
  if (dirty.priority) changes.priority = values.priority;
  if (dirty.tags) changes.tags = tagsOf(values.tags);
  return changes;
}
