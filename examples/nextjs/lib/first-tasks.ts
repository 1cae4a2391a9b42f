import "server-only";

import { createTasksClient } from "@tasks-api/client";
import { headers } from "next/headers";

import { auth } from "./auth";
import { EMPTY, type Replica } from "./tasks/replica";

/** Read at run time, so that one build serves every environment. */
const tasksApiUrl = () => process.env.TASKS_API_URL ?? "http://127.0.0.1:8000";

/** Where browsers find it: at this application's own address if it passes requests on (next.config.ts). */
export const publicTasksApiUrl = () => (process.env.TASKS_API_PROXY ? "" : tasksApiUrl());

/** The tasks of the first paint, requested on the server with a token made on the server. */
export async function firstTasks(): Promise<Replica> {
  const client = createTasksClient({
    baseUrl: tasksApiUrl(),
    token: async () => (await auth.api.getToken({ headers: await headers() })).token,
    // A page that loads its tasks later is better than one that waits.
    timeout: 5_000,
    retries: 0,
  });
  try {
    const { status, data, headers } = await client.listTasks();
    // The list's entity tag is where the changes go on from: list once, then follow.
    if (status === 200) return { tasks: data, cursor: headers.get("etag")?.slice(1, -1) ?? null };
    console.error(`The task service responded with ${status}: ${data.detail}`);
  } catch (error) {
    console.error("The task service is not reachable:", error);
  }
  return EMPTY;
}
