"use client";

import { CloudOffIcon, TriangleAlertIcon } from "lucide-react";

import { Button } from "@/components/ui/button";
import type { Operation } from "@/lib/tasks/operations";
import { useConnection, useTasks } from "@/lib/tasks/use-tasks";

const changes = (count: number) => (count === 1 ? "1 change" : `${count} changes`);

/** What the user should know about the connection, and what waits for a decision. */
export function Status({ onReview }: { onReview: (problem: Operation) => void }) {
  const connection = useConnection();
  const { waiting } = useTasks();
  const problems = waiting.filter(({ problem }) => problem);
  const unsent = waiting.length - problems.length;
  const message = {
    online: "",
    offline: `You are offline. ${unsent ? `${changes(unsent)} will be sent when you are back.` : "You can go on working."}`,
    unavailable: `The task service is not available. ${unsent ? `${changes(unsent)} will be sent when it is back.` : "You can go on working."}`,
    rejected:
      "The task service does not accept this application's tokens: compare BETTER_AUTH_URL on both sides. Nothing is lost.",
  }[connection];
  return (
    <>
      <div role="status">
        {message && (
          <p className="mb-3 flex items-center gap-2.5 rounded-lg bg-secondary px-3.5 py-2.5 text-sm">
            <CloudOffIcon className="size-4 shrink-0 text-muted-foreground" aria-hidden />
            {message}
          </p>
        )}
      </div>
      <div role="alert">
        {problems[0] && (
          <div className="mb-3 flex flex-wrap items-center gap-x-2.5 gap-y-1 rounded-lg bg-destructive/10 px-3.5 py-1.5 text-sm">
            <TriangleAlertIcon className="size-4 shrink-0 text-destructive" aria-hidden />
            <span className="flex-1">{changes(problems.length)} {problems.length === 1 ? "needs" : "need"} your decision.</span>
            <Button variant="link" size="sm" className="px-2" onClick={() => onReview(problems[0]!)}>
              Review
            </Button>
          </div>
        )}
      </div>
    </>
  );
}
