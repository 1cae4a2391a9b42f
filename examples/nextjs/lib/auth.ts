import "server-only";

import { LibsqlDialect } from "@libsql/kysely-libsql";
import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";

export const auth = betterAuth({
  // The tokens' issuer and audience too: the service wants the same value.
  baseURL: process.env.BETTER_AUTH_URL ?? "http://localhost:3000",
  secret: process.env.BETTER_AUTH_SECRET,
  database: {
    dialect: new LibsqlDialect({ url: process.env.AUTH_DATABASE_URL ?? "file:auth.db" }),
    type: "sqlite",
  },
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
});
