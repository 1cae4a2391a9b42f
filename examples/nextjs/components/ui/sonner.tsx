"use client";

import { Toaster as Sonner, type ToasterProps } from "sonner";

/** Toasts, in the colours of the page whatever its theme is. */
function Toaster(props: ToasterProps) {
  return (
    <Sonner
      position="bottom-right"
      // Above the tab bar.
      mobileOffset={{ bottom: 72 }}
      style={
        {
          "--normal-bg": "var(--popover)",
          "--normal-text": "var(--popover-foreground)",
          "--normal-border": "var(--border)",
          "--border-radius": "var(--radius)",
          fontFamily: "inherit",
        } as React.CSSProperties
      }
      toastOptions={{
        classNames: {
          actionButton: "h-8! bg-transparent! px-2! font-semibold! text-sm! text-primary! hover:underline!",
          toast: "shadow-lg!",
          error: "text-destructive!",
        },
      }}
      {...props}
    />
  );
}

export { Toaster };
