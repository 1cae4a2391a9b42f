/**
 * The `cursor` of the next page of `listTasks`, from the header `Link`; undefined after the
 * last one.
 */
export const nextCursor = (headers: Headers): string | undefined => {
  // RFC 8288. The service sends one link, with its parameters encoded.
  const [, query] = /<[^>]*\?([^>]*)>; *rel="?next"?/.exec(headers.get("link") ?? "") ?? [];
  return new URLSearchParams(query).get("cursor") ?? undefined;
};
