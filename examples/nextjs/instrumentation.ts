/** Runs once when the server starts, before the first request. */
export async function register() {
  // The libsql client is for Node alone; Next.js also compiles this file for the edge.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { prepare } = await import("./lib/prepare");
    await prepare();
  }
}
