// A source of tokens: cached, renewed before they expire, and of one user alone.

/** What a request wants of the token source. */
export interface TokenRequest {
  /** The service has just refused the last token: a new one is needed, not a stored one. */
  fresh: boolean;
  /** The token that was refused. */
  refused?: string | undefined;
  /** The server's clock minus the local one, in milliseconds, where the responses tell (`Date`). */
  skew?: number | undefined;
}

/** Where tokens come from. What it throws, the operation throws. */
export type TokenSource = (wanted: TokenRequest) => Promise<string>;

/** What `createTokenSource` takes for a token: the text, or the result of Better Auth's `authClient.token()`. */
export type FetchedToken = string | { data: { token: string } | null; error?: { status?: number } | null };

export type TokenErrorCode = "signed-out" | "user-changed" | "malformed" | "unavailable";

const MESSAGES: Record<TokenErrorCode, string> = {
  "signed-out": "There is no token: nobody is signed in",
  "user-changed": "The token belongs to another user",
  malformed: "The token is not a JWT with sub and exp",
  unavailable: "The token cannot be fetched now",
};

/** There is no token to be had, or not for this user. `unavailable` may pass. */
export class TokenError extends Error {
  override readonly name = "TokenError";

  constructor(
    readonly code: TokenErrorCode,
    options?: ErrorOptions,
  ) {
    super(MESSAGES[code], options);
  }
}

/** The claims of a JWT, unverified. */
export const claimsOf = (token: string): { sub: string; exp: number; iat?: number } => {
  try {
    const [, payload = ""] = token.split(".");
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims.sub === "string" && typeof claims.exp === "number") return claims;
  } catch {
    // Reported below, as for a token without these claims.
  }
  throw new TokenError("malformed");
};

const textOf = (fetched: FetchedToken): string => {
  if (typeof fetched === "string") return fetched;
  if (fetched.data?.token) return fetched.data.token;
  const status = fetched.error?.status ?? 401;
  throw new TokenError(status === 401 || status === 403 ? "signed-out" : "unavailable", { cause: fetched.error });
};

/** A token is renewed so long before its end: requests take time, and clocks differ. */
const MARGIN = 30_000;

/**
 * A token source for `createTasksClient` and `changes`. It keeps a token until 30 s before
 * `exp`, by the server's clock where that is known; fetches one at a time; fetches anew when
 * the service refused the token. Each token must belong to one user: `sub`, or else that of the
 * first token. Otherwise it throws a `TokenError`, so that a page never mixes two users.
 */
export const createTokenSource = (
  fetchToken: () => Promise<FetchedToken>,
  { sub }: { sub?: string | undefined } = {},
): TokenSource => {
  let user = sub;
  let kept: { token: string; exp: number; margin: number; until: number } | undefined;
  let fetching: Promise<string> | undefined;

  const renew = async () => {
    kept = undefined;
    const token = textOf(await fetchToken());
    const claims = claimsOf(token);
    if ((user ??= claims.sub) !== claims.sub) throw new TokenError("user-changed");
    const now = Date.now();
    const exp = claims.exp * 1000;
    // By the local clock. If that calls a new token old, it is wrong, and the token's
    // lifetime says more.
    const left = exp - now;
    const lifetime = claims.iat === undefined ? left : exp - claims.iat * 1000;
    const margin = Math.min(MARGIN, lifetime / 2);
    kept = { token, exp, margin, until: now + (left > margin ? left : lifetime) - margin };
    return token;
  };

  const isUsable = ({ exp, margin, until }: NonNullable<typeof kept>, skew: number | undefined) =>
    skew === undefined ? Date.now() < until : Date.now() + skew < exp - margin;

  return async ({ fresh, refused, skew }) => {
    // Requests that were refused together need one new token, not one each.
    const wanted = kept && (fresh ? refused !== undefined && refused !== kept.token : isUsable(kept, skew));
    if (kept && wanted) return kept.token;
    return (fetching ??= renew().finally(() => (fetching = undefined)));
  };
};
