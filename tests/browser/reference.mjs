// /reference in a real browser: Scalar shows every operation, a request can be sent with
// the development token and with one that is typed in, nothing of the vendor is seen, and
// no request goes to another host.
//
// HAS_TOKEN: whether the page must fill in the development token. browser.mjs has the other
// variables.

import assert from "node:assert/strict";
import { join } from "node:path";
import { OUTPUT, TOKEN, check } from "./browser.mjs";

const { HAS_TOKEN } = process.env;

await check("reference", async ({ page, base, origin, open, seen, nothingToComplainOf }) => {
  const screenshot = (name) => page.screenshot({ path: join(OUTPUT, `reference-${name}.png`) });
  const visible = (selector) => page.locator(selector).filter({ visible: true });
  const token = page.getByLabel("Bearer Token", { exact: true }).filter({ visible: true }).first();

  await page.emulateMedia({ colorScheme: "light" });
  await open("reference");
  const { paths } = await page.evaluate(async () => (await fetch("openapi.json")).json());
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  assert.ok(operations.length >= 6, "the document has operations");
  for (const { summary } of operations) {
    await seen(page.getByRole("link", { name: summary }).filter({ visible: true }).first(), summary);
  }
  await seen(token, "the field for the token");
  await screenshot("desktop");
  nothingToComplainOf("/reference");

  // Opens the dialog that sends a request, and sends the example of createTask.
  const create = async (name) => {
    const link = page.getByRole("link", { name: "Create a task" }).filter({ visible: true });
    // A phone has no list of operations beside the page.
    if (await link.count()) await link.first().click();
    await visible('.show-api-client-button[method="post"]').first().click();
    const send = visible("button.bg-b-btn").filter({ hasText: "Send" });
    await seen(send, "the button that sends");
    const { x, width } = await send.boundingBox();
    assert.ok(x >= 0 && x + width <= page.viewportSize().width, `the button fits the page: ${x}, ${width}`);
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await send.click();
    const response = await answered;
    assert.equal(response.url(), `${base}/api/tasks`, "the service that has the page is asked");
    assert.equal(response.status(), 201, await response.text());
    assert.equal(await response.request().headerValue("idempotency-key"), null, "an optional header is not sent");
    await seen(visible("*").getByText("201 Created").first(), "the status of the response");
    await screenshot(name);
    nothingToComplainOf(name);
    return response.request().headerValue("authorization");
  };
  if (HAS_TOKEN) {
    const sent = await create("development-token");
    assert.match(sent, /^Bearer ey/, "the development token is sent");
    assert.notEqual(sent, `Bearer ${TOKEN}`);
    await page.reload();
  } else {
    assert.equal(await token.inputValue(), "", "no token is filled in");
  }

  await token.fill(TOKEN);
  await token.blur();
  assert.equal(await create("own-token"), `Bearer ${TOKEN}`);

  const shown = await page.locator("body").innerText();
  assert.deepEqual(shown.match(/^.*(Scalar|Powered by|Ask AI|API Client).*$/gm), null, "nothing of the vendor");
  const links = await visible("a[href]").evaluateAll((all) => all.map(({ href }) => href));
  // The licence of the document, and what a status means.
  const others = new Set(links.map((link) => new URL(link)).filter((link) => link.origin !== origin).map(({ host }) => host));
  assert.deepEqual([...others].sort(), ["developer.mozilla.org", "opensource.org"], "the hosts that the page links to");

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${base}/reference/#tag/tasks/POST/api/tasks`);
  await seen(visible('.show-api-client-button[method="post"]').first(), "createTask on a phone");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `the page fits a phone: ${width}`);
  await screenshot("phone");
  await create("phone-request");
});
