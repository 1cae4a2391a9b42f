import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, type BrowserContextOptions, expect, type Page, test } from "@playwright/test";
import type { CreateTask, Task } from "@tasks-api/client";
import { join } from "node:path";

import type { Addresses } from "./servers";

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const password = "correct horse battery";
let addresses = 0;
const nextAddress = () => `192.0.2.${(++addresses % 250) + 1}`;

/** A user with a browser, whose console is watched; and, with `api`, with another device. */
export class Person {
  readonly errors: string[] = [];
  readonly email: string;
  private readonly others: Person[] = [];

  private constructor(
    readonly servers: Addresses,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly name: string,
    email: string,
  ) {
    this.email = email;
    this.watch(page);
  }

  static async open(browser: Browser, servers: Addresses, name: string): Promise<Person> {
    const context = await browser.newContext({ baseURL: servers.appUrl });
    // Better Auth allows one address three sign-ins in 10 s: each person has an address.
    const from = { "X-Forwarded-For": nextAddress() };
    await context.route("**/api/auth/sign-*/*", (route) =>
      route.continue({ headers: { ...route.request().headers(), ...from } }),
    );
    const email = `${name.toLowerCase()}.${Math.random().toString(36).slice(2)}@example.com`;
    return new Person(servers, context, await context.newPage(), name, email);
  }

  /** Another tab of the same browser, or with `browser` another browser of the same user. */
  async another(browser?: Browser, options: BrowserContextOptions = {}): Promise<Person> {
    const { cookies } = await this.context.storageState();
    const storageState = { cookies, origins: [] };
    const context = browser
      ? await browser.newContext({ baseURL: this.servers.appUrl, storageState, ...options })
      : this.context;
    const other = new Person(this.servers, context, await context.newPage(), this.name, this.email);
    this.others.push(other);
    return other;
  }

  /** Nothing unexpected is in any console of this person; and all browsers are closed. */
  async close(check: boolean) {
    for (const person of [this, ...this.others]) if (check) person.expectErrors();
    await Promise.all([this, ...this.others].map(({ context }) => context.close()));
  }

  private watch(page: Page) {
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(`${message.text()} ${message.location().url}`);
    });
  }

  /**
   * Chromium writes each refused or failed request into the console, and no page can prevent
   * that: what a test provokes is named, and everything else is an error.
   */
  expectErrors(...provoked: RegExp[]) {
    const left = this.errors.filter((error) => !provoked.some((expected) => expected.test(error)));
    this.errors.length = 0;
    expect(left).toEqual([]);
  }

  /** Signs a new user up without a page, so that open tabs do not notice. */
  async signUp(name = this.name, email = this.email) {
    const headers = { Origin: this.servers.appUrl, "X-Forwarded-For": nextAddress() };
    const data = { name, email, password };
    const response = await this.context.request.post("/api/auth/sign-up/email", { headers, data });
    expect(response.status(), await response.text()).toBe(200);
  }

  async signIn() {
    await this.page.goto("/sign-in");
    await this.page.getByLabel("E-mail").fill(this.email);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.ready();
  }

  async open(path = "/") {
    await this.page.goto(path);
    await this.ready();
  }

  /** The page has all its code from then on: it goes on without a network too. */
  ready = () => this.page.locator("[data-loaded]").waitFor();

  /** A request by another device of this user. */
  async api<T = unknown>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const { token } = (await (await this.context.request.get("/api/auth/token")).json()) as { token: string };
    const response = await fetch(`${this.servers.serviceUrl}/api${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true);
    return JSON.parse(text) as T;
  }

  createTask = (task: CreateTask) => this.api<Task>("POST", "/tasks", task);
  tasks = () => this.api<Task[]>("GET", "/tasks");
  task = async (title: string) => (await this.tasks()).find((task) => task.title === title);

  check = (title: string) => this.page.getByRole("checkbox", { name: title, exact: true });
  row = (title: string) => this.page.getByRole("listitem").filter({ has: this.check(title) });
  edit = (title: string) => this.page.getByRole("button", { name: `Edit “${title}”`, exact: true });
  editor = (title: string) => this.page.getByRole("form", { name: `Edit “${title}”`, exact: true });
  toast = (text: string) => this.page.locator("[data-sonner-toast]").filter({ hasText: text });
  undo = (text: string) => this.toast(text).getByRole("button", { name: "Undo" }).click();
  view = (name: string) => this.page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }).click();

  async add(line: string) {
    const input = this.page.getByLabel("New task");
    await input.fill(line);
    await input.press("Enter");
    await expect(input).toHaveValue("");
  }

  /** The titles in the list, from top to bottom. */
  async shows(titles: string[]) {
    await expect(this.page.locator("main [data-control=title]")).toHaveText(titles);
  }

  /** Nothing waits to be sent. */
  async sent() {
    await expect(this.page.getByText("Waiting", { exact: true })).toHaveCount(0);
  }

  async focused(): Promise<string | null> {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      return at && (at.getAttribute("aria-label") ?? at.textContent);
    });
  }

  /** Screenshots on desktop and phone, light and dark; nothing sticks out, and axe finds nothing in any. */
  async inspect(name: string) {
    for (const [size, viewport] of Object.entries(sizes)) {
      await this.page.setViewportSize(viewport);
      for (const theme of ["light", "dark"] as const) {
        await this.page.emulateMedia({ colorScheme: theme });
        const path = join(test.info().project.outputDir, "screens", `${name}-${size}-${theme}.png`);
        await this.page.screenshot({ path, animations: "disabled" });
        const excess = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(excess, `${name} on ${size}: pixels beyond the right edge`).toBeLessThanOrEqual(0);
        const { violations } = await new AxeBuilder({ page: this.page }).analyze();
        const found = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map(({ html }) => html) }));
        expect(found, `axe on ${name}, ${size}, ${theme}`).toEqual([]);
      }
    }
    await this.page.setViewportSize(sizes.desktop);
    await this.page.emulateMedia({ colorScheme: null });
  }
}
