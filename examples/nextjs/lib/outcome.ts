import { type FieldError, isProblem, UnexpectedResponseError } from "@tasks-api/client";

import { SignedOut } from "./token";

/** Why something did not happen, as far as this application treats it differently. */
export type Failure =
  | { kind: "invalid"; errors: FieldError[] }
  | { kind: "gone" }
  | { kind: "signed-out" }
  | { kind: "unavailable" }
  | { kind: "refused"; message: string };

export type Outcome<T> = { ok: true; data: T } | { ok: false; failure: Failure };

interface Answer {
  status: number;
  data: unknown;
}

/** Waits for a call of the client, and sorts what it answers or throws. Never throws itself. */
export async function outcomeOf<A extends Answer>(
  call: Promise<A>,
): Promise<Outcome<Extract<A, { status: 200 | 201 }>["data"]>> {
  try {
    const answer = await call;
    const { status, data } = answer;
    return status < 300 ? { ok: true, data } : { ok: false, failure: answered(answer) };
  } catch (error) {
    return { ok: false, failure: thrown(error) };
  }
}

function answered({ status, data }: Answer): Failure {
  const problem = isProblem(data) ? data : undefined;
  if (status === 400 && problem?.errors) return { kind: "invalid", errors: problem.errors };
  if (status === 404) return { kind: "gone" };
  if (status === 503) return { kind: "unavailable" };
  if (status === 401) {
    // The client has tried a fresh token already. To send the user to sign in again
    // would lead here again: this is the operator's to mend.
    const message = "The task service does not accept this application's tokens: compare BETTER_AUTH_URL on both sides.";
    return { kind: "refused", message };
  }
  return { kind: "refused", message: problem?.detail ?? `The task service answered ${status}.` };
}

function thrown(error: unknown): Failure {
  if (error instanceof SignedOut) return { kind: "signed-out" };
  // A proxy in front of a service that is down answers in words of its own.
  if (error instanceof UnexpectedResponseError && error.status < 500) {
    return { kind: "refused", message: error.message };
  }
  return { kind: "unavailable" };
}
