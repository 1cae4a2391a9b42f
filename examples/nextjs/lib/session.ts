import { headers } from "next/headers";

import { auth } from "./auth";

/** The session of the request, on the server; null for a guest. */
export const currentSession = async () => auth.api.getSession({ headers: await headers() });
