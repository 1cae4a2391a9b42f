// Gives a developer's copy a secret of its own, so that none is built in or committed.
// In production the secret comes from the environment, and this is not called.
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const file = new URL("../.env.local", import.meta.url);
const known = existsSync(file) && /^BETTER_AUTH_SECRET=./m.test(readFileSync(file, "utf8"));

if (!known && !process.env.BETTER_AUTH_SECRET) {
  appendFileSync(file, `BETTER_AUTH_SECRET=${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  console.log("Wrote a new BETTER_AUTH_SECRET into .env.local");
}
