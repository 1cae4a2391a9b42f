// A real Better Auth server for the tests of the service: e-mail and password,
// the JWT plugin at its default settings, everything in memory.
//
// Prints one line of JSON when it listens: {"baseUrl", "secret"}. Beside Better
// Auth's own routes it has two for the tests:
//
//   POST /test/sign-up      a new user through the real routes: {userId, token,
//                           sessionDataCookie, emailVerificationToken}
//   POST /test/rotate-keys  forgets every key: the next token mints a new one
//
// SIGN=hs256 makes the JWT plugin sign with the raw secret, as an application
// does that gives it a `sign` of its own. SESSION_COOKIE says how the session_data
// cookie is kept:
//
//   jwt      (default) a token signed with the raw secret
//   jwks     a token signed with the JWT plugin's key, and with the right `sub` and
//            `iss`: only `typ` and `aud` tell it from a token that is meant for an API
//   jwe      an encrypted token
//   compact  no token (Better Auth's own default)
//
// It ends when standard input closes, so that a test that is killed leaves nothing
// behind.

import { createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";

process.stdin.resume().on("end", () => process.exit(0));

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseUrl = `http://127.0.0.1:${server.address().port}`;
const secret = process.env.BETTER_AUTH_SECRET ?? randomBytes(32).toString("hex");

const choice = (name, values) => {
  const value = process.env[name] || values[0];
  if (values.includes(value)) return value;
  console.error(`${name} is "${value}"; it must be one of ${values.join(", ")}`);
  process.exit(2);
};
const sign = choice("SIGN", ["jwks", "hs256"]);
const sessionCookie = choice("SESSION_COOKIE", ["jwt", "jwks", "jwe", "compact"]);
if (sign === "hs256" && sessionCookie === "jwks") {
  console.error("SIGN=hs256 leaves no key for SESSION_COOKIE=jwks");
  process.exit(2);
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signHs256 = async (payload) => {
  const signed = `${base64url({ alg: "HS256" })}.${base64url(payload)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};
// The plugin takes a `sign` only along with the address where the keys would be.
const signs = { jwks: { remoteUrl: `${baseUrl}/none`, keyPairConfig: { alg: "EdDSA" } }, jwt: { sign: signHs256 } };
const defaults = sessionCookie === "jwks" ? { sessionCookieCache: true } : undefined;
const jwtOptions = sign === "hs256" ? signs : defaults;

const database = { user: [], session: [], account: [], verification: [], jwks: [] };
const verificationTokens = new Map();
const auth = betterAuth({
  baseURL: baseUrl,
  secret,
  database: memoryAdapter(database),
  logger: { level: "error" },
  emailAndPassword: { enabled: true },
  emailVerification: {
    sendOnSignUp: true,
    sendVerificationEmail: async ({ user, token }) => {
      verificationTokens.set(user.email, token);
    },
  },
  session: { cookieCache: { enabled: true, strategy: sessionCookie === "jwks" ? "jwt" : sessionCookie } },
  plugins: [jwt(jwtOptions)],
});
// Of the first requests each can mint a key; one that comes before them leaves one key.
if (sign === "jwks") await auth.api.getJwks();

let users = 0;
const signUp = async () => {
  users += 1;
  const answer = await fetch(`${baseUrl}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: baseUrl },
    body: JSON.stringify({ name: "Ana", email: `ana${users}@example.com`, password: "open sesame" }),
  });
  if (!answer.ok) throw new Error(`sign-up: ${answer.status} ${await answer.text()}`);
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  const cookie = cookies.join("; ");
  const { user } = await answer.json();
  const issued = await fetch(`${baseUrl}/api/auth/token`, { headers: { cookie } });
  if (!issued.ok) throw new Error(`token: ${issued.status} ${await issued.text()}`);
  const { token } = await issued.json();
  const data = cookies.find((pair) => pair.includes("session_data="));
  return {
    userId: user.id,
    token,
    sessionDataCookie: decodeURIComponent(data.slice(data.indexOf("=") + 1)),
    emailVerificationToken: verificationTokens.get(user.email),
  };
};

const handler = toNodeHandler(auth);
server.on("request", async (request, response) => {
  const route = `${request.method} ${request.url}`;
  try {
    if (route === "POST /test/sign-up") {
      response.end(JSON.stringify(await signUp()));
    } else if (route === "POST /test/rotate-keys") {
      database.jwks.length = 0;
      response.end("{}");
    } else {
      await handler(request, response);
    }
  } catch (error) {
    response.writeHead(500).end(JSON.stringify({ error: String(error) }));
  }
});
console.log(JSON.stringify({ baseUrl, secret }));
