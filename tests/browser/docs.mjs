// /docs in a real browser: Swagger UI shows all operations, an authorization
// survives a reload, "Try it out" works, and no request goes to another host.
//
// HAS_BUTTON: whether the page must offer the development token. browser.mjs has the other
// variables.

import assert from "node:assert/strict";
import { join } from "node:path";
import { OUTPUT, TOKEN, check } from "./browser.mjs";

const GROUPS = {
  Tasks: [
    ...["listTasks", "createTask", "completeTasks", "clearTasks", "getTask", "updateTask", "patchTask"],
    ...["completeTask", "deleteTask", "eraseData"],
  ],
  Trash: ["restoreTask", "listTrash"],
  Sync: ["listChanges", "streamChanges"],
};

const { HAS_BUTTON } = process.env;

await check("docs", async ({ page, base, origin, pathname, open, seen, nothingToComplainOf }) => {
  await open("docs");
  assert.equal(await page.title(), "Tasks API", "the page's title is the API's");

  const operation = (id, group = "Tasks") => page.locator(`[id="operations-${group}-${id}"]`);
  const operationsAreVisible = async () => {
    for (const [group, ids] of Object.entries(GROUPS)) {
      for (const id of ids) await seen(operation(id, group), id);
    }
    assert.equal(await page.locator(".opblock").count(), Object.values(GROUPS).flat().length, "no others");
  };
  await operationsAreVisible();
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
  await operationsAreVisible();
  await page.screenshot({ path: join(OUTPUT, "docs-mobile.png"), fullPage: true });
  await page.locator(".auth-wrapper button.authorize").click();
  const { x, width } = await page.locator(".modal-ux").boundingBox();
  assert.ok(x >= 0 && x + width <= 390, `the dialog fits a phone: ${x}, ${width}`);
  nothingToComplainOf("/docs/ on a phone");
});
