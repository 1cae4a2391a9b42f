"use client";

import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";

import { dayOf } from "./tasks/dates";

const MINUTE = 60_000;
const Rendered = createContext({ now: 0, today: "" });

interface Props {
  /** When the server rendered the page, and the day it then had: the first render in the browser must be the same. */
  now: number;
  today: string;
  children: ReactNode;
}

export function ClockProvider({ now, today, children }: Props) {
  const rendered = useMemo(() => ({ now, today }), [now, today]);
  return <Rendered value={rendered}>{children}</Rendered>;
}

function subscribe(listener: () => void) {
  const timer = setInterval(listener, MINUTE / 4);
  // A device that wakes up is days later at once.
  document.addEventListener("visibilitychange", listener);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", listener);
  };
}

/** The present minute. */
export function useNow(): number {
  const { now } = useContext(Rendered);
  return useSyncExternalStore(
    subscribe,
    () => Date.now() - (Date.now() % MINUTE),
    () => now,
  );
}

/** The present day on this device. */
export function useToday(): string {
  const { today } = useContext(Rendered);
  return useSyncExternalStore(
    subscribe,
    () => dayOf(Date.now()),
    () => today,
  );
}

const never = () => () => undefined;

/** False in the first render, which has neither the device's time zone nor its storage. */
export const useHydrated = () =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
