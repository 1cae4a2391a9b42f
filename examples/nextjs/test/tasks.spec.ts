// What a person does with tasks, with a network.
import { day } from "./tools/days";
import { expect, test } from "./tools/fixtures";

test("a line becomes a task with its date, time, priority and tags", async ({ ana }) => {
  await ana.page.getByLabel("New task").fill("Call Ana tomorrow 9:00 p1 #work #calls");
  const form = ana.page.getByRole("form", { name: "Add a task" });
  await expect(form.getByText("Tomorrow 09:00")).toBeVisible();
  await expect(form.getByText("#calls", { exact: true })).toBeVisible();
  await ana.page.getByLabel("New task").press("Enter");
  await ana.shows(["Call Ana"]);
  await ana.sent();
  const { due_date, due_time, priority, tags, idempotency_key } = (await ana.task("Call Ana"))!;
  expect({ due_date, due_time, priority, tags }).toEqual({
    due_date: day(1),
    due_time: "09:00",
    priority: "high",
    tags: ["work", "calls"],
  });
  expect(idempotency_key).not.toBeNull();
  // The focus is back for the next one.
  await expect(ana.page.getByLabel("New task")).toBeFocused();
  await ana.add("Second");
  await ana.shows(["Second", "Call Ana"]);
});

test("the buttons under the line add to it", async ({ ana }) => {
  const input = ana.page.getByLabel("New task");
  await input.fill("Buy milk");
  await ana.page.getByRole("button", { name: "Due tomorrow" }).click();
  await ana.page.getByRole("button", { name: "High priority" }).click();
  await expect(input).toHaveValue("Buy milk tomorrow p1 ");
  await expect(input).toBeFocused();
});

test("a line without a title is refused at the field, and the message goes with the next letter", async ({ ana }) => {
  const input = ana.page.getByLabel("New task");
  await input.fill("tomorrow p1");
  await input.press("Enter");
  const message = ana.page.getByText("Enter a title");
  await expect(message).toBeVisible();
  await expect(input).toHaveAttribute("aria-invalid", "true");
  await input.fill("x".repeat(201));
  await expect(message).toHaveCount(0);
  await input.press("Enter");
  await expect(ana.page.getByText("Use at most 200 characters")).toBeVisible();
  await expect(input).toHaveValue("x".repeat(201));
});

test("a task that is added in a view is seen there", async ({ ana }) => {
  await ana.view("Today");
  await ana.add("Now");
  await ana.shows(["Now"]);
  await ana.view("Upcoming");
  await ana.add("Later");
  await ana.shows(["Later"]);
  await ana.page.goto("/?tag=home");
  await ana.ready();
  await ana.add("Sweep");
  await ana.shows(["Sweep"]);
  await ana.sent();
  const [sweep, later, now] = await ana.tasks();
  expect([sweep?.tags, later?.due_date, now?.due_date]).toEqual([["home"], day(1), day(0)]);
});

test("complete, and undo", async ({ ana }) => {
  await ana.add("One");
  await ana.add("Two");
  await ana.check("One").click();
  await ana.shows(["Two"]);
  await expect(ana.page.getByText("1 left")).toBeVisible();
  await ana.view("Completed");
  await ana.shows(["One"]);
  await expect(ana.page.getByText("Completed just now")).toBeVisible();
  await ana.undo("Completed “One”");
  await ana.shows([]);
  await ana.view("All");
  await ana.shows(["Two", "One"]);
  await expect.poll(async () => (await ana.task("One"))?.completed).toBe(false);
});

test("delete, and undo", async ({ ana }) => {
  await ana.add("Keep");
  await ana.add("Lose");
  await ana.sent();
  const { id } = (await ana.task("Lose"))!;
  await ana.row("Lose").hover();
  await ana.page.getByRole("button", { name: "Delete “Lose”" }).click();
  await ana.shows(["Keep"]);
  await expect.poll(async () => (await ana.tasks()).length).toBe(1);
  await ana.undo("Deleted “Lose”");
  await ana.shows(["Lose", "Keep"]);
  // The same task: its id, and with it every link to it, is as before.
  await expect.poll(async () => (await ana.task("Lose"))?.id).toBe(id);
});

