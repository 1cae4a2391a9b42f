// Several tabs of one browser, in which the signed-in user changes; and tokens that end.
import { expect, test } from "./tools/fixtures";
import { expiredToken } from "./tools/expired-token";
import type { Person } from "./tools/person";

const shownUser = ({ page }: Person, name: string) => page.getByRole("button", { name: `Account of ${name}` });

async function signOut({ page }: Person, name: string) {
  await page.getByRole("button", { name: `Account of ${name}` }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
}

test("sign up, sign out, sign in; a wrong password is said at the form", async ({ guest }) => {
  const ana = await guest("Ana");
  const { page } = ana;
  await page.goto("/sign-up");
  await page.getByLabel("Name").fill("Ana");
  await page.getByLabel("E-mail").fill(ana.email);
  await page.getByLabel("Password").fill("correct horse battery");
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/api/auth/sign-up/email", async (route) => {
    await held;
    await route.fallback();
  });
  await page.getByRole("button", { name: "Create an account" }).click();
  await expect(page.getByRole("button", { name: "One moment…" })).toBeDisabled();
  release();
  await expect(page.getByText("Nothing to do")).toBeVisible();
  await ana.ready();
  for (const path of ["/sign-in", "/sign-up"]) {
    await page.goto(path);
    await page.waitForURL((url) => url.pathname === "/");
  }
  await ana.ready();
  await signOut(ana, "Ana");
  await page.waitForURL("**/sign-in");
  await page.goto("/");
  await page.waitForURL("**/sign-in");
  await page.getByLabel("E-mail").fill(ana.email);
  await page.getByLabel("Password").fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Invalid email or password")).toBeVisible();
  ana.expectErrors(/401/);
  // The message goes with the next input.
  await page.getByLabel("Password").fill("correct horse battery");
  await expect(page.getByText("Invalid email or password")).toHaveCount(0);
  await page.getByLabel("Password").press("Enter");
  await expect(shownUser(ana, "Ana")).toBeVisible();
});

test("signing in in one tab ends the sign-in form of another", async ({ guest }) => {
  const dee = await guest("Dee");
  await dee.signUp();
  await dee.context.clearCookies();
  const other = await dee.another();
  await other.page.goto("/sign-in");
  await other.page.getByLabel("E-mail").fill("half");
  await dee.signIn();
  await expect(shownUser(other, "Dee")).toBeVisible();
});

test("signing out in one tab signs every tab out", async ({ ana }) => {
  const tabs = [await ana.another(), await ana.another()];
  for (const tab of tabs) await tab.open();
  await signOut(ana, "Ana");
  for (const tab of [ana, ...tabs]) await tab.page.waitForURL("**/sign-in");
});

/** What a tab may do on behalf of the user it shows, after another one signed in. */
const attempts: Record<string, (ana: Person) => Promise<unknown>> = {
  "add a task": (ana) => ana.page.getByLabel("New task").press("Enter"),
  "complete a task": (ana) => ana.check("Hers").click(),
  "search": (ana) => ana.page.getByRole("searchbox").fill("Hers"),
};

