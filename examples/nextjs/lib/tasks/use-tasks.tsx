"use client";

import { QueryClient, QueryClientProvider, skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { type Actions, createActions } from "./actions";
import { applied, type Item, type Operation } from "./operations";
import { EMPTY, type Replica } from "./replica";
import { createSync, type Sync } from "./sync";

interface Tasks {
  sync: Sync;
  actions: Actions;
  items: Item[];
  /** False until the tasks are here for the first time. */
  loaded: boolean;
  /** What is still to be sent. */
  waiting: Operation[];
}

const Context = createContext<Tasks | null>(null);
const ActionsContext = createContext<Actions | null>(null);
const nothing: Operation[] = [];

interface Props {
  userId: string;
  serviceUrl: string;
  /** The tasks of the first paint. */
  initial: Replica;
  children: ReactNode;
}

/** Gives the components the tasks of one user, and what can be done with them. */
export function TasksProvider({ userId, serviceUrl, initial, children }: Props) {
  const [queryClient] = useState(() => new QueryClient());
  const [sync] = useState(() => {
    const created = createSync({ userId, serviceUrl, queryClient, onUserChanged: () => window.location.reload() });
    queryClient.setQueryData<Replica>(created.queryKey, initial);
    // Kept up to date by the live stream: it never grows old, and nothing else loads it.
    queryClient.setQueryDefaults(created.queryKey, { staleTime: Infinity, gcTime: Infinity });
    return created;
  });
  useEffect(() => sync.start(), [sync]);
  return (
    <QueryClientProvider client={queryClient}>
      <Shared sync={sync}>{children}</Shared>
    </QueryClientProvider>
  );
}

function Shared({ sync, children }: { sync: Sync; children: ReactNode }) {
  const queryClient = useQueryClient();
  const { data = EMPTY } = useQuery<Replica>({ queryKey: sync.queryKey, queryFn: skipToken });
  const waiting = useSyncExternalStore(sync.queue.subscribe, sync.queue.list, () => nothing);
  const items = useMemo(() => applied(data.tasks, waiting), [data.tasks, waiting]);
  const actions = useMemo(() => createActions(sync, () => queryClient.getQueryData(sync.queryKey)), [sync, queryClient]);
  const loaded = data.cursor !== null;
  const tasks = useMemo(() => ({ sync, actions, items, loaded, waiting }), [sync, actions, items, loaded, waiting]);
  return (
    <ActionsContext value={actions}>
      <Context value={tasks}>{children}</Context>
    </ActionsContext>
  );
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error("TasksProvider is missing");
  return value;
}

export const useTasks = () => present(useContext(Context));
/** Alone, so that a row is not rendered again when another task changes. */
export const useActions = () => present(useContext(ActionsContext));

export function useConnection() {
  const { sync } = useTasks();
  return useSyncExternalStore(sync.subscribe, sync.connection, () => "online" as const);
}
