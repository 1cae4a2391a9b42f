"use client";

import { EllipsisIcon } from "lucide-react";
import { lazy, type Ref, Suspense, useState } from "react";

import { LazyMenu } from "@/components/lazy-menu";
import { SearchBox } from "@/components/search-box";
import type { User } from "@/components/tasks-page";
import { notifyError } from "@/lib/notify";
import { useSessionChannel } from "@/lib/session-channel";
import { signOut as requestSignOut } from "@/lib/session-requests";
import { useTasks } from "@/lib/tasks/use-tasks";
import type { Selection } from "@/lib/tasks/views";

const UserMenu = lazy(() => import("@/components/menus/user-menu"));
const ViewMenu = lazy(() => import("@/components/menus/view-menu"));
const Shortcuts = lazy(() => import("@/components/shortcuts"));
const SignOut = lazy(() => import("@/components/sign-out"));

interface Props {
  user: User;
  title: string;
  selection: Selection;
  /** Pending tasks in the view. */
  left: number;
  /** Of all tasks. */
  pending: number;
  completed: number;
  search: Ref<HTMLInputElement>;
}

export function Header({ user, title, selection, left, pending, completed, search }: Props) {
  const { waiting } = useTasks();
  const announce = useSessionChannel(user.id);
  const [dialog, setDialog] = useState<"shortcuts" | "sign-out" | null>(null);
  const counted = selection.view !== "trash" && selection.view !== "completed";

  async function signOut() {
    const { error } = await requestSignOut().catch(() => ({ error: true }));
    if (error) return void notifyError("Signing out needs a network. Try again.");
    announce(null);
    // A full load, so that nothing of this user stays in memory.
    window.location.assign("/sign-in");
  }

  return (
    <header className="mb-4 flex flex-wrap items-center gap-x-2 gap-y-3 lg:mb-6">
      <div className="mr-auto flex min-w-0 items-baseline gap-3">
        <h1 className="truncate text-2xl font-bold tracking-tight">{title}</h1>
        {counted && <p className="shrink-0 text-sm text-muted-foreground tabular-nums">{left} left</p>}
      </div>
      <div className="flex items-center gap-1 lg:order-last">
        {selection.view !== "trash" && (
          <LazyMenu
            menu={ViewMenu}
            props={{ selection, pending, completed }}
            button={{ variant: "ghost", size: "icon", "aria-label": "Order and actions", children: <EllipsisIcon aria-hidden /> }}
          />
        )}
        <LazyMenu
          menu={UserMenu}
          props={{
            user,
            onSignOut: () => (waiting.length > 0 ? setDialog("sign-out") : void signOut()),
            onShortcuts: () => setDialog("shortcuts"),
          }}
          button={{
            variant: "ghost",
            size: "icon",
            "aria-label": `Account of ${user.name}`,
            children: (
              <span
                aria-hidden
                className="flex size-8 items-center justify-center rounded-full bg-primary text-xs font-semibold text-primary-foreground"
              >
                {user.name.slice(0, 1).toUpperCase()}
              </span>
            ),
          }}
        />
      </div>
      <div className="flex w-full lg:w-auto">
        <SearchBox selection={selection} ref={search} />
      </div>
      <Suspense>
        {dialog === "shortcuts" && <Shortcuts onClose={() => setDialog(null)} />}
        {dialog === "sign-out" && (
          <SignOut unsent={waiting.length} onClose={() => setDialog(null)} onSignOut={() => void signOut()} />
        )}
      </Suspense>
    </header>
  );
}
