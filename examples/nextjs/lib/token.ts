import { authClient } from "./auth-client";

/** The session is over: the user has to sign in again. */
export class SignedOut extends Error {}

let cached: { token: string; until: number } | undefined;
let inFlight: Promise<string> | undefined;

/** The browser's token for the service, for `createTasksClient`. */
export async function browserToken({ fresh }: { fresh: boolean }): Promise<string> {
  if (cached && !fresh && Date.now() < cached.until) return cached.token;
  // Calls that start together share one request.
  inFlight ??= request().finally(() => (inFlight = undefined));
  return inFlight;
}

async function request(): Promise<string> {
  const { data, error } = await authClient.token();
  if (error?.status === 401) throw new SignedOut();
  if (!data) throw new TypeError(error?.message ?? "No token");
  cached = { token: data.token, until: expiry(data.token) - 30_000 };
  return data.token;
}

/** The token's `exp`, in milliseconds. To verify the token is the service's business. */
function expiry(token: string): number {
  const payload = token.split(".")[1] ?? "";
  const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { exp: number };
  return exp * 1000;
}
