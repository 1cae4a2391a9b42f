// /docs in a real browser: Swagger UI shows the six operations, an authorization
// survives a reload, "Try it out" works, and nothing is asked of another host.
//
// BASE_URL: the service; TOKEN: a token it accepts; OUTPUT: a folder for the
// screenshots; CHROMIUM: the browser, if it is not the one of the system.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { BASE_URL, TOKEN, OUTPUT = ".", CHROMIUM = "/usr/bin/chromium" } = process.env;
mkdirSync(OUTPUT, { recursive: true });

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  // Without a sandbox, because tests may run as root; the rest keeps the browser
  // from calling home.
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const local = request.url().startsWith(`${BASE_URL}/`) || request.url().startsWith("data:");
    if (!local) complaints.push(`a request to ${request.url()}`);
  });

  const answer = await page.goto(`${BASE_URL}/docs`);
  assert.equal(answer.status(), 200);
  const policy = answer.headers()["content-security-policy"];
  const scripts = policy.split(";").find((directive) => directive.trim().startsWith("script-src"));
  assert.equal(scripts.trim(), "script-src 'self'");
  assert.equal(await page.title(), "Tasks API");

  const operations = page.locator(".opblock");
  await operations.nth(5).waitFor();
  assert.equal(await operations.count(), 6);
  await page.screenshot({ path: join(OUTPUT, "docs-desktop.png"), fullPage: true });

  await page.locator("button.authorize").click();
  await page.locator(".auth-container input").fill(TOKEN);
  await page.locator(".auth-btn-wrapper button.authorize").click();
  await page.locator(".auth-btn-wrapper .btn-done").click();
  await page.reload();
  await page.locator("button.authorize.locked").waitFor();

  const tryOut = async (operation, status) => {
    const block = page.locator(`#operations-Tasks-${operation}`);
    await block.locator(".opblock-summary-control").click();
    await block.locator("button.execute").click();
    const shown = block.locator(".live-responses-table .response-col_status").nth(1);
    await shown.waitFor();
    assert.match(await shown.innerText(), new RegExp(`^${status}`));
    return block;
  };
  await tryOut("createTask", 201);
  const list = await tryOut("listTasks", 200);
  assert.match(await list.locator(".live-responses-table .response-col_description").nth(1).innerText(), /Buy milk/);
  await list.screenshot({ path: join(OUTPUT, "docs-try-it-out.png") });

  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${BASE_URL}/docs/`);
  await operations.nth(5).waitFor();
  await page.screenshot({ path: join(OUTPUT, "docs-phone.png") });

  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
