// Tokens: cached, renewed, and of one user.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTasksClient, createTokenSource, isProblem, TokenError } from "@tasks-api/client";
import { proxy } from "./http.mjs";
import { startService } from "./server.mjs";

let service;
before(async () => {
  service = await startService();
});
after(() => service?.stop());

const SECOND = 1000;
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
let made = 0;
/** A token that no service accepts: only its claims matter here. */
const unsigned = (claims) => `${encode({ alg: "none" })}.${encode({ jti: made++, ...claims })}.`;
const now = () => Date.now() / SECOND;
/** A token of `lifetime` seconds, by a clock that is `ahead` seconds before this one. */
const lasting = (lifetime, { sub = "ana", ahead = 0 } = {}) =>
  unsigned({ sub, iat: now() + ahead, exp: now() + ahead + lifetime });

/** A source of these tokens, one after the other, and which were fetched. */
const sourceOf = (tokens, options) => {
  const fetched = [];
  const source = createTokenSource(async () => {
    const token = tokens[Math.min(fetched.length, tokens.length - 1)];
    fetched.push(token);
    return token;
  }, options);
  return { source, fetched };
};
const usual = { fresh: false };

test("a token is fetched once and kept", async () => {
  const { source, fetched } = sourceOf([lasting(900)]);
  assert.equal(await source(usual), fetched[0]);
  assert.equal(await source(usual), fetched[0]);
  assert.equal(fetched.length, 1);
});

test("requests at the same time share one fetch", async () => {
  const { source, fetched } = sourceOf([lasting(900)]);
  const tokens = await Promise.all([source(usual), source(usual), source({ fresh: true })]);
  assert.deepEqual(new Set(tokens).size, 1);
  assert.equal(fetched.length, 1);
});

test("a token is renewed 30 s before its end", async () => {
  const tokens = [lasting(900), lasting(900)];
  const { source } = sourceOf(tokens);
  assert.equal(await source(usual), tokens[0]);
  // The server's clock says how much of the lifetime is left.
  assert.equal(await source({ fresh: false, skew: 860 * SECOND }), tokens[0]);
  assert.equal(await source({ fresh: false, skew: 880 * SECOND }), tokens[1]);
});

test("a local clock that is ahead does not make every request fetch", async () => {
  const { source, fetched } = sourceOf([lasting(900, { ahead: -3600 })]);
  await source(usual);
  await source(usual);
  assert.equal(fetched.length, 1);
  await source({ fresh: false, skew: -3600 * SECOND });
  assert.equal(fetched.length, 1);
});

test("a token with a short life is kept for half of them", async () => {
  const { source, fetched } = sourceOf([lasting(40)]);
  await source({ fresh: false, skew: 0 });
  await source({ fresh: false, skew: 15 * SECOND });
  assert.equal(fetched.length, 1);
  await source({ fresh: false, skew: 25 * SECOND });
  assert.equal(fetched.length, 2);
});

test("a refused token is fetched anew, once for all requests that had it", async () => {
  const tokens = [lasting(900), lasting(900)];
  const { source, fetched } = sourceOf(tokens);
  const refused = await source(usual);
  const renewed = await Promise.all([1, 2, 3].map(() => source({ fresh: true, refused })));
  assert.deepEqual(renewed, [tokens[1], tokens[1], tokens[1]]);
  // This request was under way with the old token, and is refused only now.
  assert.equal(await source({ fresh: true, refused }), tokens[1]);
  assert.equal(fetched.length, 2);
});

test("a token of another user is refused, and the right one is taken again", async () => {
  const mine = lasting(20);
  const { source } = sourceOf([mine, lasting(900, { sub: "ben" }), mine]);
  assert.equal(await source(usual), mine);
  const changed = { name: "TokenError", code: "user-changed" };
  await assert.rejects(source({ fresh: true }), changed);
  assert.equal(await source(usual), mine);
});

test("the user can be named, then the first token counts, too", async () => {
  const { source } = sourceOf([lasting(900)], { sub: "ben" });
  await assert.rejects(source(usual), (error) => error instanceof TokenError && error.code === "user-changed");
});

test("a text that is no token of a user is refused", async () => {
  const texts = ["", "x", "a.b.c", `.${encode(null)}.`, unsigned({ sub: "ana" }), unsigned({ sub: 1, exp: now() + 9 })];
  for (const text of texts) {
    await assert.rejects(createTokenSource(async () => text)(usual), { code: "malformed" }, text);
  }
});

test("a user id of any characters is read", async () => {
  const { source } = sourceOf([lasting(900, { sub: "Zoë 🥖 ???>>>" })], { sub: "Zoë 🥖 ???>>>" });
  assert.ok(await source(usual));
});

test("the result of Better Auth's client is taken as it is", async () => {
  const token = lasting(900);
  assert.equal(await createTokenSource(async () => ({ data: { token }, error: null }))(usual), token);
  for (const [result, code] of [
    [{ data: null }, "signed-out"],
    [{ data: null, error: { status: 401 } }, "signed-out"],
    [{ data: null, error: { status: 403 } }, "signed-out"],
    [{ data: null, error: { status: 429 } }, "unavailable"],
    [{ data: null, error: { status: 503 } }, "unavailable"],
  ]) {
    await assert.rejects(createTokenSource(async () => result)(usual), { name: "TokenError", code });
  }
});

test("what the function throws is thrown, and the next request fetches again", async () => {
  const offline = new Error("offline");
  const token = lasting(900);
  let calls = 0;
  const source = createTokenSource(async () => {
    if (calls++ === 0) throw offline;
    return token;
  });
  await assert.rejects(source(usual), offline);
  assert.equal(await source(usual), token);
});

test("a token that the service refuses is renewed once for parallel requests", async () => {
  const good = await service.token("renewal");
  const [head, claims] = good.split(".");
  const { source, fetched } = sourceOf([`${head}.${claims}.forged`, good]);
  const client = createTasksClient({ baseUrl: service.baseUrl, token: source });
  const responses = await Promise.all([client.listTasks(), client.listTrash(), client.listChanges()]);
  assert.deepEqual(
    responses.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(fetched.length, 2);
});

test("the clock of the service decides when a token is old", async () => {
  // Its responses are 800 s ahead of this machine.
  const ahead = await proxy(service.baseUrl, {
    relay: (from, to) => from.pipe(to),
    before: (_, response) => {
      const writeHead = response.writeHead.bind(response);
      response.writeHead = (status, headers) =>
        writeHead(status, { ...headers, date: new Date(Date.now() + 800 * SECOND).toUTCString() });
      return false;
    },
  });
  try {
    const token = await service.token("clock", { expiresIn: 820 });
    const { source, fetched } = sourceOf([token]);
    const client = createTasksClient({ baseUrl: ahead.url, token: source });
    assert.ok(!isProblem((await client.listTasks()).data));
    assert.equal(fetched.length, 1);
    // Now the client knows the server's time: 20 s are left.
    assert.ok(!isProblem((await client.listTasks()).data));
    assert.equal(fetched.length, 2);
  } finally {
    ahead.close();
  }
});
