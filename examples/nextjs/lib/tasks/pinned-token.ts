import { createTokenSource, TokenError } from "@tasks-api/client";

import { fetchToken } from "@/lib/session-requests";

/** Whether the page's user is no longer the signed-in one. */
export const isSessionEnd = (error: unknown) =>
  error instanceof TokenError && (error.code === "signed-out" || error.code === "user-changed");

/**
 * The tokens of the page's user. All tabs share the session cookie: another user who signs in
 * elsewhere changes whose tokens this page would get, and write with.
 */
export function pinnedToken(userId: string, onUserChanged: () => void) {
  const source = createTokenSource(fetchToken, { sub: userId });
  const token: typeof source = async (wanted) => {
    try {
      return await source(wanted);
    } catch (error) {
      if (isSessionEnd(error)) onUserChanged();
      throw error;
    }
  };
  return token;
}
