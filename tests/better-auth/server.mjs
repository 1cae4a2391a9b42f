// A real Better Auth server for the tests of the service: e-mail and password, the JWT
// plugin with its default settings, all data in memory.
//
// Prints one line of JSON when it listens: {"baseUrl", "secret"}. It adds two routes to
// those of Better Auth:
//
//   POST /test/sign-up      a new user through the real routes: {userId, token,
//                           sessionDataCookie, emailVerificationToken}
//   POST /test/rotate-keys  deletes every key: the next token creates a new one
//
// SIGN=hs256 makes the JWT plugin sign with the raw secret, as an application with a
// custom `sign` does. SESSION_COOKIE sets the format of the session_data cookie:
//
//   jwt      (default) a token signed with the raw secret
//   jwks     a token signed with the JWT plugin's key, and with the right `sub` and
//            `iss`: only `typ` and `aud` tell it from a token that is meant for an API
//   jwe      an encrypted token
//   compact  no token (Better Auth's own default)
//
// It ends when standard input closes, so that a killed test leaves no process.

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
// The plugin accepts `sign` only together with the URL of a key set.
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
// Concurrent first requests could each create a key. One earlier request creates it.
if (sign === "jwks") await auth.api.getJwks();

let users = 0;
const signUp = async () => {
  users += 1;
  const response = await fetch(`${baseUrl}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: baseUrl },
    body: JSON.stringify({ name: "Ana", email: `ana${users}@example.com`, password: "open sesame" }),
  });
  if (!response.ok) throw new Error(`sign-up: ${response.status} ${await response.text()}`);
  const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  const cookie = cookies.join("; ");
  const { user } = await response.json();
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
