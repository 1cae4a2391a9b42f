import { day } from "./tools/days";
import { expect, test } from "./tools/fixtures";
import type { Person } from "./tools/person";

test("guests see the sign-in and sign-up pages", async ({ guest }) => {
  const ana = await guest("Ana");
  await ana.page.goto("/");
  await ana.page.waitForURL("**/sign-in");
  await ana.inspect("sign-in");
  await ana.page.getByRole("link", { name: "Create an account" }).click();
  await ana.page.waitForURL("**/sign-up");
  await ana.page.getByRole("button", { name: "Create an account" }).click();
  await expect(ana.page.getByText("Use at least 8 characters")).toBeVisible();
  await ana.inspect("sign-up-errors");
});

/** Some of everything that a task can have. */
async function fill(ana: Person) {
  await ana.createTask({ title: "Water the plants", due_date: day(-2), tags: ["home"] });
  await ana.createTask({ title: "Pay the rent", due_date: day(0), due_time: "18:00", priority: "high", tags: ["home", "money"] });
  await ana.createTask({
    title: "Book the train to Lisbon",
    description: "Window seat, see https://www.cp.pt/passageiros/en (before Friday, when fares go up)\nTwo people",
    due_date: day(3),
    priority: "medium",
    tags: ["travel"],
  });
  await ana.createTask({ title: "Read a chapter of the book on distributed systems, and write down what to try", priority: "low" });
  await ana.createTask({ title: "Renew the passport", due_date: day(40), tags: ["travel"] });
  await ana.createTask({ title: "Buy milk" });
  const { id } = await ana.createTask({ title: "Call the plumber", priority: "high" });
  await ana.api("PATCH", `/tasks/${id}/complete`, { completed: true });
  await expect(ana.page.getByText("6 left")).toBeVisible();
}

test("all tasks: empty, full, adding, editing", async ({ ana }) => {
  const { page } = ana;
  await ana.inspect("empty");
  await fill(ana);
  await ana.inspect("all");
  await page.getByLabel("New task").fill("Call Ana tomorrow 9:00 p1 #work");
  await ana.inspect("quick-add");
  await page.getByLabel("New task").fill("");
  await ana.edit("Book the train to Lisbon").click();
  const editor = ana.editor("Book the train to Lisbon");
  await editor.getByLabel("Title").fill(" ");
  await editor.getByRole("button", { name: "Save" }).click();
  await expect(editor.getByText("Enter a title")).toBeVisible();
  await ana.inspect("editor");
});

test("menus", async ({ ana }) => {
  const { page } = ana;
  await fill(ana);
  for (const [name, button, item] of [
    ["task-menu", "More for “Buy milk”", "Tomorrow"],
    ["user-menu", "Account of Ana", "Dark"],
    ["view-menu", "Order and actions", "Complete all"],
  ] as const) {
    await page.getByRole("button", { name: button }).click();
    await page.getByRole("menu").getByText(item).waitFor();
    await ana.inspect(name);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("menu")).toHaveCount(0);
  }
});

test("views", async ({ ana }) => {
  await fill(ana);
  for (const view of ["today", "upcoming", "completed"]) {
    await ana.open(`/?view=${view}`);
    await expect(ana.page.locator("main [data-ref]").first()).toBeVisible();
    await ana.inspect(view);
  }
});

test("search, trash and toasts", async ({ ana }) => {
  const { page } = ana;
  await fill(ana);
  await ana.open("/?q=the");
  await expect(page.getByRole("heading", { name: "Completed" })).toBeVisible();
  await ana.inspect("search");
  await ana.open("/?q=nothing+like+it");
  await expect(page.getByText("Nothing found")).toBeVisible();
  await ana.inspect("search-empty");
  await ana.open("/?tag=travel");
  await ana.row("Renew the passport").hover();
  await page.getByRole("button", { name: "Delete “Renew the passport”" }).click();
  await ana.toast("Deleted").waitFor();
  await ana.inspect("tag-and-toast");
  await ana.sent();
  await ana.open("/?view=trash");
  await page.getByRole("button", { name: "Restore “Renew the passport”" }).waitFor();
  await ana.inspect("trash");
  await page.getByRole("button", { name: "Delete “Renew the passport” for good" }).click();
  await page.getByRole("dialog").waitFor();
  await ana.inspect("trash-dialog");
});

test("a device in another time zone: the same first paint, then its own day", async ({ ana, browser }) => {
  // It is a day ahead of, or behind, where the server may be: React would report a difference.
  for (const timezoneId of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
    const other = await ana.another(browser, { timezoneId });
    await other.open();
    const today = await other.page.evaluate(() => {
      const now = new Date();
      return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
    });
    await ana.createTask({ title: timezoneId, due_date: today });
    await other.open("/?view=today");
    await expect(other.row(timezoneId).getByText("Today")).toBeVisible();
  }
});
