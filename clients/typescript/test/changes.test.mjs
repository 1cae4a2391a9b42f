// changes() against the real service: what arrives, and when it ends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { changes, createTokenSource, ProblemError, TokenError, unwrap } from "@tasks-api/client";
import { userOf } from "./replica.mjs";
import { sign, startService, until } from "./server.mjs";

let service;
before(async () => {
  service = await startService();
});
after(() => service?.stop());

const streams = () => service.metric("tasks_api_event_streams");
const now = () => Math.floor(Date.now() / 1000);

describe("changes", { concurrency: true }, () => {
  test("begin with all tasks, and go on with what is written", async () => {
    const ana = await userOf(service);
    const titles = Array.from({ length: 1030 }, (_, n) => `task ${n}`);
    for (let n = 0; n < titles.length; n += 10) await Promise.all(titles.slice(n, n + 10).map(ana.create));
    const copy = ana.follow();
    await copy.is("live");
    assert.deepEqual(copy.titles(), titles.sort());
    // More than one page, and only the first begins a copy.
    assert.deepEqual(
      copy.events.map(({ reset }) => reset),
      [true, false],
    );
    assert.deepEqual(
      copy.events.map(({ more }) => more),
      [true, false],
    );

    const [first, second] = await ana.list();
    await unwrap(ana.client.patchTask(first.id, { title: "renamed" }));
    await unwrap(ana.client.deleteTask(second.id));
    await ana.create("new");
    await copy.equals(ana.list);
    assert.deepEqual(copy.statuses, ["live"]);
    await copy.stop();
    assert.equal(copy.failed, undefined);
  });

  test("go on from a cursor, or from the entity tag of a list", async () => {
    const ana = await userOf(service);
    await ana.create("before");
    const { headers } = await ana.client.listTasks();
    await ana.create("between");
    const copy = ana.follow({ since: headers.get("etag").slice(1, -1) });
    await copy.has("between");
    assert.ok(copy.events.every(({ reset }) => !reset));
    await copy.stop();
    await ana.create("while away");
    const resumed = ana.follow({ since: copy.cursor() });
    await resumed.has("while away");
    await resumed.is("live");
    await ana.create("after");
    await resumed.has("after");
    assert.deepEqual(resumed.titles(), ["after", "while away"]);
    assert.ok(resumed.events.every(({ reset }) => !reset));
    await resumed.stop();
  });

  test("without news yield nothing", async () => {
    const ana = await userOf(service);
    await ana.create("old");
    const copy = ana.follow();
    await copy.has("old");
    const again = ana.follow({ since: copy.cursor() });
    await again.is("live");
    assert.deepEqual(again.events, []);
    await Promise.all([copy.stop(), again.stop()]);
  });

  test("start over after an erase, with a page that says so", async () => {
    const ana = await userOf(service);
    await ana.create("old");
    const copy = ana.follow();
    await copy.is("live");
    await unwrap(ana.client.eraseData());
    await until(() => copy.events.at(-1)?.reset && copy.events.length > 1, "a second copy");
    await ana.create("new");
    await copy.equals(ana.list);
    assert.deepEqual(copy.titles(), ["new"]);
    await copy.stop();
  });

  test("start over with the cursor of another user", async () => {
    const [ana, ben] = [await userOf(service), await userOf(service)];
    await ana.create("hers");
    await ben.create("his");
    const hers = ana.follow();
    await hers.has("hers");
    const his = ben.follow({ since: hers.cursor() });
    await his.has("his");
    assert.equal(his.events[0].reset, true);
    assert.deepEqual(his.titles(), ["his"]);
    await Promise.all([hers.stop(), his.stop()]);
  });

  test("throw if the cursor cannot be read", async () => {
    const ana = await userOf(service);
    await assert.rejects(changes({ baseUrl: service.baseUrl, token: ana.token, since: "?" }).next(), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.status, 400);
      return true;
    });
  });

  test("throw if a fresh token is refused", async () => {
    const ana = await userOf(service);
    const [head, claims] = (await ana.token()).split(".");
    const copy = ana.follow({ token: async () => `${head}.${claims}.forged` });
    await copy.ended;
    assert.equal(copy.failed.type, "/problems/unauthorized");
  });

  test("throw if nobody is signed in, or somebody else", async () => {
    const ana = await userOf(service);
    const signedOut = ana.follow({ token: createTokenSource(async () => ({ data: null })) });
    await signedOut.ended;
    assert.ok(signedOut.failed instanceof TokenError);
    assert.equal(signedOut.failed.code, "signed-out");

    // A token source that does not pin the user. The first stream ends with its token.
    const other = await service.token("somebody else");
    const tokens = [sign({ sub: ana.sub, exp: now() - 15 })];
    const changed = ana.follow({ token: async () => tokens[0] });
    await changed.is("live");
    tokens[0] = other;
    await changed.ended;
    assert.equal(changed.failed?.code, "user-changed");
  });

  test("go on when the token source fails for a while", async () => {
    const ana = await userOf(service);
    await ana.create("there");
    let calls = 0;
    const token = async () => {
      if (calls++ < 2) throw new TypeError("fetch failed");
      return ana.token();
    };
    const copy = ana.follow({ token });
    await copy.has("there");
    assert.equal(copy.statuses[0], "waiting");
    assert.equal(copy.errors[0].message, "fetch failed");
    await copy.stop();
  });

  test("outlive a token, with a fresh one, and miss nothing", async () => {
    const ana = await userOf(service);
    const tokens = [];
    const fetchToken = async () => {
      tokens.push(sign({ sub: ana.sub, iat: now() - 60, exp: now() - 24 }));
      return tokens.at(-1);
    };
    // Each is valid for some six seconds by the leeway of the service, but only it knows.
    const copy = ana.follow({ token: createTokenSource(fetchToken) });
    await copy.is("live");
    for (let n = 0; tokens.length < 4; n++) {
      await ana.create(`task ${n}`);
      await new Promise((done) => setTimeout(done, 100));
    }
    await copy.equals(ana.list);
    assert.ok(copy.events.slice(1).every(({ reset }) => !reset));
    await copy.stop();
  });

  test("end with a signal, without an error", async () => {
    const ana = await userOf(service);
    const abort = new AbortController();
    const copy = ana.follow({ signal: abort.signal });
    await copy.is("live");
    abort.abort();
    await copy.ended;
    assert.equal(copy.failed, undefined);
    const none = changes({ baseUrl: service.baseUrl, token: ana.token, signal: abort.signal });
    assert.deepEqual(await none.next(), { done: true, value: undefined });
  });

  test("end with return() while next() waits", async () => {
    const ana = await userOf(service);
    const iterator = changes({ baseUrl: service.baseUrl, token: ana.token });
    await iterator.next();
    const waiting = iterator.next();
    assert.deepEqual(await iterator.return(), { done: true, value: undefined });
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });
});

test("a consumer that is slower than the changes loses none", async () => {
  const ana = await userOf(service);
  const iterator = changes({ baseUrl: service.baseUrl, token: ana.token });
  await iterator.next();
  // The stream begins with the next call; then nobody takes anything for 60 events.
  const first = iterator.next();
  await until(streams, "a stream");
  const sent = await service.metric("tasks_api_events_sent_total");
  for (let n = 0; n < 60; n++) await ana.create(`task ${n}`);
  await until(async () => (await service.metric("tasks_api_events_sent_total")) >= sent + 20, "events");
  const titles = new Set();
  for (let result = await first; ; result = await iterator.next()) {
    for (const { title } of result.value.tasks) titles.add(title);
    if (titles.size === 60) break;
  }
  await iterator.return();
});

test("every stream is closed in the end", async () => {
  await until(async () => (await streams()) === 0, "no open stream");
});

test("a process that has left the loop ends", async () => {
  const ana = await userOf(service);
  const script = `
    import { changes } from "@tasks-api/client";
    for await (const page of changes({ baseUrl: ${JSON.stringify(service.baseUrl)}, token: async () => ${JSON.stringify(await ana.token())} })) break;
    console.log("left");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
  });
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});
