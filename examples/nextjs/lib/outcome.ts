import { type FieldError, isProblem, UnexpectedResponseError } from "@tasks-api/client";

import { SessionChanged } from "./token";

/** Why something did not happen, as far as this application treats it differently. */
export type Failure =
  | { kind: "invalid"; errors: FieldError[] }
  | { kind: "gone" }
  | { kind: "session-changed" }
  | { kind: "unavailable"; write?: boolean }
  | { kind: "refused"; message: string };

export type Outcome<T> = { ok: true; data: T } | { ok: false; failure: Failure };

interface Response {
  status: number;
  data: unknown;
}

/** Waits for a call of the client and classifies the response or the error. Never throws. */
export async function outcomeOf<R extends Response>(
  call: Promise<R>,
): Promise<Outcome<Extract<R, { status: 200 | 201 }>["data"]>> {
  try {
    const response = await call;
    const { status, data } = response;
    return status < 300 ? { ok: true, data } : { ok: false, failure: refused(response) };
  } catch (error) {
    return { ok: false, failure: thrown(error) };
  }
}

function refused({ status, data }: Response): Failure {
  const problem = isProblem(data) ? data : undefined;
  if (status === 400 && problem?.errors) return { kind: "invalid", errors: problem.errors };
  if (status === 404) return { kind: "gone" };
  if (status === 503) return { kind: "unavailable" };
  if (status === 401) {
    // The client has retried with a fresh token already, so signing in again would not
    // help: the configuration is wrong.
    const message = "The task service does not accept this application's tokens: compare BETTER_AUTH_URL on both sides.";
    return { kind: "refused", message };
  }
  return { kind: "refused", message: problem?.detail ?? `The task service responded with status ${status}.` };
}

function thrown(error: unknown): Failure {
  if (error instanceof SessionChanged) return { kind: "session-changed" };
  // A proxy in front of a stopped service sends a 5xx response of its own.
  if (error instanceof UnexpectedResponseError && error.status < 500) {
    return { kind: "refused", message: error.message };
  }
  return { kind: "unavailable" };
}
