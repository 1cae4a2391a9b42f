// The token source with Better Auth: its server, its client, and the service with its keys.
// `npm ci --prefix ../../tests/better-auth` installs them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { createTasksClient, createTokenSource, TokenError, unwrap } from "@tasks-api/client";
import { proxy } from "./http.mjs";
import { startService } from "./server.mjs";

const folder = resolve(import.meta.dirname, "../../../tests/better-auth");
let provider;
let baseURL;
let service;

before(async () => {
  provider = spawn(process.execPath, [join(folder, "server.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: provider.stdout }), "line");
  baseURL = JSON.parse(line).baseUrl;
  service = await startService({ BETTER_AUTH_URL: baseURL });
});
after(async () => {
  await service?.stop();
  // It ends with its standard input.
  provider?.stdin.end();
});

/** Better Auth's client, signed in as a new user, and how often it fetched a token. */
async function signIn(email) {
  const { resolve } = createRequire(join(folder, "package.json"));
  const load = (name) => import(pathToFileURL(resolve(name)));
  const { createAuthClient } = await load("better-auth/client");
  const { jwtClient } = await load("better-auth/client/plugins");
  let cookie = "";
  let tokens = 0;
  const authClient = createAuthClient({
    baseURL,
    plugins: [jwtClient()],
    fetchOptions: {
      // What a browser does with cookies.
      onRequest: ({ headers, url }) => {
        if (String(url).endsWith("/token")) tokens += 1;
        headers.set("cookie", cookie);
        headers.set("origin", baseURL);
      },
      onResponse: ({ response }) => {
        const set = response.headers.getSetCookie().map((pair) => pair.split(";")[0]);
        if (set.length > 0) cookie = set.join("; ");
      },
    },
  });
  const { data, error } = await authClient.signUp.email({ name: "Ana", email, password: "open sesame" });
  assert.equal(error, null);
  return { authClient, userId: data.user.id, tokens: () => tokens };
}

test("requests with the token of a signed-in user, which is fetched once", async () => {
  const { authClient, userId, tokens } = await signIn("ana@example.org");
  const token = createTokenSource(() => authClient.token(), { sub: userId });
  const client = createTasksClient({ baseUrl: service.baseUrl, token });
  const task = await unwrap(client.createTask({ title: "a" }));
  assert.equal(task.user_id, userId);
  assert.deepEqual(await unwrap(client.listTasks()), [task]);
  assert.equal(tokens(), 1);
});

test("another user in the same browser, and none, are told apart", async () => {
  const { authClient, userId } = await signIn("ben@example.org");
  const client = (sub) =>
    createTasksClient({ baseUrl: service.baseUrl, token: createTokenSource(() => authClient.token(), { sub }) });
  await assert.rejects(client("somebody else").listTasks(), { name: "TokenError", code: "user-changed" });
  await authClient.signOut();
  await assert.rejects(
    client(userId).listTasks(),
    (error) => error instanceof TokenError && error.code === "signed-out",
  );
});

test("a service that cannot reach the keys is waited for, as long as it says", async () => {
  const { authClient } = await signIn("eve@example.org");
  let isDown = true;
  const keys = await proxy(baseURL, {
    before: (_, response) => {
      if (isDown) response.destroy();
      return isDown;
    },
  });
  const busy = await startService({ BETTER_AUTH_URL: baseURL, JWKS_URL: `${keys.url}/api/auth/jwks` });
  const seen = [];
  const client = createTasksClient({
    baseUrl: busy.baseUrl,
    token: createTokenSource(() => authClient.token()),
    retries: 5,
    fetch: async (...call) => {
      const response = await fetch(...call);
      seen.push({ status: response.status, retryAfter: response.headers.get("retry-after") });
      // The keys are back after the second refusal.
      if (seen.length === 2) isDown = false;
      return response;
    },
  });
  try {
    // A write that is not safe is the caller's to repeat.
    assert.equal((await client.createTask({ title: "a" })).status, 503);
    assert.equal(seen.length, 1);
    assert.equal((await client.createTask({ title: "a" }, { idempotencyKey: "a" })).status, 201);
    assert.equal(seen.at(-1).status, 201);
    for (const { status, retryAfter } of seen.slice(0, -1)) {
      assert.equal(status, 503);
      assert.match(retryAfter, /^\d+$/);
    }
    assert.ok(seen.length >= 3, `${seen.length} requests`);
  } finally {
    await busy.stop();
    keys.close();
  }
});
