// Time limits and retries, against the real service where it can be made to refuse, and
// against servers that fail as networks and proxies do.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { createTasksClient, isProblem, unwrap } from "@tasks-api/client";
import { problem, proxy, reply, serve } from "./http.mjs";
import { startService } from "./server.mjs";

const TASK = { id: 1, version: 1 };
const KEY = { idempotencyKey: "4f2b9c1e" };
const MATCH = { ifMatch: '"1"' };
let service;
let token;
before(async () => {
  service = await startService();
  token = await service.token("ana");
});
after(() => service?.stop());

const clientOf = (baseUrl, options = {}) => createTasksClient({ baseUrl, token: async () => token, ...options });

/** Runs `use` with a server that handles the n-th request by the n-th of these, the last one again. */
async function scripted(handlers, use) {
  const requests = [];
  const server = await serve((request, response) => {
    request.resume();
    const handle = handlers[Math.min(requests.length, handlers.length - 1)];
    requests.push({ at: Date.now(), method: request.method, headers: request.headers });
    handle(response, request);
  });
  try {
    await use(clientOf(server.url), requests);
  } finally {
    server.close();
  }
}
const cut = (response) => response.destroy();
const busy =
  (headers = {}) =>
  (response) =>
    reply(response, 503, problem(503, "service-unavailable"), headers);
const ok = (response, request) => reply(response, request.method === "POST" ? 201 : 200, TASK);

const safe = {
  "a read": (client) => client.getTask(1),
  "a PUT": (client) => client.updateTask(1, { title: "a" }),
  "a patch with If-Match": (client) => client.patchTask(1, { title: "a" }, MATCH),
  "a completion with If-Match": (client) => client.completeTask(1, { completed: true }, MATCH),
  "a creation with a key": (client) => client.createTask({ title: "a" }, KEY),
};
const unsafe = {
  "a creation without a key": (client) => client.createTask({ title: "a" }),
  "a patch without If-Match": (client) => client.patchTask(1, { title: "a" }),
  "a patch with an undefined If-Match": (client) => client.patchTask(1, { title: "a" }, { ifMatch: undefined }),
  "a deletion": (client) => client.deleteTask(1),
  "a deletion with If-Match": (client) => client.deleteTask(1, MATCH),
  "a restoration": (client) => client.restoreTask(1),
  "a completion of all": (client) => client.completeTasks({ completed: true }),
  "an erasure": (client) => client.eraseData(),
};

/** How long the second request came after the first, in milliseconds. */
const gap = ([first, second]) => second.at - first.at;

