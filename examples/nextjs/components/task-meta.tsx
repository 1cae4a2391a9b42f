import type { TaskPriority } from "@tasks-api/client";
import { CalendarIcon, CloudUploadIcon, FlagIcon, TriangleAlertIcon } from "lucide-react";

import { Badge } from "@/components/ui/badge";
import { dayLabel, dueTitle } from "@/lib/tasks/dates";
import type { Item } from "@/lib/tasks/operations";
import { isOverdue } from "@/lib/tasks/views";
import { cn } from "@/lib/utils";

export const PRIORITY: Record<TaskPriority, { label: string; text: string; circle: string }> = {
  high: { label: "High priority", text: "text-high", circle: "border-high bg-high/10 checked:bg-high" },
  medium: { label: "Medium priority", text: "text-medium", circle: "border-medium bg-medium/10 checked:bg-medium" },
  low: { label: "Low priority", text: "text-low", circle: "border-low bg-low/10 checked:bg-low" },
  none: { label: "No priority", text: "text-muted-foreground", circle: "border-input checked:bg-muted-foreground" },
};

interface DueProps extends Pick<Item, "due_date" | "due_time" | "completed"> {
  today: string;
}

/** "Tomorrow 18:00", in a colour that tells overdue and today apart. */
export function Due({ due_date, due_time, completed, today }: DueProps) {
  if (!due_date) return null;
  const overdue = isOverdue({ due_date, completed }, today);
  const color = overdue ? "text-destructive" : due_date === today && !completed ? "text-success" : "";
  return (
    <Badge variant="plain" className={color} title={dueTitle(due_date, due_time)}>
      <CalendarIcon aria-hidden />
      <time dateTime={due_time ? `${due_date}T${due_time}` : due_date}>
        {overdue && <span className="sr-only">Overdue: </span>}
        {dayLabel(due_date, today)}
        {due_time && ` ${due_time}`}
      </time>
    </Badge>
  );
}

export function Priority({ priority, className }: { priority: TaskPriority; className?: string }) {
  if (priority === "none") return null;
  const { label, text } = PRIORITY[priority];
  return (
    <Badge variant="plain" className={cn(text, className)}>
      <FlagIcon aria-hidden />
      {label.split(" ")[0]}
      <span className="sr-only"> priority</span>
    </Badge>
  );
}

/** Whether a task is sent yet, and whether it needs the user. */
export function SyncState({ item, onReview }: { item: Item; onReview: () => void }) {
  if (item.problem) {
    return (
      <button
        type="button"
        onClick={onReview}
        className="inline-flex items-center gap-1 rounded-sm bg-destructive/10 px-1.5 py-0.5 text-xs font-medium text-destructive hover:underline"
      >
        <TriangleAlertIcon className="size-3" aria-hidden />
        {item.problem.problem?.kind === "conflict" ? "Changed elsewhere too" : "Not saved"}
        <span className="sr-only">: review “{item.title}”</span>
      </button>
    );
  }
  if (!item.pending) return null;
  return (
    <Badge variant="plain" title="Not sent yet">
      <CloudUploadIcon aria-hidden />
      Waiting
    </Badge>
  );
}
