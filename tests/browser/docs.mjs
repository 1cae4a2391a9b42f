// /docs in a real browser: Swagger UI shows the six operations, an authorization
// survives a reload, "Try it out" works, and no request goes to another host.
//
// BASE_URL: the service; TOKEN: a token it accepts; HAS_BUTTON: whether the page must
// offer the development token; OUTPUT: a folder for the
// screenshots; CHROMIUM: the browser, if it is not the one of the system.
//
// The first failing check ends the run with its message on standard error, exit code 1,
// and a screenshot in docs-failed.png.

import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const OPERATIONS = ["listTasks", "createTask", "getTask", "updateTask", "completeTask", "deleteTask"];

const { BASE_URL, TOKEN, HAS_BUTTON, OUTPUT = "." } = process.env;
if (!BASE_URL || !TOKEN) {
  console.error("docs.mjs needs BASE_URL and TOKEN");
  process.exit(2);
}
mkdirSync(OUTPUT, { recursive: true });
// With a path where a proxy serves it under a prefix.
const base = BASE_URL.replace(/\/$/, "");
const { origin, pathname } = new URL(`${base}/`);

const findChromium = () => {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), "/usr/bin"];
  return folders.map((folder) => join(folder, "chromium")).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
};
const executablePath = findChromium();
if (!executablePath) {
  console.error("docs.mjs found no chromium in PATH or /usr/bin; set CHROMIUM");
  process.exit(2);
}

// Errors that must not occur at any point.
const complaints = [];
const nothingToComplainOf = (step) =>
  assert.deepEqual(complaints, [], `${step}: the browser complains:\n  ${complaints.join("\n  ")}`);
const seen = (locator, sentence) =>
  locator.waitFor({ state: "visible" }).catch(() => assert.fail(`not seen within 15 s: ${sentence}`));

let browser;
let page;
try {
  browser = await chromium.launch({
    executablePath,
    // Without a sandbox, because tests may run as root. The other options prevent
    // requests of the browser itself.
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
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(15_000);

  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error}`));
  page.on("request", (request) => {
    const { origin: asked, protocol } = new URL(request.url());
    if (asked !== origin && !["data:", "blob:"].includes(protocol)) complaints.push(`a request to ${request.url()}`);
  });
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText;
    // A reload aborts pending requests.
    if (reason !== "net::ERR_ABORTED") complaints.push(`failed: ${request.url()} ${reason}`);
  });
  await page.exposeFunction("reportPolicyViolation", (text) => complaints.push(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      window.reportPolicyViolation(`${event.effectiveDirective} refused ${event.blockedURI}`),
    );
  });

  const response = await page.goto(`${base}/docs`);
  assert.equal(response.status(), 200, "/docs returns 200");
  const policy = response.headers()["content-security-policy"];
  assert.ok(policy, "/docs carries a Content-Security-Policy");
  const directives = policy.split(";").map((directive) => directive.trim());
  const scripts = directives.find((directive) => directive.startsWith("script-src "));
  assert.equal(scripts, "script-src 'self'", "the policy lets this origin's scripts run, and nothing else");
  assert.equal(await page.title(), "Tasks API", "the page's title is the API's");

  const operation = (id) => page.locator(`[id="operations-Tasks-${id}"]`);
  const sixOperationsAreVisible = async () => {
    for (const id of OPERATIONS) await seen(operation(id), id);
    assert.equal(await page.locator(".opblock").count(), OPERATIONS.length, "no operation but the six");
  };
  await sixOperationsAreVisible();
  await page.screenshot({ path: join(OUTPUT, "docs-desktop.png"), fullPage: true });
  assert.equal(await page.locator(".topbar").count(), 0, "no bar of Swagger UI");
  nothingToComplainOf("/docs");

  await page.locator(".auth-wrapper button.authorize.unlocked").click();
  await page.locator(".auth-container input").fill(TOKEN);
  await page.locator(".auth-btn-wrapper button.authorize").click();
  await page.locator(".auth-btn-wrapper .btn-done").click();
  await page.reload();
  await seen(page.locator(".auth-wrapper button.authorize.locked"), "the authorization, after a reload");
  nothingToComplainOf("authorize and reload");

  // Runs an operation on the page and returns the service's response. The page must
  // show the same status.
  const tryOut = async (id, status, path) => {
    const block = operation(id);
    await block.locator(".opblock-summary-control").click();
    const execute = block.locator("button.execute");
    const tryItOut = block.locator(".try-out__btn:not(.cancel)");
    await seen(execute.or(tryItOut).first(), `"Execute" or "Try it out" of ${id}`);
    if (!(await execute.isVisible())) await tryItOut.click();
    const answered = page.waitForResponse((response) => new URL(response.url()).pathname === pathname + path);
    await execute.click();
    const response = await answered;
    assert.equal(response.status(), status, `${id} returns ${status}: ${await response.text()}`);
    assert.equal(new URL(response.url()).origin, origin, `${id} is asked of the page's own origin`);
    assert.equal(await response.request().headerValue("authorization"), `Bearer ${TOKEN}`, `${id} sends the token`);
    const shown = block.locator(".live-responses-table tbody .response-col_status").first();
    await seen(shown, `the response to ${id}`);
    assert.match(await shown.innerText(), new RegExp(`^${status}`), `the page shows the status of ${id}`);
    nothingToComplainOf(id);
    return { block, body: await response.json() };
  };
  const { body: task } = await tryOut("createTask", 201, "api/tasks");
  const { block, body: tasks } = await tryOut("listTasks", 200, "api/tasks");
  assert.ok(tasks.some(({ id }) => id === task.id), "the list has the task that was just created");
  await block.screenshot({ path: join(OUTPUT, "docs-try-it-out.png") });

  const failures = block.locator(".response.folded");
  assert.equal(await failures.count(), 7, "the failures of listTasks are folded");
  await failures.first().getByRole("button").click();
  await seen(block.locator(".response:not(.folded)", { hasText: "invalid-request" }), "an opened failure");
  const snippets = operation("createTask").locator(".request-snippets");
  for (const [tab, part] of [["fetch", "await fetch("], ["Python", "requests.post("]]) {
    await snippets.getByText(tab, { exact: true }).click();
    await seen(snippets.getByText(part), `the snippet for ${tab}`);
  }
  nothingToComplainOf("failures and snippets");

  const button = page.locator(".development-token");
  if (HAS_BUTTON) {
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await seen(page.locator(".auth-wrapper button.authorize.unlocked"), "no authorization");
    await button.click();
    await seen(page.locator(".auth-wrapper button.authorize.locked"), "the authorization of the button");
    nothingToComplainOf("the development token");
  }
  assert.equal(await button.count(), HAS_BUTTON ? 1 : 0, "the button for the development token");

  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${base}/docs/`);
  await sixOperationsAreVisible();
  await page.screenshot({ path: join(OUTPUT, "docs-mobile.png"), fullPage: true });
  await page.locator(".auth-wrapper button.authorize").click();
  const { x, width } = await page.locator(".modal-ux").boundingBox();
  assert.ok(x >= 0 && x + width <= 390, `the dialog fits a phone: ${x}, ${width}`);
  nothingToComplainOf("/docs/ on a phone");
} catch (error) {
  const more = complaints.filter((complaint) => !error.message.includes(complaint));
  console.error([`docs.mjs: ${error.message}`, ...more.map((complaint) => `the browser: ${complaint}`)].join("\n"));
  await page?.screenshot({ path: join(OUTPUT, "docs-failed.png") }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser?.close();
}
