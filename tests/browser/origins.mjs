// Pages of other origins call the service from a real browser, as the dev server of Vite
// and a static page do: at http://localhost and http://127.0.0.1, on a port of their own.
//
// ALLOWED: whether they may. browser.mjs has the other variables.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { BASE_URL, TOKEN, launch } from "./browser.mjs";

const { ALLOWED } = process.env;

// Runs in the page: a simple request, and those that a preflight precedes.
const story = async ({ url, token }) => {
  const send = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    const header = (name) => response.headers.get(name);
    return { status: response.status, id: header("x-request-id"), body: await response.json() };
  };
  try {
    const created = await send("POST", "/api/tasks", { title: "Buy milk" });
    const path = `/api/tasks/${created.body.id}`;
    return [
      created,
      await send("GET", "/api/tasks"),
      await send("PATCH", `${path}/complete`, { completed: true }),
      await send("PUT", path, { title: "Buy oat milk" }),
      await send("DELETE", path),
      await send("GET", path),
    ];
  } catch (error) {
    return String(error);
  }
};

const pages = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!DOCTYPE html><title>A page</title>");
});
// Without a host, so that it has both names.
pages.listen(0);
await once(pages, "listening");
const browser = await launch();
try {
  for (const host of ["localhost", "127.0.0.1"]) {
    const page = await browser.newPage();
    await page.goto(`http://${host}:${pages.address().port}/`);
    const responses = await page.evaluate(story, { url: BASE_URL, token: TOKEN });
    if (!ALLOWED) {
      assert.equal(responses, "TypeError: Failed to fetch", `a page at ${host} gets no response`);
      continue;
    }
    assert.ok(Array.isArray(responses), `a page at ${host}: ${responses}`);
    const statuses = responses.map(({ status }) => status);
    assert.deepEqual(statuses, [201, 200, 200, 200, 200, 404], JSON.stringify(responses));
    for (const { id } of responses) assert.ok(id, "X-Request-Id can be read");
    assert.equal(responses.at(-1).body.type, "/problems/not-found", "a problem can be read");
  }
} finally {
  await browser.close();
  pages.close();
}
