// Drives the built application in a real browser, with real servers behind it:
//   TASKS_API_BIN=../../target/debug/tasks-api npm test
// CHROMIUM names the browser, OUTPUT the folder for the screenshots.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { openBrowser } from "./browser-tools.mjs";
import { edits } from "./edits.mjs";
import { expiredToken } from "./expired-token.mjs";
import { add, box, focused, hydrated, said, shows, signIn, signUp, task, titles } from "./pages.mjs";
import { startServers } from "./servers.mjs";
import { sessions } from "./sessions.mjs";

const output = resolve(process.env.OUTPUT ?? new URL("output", import.meta.url).pathname);
await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });
const folder = await mkdtemp(join(tmpdir(), "tasks-example-"));

const servers = await startServers(folder);
const browser = await openBrowser(output, servers.appUrl);
const { appUrl, serviceUrl } = servers;
const began = Date.now();

/** Names what is being shown, so that a failure says where it happened. */
async function step(name, body) {
  const start = Date.now();
  await body();
  console.log(`ok  ${name} (${Date.now() - start} ms)`);
}

async function story() {
  const ana = await browser.person();
  const { page } = ana;

  await step("pages for guests; the list sends them to sign in", async () => {
    await page.goto(appUrl);
    await page.waitForURL("**/sign-in");
    await ana.inspect("sign-in");
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.waitForURL("**/sign-up");
    await ana.inspect("sign-up");
  });

  await step("a wrong password is said at the form", async () => {
    await page.goto(`${appUrl}/sign-in`);
    await page.getByLabel("E-mail").fill("nobody@example.com");
    await page.getByLabel("Password").fill("wrong password");
    await ana.expecting([{ url: `${appUrl}/api/auth/sign-in/email`, status: 401 }], async () => {
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").filter({ hasText: "Invalid email or password" }).waitFor();
    });
  });

  await step("sign up; the list is empty", async () => {
    await signUp(page, "Ana");
    await page.getByText("Nothing to do yet").waitFor();
    await ana.inspect("empty");
  });

  await step("add, with the focus back for the next", async () => {
    await add(page, "Water the plants");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "title");
    await add(page, "Buy milk", "Two litres, the blue one");
    await add(page, "Book the train to Lisbon", "Window seat\nBefore Friday, when the fares go up");
    await shows(page, ["Book the train to Lisbon", "Buy milk", "Water the plants"]);
  });

  await step("one token served all of it", async () => {
    assert.equal(ana.requests.filter((url) => url.endsWith("/api/auth/token")).length, 1);
  });

  await step("the service's words stand at the field", async () => {
    const form = page.getByRole("form", { name: "Add a task" });
    await ana.expecting([{ url: `${serviceUrl}/api/tasks`, status: 400 }], async () => {
      await form.getByLabel("Title").fill("   ");
      await form.getByRole("button", { name: "Add" }).click();
      await form.getByText("Title must be 1 to 200 characters long").waitFor();
    });
    const title = form.getByLabel("Title");
    assert.equal(await title.getAttribute("aria-invalid"), "true");
    assert.equal(await title.evaluate((input) => document.activeElement === input), true);
    const described = await title.getAttribute("aria-describedby");
    assert.match(await page.locator(`[id="${described}"]`).innerText(), /1 to 200/);
    await ana.inspect("field-error");
    await form.getByLabel("Title").fill("x");
    await add(page, "Call the plumber");
    assert.equal(await form.getByText("Title must be").count(), 0);
  });

  await step("edit, by keyboard", async () => {
    await page.getByRole("button", { name: "Edit Buy milk" }).press("Enter");
    const form = page.getByRole("form", { name: "Edit Buy milk" });
    assert.equal(await form.getByLabel("Title").evaluate((input) => document.activeElement === input), true);
    await ana.inspect("editing");
    await page.keyboard.press("Escape");
    assert.equal(await focused(page), "Edit Buy milk");
    await page.keyboard.press("Enter");
    await form.getByLabel("Title").fill("Buy oat milk");
    await form.getByLabel("Description").fill("");
    await form.getByLabel("Title").press("Enter");
    await said(page, "Saved “Buy oat milk”.");
    assert.equal(await focused(page), "Edit Buy oat milk");
    assert.equal(await task(page, "Buy oat milk").getByText("Two litres").count(), 0);
  });

  await step("complete and filter; the address follows", async () => {
    await box(page, "Water the plants").press("Space");
    await said(page, "Completed “Water the plants”.");
    await ana.inspect("list");
    await page.getByRole("link", { name: "Pending" }).click();
    await shows(page, ["Call the plumber", "Book the train to Lisbon", "Buy oat milk"]);
    assert.equal(new URL(page.url()).search, "?status=pending");
    await box(page, "Buy oat milk").click();
    await shows(page, ["Call the plumber", "Book the train to Lisbon"]);
    assert.match(await focused(page), /^task-/);
    await page.getByRole("link", { name: "Completed" }).click();
    await shows(page, ["Buy oat milk", "Water the plants"]);
    assert.equal(await page.getByRole("link", { name: "Completed" }).getAttribute("aria-current"), "page");
    await page.goBack();
    await shows(page, ["Call the plumber", "Book the train to Lisbon"]);
    await page.goForward();
    await shows(page, ["Buy oat milk", "Water the plants"]);
  });

  await step("reload: the first paint has the tasks, without scripts too", async () => {
    await page.reload();
    await shows(page, ["Buy oat milk", "Water the plants"]);
    const html = await (await ana.context.request.get(`${appUrl}/?status=pending`)).text();
    assert.match(html, /<label[^>]*>Call the plumber<\/label>/);
    assert.doesNotMatch(html, /<label[^>]*>Buy oat milk/);
    await page.getByRole("link", { name: "All" }).click();
    await shows(page, ["Call the plumber", "Book the train to Lisbon", "Buy oat milk", "Water the plants"]);
  });

  await step("delete, once asked; the focus moves on", async () => {
    await page.getByRole("button", { name: "Delete Call the plumber" }).click();
    await ana.inspect("delete");
    await page.keyboard.press("Escape");
    // A closed dialog has no role, and is still there until React has seen its `close`.
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.equal(await focused(page), "Delete Call the plumber");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await said(page, "Deleted “Call the plumber”.");
    await shows(page, ["Book the train to Lisbon", "Buy oat milk", "Water the plants"]);
    assert.match(await focused(page), /^task-/);
  });

  const bo = await browser.person();
  await step("a second user sees nothing of the first", async () => {
    await signUp(bo.page, "Bo");
    await bo.page.getByText("Nothing to do yet").waitFor();
    assert.deepEqual(await titles(bo.page), []);
    await add(bo.page, "Bo's own");
    await page.reload();
    await shows(page, ["Book the train to Lisbon", "Buy oat milk", "Water the plants"]);
  });

  await step("a token near its end is renewed before it is used", async () => {
    await add(bo.page, "Before");
    const tokens = () => bo.requests.filter((url) => url.endsWith("/api/auth/token")).length;
    assert.equal(tokens(), 1);
    // 14 minutes and 31 seconds of the token's 15 minutes.
    await bo.page.clock.setSystemTime(Date.now() + (14 * 60 + 31) * 1000);
    await add(bo.page, "After");
    assert.equal(tokens(), 2);
  });

  await step("an expired token is renewed without the user noticing", async () => {
    const cy = await browser.person();
    await signUp(cy.page, "Cy");
    // The browser's clock is an hour behind, so that the application cannot know.
    await cy.page.clock.setSystemTime(Date.now() - 60 * 60 * 1000);
    await cy.page.route("**/api/auth/token", async (route) => {
      const { token } = await (await route.fetch()).json();
      await route.fulfill({ json: { token: await expiredToken(token, servers) } });
    }, { times: 1 });
    await cy.expecting([{ url: `${serviceUrl}/api/tasks`, status: 401 }], () => add(cy.page, "Still here"));
    await shows(cy.page, ["Still here"]);
    assert.equal(await cy.page.locator("main [role=alert]").innerText(), "");
    assert.equal(cy.requests.filter((url) => url.endsWith("/api/auth/token")).length, 2);
    await cy.done();
  });

  await step("a completion shows at once, and is taken back when it fails", async () => {
    const url = `${serviceUrl}/api/tasks/2/complete`;
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route(url, async (route) => {
      if (route.request().method() !== "PATCH") return route.fallback();
      await held;
      const json = { type: "/problems/internal-error", title: "Internal error", status: 500, detail: "Out of luck." };
      const headers = { "Access-Control-Allow-Origin": appUrl };
      await route.fulfill({ status: 500, contentType: "application/problem+json", headers, json });
    });
    await ana.expecting([{ url, status: 500 }], async () => {
      await box(page, "Buy oat milk", true).click();
      await box(page, "Buy oat milk", false).waitFor();
      release();
      await page.getByRole("alert").filter({ hasText: "Out of luck." }).waitFor();
      await box(page, "Buy oat milk", true).waitFor();
    });
    await page.unroute(url);
  });

  await step("the service stops: said at once, nothing lost", async () => {
    await servers.stopService();
    const trouble = page.getByRole("alert").filter({ hasText: "Your last change may not have been saved" });
    await ana.expecting([{ url: serviceUrl, failed: true }], async () => {
      await box(page, "Buy oat milk").click();
      await trouble.waitFor();
      // What was shown ahead of the answer is taken back.
      await box(page, "Buy oat milk", true).waitFor();
      await page.getByRole("form", { name: "Add a task" }).getByLabel("Title").fill("Not yet");
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await ana.inspect("stopped");
      // A page that is opened now says the same.
      await bo.page.goto(appUrl);
      const told = bo.page.getByRole("alert").filter({ hasText: "The task service is not available" });
      await told.waitFor();
      assert.doesNotMatch(await told.innerText(), /last change/);
      await hydrated(bo.page);
      await bo.page.getByRole("form", { name: "Add a task" }).getByLabel("Title").fill("Nor this");
      await bo.page.getByRole("button", { name: "Add", exact: true }).click();
      await told.filter({ hasText: "Your last change may not have been saved" }).waitFor();
    }, [bo]);
    assert.equal(await page.getByRole("form", { name: "Add a task" }).getByLabel("Title").inputValue(), "Not yet");
  });

  await step("the service is back: by the button, and by itself", async () => {
    const again = page.getByRole("button", { name: "Reload the list" });
    await ana.expecting([{ url: serviceUrl, failed: true }], async () => {
      // In vain still; but it puts off the page's own next try, so that the button is there below.
      await again.click();
      await servers.startService();
      // Where the start took its time, the page has found the service by itself.
      await again.click({ timeout: 5_000 }).catch(() => {});
    }, [bo]);
    await said(page, "The task service is back. Check your last change.");
    assert.equal(await page.locator("main [role=alert]").innerText(), "");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await said(page, "Added “Not yet”.");
    await bo.page.getByRole("status").filter({ hasText: "back" }).waitFor();
    await shows(bo.page, ["After", "Before", "Bo's own"]);
  });

  await step("sign out, and in again", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    await page.goto(appUrl);
    await page.waitForURL("**/sign-in");
    await signIn(page, "Ana");
    await shows(page, ["Not yet", "Book the train to Lisbon", "Buy oat milk", "Water the plants"]);
  });

  await step("no console error in all of this", async () => {
    await ana.done();
    await bo.done();
  });
}

try {
  await story();
  await sessions({ browser, servers, step });
  await edits({ browser, servers, step });
  console.log(`all good in ${((Date.now() - began) / 1000).toFixed(1)} s; screenshots in ${output}`);
} catch (error) {
  await browser.lastLook();
  console.error(error);
  console.error(servers.output());
  process.exitCode = 1;
} finally {
  await browser.close();
  await servers.stopAll();
  await rm(folder, { recursive: true, force: true });
}