for (const [name, attempt] of Object.entries(attempts)) {
  test(`a tab never uses another user's token: ${name}`, async ({ ana }) => {
    const { page, servers } = ana;
    await ana.add("Hers");
    await ana.sent();
    await page.getByLabel("New task").fill("Of Ana");
    // Her tab was suspended, and has not heard of it.
    await ana.signUp("Bob", `bob.${Math.random()}@example.com`);
    const sent: string[] = [];
    page.on("request", (request) => {
      const isBobs = request.url().startsWith(servers.serviceUrl) && request.method() !== "OPTIONS";
      if (isBobs) sent.push(`${request.method()} ${request.url()}`);
    });
    // Past the end of the cached token.
    await page.clock.setSystemTime(Date.now() + 16 * 60_000);
    await attempt(ana);
    await expect(shownUser(ana, "Bob")).toBeVisible();
    await ana.ready();
    await ana.shows([]);
    // Bob's page reads his tasks, and nothing of Ana's was written into them.
    expect(sent.filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect(await ana.tasks()).toEqual([]);
  });
}

test("a tab never uses another user's token: after the service refused its own", async ({ guest, servers }) => {
  const cy = await guest("Cy");
  await cy.signUp();
  let stale = true;
  await cy.page.route("**/api/auth/token", async (route) => {
    if (!stale) return route.fallback();
    const { token } = (await (await route.fetch()).json()) as { token: string };
    await route.fulfill({ json: { token: await expiredToken(token, servers) } });
  });
  // The browser's clock is an hour behind: the page takes the token for a good one.
  await cy.page.clock.setSystemTime(Date.now() - 3_600_000);
  await cy.open();
  await expect(cy.page.getByText("does not accept this application's tokens")).toBeVisible();
  await cy.page.getByLabel("New task").fill("Of Cy");
  await cy.signUp("Bob", `bob.${Math.random()}@example.com`);
  stale = false;
  const sent: (string | undefined)[] = [];
  cy.page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/api/tasks")) sent.push(request.headers()["authorization"]);
  });
  await cy.page.getByLabel("New task").press("Enter");
  await expect(shownUser(cy, "Bob")).toBeVisible();
  await cy.ready();
  await cy.shows([]);
  // Refused once, and not sent again with Bob's token.
  expect(sent.length).toBeLessThanOrEqual(1);
  expect(await cy.tasks()).toEqual([]);
  cy.expectErrors(/401/);
});

test("what one user has not sent is not shown to, or sent for, the next one", async ({ ana }) => {
  const { page } = ana;
  await page.route(`${ana.servers.serviceUrl}/**`, (route) => route.abort());
  await ana.add("Secret of Ana");
  await signOut(ana, "Ana");
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await page.unroute(`${ana.servers.serviceUrl}/**`);
  const bob = `bob.${Math.random()}@example.com`;
  await ana.signUp("Bob", bob);
  await ana.open();
  await ana.add("Of Bob");
  await ana.sent();
  await ana.shows(["Of Bob"]);
  expect((await ana.tasks()).map(({ title }) => title)).toEqual(["Of Bob"]);
  await signOut(ana, "Bob");
  await page.waitForURL("**/sign-in");
  // Back in her account, it is sent.
  await ana.signIn();
  await ana.shows(["Secret of Ana"]);
  await ana.sent();
  expect((await ana.tasks()).map(({ title }) => title)).toEqual(["Secret of Ana"]);
  ana.expectErrors(/net::ERR_/);
});

test("one token serves many requests, and is renewed before it ends", async ({ ana }) => {
  const tokens: string[] = [];
  ana.page.on("request", (request) => request.url().endsWith("/api/auth/token") && tokens.push(request.url()));
  await ana.open();
  await ana.add("One");
  await ana.add("Two");
  await ana.sent();
  expect(tokens.length).toBe(1);
  // 14 minutes and 31 seconds of the token's 15 minutes.
  await ana.page.clock.setSystemTime(Date.now() + (14 * 60 + 31) * 1000);
  await ana.add("Three");
  await expect.poll(() => ana.task("Three")).toBeDefined();
  await ana.shows(["Three", "Two", "One"]);
});

test("an expired token is renewed without the user noticing", async ({ guest, servers }) => {
  const cy = await guest("Cy");
  await cy.signUp();
  let given = 0;
  await cy.page.route("**/api/auth/token", async (route) => {
    given += 1;
    if (given > 1) return route.fallback();
    const { token } = (await (await route.fetch()).json()) as { token: string };
    await route.fulfill({ json: { token: await expiredToken(token, servers) } });
  });
  // The browser's clock is an hour behind, so that the application cannot know.
  await cy.page.clock.setSystemTime(Date.now() - 3_600_000);
  await cy.open();
  await cy.add("Still here");
  await cy.sent();
  await expect.poll(() => cy.task("Still here")).toBeDefined();
  await cy.shows(["Still here"]);
  expect(given).toBeGreaterThan(1);
  await expect(cy.page.getByText("does not accept")).toHaveCount(0);
  cy.expectErrors(/401/);
});
