// Without a network, with a slow one, and with one that loses responses: nothing is lost, nothing twice.
import type { Request } from "@playwright/test";

import { expect, test } from "./tools/fixtures";
import type { Person } from "./tools/person";

/** Failed and refused connections, which Chromium writes into the console. */
const NO_NETWORK = /net::ERR_|Failed to load resource/;

/** The writes that the page sends, in order. */
function writesOf({ page, servers }: Person): Request[] {
  const sent: Request[] = [];
  page.on("request", (request) => {
    const isWrite = !["GET", "OPTIONS"].includes(request.method());
    if (isWrite && request.url().startsWith(servers.serviceUrl)) sent.push(request);
  });
  return sent;
}

test("offline, everything goes on; back online it is sent in order", async ({ ana }) => {
  const { page, context } = ana;
  await ana.createTask({ title: "Old" });
  await ana.createTask({ title: "Done" });
  await ana.shows(["Done", "Old"]);
  await context.setOffline(true);
  await expect(page.getByText("You are offline.")).toBeVisible();
  const sent = writesOf(ana);

  await ana.add("New p1");
  await ana.edit("New").click();
  await ana.editor("New").getByLabel("Description").fill("typed offline");
  await ana.editor("New").getByRole("button", { name: "Save" }).click();
  await ana.edit("Old").click();
  await ana.editor("Old").getByLabel("Title").fill("Older");
  await page.keyboard.press("Enter");
  await ana.check("Done").click();
  await ana.view("Completed");
  await ana.shows(["Done"]);
  await ana.view("All");
  await ana.shows(["New", "Older"]);
  await expect(ana.row("New").getByText("Waiting")).toBeVisible();
  await expect(page.getByText("4 changes will be sent when you are back.")).toBeVisible();
  await ana.inspect("offline");
  // Signing out would leave them behind: it asks.
  await page.getByRole("button", { name: "Account of Ana" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("dialog").getByText("4 changes are on this device alone").waitFor();
  await ana.inspect("sign-out-unsent");
  await page.getByRole("button", { name: "Stay" }).click();
  expect(sent).toEqual([]);

  await context.setOffline(false);
  await ana.sent();
  await expect(page.getByText("You are offline.")).toHaveCount(0);
  expect(sent.map((request) => request.method())).toEqual(["POST", "PATCH", "PATCH", "PATCH"]);
  const [create, ...changes] = await Promise.all(sent.map((request) => request.allHeaders()));
  expect(create!["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
  for (const headers of changes) expect(headers["if-match"]).toMatch(/^"\d+"$/);
  expect(await ana.task("New")).toMatchObject({ description: "typed offline", priority: "high" });
  expect(await ana.task("Older")).toMatchObject({ completed: false });
  expect(await ana.task("Done")).toMatchObject({ completed: true });
  ana.expectErrors(NO_NETWORK);
});

test("offline, a task is created, deleted and restored", async ({ ana }) => {
  await ana.context.setOffline(true);
  await ana.add("Fickle");
  await ana.row("Fickle").hover();
  await ana.page.getByRole("button", { name: "Delete “Fickle”" }).click();
  await ana.shows([]);
  await ana.undo("Deleted “Fickle”");
  await ana.shows(["Fickle"]);
  await ana.context.setOffline(false);
  await ana.sent();
  expect((await ana.tasks()).map(({ title }) => title)).toEqual(["Fickle"]);
  ana.expectErrors(NO_NETWORK);
});

test("what waits survives a reload, and other tabs show it", async ({ ana }) => {
  await ana.page.route(`${ana.servers.serviceUrl}/**`, (route) => route.abort());
  await ana.add("Kept");
  await expect(ana.row("Kept").getByText("Waiting")).toBeVisible();
  await ana.page.reload();
  await ana.shows(["Kept"]);
  await ana.page.unroute(`${ana.servers.serviceUrl}/**`);
  // Another tab of the same browser sends it: one queue for all of them.
  const tab = await ana.another();
  await tab.open();
  await tab.shows(["Kept"]);
  await tab.sent();
  await ana.sent();
  expect((await ana.tasks()).length).toBe(1);
  ana.expectErrors(NO_NETWORK);
});

test("a lost response: the task is created once, the change is made once", async ({ ana }) => {
  let lost = 0;
  await ana.page.route(`${ana.servers.serviceUrl}/api/tasks{,/*}`, async (route) => {
    if (!["POST", "PATCH"].includes(route.request().method()) || lost === 2) return route.fallback();
    lost += 1;
    await route.fetch();
    await route.abort("connectionreset");
  });
  await ana.add("Once");
  await ana.sent();
  await ana.edit("Once").click();
  await ana.editor("Once").getByLabel("Title").fill("Changed once");
  await ana.page.keyboard.press("Enter");
  await expect.poll(() => ana.task("Changed once")).toBeDefined();
  await ana.sent();
  await ana.shows(["Changed once"]);
  expect(lost).toBe(2);
  expect((await ana.tasks()).length).toBe(1);
  await expect(ana.page.getByRole("button", { name: /Review/ })).toHaveCount(0);
  ana.expectErrors(NO_NETWORK, /412/);
});

test("a slow network: every action shows at once, and is sent in order", async ({ ana }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await ana.page.route(`${ana.servers.serviceUrl}/api/tasks{,/*}`, async (route) => {
    await held;
    await route.continue();
  });
  const sent = writesOf(ana);
  await ana.add("First");
  await ana.add("Second");
  await ana.check("First").click();
  await ana.shows(["Second"]);
  await expect(ana.row("Second").getByText("Waiting")).toBeVisible();
  // One at a time: the second would not know whether the first is there.
  expect(sent.length).toBeLessThanOrEqual(1);
  release();
  await ana.sent();
  await expect.poll(() => ana.task("First")).toMatchObject({ completed: true });
  expect(sent.map((request) => request.method())).toEqual(["POST", "POST", "PATCH"]);
});

test("the service stops and comes back: said, nothing lost, and a page that is opened meanwhile works", async ({ ana, servers }) => {
  await ana.add("Before");
  await ana.sent();
  await servers.stopService();
  let started = false;
  try {
    await ana.add("During");
    await expect(ana.page.getByText("The task service is not available.")).toBeVisible();
    await expect(ana.page.getByText("1 change will be sent when it is back.")).toBeVisible();
    const tab = await ana.another();
    await tab.page.goto("/");
    await expect(tab.page.getByText("The task service is not available.")).toBeVisible();
    await tab.inspect("unavailable");
    await servers.startService();
    started = true;
    await tab.shows(["During", "Before"]);
    tab.expectErrors(NO_NETWORK);
  } finally {
    // The other tests of this worker need it.
    if (!started) await servers.startService();
  }
  await ana.sent();
  await expect(ana.page.getByText("The task service is not available.")).toHaveCount(0);
  ana.expectErrors(NO_NETWORK);
});
