/** What a client does with a request that a generated function has described. */
export type Via = (path: string, init: RequestInit) => Promise<unknown>;

/**
 * What the generated functions call. They know path, method and body; base URL,
 * token and the reading of the response belong to the client, which passes them as
 * `via`. (Optional by orval's signature alone: the entry always passes it.)
 */
export const send = <T>(path: string, { via, ...init }: RequestInit & { via?: Via }): Promise<T> =>
  via!(path, init) as Promise<T>;
