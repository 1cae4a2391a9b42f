// Two people, or two tabs, at the same tasks; and input that has to survive.
import assert from "node:assert/strict";

import { add, box, focused, hydrated, said, shows, signUpElsewhere, task } from "./pages.mjs";

export async function edits({ browser, servers, step }) {
  const { appUrl, serviceUrl } = servers;
  const tasksUrl = `${serviceUrl}/api/tasks`;
  const gil = await browser.person();
  const { page } = gil;
  await signUpElsewhere(gil, appUrl, "Gil");
  const { token } = await (await gil.context.request.get("/api/auth/token")).json();

  /** A call from elsewhere: another device, another program. */
  async function elsewhere(method, path = "", body = undefined) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const response = await fetch(`${tasksUrl}${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(response.ok, `${method} ${path} answered ${response.status}`);
    return response.json();
  }

  /** Creates a task, shows it in the page and opens its form. */
  async function editing(title, description) {
    const { id } = await elsewhere("POST", "", { title, description });
    await page.goto("/");
    await page.getByRole("button", { name: `Edit ${title}`, exact: true }).click();
    return { id, form: page.getByRole("form", { name: `Edit ${title}`, exact: true }) };
  }

  /** Holds requests of one method until `release` is called. */
  async function hold(url, method) {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    let count = 0;
    await page.route(url, async (route) => {
      if (route.request().method() === method) {
        count += 1;
        await held;
      }
      await route.continue();
    });
    return { release, count: () => count };
  }

  await step("a new title keeps a description that changed elsewhere", async () => {
    const { id, form } = await editing("Plan", "first");
    await elsewhere("PUT", `/${id}`, { title: "Plan", description: "second", completed: true });
    await form.getByLabel("Title").fill("Plan B");
    await form.getByRole("button", { name: "Save" }).click();
    await said(page, "Saved “Plan B”.");
    await task(page, "Plan B").getByText("second").waitFor();
    const { title, description, completed } = await elsewhere("GET", `/${id}`);
    assert.deepEqual({ title, description, completed }, { title: "Plan B", description: "second", completed: true });
  });

  await step("a new description keeps a title that changed elsewhere", async () => {
    const { id, form } = await editing("Trip", "first");
    await elsewhere("PUT", `/${id}`, { title: "Journey" });
    await form.getByLabel("Description").fill("second");
    await form.getByRole("button", { name: "Save" }).click();
    await said(page, "Saved “Journey”.");
    const { title, description } = await elsewhere("GET", `/${id}`);
    assert.deepEqual({ title, description }, { title: "Journey", description: "second" });
  });

  await step("text that a form cannot hold is kept unless it is edited", async () => {
    const { id, form } = await editing("Notes", "one\r\ntwo\rthree");
    await form.getByLabel("Title").fill("Minutes");
    await form.getByRole("button", { name: "Save" }).click();
    await said(page, "Saved “Minutes”.");
    assert.equal((await elsewhere("GET", `/${id}`)).description, "one\r\ntwo\rthree");
  });

  await step("saving without a change sends nothing", async () => {
    const { form } = await editing("Quiet", "as it is");
    const { length } = gil.requests;
    await form.getByRole("button", { name: "Save" }).click();
    await form.waitFor({ state: "detached" });
    assert.equal(await focused(page), "Edit Quiet");
    assert.deepEqual(gil.requests.slice(length), []);
  });

  await step("an edit survives a change of the list", async () => {
    const { form } = await editing("Draft", "kept");
    await form.getByLabel("Description").fill("typed");
    await page.getByRole("link", { name: "Completed" }).click();
    await page.waitForURL("**/?status=completed");
    await page.getByText("Loading…").waitFor({ state: "detached" });
    assert.equal(await form.getByLabel("Description").inputValue(), "typed");
    await gil.inspect("editing-elsewhere");
    await page.goBack();
    await page.waitForURL((url) => url.search === "");
    await page.getByText("Loading…").waitFor({ state: "detached" });
    assert.equal(await form.getByLabel("Description").inputValue(), "typed");
    await page.getByRole("link", { name: "Completed" }).click();
    await form.getByRole("button", { name: "Save" }).click();
    await said(page, "Saved “Draft”.");
    // It is no completed task, so that it leaves this list now.
    await box(page, "Draft").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement === document.body), false);
    await page.getByRole("link", { name: "All" }).click();
    await task(page, "Draft").getByText("typed").waitFor();
  });

  await step("an edit of a task that is deleted elsewhere stays readable", async () => {
    const { id, form } = await editing("Doomed", "");
    await elsewhere("DELETE", `/${id}`);
    await form.getByLabel("Title").fill("Much thought");
    await gil.expecting([{ url: `${tasksUrl}/${id}`, status: 404 }], async () => {
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByRole("alert").filter({ hasText: "it was deleted elsewhere" }).waitFor();
    });
    assert.equal(await form.getByLabel("Title").inputValue(), "Much thought");
    await form.getByRole("button", { name: "Cancel" }).click();
    await form.waitFor({ state: "detached" });
    assert.equal(await box(page, "Doomed").count(), 0);
  });

  await step("a task that is typed before the scripts run is kept", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/_next/static/**/*.js", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto("/", { waitUntil: "commit" });
    const title = page.getByRole("form", { name: "Add a task" }).getByLabel("Title");
    await title.fill("Early");
    await title.press("Enter");
    release();
    await hydrated(page);
    assert.equal(await title.inputValue(), "Early");
    await title.press("Enter");
    await said(page, "Added “Early”.");
    await page.unroute("**/_next/static/**/*.js");
  });

  await step("a field's error goes when the field is corrected, and the focus stays", async () => {
    const form = page.getByRole("form", { name: "Add a task" });
    const [title, description] = [form.getByLabel("Title"), form.getByLabel("Description")];
    await gil.expecting([{ url: tasksUrl, status: 400 }], async () => {
      await title.fill(" ");
      await description.fill("x".repeat(10_001));
      await form.getByRole("button", { name: "Add" }).click();
      await form.getByText("Description must be").waitFor();
    });
    await title.press("V");
    await form.getByText("Title must be").waitFor({ state: "detached" });
    assert.equal(await title.getAttribute("aria-invalid"), "false");
    await form.getByText("Description must be").waitFor();
    assert.equal(await title.evaluate((input) => document.activeElement === input), true);
    await description.fill("short");
    await form.getByText("Description must be").waitFor({ state: "detached" });
    await title.press("Enter");
    await said(page, "Added “V”.");
  });

  await step("a task that is added under Completed is shown", async () => {
    await page.getByRole("link", { name: "Completed" }).click();
    await shows(page, ["Plan B"]);
    await add(page, "New here");
    await box(page, "New here", false).waitFor();
    assert.equal(new URL(page.url()).search, "");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "title");
  });

  await step("buttons show that they work, and work once", async () => {
    const form = page.getByRole("form", { name: "Add a task" });
    const adding = await hold(tasksUrl, "POST");
    await form.getByLabel("Title").fill("Slow");
    await form.getByRole("button", { name: "Add" }).click();
    const busy = form.getByRole("button", { name: "Adding…" });
    await busy.waitFor();
    await gil.inspect("adding");
    await busy.click({ force: true });
    // What is typed now would be lost with the success.
    assert.equal(await form.getByLabel("Title").isEditable(), false);
    adding.release();
    await said(page, "Added “Slow”.");
    assert.equal(adding.count(), 1);
    await form.getByRole("button", { name: "Add", exact: true }).waitFor();

    await page.getByRole("button", { name: "Edit Slow" }).click();
    const edit = page.getByRole("form", { name: "Edit Slow" });
    const saving = await hold(`${tasksUrl}/*`, "PUT");
    await edit.getByLabel("Title").fill("Slower");
    await edit.getByLabel("Title").press("Enter");
    await edit.getByRole("button", { name: "Saving…" }).waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await edit.count(), 1);
    saving.release();
    await said(page, "Saved “Slower”.");

    const deleting = await hold(`${tasksUrl}/*`, "DELETE");
    await page.getByRole("button", { name: "Delete Slower" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Deleting… Slower" }).click({ force: true });
    assert.equal(await page.getByRole("dialog").count(), 0);
    deleting.release();
    await said(page, "Deleted “Slower”.");

    const out = await hold("**/api/auth/sign-out", "POST");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Signing out…" }).waitFor();
    out.release();
    await page.waitForURL("**/sign-in");
  });

  await step("the error of the sign-in form goes when the input changes", async () => {
    await page.getByLabel("E-mail").fill("gil@example.com");
    await page.getByLabel("Password").fill("wrong password");
    await gil.expecting([{ url: `${appUrl}/api/auth/sign-in/email`, status: 401 }], async () => {
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("Invalid email or password").waitFor();
    });
    await page.getByLabel("Password").fill("correct horse");
    await page.getByText("Invalid email or password").waitFor({ state: "detached" });
    await gil.done();
  });
}
