/**
 * The two requests to Better Auth that the page of tasks makes. Better Auth's own client
 * (`auth-client.ts`, in the sign-in form) would be a sixth of that page's code.
 */
async function request<T>(path: string, init?: RequestInit): Promise<{ data: T | null; error: { status: number } | null }> {
  const response = await fetch(`/api/auth${path}`, init);
  return response.ok ? { data: (await response.json()) as T, error: null } : { data: null, error: { status: response.status } };
}

/** A token of the signed-in user, for the task service. */
export const fetchToken = () => request<{ token: string }>("/token");

export const signOut = () =>
  request("/sign-out", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
