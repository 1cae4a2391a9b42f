// Several tabs of one browser, in which the signed-in user changes.
import assert from "node:assert/strict";

import { add, hydrated, shows, signIn, signUpElsewhere } from "./pages.mjs";

const user = (page, name) => page.locator(".user").filter({ hasText: name }).waitFor();

/** What a tab may do on behalf of the user it shows, after another one signed in. */
const attempts = {
  "add a task": (page) => page.getByRole("form", { name: "Add a task" }).getByLabel("Title").press("Enter"),
  "complete a task": (page) => page.getByRole("checkbox", { name: "Hers" }).click(),
  "load another list": (page) => page.getByRole("link", { name: "Pending" }).click(),
};

export async function sessions({ browser, servers, step }) {
  const { appUrl, serviceUrl } = servers;
  let dee;

  await step("signing in in one tab ends the sign-in form of another", async () => {
    dee = await browser.person();
    await signUpElsewhere(dee, appUrl, "Dee");
    await dee.context.clearCookies();
    const other = await browser.tab(dee);
    await other.page.goto("/sign-in", { waitUntil: "networkidle" });
    await signIn(dee.page, "Dee");
    await user(other.page, "Dee");
    await other.page.close();
  });

  await step("the sign-in and sign-up pages send a signed-in user to the list", async () => {
    for (const path of ["/sign-in", "/sign-up"]) {
      await dee.page.goto(path);
      await dee.page.waitForURL(`${appUrl}/`);
    }
  });

  await step("signing out in one tab signs every tab out", async () => {
    const tabs = [await browser.tab(dee), await browser.tab(dee)];
    for (const { page } of tabs) await page.goto("/").then(() => hydrated(page));
    await hydrated(dee.page);
    const visited = [];
    dee.page.on("request", (request) => request.isNavigationRequest() && visited.push(request.url()));
    await dee.page.getByRole("button", { name: "Sign out" }).click();
    for (const { page } of [dee, ...tabs]) await page.waitForURL("**/sign-in");
    // Its own message reloads no tab.
    assert.deepEqual(visited, [`${appUrl}/sign-in`]);
    await dee.done();
  });

  const eve = await browser.person();
  const { page } = eve;
  let current = "Eve";
  await signUpElsewhere(eve, appUrl, current);
  await page.goto("/");
  await add(page, "Hers");

  await step("a tab never uses another user's token: after a 401", async () => {
    const url = `${serviceUrl}/api/tasks`;
    await page.getByRole("form", { name: "Add a task" }).getByLabel("Title").fill(`Of ${current}`);
    await signUpElsewhere(eve, appUrl, "Fay");
    const sent = [];
    await page.route(url, async (route) => {
      if (route.request().method() !== "POST") return route.fallback();
      sent.push(route.request().headers().authorization);
      const json = { type: "/problems/unauthorized", title: "Unauthorized", status: 401, detail: "No." };
      const headers = { "Access-Control-Allow-Origin": appUrl };
      await route.fulfill({ status: 401, contentType: "application/problem+json", headers, json });
    });
    await eve.expecting([{ url, status: 401 }], async () => {
      await attempts["add a task"](page);
      await user(page, "Fay");
    });
    assert.equal(sent.length, 1);
    await page.unroute(url);
    await shows(page, []);
    current = "Fay";
    await add(page, "Hers");
  });

  for (const [index, [name, attempt]] of Object.entries(attempts).entries()) {
    await step(`a tab never uses another user's token: ${name}`, async () => {
      const next = `Eve${index}`;
      await page.getByRole("form", { name: "Add a task" }).getByLabel("Title").fill(`Of ${current}`);
      await signUpElsewhere(eve, appUrl, next);
      const { length } = eve.requests;
      // Past the end of the cached token.
      await page.clock.setSystemTime(Date.now() + (index + 1) * 16 * 60 * 1000);
      await attempt(page);
      await user(page, next);
      await shows(page, []);
      assert.deepEqual(eve.requests.slice(length).filter((url) => url.startsWith(serviceUrl)), []);
      current = next;
      await add(page, "Hers");
    });
  }

  await eve.done();
}
