"use client";

import type { Task } from "@tasks-api/client";
import { useId, useRef, useState } from "react";
import { flushSync } from "react-dom";

import type { Outcome } from "@/lib/outcome";

import { type Changes, TaskForm } from "./task-form";

interface Props {
  task: Task;
  editing: boolean;
  setEditing: (editing: boolean) => void;
  edit: (changes: Changes) => Promise<Outcome<Task>>;
  complete: (completed: boolean) => void;
  remove: () => Promise<void>;
}

export function TaskItem({ task, editing, setEditing, edit, complete, remove }: Props) {
  const [asking, setAsking] = useState(false);
  const [removing, setRemoving] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const box = `task-${task.id}`;

  function close() {
    // The focus goes back to where editing began; the button must be there again first.
    flushSync(() => setEditing(false));
    editButton.current?.focus();
  }

  if (editing) {
    return (
      <li className="card">
        <TaskForm
          label={`Edit ${task.title}`}
          task={task}
          button="Save"
          busyButton="Saving…"
          cancel={close}
          save={async (changes) => {
            const outcome = await edit(changes);
            if (outcome.ok) close();
            return outcome;
          }}
        />
      </li>
    );
  }

  return (
    <li className="card task" data-completed={task.completed}>
      <input
        type="checkbox"
        id={box}
        checked={task.completed}
        aria-describedby={task.description ? `${box}-description` : undefined}
        onChange={(event) => complete(event.target.checked)}
      />
      <div className="text">
        <label htmlFor={box}>{task.title}</label>
        {task.description && <p id={`${box}-description`}>{task.description}</p>}
      </div>
      <div className="row">
        <button ref={editButton} className="quiet" onClick={() => setEditing(true)}>
          Edit<span className="sr-only"> {task.title}</span>
        </button>
        <button className="quiet" aria-disabled={removing} onClick={() => setAsking(!removing)}>
          {removing ? "Deleting…" : "Delete"}
          <span className="sr-only"> {task.title}</span>
        </button>
      </div>
      {asking && (
        <DeleteDialog
          task={task}
          close={async (sure) => {
            setAsking(false);
            if (!sure) return;
            setRemoving(true);
            await remove();
            setRemoving(false);
          }}
        />
      )}
    </li>
  );
}

function DeleteDialog({ task, close }: { task: Task; close: (sure: boolean) => void }) {
  const id = useId();
  return (
    // Modal by the browser: it keeps the focus in, closes with Escape, and gives the focus back.
    <dialog
      ref={(dialog) => dialog?.showModal()}
      aria-labelledby={id}
      onClose={(event) => close(event.currentTarget.returnValue === "delete")}
    >
      <form method="dialog" className="stack">
        <h2 id={id}>Delete “{task.title}”?</h2>
        <p>It cannot be brought back.</p>
        <div className="row end">
          <button value="">Keep</button>
          <button value="delete" className="danger">
            Delete
          </button>
        </div>
      </form>
    </dialog>
  );
}
