// What a user sees and does on the pages.
export const box = (page, title, checked) => page.getByRole("checkbox", { name: title, exact: true, checked });
export const task = (page, title) => page.getByRole("listitem").filter({ has: box(page, title) });
export const titles = (page) => page.locator(".tasks .text label").allTextContents();
export const said = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();
export const shows = (page, expected) =>
  page.waitForFunction(
    (expected) =>
      JSON.stringify([...document.querySelectorAll(".tasks .text label")].map((one) => one.textContent)) === expected,
    JSON.stringify(expected),
  );
export const focused = (page) => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id);

const password = "correct horse battery";
const email = (name) => `${name.toLowerCase()}@example.com`;

export async function signUp(page, name) {
  await page.goto("/sign-up");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(email(name));
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("heading", { name: "Add a task" }).waitFor();
}

export async function signIn(page, name) {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email(name));
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Add a task" }).waitFor();
}

let address = 0;

/**
 * Makes a new user the signed-in one without a page, so that open tabs do not notice. Better
 * Auth allows one address three sign-ups in 10 s: each of these has an address of its own.
 */
export async function signUpElsewhere({ context }, appUrl, name) {
  const headers = { Origin: appUrl, "X-Forwarded-For": `192.0.2.${++address}` };
  const data = { name, email: email(name), password };
  const response = await context.request.post("/api/auth/sign-up/email", { headers, data });
  if (!response.ok()) throw new Error(`signing ${name} up answered ${response.status()}: ${await response.text()}`);
}

/** The form takes input from then on. */
export const hydrated = (page) => page.getByRole("button", { name: "Add", exact: true, disabled: false }).waitFor();

export async function add(page, title, description = "") {
  const form = page.getByRole("form", { name: "Add a task" });
  await hydrated(page);
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Description").fill(description);
  await form.getByLabel("Title").press("Enter");
  await said(page, `Added “${title}”.`);
}
