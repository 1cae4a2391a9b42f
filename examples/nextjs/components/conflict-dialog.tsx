"use client";

import type { Task } from "@tasks-api/client";

import { PRIORITY } from "@/components/task-meta";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { dueTitle } from "@/lib/tasks/dates";
import type { Operation } from "@/lib/tasks/operations";
import { disputed, type Field } from "@/lib/tasks/send";
import { useTasks } from "@/lib/tasks/use-tasks";

/** A change that could not be saved as it was: the user sees why, and chooses. */
export default function ConflictDialog({ operation, onClose }: { operation: Operation; onClose: () => void }) {
  const { sync } = useTasks();
  const settle = (next: Operation | null) => {
    sync.resolve(operation, next);
    onClose();
  };
  const { problem: _, ...again } = operation;
  const title = operation.kind === "patch" ? operation.task.title : operation.kind === "create" ? operation.body.title : "";

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent>
        {operation.problem?.kind === "conflict" && operation.kind === "patch" ? (
          <Conflict
            operation={operation}
            current={operation.problem.current}
            onMine={(current) => settle({ ...again, task: current, version: current.version } as Operation)}
            onTheirs={() => settle(null)}
          />
        ) : operation.problem?.kind === "gone" && operation.kind === "patch" ? (
          <>
            <DialogHeader>
              <DialogTitle>Deleted elsewhere</DialogTitle>
              <DialogDescription>
                “{title}” was deleted before your change was saved. You can add it again with your change.
              </DialogDescription>
            </DialogHeader>
            <Version heading="Yours" task={{ ...operation.task, ...operation.changes }} fields={fieldsOf(operation)} />
            <DialogFooter>
              <Button variant="outline" onClick={() => settle(null)}>
                Discard my change
              </Button>
              <Button onClick={() => settle(recreated(operation))}>Add it again</Button>
            </DialogFooter>
          </>
        ) : (
          <>
            <DialogHeader>
              <DialogTitle>Not saved</DialogTitle>
              <DialogDescription>
                {title && `“${title}”: `}
                {operation.problem?.kind === "refused" ? operation.problem.detail : ""}
              </DialogDescription>
            </DialogHeader>
            <DialogFooter>
              <Button variant="outline" onClick={() => settle(null)}>
                Discard
              </Button>
              <Button onClick={() => settle(again as Operation)}>Try again</Button>
            </DialogFooter>
          </>
        )}
      </DialogContent>
    </Dialog>
  );
}

type Patch = Extract<Operation, { kind: "patch" }>;

const fieldsOf = ({ changes }: Patch) => Object.keys(changes).filter((field) => field in LABELS) as Shown[];

/** As a new task: the old one's id is gone for good. */
function recreated({ seq, task, changes }: Patch): Operation {
  const { title, description, due_date, due_time, priority, tags, position } = { ...task, ...changes };
  const body = { title: title ?? task.title, description, due_date, due_time, priority, tags, position };
  return { seq, kind: "create", ref: `key ${crypto.randomUUID()}`, body };
}

interface ConflictProps {
  operation: Patch;
  current: Task;
  onMine: (current: Task) => void;
  onTheirs: () => void;
}

function Conflict({ operation, current, onMine, onTheirs }: ConflictProps) {
  const fields = disputed(operation.task, operation.changes, current).filter((field) => field in LABELS) as Shown[];
  return (
    <>
      <DialogHeader>
        <DialogTitle>Changed elsewhere too</DialogTitle>
        <DialogDescription>“{operation.task.title}” was changed elsewhere before your edit was saved. Which one stays?</DialogDescription>
      </DialogHeader>
      <div className="grid gap-3 sm:grid-cols-2">
        <Version heading="Yours" task={{ ...current, ...operation.changes }} fields={fields} />
        <Version heading="Theirs" task={current} fields={fields} />
      </div>
      <DialogFooter>
        <Button variant="outline" onClick={onTheirs}>
          Keep theirs
        </Button>
        <Button onClick={() => onMine(current)}>Keep mine</Button>
      </DialogFooter>
    </>
  );
}

type Shown = Extract<Field, keyof typeof LABELS>;

const LABELS = {
  title: "Title",
  description: "Description",
  due_date: "Due",
  due_time: "Time",
  priority: "Priority",
  tags: "Tags",
};

function Version({ heading, task, fields }: { heading: string; task: Partial<Task>; fields: Shown[] }) {
  return (
    <section aria-label={heading} className="min-w-0 rounded-lg border p-3">
      <h3 className="text-xs font-medium text-muted-foreground">{heading}</h3>
      <dl className="mt-2 flex flex-col gap-2 text-sm">
        {fields.map((field) => (
          <div key={field}>
            <dt className="text-xs text-muted-foreground">{LABELS[field]}</dt>
            <dd className="max-h-40 overflow-y-auto font-medium whitespace-pre-line [overflow-wrap:anywhere]">
              {textOf(task, field) || <span className="font-normal text-muted-foreground italic">none</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function textOf(task: Partial<Task>, field: Shown): string {
  switch (field) {
    case "tags":
      return task.tags?.join(", ") ?? "";
    case "priority":
      return PRIORITY[task.priority ?? "none"].label;
    case "due_date":
      return task.due_date ? dueTitle(task.due_date, null) : "";
    default:
      return task[field] ?? "";
  }
}
