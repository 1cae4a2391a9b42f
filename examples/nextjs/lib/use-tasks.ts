"use client";

import { type CreateTask, createTasksClient, type Task, type UpdateTask } from "@tasks-api/client";
import { startTransition, useCallback, useEffect, useMemo, useOptimistic, useRef, useState } from "react";

import type { Filter } from "./filter";
import { type Failure, type Outcome, outcomeOf } from "./outcome";
import { tokenSource } from "./token";

/** How long "not available" stands before the list is asked for again. */
const RETRY_AFTER = 5_000;

const deadline = () => ({ signal: AbortSignal.timeout(10_000) });

/** The tasks of one user in the browser: the list, and the operations on it. */
export function useTasks(userId: string, serviceUrl: string, filter: Filter, first: Outcome<Task[]>) {
  const client = useMemo(
    () => createTasksClient({ baseUrl: serviceUrl, token: tokenSource(userId) }),
    [serviceUrl, userId],
  );
  const [tasks, setTasks] = useState(first.ok ? first.data : undefined);
  const [failure, setFailure] = useState(first.ok ? undefined : first.failure);
  const [notice, setNotice] = useState("");
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((last) => last + 1), []);

  // What is shown until the service has answered. When it refuses, React drops this
  // and the true list is back.
  const [shown, showCompleted] = useOptimistic(tasks, (list, { id, completed }: Pick<Task, "id" | "completed">) =>
    list?.map((task) => (task.id === id ? { ...task, completed } : task)),
  );

  const fail = useCallback((failure: Failure) => {
    // The server shows the list of the present user, or the sign-in page.
    if (failure.kind === "session-changed") window.location.reload();
    // A failed reload of the list must not hide that a write failed.
    const hides = (before?: Failure) =>
      failure.kind === "unavailable" && before?.kind === "unavailable" && before.write;
    setFailure((before) => (hides(before) ? before : failure));
  }, []);

  // Loads when the filter changes and when asked to; the first list came with the page.
  const wanted = `${filter} ${round}`;
  const [loaded, setLoaded] = useState(wanted);
  const latest = useRef(wanted);
  useEffect(() => {
    if (latest.current === wanted) return;
    latest.current = wanted;
    void outcomeOf(client.listTasks({ status: filter }, deadline())).then((outcome) => {
      // Another load has begun since.
      if (latest.current !== wanted) return;
      setLoaded(wanted);
      if (!outcome.ok) return fail(outcome.failure);
      setTasks(outcome.data);
      setFailure((before) => {
        if (before?.kind === "unavailable") {
          setNotice(`The task service is back.${before.write ? " Check your last change." : ""}`);
        }
        return undefined;
      });
    });
  }, [client, fail, filter, wanted]);

  const loading = loaded !== wanted;
  const unavailable = failure?.kind === "unavailable";
  useEffect(() => {
    if (!unavailable || loading) return;
    const timer = setTimeout(reload, RETRY_AFTER);
    return () => clearTimeout(timer);
  }, [unavailable, loading, reload]);

  // Writes go out one after the other: the last wish is the one that stays.
  const queue = useRef<Promise<unknown>>(Promise.resolve());
  async function write<T>(call: () => Promise<Outcome<T>>, done: (data: T) => void): Promise<Outcome<T>> {
    const turn = queue.current.then(call);
    queue.current = turn;
    const outcome = await turn;
    startTransition(() => {
      // There is no list yet, or one was asked for that may not know of this write.
      if (!tasks || latest.current !== loaded) reload();
      if (outcome.ok) {
        setFailure(undefined);
        return done(outcome.data);
      }
      setNotice("");
      // Invalid input is shown in the form that it came from.
      const { failure } = outcome;
      if (failure.kind !== "invalid") fail(failure.kind === "unavailable" ? { ...failure, write: true } : failure);
    });
    return outcome;
  }

  const replace = (changed: Task) => setTasks((list) => list?.map((task) => (task.id === changed.id ? changed : task)));
  const drop = (id: number) => setTasks((list) => list?.filter((task) => task.id !== id));
  const gone = (task: Task, outcome: Outcome<unknown>) => {
    if (!outcome.ok && outcome.failure.kind === "gone") drop(task.id);
  };

  return {
    tasks: shown,
    failure,
    loading,
    notice,
    reload,
    add: (body: CreateTask) =>
      write(
        () => outcomeOf(client.createTask(body, deadline())),
        (task) => {
          setTasks((list) => list && [task, ...list]);
          setNotice(`Added “${task.title}”.`);
        },
      ),
    edit: async (task: Task, changes: Partial<UpdateTask>) => {
      const outcome = await write(
        async () => {
          // An update requires a title. Without a new one, the current one is sent back:
          // the title on the page may be older than a change made elsewhere.
          let { title } = changes;
          if (title === undefined) {
            const current = await outcomeOf(client.getTask(task.id, deadline()));
            if (!current.ok) return current;
            title = current.data.title;
          }
          return outcomeOf(client.updateTask(task.id, { ...changes, title }, deadline()));
        },
        (changed) => {
          replace(changed);
          setNotice(`Saved “${changed.title}”.`);
        },
      );
      gone(task, outcome);
      return outcome;
    },
    complete: (task: Task, completed: boolean) =>
      startTransition(async () => {
        showCompleted({ id: task.id, completed });
        const outcome = await write(
          () => outcomeOf(client.completeTask(task.id, { completed }, deadline())),
          (changed) => {
            replace(changed);
            setNotice(completed ? `Completed “${changed.title}”.` : `“${changed.title}” is pending again.`);
          },
        );
        gone(task, outcome);
      }),
    remove: async (task: Task, before: () => void) => {
      const outcome = await write(
        () => outcomeOf(client.deleteTask(task.id, deadline())),
        () => {
          before();
          drop(task.id);
          setNotice(`Deleted “${task.title}”.`);
        },
      );
      gone(task, outcome);
    },
  };
}
