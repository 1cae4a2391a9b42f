"use client";

import type { TrashedTask } from "@tasks-api/client";
import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCcwIcon, Trash2Icon } from "lucide-react";
import { useState } from "react";

import { Empty, ListSkeleton } from "@/components/empty";
import { RelativeTime } from "@/components/relative-time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { notify, notifyError } from "@/lib/notify";
import { type Item, refOf } from "@/lib/tasks/operations";
import { useTasks } from "@/lib/tasks/use-tasks";
import type { Selection } from "@/lib/tasks/views";

/** The deleted tasks. The changes feed has no content of them: this list is loaded when it is shown, and after changes. */
export default function Trash({ selection }: { selection: Selection }) {
  const { sync, actions, items } = useTasks();
  const { data, isError, isPaused, refetch } = useQuery(sync.queries.trash());
  const purge = useMutation(sync.queries.remove());
  const [doomed, setDoomed] = useState<TrashedTask | null>(null);

  if ((isError || isPaused) && !data) {
    return (
      <div className="flex flex-col items-center gap-3 py-20 text-center text-sm">
        <p>The trash could not be loaded.</p>
        <Button variant="outline" onClick={() => refetch()}>
          Try again
        </Button>
      </div>
    );
  }
  if (!data) return <ListSkeleton />;
  const live = new Set(items.map(({ ref }) => ref));
  const shown = data.filter((task) => !live.has(refOf(task)) && task.id !== purge.variables?.id);
  if (shown.length === 0) return <Empty selection={selection} icon={<Trash2Icon aria-hidden />} />;

  function restore(task: TrashedTask) {
    const { deleted_at: _, ...rest } = task;
    actions.restore({ ...rest, ref: refOf(task), pending: false } as Item);
    void notify(`Restored “${task.title}”`);
  }

  function remove({ id, title }: TrashedTask) {
    purge.mutate(
      { id },
      {
        onSuccess: () => void notify(`Deleted “${title}” for good`),
        onError: () => void notifyError(`“${title}” could not be deleted. Try again.`),
      },
    );
    setDoomed(null);
  }

  return (
    <>
      <ul aria-label="Trash">
        {shown.map((task) => (
          <li key={task.id} className="flex items-center gap-2 border-b py-2">
            <div className="min-w-0 flex-1">
              <p className="truncate text-[0.9375rem] lg:text-sm">{task.title}</p>
              <p className="text-xs text-muted-foreground">
                <RelativeTime moment={task.deleted_at} label="Deleted" />
              </p>
            </div>
            <Button variant="ghost" size="sm" onClick={() => restore(task)}>
              <RotateCcwIcon aria-hidden />
              Restore
              <span className="sr-only"> “{task.title}”</span>
            </Button>
            <Button variant="ghost" size="icon-sm" onClick={() => setDoomed(task)}>
              <Trash2Icon aria-hidden />
              <span className="sr-only">Delete “{task.title}” for good</span>
            </Button>
          </li>
        ))}
      </ul>
      <Dialog open={doomed !== null} onOpenChange={(open) => !open && setDoomed(null)}>
        <DialogContent>
          <DialogHeader>
            <DialogTitle>Delete for good?</DialogTitle>
            <DialogDescription>“{doomed?.title}” cannot be restored after this.</DialogDescription>
          </DialogHeader>
          <DialogFooter>
            <Button variant="outline" onClick={() => setDoomed(null)}>
              Cancel
            </Button>
            <Button variant="destructive" onClick={() => doomed && remove(doomed)}>
              Delete for good
            </Button>
          </DialogFooter>
        </DialogContent>
      </Dialog>
    </>
  );
}
