"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";

import type { Item } from "./operations";
import { useTasks } from "./use-tasks";
import { matches } from "./views";

/**
 * The tasks that a search finds: the service searches, so that the page finds what every other
 * client finds. What is not sent yet it cannot know, and without a network nothing can be
 * asked: then the same rule is applied here.
 */
export function useSearch(q: string): { found: Item[] | undefined; searching: boolean; local: boolean } {
  const { items, sync, loaded } = useTasks();
  const { data, isFetching, isPlaceholderData, isError, fetchStatus } = useQuery({
    ...sync.queries.list({ q }),
    select: (tasks) => new Set(tasks.map(({ id }) => id)),
    enabled: q !== "",
    placeholderData: keepPreviousData,
  });
  if (!q || !loaded) return { found: undefined, searching: q !== "", local: false };
  const local = isError || fetchStatus === "paused";
  const result = isPlaceholderData || local ? undefined : data;
  const found = items.filter((item) => (item.pending || !result ? matches(item, q) : result.has(item.id)));
  return { found, searching: isFetching && isPlaceholderData, local };
}
