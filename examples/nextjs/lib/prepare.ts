import { getMigrations } from "better-auth/db/migration";

import { auth } from "./auth";

/** Makes Better Auth's tables and its signing key. */
export async function prepare() {
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  // The first call makes the key. Made here, once, there is just one: first requests
  // that arrive together would make one each.
  await auth.api.getJwks();
}
