import "server-only";

import { LibsqlDialect } from "@libsql/kysely-libsql";
import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";

export const auth = betterAuth({
  // Also the tokens' issuer and audience, which the service must be given, and the only
  // origin that may sign users in. Next.js sets PORT to the port it listens on.
  baseURL: process.env.BETTER_AUTH_URL || `http://localhost:${process.env.PORT || 3000}`,
  secret: process.env.BETTER_AUTH_SECRET,
  database: {
    dialect: new LibsqlDialect({ url: process.env.AUTH_DATABASE_URL ?? "file:auth.db" }),
    type: "sqlite",
  },
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
});
