import { expect, test } from "./tools/fixtures";

const COUNT = 2_000;

test("2,000 tasks stay smooth: only what is in sight is in the document", async ({ ana }) => {
  const { token } = (await (await ana.context.request.get("/api/auth/token")).json()) as { token: string };
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const create = async (number: number) => {
    const description = number % 5 ? null : `Details of ${number}, in\nmore than one line`;
    const body = JSON.stringify({ title: `Task ${number}`, description, tags: [`tag${number % 7}`] });
    const response = await fetch(`${ana.servers.serviceUrl}/api/tasks`, { method: "POST", headers, body });
    expect(response.status).toBe(201);
    await response.arrayBuffer();
  };
  for (let start = 1; start <= COUNT; start += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => create(start + index)));
  }
  const { page } = ana;
  await expect(page.getByText("2000 left")).toBeVisible();
  await ana.open();
  await expect(page.getByText("2000 left")).toBeVisible();

  // From the top to the bottom, a screen per frame.
  const { frames, most } = await page.evaluate(async () => {
    const list = document.querySelector("main ul")!;
    const frames: number[] = [];
    let most = 0;
    for (let last = performance.now(); window.scrollY + window.innerHeight < document.body.scrollHeight - 2; ) {
      window.scrollBy(0, 800);
      await new Promise(requestAnimationFrame);
      frames.push(performance.now() - last);
      last = performance.now();
      most = Math.max(most, list.children.length);
    }
    return { frames: frames.sort((a, b) => a - b), most };
  });
  const at = (part: number) => frames[Math.floor(frames.length * part)]?.toFixed(0);
  console.log(`2,000 tasks: ${frames.length} frames, half in ${at(0.5)} ms, 95 % in ${at(0.95)} ms; at most ${most} rows`);
  expect(frames.length).toBeGreaterThan(50);
  expect(most).toBeLessThan(80);
  await page.keyboard.press("End");
  const last = page.getByRole("listitem").filter({ has: page.locator("[data-control]") }).last();
  await expect(last).toHaveAttribute("aria-posinset", "2000");
  await expect(last).toHaveAttribute("aria-setsize", "2000");
  await expect(ana.check("Task 1")).toBeVisible();

  // A change of one row renders that row, and not the others in sight.
  await ana.edit("Task 3").focus();
  await page.evaluate(() => {
    const changed = ((window as unknown as { changed: Set<string> }).changed = new Set<string>());
    new MutationObserver((records) => {
      for (const { target } of records) {
        const row = (target instanceof Element ? target : target.parentElement)?.closest("[data-ref]");
        if (row) changed.add(row.querySelector("[data-control=check]")?.getAttribute("aria-label") ?? "");
      }
    }).observe(document.querySelector("main ul")!, { subtree: true, childList: true, characterData: true });
  });
  await page.getByRole("button", { name: "More for “Task 3”" }).click();
  await page.getByRole("menuitemradio", { name: "High" }).click();
  await expect(ana.row("Task 3").getByText("High")).toBeVisible();
  await ana.sent();
  expect(await page.evaluate(() => [...(window as unknown as { changed: Set<string> }).changed])).toEqual(["Task 3"]);

  // The keyboard goes through rows that are not in the document yet.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Home");
  await ana.check("Task 2000").focus();
  for (let step = 0; step < 60; step++) await page.keyboard.press("ArrowDown");
  await expect(ana.check("Task 1940")).toBeFocused();
});
