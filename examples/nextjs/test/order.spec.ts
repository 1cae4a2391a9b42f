// The manual order: by pointer, by finger, by keyboard; kept by the service.
import { expect, test } from "./tools/fixtures";
import type { Person } from "./tools/person";

async function abcd(ana: Person) {
  for (const title of ["D", "C", "B", "A"]) await ana.createTask({ title });
  await ana.shows(["A", "B", "C", "D"]);
}

/** The middle of the handle of a row. */
async function handleOf(ana: Person, title: string, selector: string) {
  await ana.row(title).hover();
  const box = (await ana.row(title).locator(selector).boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

const stored = async (ana: Person) =>
  (await ana.api<{ title: string }[]>("GET", "/tasks?sort=manual")).map(({ title }) => title);

test("drag by the pointer", async ({ ana }) => {
  await abcd(ana);
  const from = await handleOf(ana, "A", "[data-control=handle]");
  const to = await handleOf(ana, "C", "[data-control=handle]");
  await ana.page.mouse.move(from.x, from.y);
  await ana.page.mouse.down();
  await ana.page.mouse.move(from.x, from.y + 10, { steps: 3 });
  await ana.page.mouse.move(to.x, to.y + 5, { steps: 10 });
  await ana.page.mouse.up();
  await ana.shows(["B", "C", "A", "D"]);
  await expect.poll(() => stored(ana)).toEqual(["B", "C", "A", "D"]);
});

test("drag by a finger", async ({ ana, browser }) => {
  await abcd(ana);
  const phone = await ana.another(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await phone.open();
  await phone.shows(["A", "B", "C", "D"]);
  const from = await handleOf(phone, "D", "[data-touch-handle]");
  const to = await handleOf(phone, "B", "[data-touch-handle]");
  const session = await phone.context.newCDPSession(phone.page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", y?: number) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: y === undefined ? [] : [{ x: from.x, y }] });
  await touch("touchStart", from.y);
  for (let step = 1; step <= 10; step++) await touch("touchMove", from.y + ((to.y - 5 - from.y) * step) / 10);
  await touch("touchEnd");
  await phone.shows(["A", "D", "B", "C"]);
  // The other browser has it without a reload.
  await ana.shows(["A", "D", "B", "C"]);
});

test("by keyboard: the handle, which says what happens, and alt with the arrows", async ({ ana }) => {
  await abcd(ana);
  const { page } = ana;
  const handle = page.getByRole("button", { name: "Reorder “B”" });
  const said = page.locator("[id^=DndLiveRegion]");
  await handle.focus();
  await page.keyboard.press("Space");
  await expect(said).toHaveText("“B” is picked up.");
  await page.keyboard.press("ArrowDown");
  await expect(said).toHaveText("At position 3 of 4.");
  await page.keyboard.press("Space");
  await ana.shows(["A", "C", "B", "D"]);
  await handle.focus();
  await page.keyboard.press("Space");
  await expect(said).toHaveText("“B” is picked up.");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Escape");
  await expect(said).toHaveText("“B” is back in its place.");
  await ana.shows(["A", "C", "B", "D"]);

  await ana.edit("B").focus();
  await page.keyboard.press("Alt+ArrowUp");
  await ana.shows(["A", "B", "C", "D"]);
  await expect.poll(() => ana.focused()).toBe("Edit “B”");
  await page.keyboard.press("Alt+ArrowUp");
  await page.keyboard.press("Alt+ArrowUp");
  await ana.shows(["B", "A", "C", "D"]);
  await page.getByRole("button", { name: "More for “B”" }).click();
  await page.getByRole("menuitem", { name: "Move down" }).click();
  await ana.shows(["A", "B", "C", "D"]);
  await expect.poll(() => stored(ana)).toEqual(["A", "B", "C", "D"]);
});

test("there is nothing to drag where the order is not the user's own", async ({ ana }) => {
  await abcd(ana);
  await ana.page.goto("/?sort=newest");
  await ana.ready();
  await ana.shows(["A", "B", "C", "D"]);
  await expect(ana.page.getByRole("button", { name: /^Reorder/ })).toHaveCount(0);
});
