import { useEffect, useRef } from "react";

/**
 * Reloads this tab when another tab signs its user out, or another user in. A suspended
 * tab may miss the message, so tokens are checked as well (`lib/tasks/pinned-token.ts`).
 *
 * Returns the function that tells the other tabs who has just signed in; null after a
 * sign-out. It uses the same channel: a channel does not receive its own messages.
 */
export function useSessionChannel(userId: string | null) {
  const current = useRef<BroadcastChannel>(undefined);
  useEffect(() => {
    const channel = new BroadcastChannel("session");
    channel.onmessage = ({ data }) => {
      if (data !== userId) window.location.reload();
    };
    current.current = channel;
    return () => channel.close();
  }, [userId]);
  return (signedIn: string | null) => current.current?.postMessage(signedIn);
}
