import { createAuthClient } from "better-auth/react";

/** Better Auth in the browser; it talks to this application's /api/auth. */
export const authClient = createAuthClient();
