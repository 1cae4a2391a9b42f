// The client in Chromium: requests of another origin, and one stream for all tabs of a user.
// CHROMIUM names another browser than that of the system.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { serve } from "../http.mjs";
import { sign, startService, until } from "../server.mjs";

let service;
let site;
let browser;

const findChromium = () => {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const files = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), "/usr/bin"].map((folder) =>
    join(folder, "chromium"),
  );
  const found = files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ?? assert.fail("there is no chromium in PATH or /usr/bin; set CHROMIUM");
};

before(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "page.js")],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    write: false,
  });
  site = await serve((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript
        ? outputFiles[0].contents
        : '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>',
    );
  });
  service = await startService({ CORS_ORIGINS: site.url });
  browser = await chromium.launch({
    executablePath: findChromium(),
    // Without a sandbox, because tests may run as root.
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});
after(async () => {
  await browser?.close();
  site?.close();
  await service?.stop();
});

/** A browser of its own, in which tabs are opened. */
async function session() {
  const context = await browser.newContext();
  const tabs = [];
  const open = async (sub, options = {}, prepare = () => {}) => {
    const page = await context.newPage();
    await page.addInitScript(prepare);
    page.setDefaultTimeout(60_000);
    const complaints = [];
    const reads = [];
    page.on("request", (request) => {
      if (request.url().includes("/api/changes") && request.method() === "GET") reads.push(request);
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(site.url);
    const token = sign({ sub, iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 900 });
    await page.evaluate((options) => void window.follow(options), { baseUrl: service.baseUrl, token, sub, ...options });
    const tab = {
      page,
      complaints,
      /** How often the page read changes itself. */
      reads: () => reads.length,
      titles: () => page.evaluate(() => window.page.titles()),
      create: (title) => page.evaluate((title) => window.create(title), title),
      has: (title, limit) => until(async () => (await tab.titles()).includes(title), `a task ${title}`, limit),
      is: (status) =>
        until(async () => (await page.evaluate(() => window.page.status)) === status, `the status ${status}`),
      /** Stops all scripts of the page, as a browser does with tabs in the background; the result resumes them. */
      freeze: async () => {
        const devtools = await context.newCDPSession(page);
        await devtools.send("Debugger.enable");
        const paused = new Promise((done) => devtools.once("Debugger.paused", done));
        await devtools.send("Debugger.pause");
        // The pause begins with the next script.
        void page.evaluate(() => 0);
        await paused;
        return () => devtools.send("Debugger.resume");
      },
    };
    tabs.push(tab);
    return tab;
  };
  const close = async () => {
    for (const { complaints } of tabs) assert.deepEqual(complaints, []);
    await context.close();
    await haveStreams(0);
  };
  return { context, open, close };
}

const streams = () => service.metric("tasks_api_event_streams");
const haveStreams = (count) => until(async () => (await streams()) === count, `${count} streams`);

describe("in Chromium", () => {
  test("a page of an allowed origin reads, writes and follows", async () => {
    const { open, close } = await session();
    const tab = await open(randomUUID());
    await tab.is("live");
    await tab.create("a & é🥖");
    await tab.has("a & é🥖");
    await tab.create("b");
    const { status, etag, link } = await tab.page.evaluate(() => window.read());
    assert.equal(status, 200);
    assert.match(etag, /^".+"$/);
    assert.match(link, /rel="next"/);
    await close();
  });

  test("all tabs of a user share one stream, and the next takes over when the tab with it closes", async () => {
    const { open, close } = await session();
    const user = randomUUID();
    const leader = await open(user);
    await leader.is("live");
    const [second, third] = [await open(user), await open(user)];
    await leader.create("one");
    await Promise.all([leader, second, third].map(({ has }) => has("one")));
    await second.is("live");
    assert.equal(await streams(), 1);
    // At its start alone: then it gets what the stream brings.
    await leader.create("one more");
    await Promise.all([leader, second, third].map(({ has }) => has("one more")));
    assert.deepEqual([second.reads(), third.reads()], [1, 1]);

    await leader.page.close();
    // Written while nobody has the stream, or nobody knows yet that it is gone.
    await second.create("two");
    await Promise.all([second, third].map(({ has }) => has("two")));
    await third.create("three");
    await Promise.all([second, third].map(({ has }) => has("three")));
    await haveStreams(1);
    assert.deepEqual(await second.titles(), ["one", "one more", "three", "two"]);
    assert.deepEqual(await third.titles(), ["one", "one more", "three", "two"]);

    // A tab that stops without being closed gives the stream up as well.
    await second.page.evaluate(() => window.page.stop());
    await until(() => second.page.evaluate(() => window.page.ended), "the end of the second tab");
    await third.create("four");
    await third.has("four");
    await haveStreams(1);
    for (const tab of [second, third]) assert.equal(await tab.page.evaluate(() => window.page.resets), 1);
    await close();
  });

  test("two users in two tabs never mix", async () => {
    const { open, close } = await session();
    const [ana, ben] = [await open(randomUUID()), await open(randomUUID())];
    await Promise.all([ana.is("live"), ben.is("live")]);
    assert.equal(await streams(), 2);
    await ana.create("hers");
    await ben.create("his");
    await Promise.all([ana.has("hers"), ben.has("his")]);
    await ana.create("hers, too");
    await ana.has("hers, too");
    assert.deepEqual(await ana.titles(), ["hers", "hers, too"]);
    assert.deepEqual(await ben.titles(), ["his"]);
    await close();
  });

  test("a token of another user than the pinned one ends a tab", async () => {
    const { open, close } = await session();
    const tab = await open(randomUUID(), { sub: "somebody else" });
    await until(() => tab.page.evaluate(() => window.page.ended), "the end");
    assert.match(await tab.page.evaluate(() => window.page.error), /TokenError.*another user/);
    await close();
  });

  test("tabs that do not share have a stream each", async () => {
    const { open, close } = await session();
    const user = randomUUID();
    const tabs = [await open(user, { share: false }), await open(user, { share: false })];
    await Promise.all(tabs.map(({ is }) => is("live")));
    await haveStreams(2);
    await tabs[0].create("one");
    await Promise.all(tabs.map(({ has }) => has("one")));
    await close();
  });

  test("a page that may not use locks has a stream of its own", async () => {
    const { open, close } = await session();
    const user = randomUUID();
    const refuse = () => {
      navigator.locks.request = () => Promise.reject(new DOMException("refused", "SecurityError"));
    };
    const tabs = [await open(user), await open(user, {}, refuse)];
    await Promise.all(tabs.map(({ is }) => is("live")));
    await haveStreams(2);
    await tabs[0].create("one");
    await Promise.all(tabs.map(({ has }) => has("one")));
    await close();
  });

  test("a tab that was frozen catches up", async () => {
    const { open, close } = await session();
    const user = randomUUID();
    const leader = await open(user);
    await leader.is("live");
    const frozen = await open(user);
    await leader.create("before");
    await Promise.all([leader, frozen].map(({ has }) => has("before")));
    const resume = await frozen.freeze();
    for (let n = 0; n < 40; n++) await leader.create(`meanwhile ${n}`);
    await leader.has("meanwhile 39");
    await resume();
    await leader.create("after");
    await frozen.has("after");
    assert.deepEqual(await frozen.titles(), await leader.titles());
    await close();
  });

  test("a tab reads by itself when the one with the stream is frozen", async () => {
    const { open, close } = await session();
    const user = randomUUID();
    const leader = await open(user);
    await leader.is("live");
    const other = await open(user);
    await leader.create("before");
    await other.has("before");
    const resume = await leader.freeze();
    await other.create("after");
    // After a minute without a sign of life.
    await other.has("after", 120_000);
    await resume();
    await leader.has("after");
    await close();
  });

  test("the network is lost and comes back", async () => {
    const { context, open, close } = await session();
    const tab = await open(randomUUID());
    await tab.is("live");
    await context.setOffline(true);
    await tab.is("waiting");
    await haveStreams(0);
    await context.setOffline(false);
    await tab.is("live");
    await tab.create("online");
    await tab.has("online");
    await close();
  });
});
