import { authClient } from "./auth-client";

/** The page's user is no longer the signed-in one: signed out, or replaced by another user. */
export class SessionChanged extends Error {}

/** The token source of `createTasksClient`, for the user whose tasks the page shows and no other. */
export function tokenSource(userId: string) {
  let cached: { token: string; until: number } | undefined;
  let inFlight: Promise<string> | undefined;

  async function request(): Promise<string> {
    const { data, error } = await authClient.token();
    if (error?.status === 401) throw new SessionChanged();
    if (!data) throw new TypeError(error?.message ?? "No token");
    const { sub, exp } = claims(data.token);
    // All tabs share the session cookie. If another user signed in elsewhere, this
    // token would write what the page's user typed into the other account.
    if (sub !== userId) throw new SessionChanged();
    cached = { token: data.token, until: exp * 1000 - 30_000 };
    return data.token;
  }

  return async ({ fresh }: { fresh: boolean }): Promise<string> => {
    if (cached && !fresh && Date.now() < cached.until) return cached.token;
    // Calls that start together share one request.
    inFlight ??= request().finally(() => (inFlight = undefined));
    return inFlight;
  };
}

/** The token's claims, unverified: verification is the service's job. */
function claims(token: string): { sub: string; exp: number } {
  const payload = token.split(".")[1] ?? "";
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
}
