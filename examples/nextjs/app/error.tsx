"use client";

/** What is shown when rendering fails, such as when the users' database is out of reach. */
export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className="narrow">
      <h1>Something went wrong</h1>
      <p role="alert">The page could not be shown.</p>
      <button className="primary" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
