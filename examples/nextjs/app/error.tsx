"use client";

import { Button } from "@/components/ui/button";

/** What is shown when rendering fails, such as when the users' database is out of reach. */
export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-4 p-6 text-center">
      <h1 className="text-2xl font-bold">Something went wrong</h1>
      <p role="alert" className="text-muted-foreground">
        The page could not be shown.
      </p>
      <Button onClick={reset}>Try again</Button>
    </main>
  );
}
