import { createTasksClient, type Task } from "@tasks-api/client";
import { headers } from "next/headers";

import { auth } from "./auth";
import type { Filter } from "./filter";
import { type Outcome, outcomeOf } from "./outcome";

/** Read at run time, so that one build serves every environment. */
export const tasksApiUrl = () => process.env.TASKS_API_URL ?? "http://127.0.0.1:8000";

/** The tasks of the first paint, asked for on the server with a token made on the server. */
export async function firstTasks(filter: Filter): Promise<Outcome<Task[]>> {
  const client = createTasksClient({
    baseUrl: tasksApiUrl(),
    token: async () => (await auth.api.getToken({ headers: await headers() })).token,
  });
  // A page that says "not available" soon is better than one that waits.
  return outcomeOf(client.listTasks({ status: filter }, { signal: AbortSignal.timeout(5_000) }));
}
