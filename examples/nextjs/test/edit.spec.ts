// Editing in place: what is sent, and what is never lost.
import type { PatchTask, Task } from "@tasks-api/client";

import { expect, test } from "./tools/fixtures";
import type { Person } from "./tools/person";

/** The bodies of the changes that the page sends. */
function changesOf(ana: Person): PatchTask[] {
  const sent: PatchTask[] = [];
  ana.page.on("request", (request) => {
    if (request.method() === "PATCH") sent.push(request.postDataJSON() as PatchTask);
  });
  return sent;
}

async function editing(ana: Person, title: string, description?: string): Promise<Task> {
  const task = await ana.createTask({ title, ...(description !== undefined && { description }) });
  await ana.edit(title).click();
  await expect(ana.editor(title).getByLabel("Title")).toBeFocused();
  return task;
}

test("all fields", async ({ ana }) => {
  const sent = changesOf(ana);
  await editing(ana, "Plan");
  const editor = ana.editor("Plan");
  await editor.getByLabel("Title").fill("Plan B");
  await editor.getByLabel("Description").fill("one\ntwo");
  await editor.getByLabel("Due").fill("2030-01-06");
  await editor.getByLabel("Time").fill("18:00");
  await editor.getByLabel("Priority").selectOption("Medium");
  await editor.getByLabel("Tags").fill("home, #errands, home");
  await editor.getByLabel("Tags").press("Enter");
  await expect(editor).toHaveCount(0);
  await expect.poll(() => ana.focused()).toBe("Edit “Plan B”");
  await ana.sent();
  expect(sent).toEqual([
    {
      title: "Plan B",
      description: "one\ntwo",
      due_date: "2030-01-06",
      due_time: "18:00",
      priority: "medium",
      tags: ["home", "errands"],
    },
  ]);
  expect(await ana.task("Plan B")).toMatchObject({ ...sent[0] });
});

test("a new title keeps a description that changed elsewhere", async ({ ana }) => {
  const sent = changesOf(ana);
  const { id } = await editing(ana, "Trip", "first");
  await ana.api("PATCH", `/tasks/${id}`, { description: "second" });
  await ana.editor("Trip").getByLabel("Title").fill("Journey");
  await ana.editor("Trip").getByRole("button", { name: "Save" }).click();
  await expect.poll(() => ana.task("Journey")).toMatchObject({ description: "second" });
  // Refused once, because the task had another version; sent again, because nothing is in dispute.
  expect(sent).toEqual([{ title: "Journey" }, { title: "Journey" }]);
  ana.expectErrors(/412/);
});

test("text that a form cannot hold is kept unless it is edited", async ({ ana }) => {
  const description = "one\r\ntwo\rthree";
  await editing(ana, "Notes", description);
  await ana.editor("Notes").getByLabel("Title").fill("Minutes");
  await ana.page.keyboard.press("Enter");
  await expect.poll(async () => (await ana.task("Minutes"))?.description).toBe(description);
});

test("saving without a change, and escape, send nothing", async ({ ana }) => {
  const sent = changesOf(ana);
  await editing(ana, "Quiet", "as it is");
  await ana.editor("Quiet").getByRole("button", { name: "Save" }).click();
  await expect(ana.editor("Quiet")).toHaveCount(0);
  await ana.edit("Quiet").click();
  await ana.editor("Quiet").getByLabel("Title").fill("Loud");
  await ana.page.keyboard.press("Escape");
  await ana.shows(["Quiet"]);
  expect(sent).toEqual([]);
});

test("what the service would refuse is said at the field, and goes when it is corrected", async ({ ana }) => {
  await editing(ana, "Form");
  const editor = ana.editor("Form");
  const save = editor.getByRole("button", { name: "Save" });
  await editor.getByLabel("Title").fill("\u200b ");
  await editor.getByLabel("Time").fill("10:00");
  await save.click();
  await expect(editor.getByText("Enter a title")).toBeVisible();
  await expect(editor.getByText("A time needs a day")).toBeVisible();
  const title = editor.getByLabel("Title");
  await expect(title).toHaveAttribute("aria-invalid", "true");
  await expect(title).toHaveAccessibleDescription("Enter a title");
  await title.fill("Visible");
  await expect(editor.getByText("Enter a title")).toHaveCount(0);
  await editor.getByLabel("Due").fill("2030-01-06");
  await save.click();
  await expect.poll(() => ana.task("Visible")).toMatchObject({ due_date: "2030-01-06", due_time: "10:00" });
});

test("an edit survives another view, and a completion elsewhere", async ({ ana }) => {
  const { id } = await editing(ana, "Draft", "kept");
  const description = ana.editor("Draft").getByLabel("Description");
  await description.fill("typed");
  await ana.view("Completed");
  await expect(ana.page).toHaveURL(/completed/);
  await expect(description).toHaveValue("typed");
  await ana.view("Trash");
  await expect(description).toHaveValue("typed");
  await ana.page.goBack();
  await ana.api("PATCH", `/tasks/${id}/complete`, { completed: true });
  await expect(ana.page.getByText("0 left").or(ana.page.getByRole("heading", { name: "Completed" }))).toBeVisible();
  await ana.editor("Draft").getByRole("button", { name: "Save" }).click();
  await expect.poll(() => ana.task("Draft")).toMatchObject({ description: "typed", completed: true });
  ana.expectErrors(/412/);
});

test("an edit of a task that is deleted elsewhere can be kept", async ({ ana }) => {
  const { id } = await editing(ana, "Doomed");
  await ana.api("DELETE", `/tasks/${id}`);
  await ana.editor("Doomed").getByLabel("Title").fill("Much thought");
  await ana.editor("Doomed").getByRole("button", { name: "Save" }).click();
  await ana.page.getByRole("button", { name: /^Review/ }).click();
  const dialog = ana.page.getByRole("dialog", { name: "Deleted elsewhere" });
  await expect(dialog.getByText("Much thought")).toBeVisible();
  await ana.inspect("deleted-elsewhere");
  await dialog.getByRole("button", { name: "Add it again" }).click();
  await expect.poll(async () => (await ana.task("Much thought"))?.id).toBeGreaterThan(id);
  await ana.shows(["Much thought"]);
  ana.expectErrors(/404/);
});