test("complete all and clear completed, and undo both", async ({ ana }) => {
  for (const title of ["One", "Two", "Three"]) await ana.createTask({ title });
  await expect(ana.page.getByText("3 left")).toBeVisible();
  await ana.check("One").click();
  const act = async (name: string) => {
    await ana.page.getByRole("button", { name: "Order and actions" }).click();
    await ana.page.getByRole("menuitem", { name }).click();
  };
  await act("Complete all");
  await ana.shows([]);
  await expect.poll(async () => (await ana.tasks()).filter(({ completed }) => completed).length).toBe(3);
  await ana.undo("Completed 2 tasks");
  // What was completed before stays completed.
  await ana.shows(["Three", "Two"]);
  await expect.poll(async () => (await ana.tasks()).map(({ completed }) => completed)).toEqual([false, false, true]);

  await ana.check("Two").click();
  await ana.view("Completed");
  await ana.shows(["Two", "One"]);
  await act("Clear completed");
  await ana.shows([]);
  await expect.poll(async () => (await ana.tasks()).length).toBe(1);
  await ana.undo("Cleared 2 tasks");
  await ana.shows(["Two", "One"]);
  await expect.poll(async () => (await ana.tasks()).length).toBe(3);
});

test("the trash: restore, and delete for good", async ({ ana }) => {
  for (const title of ["Back", "Gone"]) {
    const { id } = await ana.createTask({ title });
    await ana.api("DELETE", `/tasks/${id}?trash=true`);
  }
  await ana.view("Trash");
  await ana.page.getByRole("button", { name: "Restore “Back”" }).click();
  await expect(ana.page.getByRole("button", { name: "Restore “Back”" })).toHaveCount(0);
  await ana.page.getByRole("button", { name: "Delete “Gone” for good" }).click();
  await ana.page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await expect(ana.page.getByText("The trash is empty")).toBeVisible();
  await expect.poll(async () => (await ana.api<unknown[]>("GET", "/trash")).length).toBe(0);
  await ana.view("All");
  await ana.shows(["Back"]);
});

test("views: overdue, today, upcoming, completed, tags; each has an address", async ({ ana }) => {
  await ana.createTask({ title: "Late", due_date: day(-1) });
  await ana.createTask({ title: "Now", due_date: day(0), due_time: "23:30" });
  await ana.createTask({ title: "Soon", due_date: day(1), tags: ["home"] });
  await ana.createTask({ title: "Someday" });
  await ana.shows(["Someday", "Soon", "Now", "Late"]);
  await ana.view("Today");
  await ana.shows(["Late", "Now"]);
  await expect(ana.page.locator("main h2")).toHaveText(["Overdue", "Today"]);
  await expect(ana.row("Late").getByText("Yesterday")).toBeVisible();
  await ana.view("Upcoming");
  await ana.shows(["Soon"]);
  await ana.page.getByRole("navigation", { name: "Tags" }).getByRole("link", { name: "home" }).click();
  await expect(ana.page).toHaveURL(/\?tag=home$/);
  await ana.shows(["Soon"]);
  await ana.page.goBack();
  await expect(ana.page).toHaveURL(/\?view=upcoming$/);
  await ana.page.reload();
  await ana.shows(["Soon"]);
  const links = ana.page.getByRole("navigation", { name: "Views" }).getByRole("link");
  await expect(links.filter({ hasText: "Today" })).toHaveText("Today2");
});

