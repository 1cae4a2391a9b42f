"use client";

import { type ComponentType, type LazyExoticComponent, type ReactElement, Suspense, useState } from "react";

import { Button } from "@/components/ui/button";

export interface MenuProps {
  /** The button that opens the menu: it stays the same when the menu's code arrives. */
  trigger: ReactElement;
}

type Props<P> = {
  menu: LazyExoticComponent<ComponentType<P & MenuProps>>;
  props: P;
  button: React.ComponentProps<typeof Button>;
};

/**
 * A menu whose code (popper, focus, collisions: some 25 KB) is loaded when it is opened for
 * the first time, or when the page is idle. Until then it is a button alone.
 */
export function LazyMenu<P extends object>({ menu: Menu, props, button }: Props<P>) {
  const [used, setUsed] = useState(false);
  const closed = <Button {...button} aria-haspopup="menu" aria-expanded={false} onClick={() => setUsed(true)} />;
  if (!used) return closed;
  const all = { ...props, trigger: <Button {...button} /> } as P & MenuProps;
  return (
    <Suspense fallback={closed}>
      <Menu {...(all as React.ComponentProps<typeof Menu>)} />
    </Suspense>
  );
}
