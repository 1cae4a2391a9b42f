// Two devices change one task: the person chooses, and only where both changed the same field.
import type { PatchTask } from "@tasks-api/client";

import { expect, test } from "./tools/fixtures";
import type { Person } from "./tools/person";

const EXPECTED = [/net::ERR_/, /412/];

/** Changes title and priority here while this page has no network, and `elsewhere` on another device. */
async function conflicting(ana: Person, elsewhere: PatchTask): Promise<number> {
  const { id } = await ana.createTask({ title: "Milk" });
  await ana.shows(["Milk"]);
  const service = `${ana.servers.serviceUrl}/**`;
  await ana.page.route(service, (route) => route.abort());
  await ana.edit("Milk").click();
  await ana.editor("Milk").getByLabel("Title").fill("Oat milk");
  await ana.editor("Milk").getByLabel("Priority").selectOption("High");
  await ana.editor("Milk").getByRole("button", { name: "Save" }).click();
  await ana.shows(["Oat milk"]);
  await ana.api("PATCH", `/tasks/${id}`, elsewhere);
  await ana.page.unroute(service);
  return id;
}

for (const [choice, title] of [
  ["Keep mine", "Oat milk"],
  ["Keep theirs", "Whole milk"],
] as const) {
  test(`both changed the title: ${choice.toLowerCase()}`, async ({ ana }) => {
    const id = await conflicting(ana, { title: "Whole milk", description: "3.5 %" });
    await expect(ana.page.getByText("1 change needs your decision.")).toBeVisible();
    const row = ana.row("Oat milk");
    await row.getByRole("button", { name: /^Changed elsewhere too/ }).click();
    const dialog = ana.page.getByRole("dialog", { name: "Changed elsewhere too" });
    await expect(dialog.getByRole("region", { name: "Yours" })).toContainText("Oat milk");
    await expect(dialog.getByRole("region", { name: "Theirs" })).toContainText("Whole milk");
    // The priority is not in dispute.
    await expect(dialog).not.toContainText("High");
    if (choice === "Keep mine") await ana.inspect("conflict");
    // Other tasks do not wait for the choice.
    await ana.page.keyboard.press("Escape");
    await ana.add("Bread");
    await expect.poll(() => ana.task("Bread")).toBeDefined();
    await ana.page.getByRole("button", { name: "Review", exact: true }).click();
    await dialog.getByRole("button", { name: choice }).click();
    await ana.shows(["Bread", title]);
    await expect.poll(async () => (await ana.api<{ title: string }>("GET", `/tasks/${id}`)).title).toBe(title);
    const priority = choice === "Keep mine" ? "high" : "none";
    expect(await ana.task(title)).toMatchObject({ description: "3.5 %", priority });
    await expect(ana.page.getByText("your decision")).toHaveCount(0);
    ana.expectErrors(...EXPECTED);
  });
}

test("different fields are merged without a question", async ({ ana }) => {
  await conflicting(ana, { description: "3.5 %", completed: false });
  await expect.poll(() => ana.task("Oat milk")).toMatchObject({ description: "3.5 %", priority: "high" });
  await ana.sent();
  await expect(ana.page.getByText("your decision")).toHaveCount(0);
  await expect(ana.row("Oat milk").getByText("3.5 %")).toBeVisible();
  ana.expectErrors(...EXPECTED);
});

test("the same change twice is no conflict", async ({ ana }) => {
  await conflicting(ana, { title: "Oat milk", priority: "high" });
  await ana.sent();
  await expect(ana.page.getByText("your decision")).toHaveCount(0);
  await ana.shows(["Oat milk"]);
  ana.expectErrors(...EXPECTED);
});