test("order by due date, priority and age", async ({ ana }) => {
  await ana.createTask({ title: "A", due_date: day(5) });
  await ana.createTask({ title: "B", priority: "high" });
  await ana.createTask({ title: "C", due_date: day(1), priority: "low" });
  for (const [name, titles] of [
    ["Due date", ["C", "A", "B"]],
    ["Priority", ["B", "C", "A"]],
    ["Newest first", ["C", "B", "A"]],
  ] as const) {
    await ana.page.getByRole("button", { name: "Order and actions" }).click();
    await ana.page.getByRole("menuitemradio", { name }).click();
    await ana.shows([...titles]);
  }
});

test("the service searches, in titles and descriptions, in what is open and what is done", async ({ ana }) => {
  await ana.createTask({ title: "Straße fegen" });
  await ana.createTask({ title: "Other", description: "in the STRASSE, and elsewhere" });
  const { id } = await ana.createTask({ title: "Zur Straße" });
  await ana.api("PATCH", `/tasks/${id}/complete`, { completed: true });
  const asked: string[] = [];
  ana.page.on("request", (request) => request.url().includes("q=") && asked.push(request.url()));
  await ana.page.getByRole("searchbox").fill("straße");
  await ana.shows(["Straße fegen", "Zur Straße"]);
  await expect(ana.page).toHaveURL(/q=stra/);
  expect(asked.some((url) => url.startsWith(`${ana.servers.serviceUrl}/api/tasks?q=`))).toBe(true);
  await ana.page.getByRole("searchbox").press("Escape");
  await ana.shows(["Other", "Straße fegen"]);
  await ana.page.goto("/?q=elsewhere+other");
  await ana.shows(["Other"]);
});

test("links in descriptions are safe, and nothing in them is markup", async ({ ana }) => {
  await ana.createTask({
    title: "Read",
    description: "(https://example.com/a_(b)?c=d&e). javascript:alert(1) <img src=x onerror=alert(1)>",
  });
  const link = ana.row("Read").getByRole("link");
  await expect(link).toHaveAttribute("href", "https://example.com/a_(b)?c=d&e");
  await expect(link).toHaveAttribute("rel", /noopener/);
  await expect(ana.row("Read")).toContainText("javascript:alert(1) <img src=x onerror=alert(1)>");
  await expect(ana.row("Read").locator("img")).toHaveCount(0);
});

test("dates are relative, and exact under the pointer", async ({ ana }) => {
  await ana.add("Pay today 18:00");
  await expect(ana.row("Pay").getByTitle(/\d{4}, 18:00$/)).toHaveText(/Today 18:00/);
  await ana.edit("Pay").click();
  const created = ana.editor("Pay").getByText("Created just now");
  await expect(created).toHaveAttribute("title", /\d{4}/);
  await ana.page.clock.setSystemTime(Date.now() + 3.1 * 3_600_000);
  // As after a pause of the device.
  await ana.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await expect(ana.editor("Pay").getByText("Created 3 hours ago")).toBeVisible();
});

test("text that is typed before the scripts run is kept", async ({ ana }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await ana.page.route("**/_next/static/**/*.js", async (route) => {
    await held;
    await route.continue();
  });
  await ana.createTask({ title: "Known" });
  await ana.page.goto("/", { waitUntil: "commit" });
  // The first paint has the tasks in it.
  await expect(ana.check("Known")).toBeVisible();
  await ana.page.getByLabel("New task").fill("Early");
  release();
  await ana.ready();
  await expect(ana.page.getByLabel("New task")).toHaveValue("Early");
  await ana.page.getByLabel("New task").press("Enter");
  await ana.shows(["Early", "Known"]);
});

test("light and dark: by the device, and by the switch, which is kept", async ({ ana }) => {
  const background = () => ana.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await ana.page.emulateMedia({ colorScheme: "light" });
  const light = await background();
  await ana.page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(background).not.toBe(light);
  await ana.page.getByRole("button", { name: "Account of Ana" }).click();
  await ana.page.getByRole("menuitemradio", { name: "Light" }).click();
  await expect.poll(background).toBe(light);
  // The server's first paint has it: without scripts too.
  const html = await (await ana.context.request.get("/")).text();
  expect(html).toContain('data-theme="light"');
});
