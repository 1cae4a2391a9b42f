import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import type { ReactNode } from "react";

import { THEME_COOKIE, themeOf } from "@/lib/theme";

import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Tasks", template: "%s · Tasks" },
  description: "A private list of tasks",
  icons: "/icon.svg",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  // The keyboard of a phone makes the page shorter, so that nothing hides behind it.
  interactiveWidget: "resizes-content",
};

export default async function Layout({ children }: { children: ReactNode }) {
  const theme = themeOf((await cookies()).get(THEME_COOKIE)?.value);
  return (
    <html lang="en" data-theme={theme}>
      <body>{children}</body>
    </html>
  );
}
