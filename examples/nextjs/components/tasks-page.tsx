"use client";

import type { Task } from "@tasks-api/client";
import { useSearchParams } from "next/navigation";
import { useRef, useState } from "react";

import { authClient } from "@/lib/auth-client";
import { type Filter, filterOf, matches } from "@/lib/filter";
import type { Failure, Outcome } from "@/lib/outcome";
import { useSessionChannel } from "@/lib/session-channel";
import { useTasks } from "@/lib/use-tasks";

import { Filters } from "./filters";
import { type Changes, TaskForm } from "./task-form";
import { TaskItem } from "./task-item";

const empty: Record<Filter, string> = {
  all: "Nothing to do yet. Add your first task above.",
  pending: "Nothing is pending.",
  completed: "Nothing is completed yet.",
};

interface Props {
  user: { id: string; name: string; email: string };
  serviceUrl: string;
  first: Outcome<Task[]>;
}

export function TasksPage({ user, serviceUrl, first }: Props) {
  const filter = filterOf(useSearchParams().get("status"));
  const announce = useSessionChannel(user.id);
  const { tasks, failure, loading, notice, reload, add, edit, complete, remove } = useTasks(
    user.id,
    serviceUrl,
    filter,
    first,
  );
  // Tasks with an open form. They stay visible whatever list loads, so that no edit is lost.
  const [edited, setEdited] = useState<Task[]>([]);
  const visible = tasks
    ?.filter((task) => matches(task, filter) && !isEdited(task))
    .concat(edited)
    .sort((a, b) => b.id - a.id);
  const heading = useRef<HTMLHeadingElement>(null);

  function isEdited(task: Task) {
    return edited.some(({ id }) => id === task.id);
  }

  function setEditing(task: Task, editing: boolean) {
    if (!editing && !matches(task, filter)) leave(task);
    setEdited((tasks) => (editing ? [...tasks, task] : tasks.filter(({ id }) => id !== task.id)));
  }

  async function addTask(changes: Changes) {
    const outcome = await add({ title: "", ...changes });
    // A new task is not in the list of completed ones: show it in the list of all.
    const shown = filterOf(new URLSearchParams(window.location.search).get("status"));
    if (outcome.ok && !matches(outcome.data, shown)) window.history.pushState(null, "", "/");
    return outcome;
  }

  /** Moves the focus on from a task that leaves the list: it would fall to the page's top. */
  function leave(task: Task) {
    const at = visible?.findIndex(({ id }) => id === task.id) ?? -1;
    const next = visible?.[at + 1] ?? visible?.[at - 1];
    (next ? document.getElementById(`task-${next.id}`) : heading.current)?.focus();
  }

  return (
    <>
      <header>
        <p className="brand">Tasks</p>
        <p className="user" title={user.email}>
          {user.name}
        </p>
        <SignOut announce={() => announce(null)} />
      </header>
      <main>
        <h1 className="sr-only">Your tasks</h1>
        <section className="card" aria-labelledby="add">
          <h2 id="add">Add a task</h2>
          <TaskForm label="Add a task" save={addTask} button="Add" busyButton="Adding…" />
        </section>

        <section aria-labelledby="list" aria-busy={loading}>
          <div className="bar">
            <h2 id="list" ref={heading} tabIndex={-1}>
              Your list
            </h2>
            <Filters current={filter} />
          </div>
          <Trouble failure={failure} loading={loading} retry={reload} />
          <p className="hint notice" role="status">
            {loading ? "Loading…" : notice}
          </p>
          {visible && visible.length === 0 && !loading && <p className="empty">{empty[filter]}</p>}
          {visible && visible.length > 0 && (
            <ul className="tasks" aria-labelledby="list">
              {visible.map((task) => (
                <TaskItem
                  key={task.id}
                  task={task}
                  editing={isEdited(task)}
                  setEditing={(editing) => setEditing(task, editing)}
                  edit={(changes) => edit(task, changes)}
                  complete={(completed) => {
                    if (!matches({ ...task, completed }, filter)) leave(task);
                    complete(task, completed);
                  }}
                  remove={() => remove(task, () => leave(task))}
                />
              ))}
            </ul>
          )}
        </section>
      </main>
    </>
  );
}

function Trouble({ failure, loading, retry }: { failure: Failure | undefined; loading: boolean; retry: () => void }) {
  return (
    // Always there, so that screen readers notice what appears in it.
    <div role="alert">
      {failure?.kind === "unavailable" && (
        <div className="trouble">
          <p>
            <strong>The task service is not available.</strong>{" "}
            {failure.write && "Your last change may not have been saved. "}
            This page keeps trying to load your list.
          </p>
          <button onClick={retry} aria-disabled={loading}>
            {loading ? "Loading…" : "Reload the list"}
          </button>
        </div>
      )}
      {failure?.kind === "gone" && <p className="trouble">That task is gone: it was deleted elsewhere.</p>}
      {failure?.kind === "refused" && <p className="trouble">{failure.message}</p>}
    </div>
  );
}

function SignOut({ announce }: { announce: () => void }) {
  const [text, setText] = useState("Sign out");
  const [busy, setBusy] = useState(false);
  return (
    <button
      aria-disabled={busy}
      onClick={async () => {
        if (busy) return;
        setBusy(true);
        const { error } = await authClient.signOut().catch((error: unknown) => ({ error }));
        if (error) {
          setText("Sign out failed: try again");
          setBusy(false);
        } else {
          announce();
          // A full load, so that nothing of this user stays in memory.
          window.location.assign("/sign-in");
        }
      }}
    >
      {busy ? "Signing out…" : text}
    </button>
  );
}