describe("a request", { concurrency: true }, () => {
  for (const [name, call] of Object.entries(safe)) {
    test(`${name} is sent again when the connection is cut, and with the same headers and body`, async () => {
      await scripted([cut, ok], async (client, requests) => {
        assert.deepEqual(await unwrap(call(client)), TASK);
        assert.equal(requests.length, 2);
        const [first, second] = requests.map(({ headers: { connection: _, ...headers } }) => headers);
        assert.deepEqual(second, first);
      });
    });
    test(`${name} is sent again after outcome-unknown`, async () => {
      const unknown = (response) => reply(response, 503, problem(503, "outcome-unknown"), { "Retry-After": "0" });
      await scripted([unknown, ok], async (client, requests) => {
        assert.deepEqual(await unwrap(call(client)), TASK);
        assert.equal(requests.length, 2);
      });
    });
  }

  for (const [name, call] of Object.entries(unsafe)) {
    test(`${name} is never sent again`, async () => {
      await scripted([cut], async (client, requests) => {
        await assert.rejects(call(client), { name: "TypeError" });
        assert.equal(requests.length, 1);
      });
      await scripted([busy({ "Retry-After": "0" })], async (client, requests) => {
        assert.equal((await call(client)).status, 503);
        assert.equal(requests.length, 1);
      });
    });
  }

  for (const status of [408, 429, 502, 503, 504]) {
    test(`the status ${status} is one that passes`, async () => {
      const page = (response) => response.writeHead(status, { "Content-Type": "text/html" }).end("<h1>Wait</h1>");
      await scripted([page, page, ok], async (client, requests) => {
        assert.deepEqual(await unwrap(client.getTask(1)), TASK);
        assert.equal(requests.length, 3);
      });
    });
  }

  for (const status of [400, 404, 412, 500]) {
    test(`the status ${status} is final`, async () => {
      await scripted([(response) => reply(response, status, problem(status, "x"))], async (client, requests) => {
        assert.equal((await client.updateTask(1, { title: "a" }, MATCH)).status, status);
        assert.equal(requests.length, 1);
      });
    });
  }

  test("retries are bounded, and the last response is returned", async () => {
    await scripted([busy()], async (client, requests) => {
      const { status, data } = await client.getTask(1);
      assert.equal(status, 503);
      assert.ok(isProblem(data));
      assert.equal(requests.length, 3);
      await client.getTask(1, { retries: 0 });
      assert.equal(requests.length, 4);
      await client.getTask(1, { retries: 1 });
      assert.equal(requests.length, 6);
    });
  });

  test("a body that is cut off is read again", async () => {
    const half = (response) => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "99" });
      response.write('{"id":', () => response.destroy());
    };
    await scripted([half, ok], async (client, requests) => {
      assert.deepEqual(await unwrap(client.getTask(1)), TASK);
      assert.equal(requests.length, 2);
    });
  });

  test("Retry-After in seconds is waited for", async () => {
    await scripted([busy({ "Retry-After": "2" }), ok], async (client, requests) => {
      await client.getTask(1);
      assert.ok(gap(requests) >= 2000, `${gap(requests)} ms`);
    });
  });

  test("Retry-After as a date is by the clock of the server", async () => {
    // The server's clock is an hour ahead: by the local one the date would be too far.
    const ahead = Date.now() + 3600_000;
    const headers = { Date: new Date(ahead).toUTCString(), "Retry-After": new Date(ahead + 2000).toUTCString() };
    await scripted([busy(headers), ok], async (client, requests) => {
      await client.getTask(1);
      assert.ok(gap(requests) >= 2000, `${gap(requests)} ms`);
    });
  });

  test("a Retry-After that has passed or cannot be read does not delay", async () => {
    for (const value of ["Thu, 01 Jan 2015 00:00:00 GMT", "soon", "-1"]) {
      await scripted([busy({ "Retry-After": value }), ok], async (client, requests) => {
        assert.deepEqual(await unwrap(client.getTask(1)), TASK);
        assert.equal(requests.length, 2);
      });
    }
  });

  test("a Retry-After of more than 30 s is left to the caller", async () => {
    await scripted([busy({ "Retry-After": "31" }), ok], async (client, requests) => {
      const { status, headers } = await client.getTask(1);
      assert.equal(status, 503);
      assert.equal(headers.get("retry-after"), "31");
      assert.equal(requests.length, 1);
    });
  });

  test("the service's rate limit is waited for", async () => {
    const limited = await startService({ RATE_LIMIT_PER_USER: "600" });
    const token = await limited.token("ana");
    const statuses = [];
    const client = createTasksClient({
      baseUrl: limited.baseUrl,
      token: async () => token,
      retries: 5,
      fetch: async (...call) => {
        const response = await fetch(...call);
        statuses.push(response.status);
        return response;
      },
    });
    try {
      // More at once than the limit lets pass, and less than two seconds more.
      const responses = await Promise.all(Array.from({ length: 75 }, () => client.listTasks()));
      assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]));
      assert.ok(statuses.includes(429), `${statuses}`);
    } finally {
      await limited.stop();
    }
  });

  test("an attempt without a response ends in time, and is repeated", async () => {
    await scripted([() => {}, ok], async (client, requests) => {
      assert.deepEqual(await unwrap(client.getTask(1, { timeout: 2000, retries: 10 })), TASK);
      assert.ok(requests.length >= 2);
      // The real service needs longer than no time at all.
      const hasty = clientOf(service.baseUrl, { timeout: 0, retries: 0 });
      await assert.rejects(hasty.listTasks(), { name: "TimeoutError" });
    });
  });

  test("a body that never ends is one, too", async () => {
    const endless = (response) => response.writeHead(200, { "Content-Type": "application/json" }).write("[");
    await scripted([endless], async (client) => {
      await assert.rejects(client.listTasks({}, { timeout: 200, retries: 1 }), { name: "TimeoutError" });
    });
  });

  test("a token source that hangs is bounded by the limit", async () => {
    const client = createTasksClient({ baseUrl: service.baseUrl, token: () => new Promise(() => {}), timeout: 100 });
    await assert.rejects(client.listTasks(), { name: "TimeoutError" });
  });

  test("no limit is possible", async () => {
    const client = clientOf(service.baseUrl, { timeout: Infinity });
    assert.equal((await client.listTasks()).status, 200);
  });

  test("a signal ends the wait between two attempts", async () => {
    const abort = new AbortController();
    const respond = busy({ "Retry-After": "30" });
    await scripted([(response) => (respond(response), setImmediate(() => abort.abort()))], async (client, requests) => {
      await assert.rejects(client.getTask(1, { signal: abort.signal }), { name: "AbortError" });
      assert.equal(requests.length, 1);
    });
  });

  test("what the token source throws is not repeated", async () => {
    let calls = 0;
    const token = () => {
      calls += 1;
      return Promise.reject(new TypeError("signed out"));
    };
    const client = createTasksClient({ baseUrl: service.baseUrl, token });
    await assert.rejects(client.listTasks(), { message: "signed out" });
    assert.equal(calls, 1);
  });

  test("a host that refuses connections is tried three times", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address();
    closed.close();
    await once(closed, "close");
    let attempts = 0;
    const client = clientOf(`http://127.0.0.1:${port}`, { fetch: (...call) => (attempts++, fetch(...call)) });
    await assert.rejects(client.listTasks(), { name: "TypeError" });
    assert.equal(attempts, 3);
  });

  test("a creation whose response was lost is made once", async () => {
    let lost = 0;
    const lossy = await proxy(service.baseUrl, {
      relay: (from, to, { method }) => {
        if (method !== "POST" || lost > 0) return from.pipe(to);
        lost += 1;
        // The service has responded: the task exists.
        from.resume().on("end", () => to.destroy());
      },
    });
    try {
      const client = clientOf(lossy.url);
      const created = await client.createTask({ title: "once" }, KEY);
      assert.equal(created.status, 201);
      assert.equal(created.headers.get("idempotency-replayed"), "true");
      assert.equal(lost, 1);
      const { data } = await client.listTasks({ q: "once" });
      assert.equal(data.length, 1);
    } finally {
      lossy.close();
    }
  });
});
