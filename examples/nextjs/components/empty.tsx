import type { ReactNode } from "react";

import { Skeleton } from "@/components/ui/skeleton";
import type { Selection, View } from "@/lib/tasks/views";

const TEXTS: Record<View, [string, string]> = {
  all: ["Nothing to do", "Add a task above, and it is here on every device."],
  today: ["All clear for today", "Tasks that are due today, and those that are late, appear here."],
  upcoming: ["Nothing planned", "Give a task a date, such as “tomorrow” or “friday”."],
  completed: ["Nothing completed yet", "What you complete stays here until you clear it."],
  trash: ["The trash is empty", "Deleted tasks can be restored from here for 30 days."],
};

export function Empty({ selection, icon }: { selection: Selection; icon: ReactNode }) {
  const [title, text] = selection.q
    ? [`Nothing found for “${selection.q}”`, "Every word has to be in the title or the description."]
    : selection.tag !== null
      ? [`Nothing with #${selection.tag}`, "Add a task here, and it gets this tag."]
      : TEXTS[selection.view];
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-20 text-center">
      <div className="mb-2 flex size-14 items-center justify-center rounded-full bg-primary/10 text-primary [&_svg]:size-6">
        {icon}
      </div>
      <p className="font-medium">{title}</p>
      <p className="max-w-72 text-sm text-muted-foreground">{text}</p>
    </div>
  );
}

export function ListSkeleton() {
  return (
    <div role="status" className="flex flex-col">
      <span className="sr-only">Loading…</span>
      {["w-3/5", "w-2/5", "w-1/2", "w-2/3", "w-1/3"].map((width) => (
        <div key={width} className="flex items-center gap-3 border-b py-3.5 lg:py-2.5" aria-hidden>
          <Skeleton className="ml-2 size-5 rounded-full" />
          <Skeleton className={`h-4 ${width}`} />
        </div>
      ))}
    </div>
  );
}
