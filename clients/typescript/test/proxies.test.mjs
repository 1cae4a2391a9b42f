// changes() through what lies between a browser and the service: connections that are cut,
// proxies that compress, collect or refuse streams, and a service that is restarted.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { constants, createGzip } from "node:zlib";
import { problem, proxy, reply } from "./http.mjs";
import { userOf } from "./replica.mjs";
import { startService, until } from "./server.mjs";

let service;
before(async () => {
  service = await startService();
});
after(() => service?.stop());

const isStream = ({ url }) => url.startsWith("/api/events");

/** A user who follows the changes through a proxy with these rules. */
async function through(rules, options = {}) {
  const between = await proxy(service.baseUrl, rules);
  const ana = await userOf(service);
  await ana.create("first");
  const copy = ana.follow({ baseUrl: between.url, ...options });
  return {
    ana,
    copy,
    streams: () => between.requests.filter(isStream),
    end: async () => {
      await copy.stop();
      between.close();
    },
  };
}

/** Writes tasks, one when the copy has the one before. */
const write = async ({ ana, copy }, count) => {
  for (let n = 0; n < count; n++) {
    await ana.create(`task ${n}`);
    await copy.has(`task ${n}`);
  }
};

describe("changes", { concurrency: true }, () => {
  test("survive a connection that is cut after each event", async () => {
    let cuts = 0;
    const user = await through({
      relay: (from, to, request) => {
        if (!isStream(request)) return from.pipe(to);
        from.on("data", (data) => {
          to.write(data, () => {
            if (!data.includes("data:")) return;
            cuts += 1;
            to.destroy();
          });
        });
      },
    });
    await write(user, 8);
    // Some are written while there is no connection.
    await Promise.all(Array.from({ length: 20 }, (_, n) => user.ana.create(`burst ${n}`)));
    await user.copy.equals(user.ana.list);
    assert.ok(cuts >= 8, `${cuts} cuts`);
    const ids = user.streams().map(({ headers }) => headers["last-event-id"]);
    assert.ok(ids.every(Boolean), "each connection names the last event");
    assert.ok(user.copy.events.slice(1).every(({ reset }) => !reset));
    assert.ok(!user.copy.statuses.includes("polling"), `${user.copy.statuses}`);
    await user.end();
  });

  test("survive a connection that is cut within an event", async () => {
    let cuts = 0;
    const user = await through({
      relay: (from, to, request) => {
        if (!isStream(request)) return from.pipe(to);
        from.on("data", (data) => {
          if (!data.includes("data:") || cuts >= 3) return void to.write(data);
          cuts += 1;
          to.write(data.subarray(0, data.length - 5), () => to.destroy());
        });
      },
    });
    await write(user, 3);
    await user.copy.equals(user.ana.list);
    assert.equal(cuts, 3);
    await user.end();
  });

  test("pass a proxy that compresses them", async () => {
    const user = await through({
      relay: (from, to, request) => {
        if (!isStream(request)) return from.pipe(to);
        assert.match(request.headers["accept-encoding"], /gzip/);
        // As nginx does it: what has come is sent.
        const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
        from.pipe(gzip).pipe(to);
      },
      before: (request, response) => {
        if (!isStream(request)) return false;
        const writeHead = response.writeHead.bind(response);
        response.writeHead = (status, headers) => writeHead(status, { ...headers, "content-encoding": "gzip" });
        return false;
      },
    });
    await user.copy.is("live");
    await write(user, 5);
    assert.deepEqual(user.copy.statuses, ["live"]);
    assert.equal(user.streams().length, 1);
    await user.end();
  });

  test("are polled where a proxy collects the response", async () => {
    const user = await through(
      { relay: (from, to, request) => (isStream(request) ? from.resume() : from.pipe(to)) },
      { pollInterval: 100 },
    );
    await user.copy.is("polling");
    await write(user, 5);
    await user.copy.equals(user.ana.list);
    assert.ok(user.streams().length <= 2, `${user.streams().length} streams`);
    await user.end();
  });

  test("are polled where a proxy holds back the head as well", async () => {
    const user = await through({ before: isStream }, { pollInterval: 100 });
    await user.copy.is("polling");
    await write(user, 5);
    await user.end();
  });

  for (const status of [404, 405, 501]) {
    test(`are polled where there are no streams: ${status}`, async () => {
      const refuse = (request, response) => {
        if (!isStream(request)) return false;
        reply(response, status, problem(status, "not-found"));
        return true;
      };
      const user = await through({ before: refuse }, { pollInterval: 100 });
      await user.copy.is("polling");
      await write(user, 5);
      assert.ok(user.streams().length <= 2, `${user.streams().length} streams`);
      await user.end();
    });
  }

  test("are polled where a page comes in place of the stream", async () => {
    const page = (request, response) => {
      if (isStream(request)) response.end("<!doctype html>");
      return isStream(request);
    };
    const user = await through({ before: page }, { pollInterval: 100 });
    await user.copy.is("polling");
    await write(user, 2);
    await user.end();
  });

  test("wait as long as Retry-After says, and are polled meanwhile", async () => {
    const times = [];
    const refuse = (request, response) => {
      if (!isStream(request)) return false;
      times.push(Date.now());
      if (times.length > 1) return false;
      reply(response, 503, problem(503, "service-unavailable"), { "Retry-After": "3" });
      return true;
    };
    const user = await through({ before: refuse }, { pollInterval: 100 });
    await user.copy.is("polling");
    await write(user, 3);
    await user.copy.is("live");
    assert.ok(times[1] - times[0] >= 3000, `${times[1] - times[0]} ms`);
    await user.end();
  });

  test("are polled for a user who has all streams already", async () => {
    const ana = await userOf(service);
    const copies = Array.from({ length: 9 }, () => ana.follow({ pollInterval: 100 }));
    const count = (status) => copies.filter(({ statuses }) => statuses.at(-1) === status).length;
    await until(() => count("live") === 8 && count("polling") === 1, "eight streams and one that polls");
    const polling = copies.find(({ statuses }) => statuses.at(-1) === "polling");
    await ana.create("news");
    await Promise.all(copies.map(({ has }) => has("news")));
    // A place becomes free.
    await copies.find((copy) => copy !== polling).stop();
    await polling.is("live");
    await Promise.all(copies.map(({ stop }) => stop()));
  });

  test("replace a connection on which nothing comes any more", async () => {
    let connections = 0;
    const user = await through({
      relay: (from, to, request) => {
        if (!isStream(request)) return from.pipe(to);
        connections += 1;
        if (connections > 1) return from.pipe(to);
        // The first bytes pass, then the network drops everything.
        from.once("data", (data) => to.write(data));
        from.resume();
      },
    });
    await user.copy.is("live");
    await user.ana.create("unseen");
    // 45 s without the service's comments.
    await user.copy.has("unseen");
    assert.equal(connections, 2);
    await user.end();
  });

  test("say that there is no connection, and recover", async () => {
    let isDown = true;
    const user = await through({
      before: (_, response) => {
        if (isDown) response.destroy();
        return isDown;
      },
    });
    await user.copy.is("waiting");
    assert.equal(user.copy.errors[0].name, "TypeError");
    isDown = false;
    await user.copy.is("live");
    await write(user, 2);
    await user.end();
  });

  test("go on after a restart of the service, and miss nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tasks-client-"));
    const settings = { DATABASE_URL: `sqlite://${folder}/tasks.db` };
    let own = await startService(settings);
    const ana = await userOf(own, "restart");
    const copy = ana.follow();
    await copy.is("live");
    await ana.create("before");
    await copy.has("before");
    await own.stop();
    own = await startService({ ...settings, PORT: new URL(own.baseUrl).port });
    await ana.create("after");
    await copy.has("after");
    await copy.equals(ana.list);
    assert.ok(copy.events.slice(1).every(({ reset }) => !reset));
    await copy.stop();
    await own.stop();
    await rm(folder, { recursive: true });
  });
});
