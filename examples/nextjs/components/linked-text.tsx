import { Fragment } from "react";

// Only what begins with http(s): a `javascript:` address never becomes a link. What ends a
// sentence, and a bracket that the address did not open, belongs to the text.
const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;
const trailing = (address: string) => /(?:[.,;:!?'"]|\)(?<!\([^()]*\)))+$/.exec(address)?.[0] ?? "";

/** A text in which web addresses are links. Nothing in it is markup. */
export function LinkedText({ text }: { text: string }) {
  const parts = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = match.slice(0, match.length - trailing(match).length);
    if (!URL.canParse(address)) continue;
    parts.push(
      <Fragment key={index}>
        {text.slice(end, index)}
        {/* The page that opens gets neither this window nor this address. */}
        <a
          href={address}
          target="_blank"
          rel="noopener noreferrer nofollow"
          className="text-primary underline underline-offset-2 [overflow-wrap:anywhere]"
        >
          {address}
          <span className="sr-only"> (opens in a new tab)</span>
        </a>
      </Fragment>,
    );
    end = index + address.length;
  }
  return (
    <>
      {parts}
      {text.slice(end)}
    </>
  );
}
