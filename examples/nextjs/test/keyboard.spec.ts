// Everything without a pointer.
import { expect, test } from "./tools/fixtures";

test("a day with the keyboard alone", async ({ ana }) => {
  const { page } = ana;
  const { keyboard } = page;
  await keyboard.press("n");
  await expect(page.getByLabel("New task")).toBeFocused();
  for (const title of ["Three", "Two", "One"]) {
    await keyboard.type(title);
    await keyboard.press("Enter");
    await expect(ana.check(title)).toBeVisible();
  }
  await keyboard.press("Escape");

  // From the first checkbox down, complete, and the focus is on the row that took its place.
  await ana.check("One").focus();
  await keyboard.press("ArrowDown");
  await expect(ana.check("Two")).toBeFocused();
  await keyboard.press("Space");
  await ana.shows(["One", "Three"]);
  await expect(ana.check("Three")).toBeFocused();

  // Edit: enter opens, escape closes, and the focus is back.
  await keyboard.press("ArrowUp");
  await keyboard.press("Tab");
  await expect.poll(() => ana.focused()).toBe("Edit “One”");
  await keyboard.press("Enter");
  await expect(ana.editor("One").getByLabel("Title")).toBeFocused();
  await keyboard.press("Escape");
  await expect.poll(() => ana.focused()).toBe("Edit “One”");
  await keyboard.press("Enter");
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("First");
  await keyboard.press("Enter");
  await ana.shows(["First", "Three"]);
  await expect.poll(() => ana.focused()).toBe("Edit “First”");

  // The menu of a row.
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  await expect.poll(() => ana.focused()).toBe("More for “First”");
  await keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Edit" }).waitFor();
  for (const item of ["Edit", "Today", "Tomorrow"]) {
    await keyboard.press("ArrowDown");
    await expect(page.getByRole("menuitem", { name: item })).toBeFocused();
  }
  await keyboard.press("Enter");
  await expect(ana.row("First").getByText("Tomorrow")).toBeVisible();
  await expect.poll(() => ana.focused()).toBe("More for “First”");

  // Delete, and the focus moves on; the last one leaves it on the list.
  await ana.edit("First").focus();
  await keyboard.press("Delete");
  await ana.shows(["Three"]);
  await expect.poll(() => ana.focused()).toBe("Edit “Three”");
  await keyboard.press("Delete");
  await ana.shows([]);
  await expect(page.getByRole("list", { name: "All tasks" })).toBeFocused();

  // Undo, in the toast: alt+T goes there.
  await keyboard.press("Alt+t");
  const undo = ana.toast("Deleted “Three”").getByRole("button", { name: "Undo" });
  await keyboard.press("Tab");
  await expect(ana.toast("Deleted “Three”")).toBeFocused();
  await keyboard.press("Tab");
  await expect(undo).toBeFocused();
  await keyboard.press("Enter");
  await ana.shows(["Three"]);

  // Search.
  await ana.edit("Three").focus();
  await keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await keyboard.type("two");
  await ana.shows(["Two"]);
  await keyboard.press("Escape");
  await ana.shows(["Three"]);
});

test("the shortcuts are written down, and are letters in a field", async ({ ana }) => {
  const { page } = ana;
  await page.getByRole("button", { name: "Account of Ana" }).click();
  await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
  await expect(page.getByRole("dialog").getByText("New task")).toBeVisible();
  await ana.inspect("shortcuts");
  await page.keyboard.press("n");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox").focus();
  await page.keyboard.type("n/");
  await expect(page.getByRole("searchbox")).toHaveValue("n/");
});

test("what has the focus can be seen, and every control has a name", async ({ ana }) => {
  await ana.createTask({ title: "Task", priority: "high", tags: ["home"] });
  await expect(ana.check("Task")).toBeVisible();
  const names: string[] = [];
  for (let step = 0; step < 40; step++) {
    await ana.page.keyboard.press("Tab");
    const at = await ana.page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const parent = element.parentElement ? getComputedStyle(element.parentElement) : null;
      const visible = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none" || parent?.boxShadow !== "none";
      const name = element.getAttribute("aria-label") || element.textContent?.trim();
      return { visible, name: name || "", html: element.outerHTML.slice(0, 120) };
    });
    if (!at) break;
    expect(at.visible, at.html).toBe(true);
    expect(at.name, at.html).not.toBe("");
    names.push(at.name);
  }
  expect(names).toEqual(expect.arrayContaining(["Search", "New task", "Task", "Edit “Task”", "Delete “Task”", "More for “Task”"]));
});
