import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

function executable() {
  const names = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = process.env.CHROMIUM ?? names.find((name) => existsSync(name));
  if (!found) throw new Error("CHROMIUM must name a Chromium or Chrome");
  return found;
}

export async function openBrowser(output, baseURL) {
  const browser = await chromium.launch({
    executablePath: executable(),
    // As root there is no sandbox to be had. The others keep Chromium from asking
    // its maker's servers for anything.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const people = [];

  return {
    /** A new user: a browser without cookies, whose console is watched. */
    async person() {
      const context = await browser.newContext({ baseURL, viewport: sizes.desktop, reducedMotion: "reduce" });
      context.setDefaultTimeout(15_000);
      return this.tab({ context });
    },
    /** Another tab of a user's browser, with the same cookies. */
    async tab({ context }) {
      const person = new Person(context, await context.newPage(), output);
      people.push(person);
      return person;
    },
    async lastLook() {
      for (const [index, { page, errors }] of people.entries()) {
        await page.screenshot({ path: join(output, `failed-${index}.png`) }).catch(() => undefined);
        if (errors.length) console.error("console errors:", errors);
      }
    },
    close: () => browser.close(),
  };
}

class Person {
  errors = [];
  requests = [];

  constructor(context, page, output) {
    Object.assign(this, { context, page, output });
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("pageerror", (error) => this.errors.push({ text: String(error), url: page.url() }));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push({ text: message.text(), url: message.location().url });
    });
  }

  /**
   * Chromium writes each refused or failed request into the console; no page can
   * keep it from that. So what a step is to provoke is named: this address with this
   * status, just once; or, with `failed`, connections refused at this origin.
   */
  async expecting(expected, body, others = []) {
    const people = [this, ...others];
    assert.deepEqual(people.flatMap(({ errors }) => errors), []);
    await body();
    for (const { url, status, failed } of expected) {
      const fits = (error) =>
        failed
          ? error.url.startsWith(`${url}/`) && error.text.includes("net::ERR_CONNECTION_REFUSED")
          : error.url === url && error.text.includes(`status of ${status} `);
      // The console may be a moment behind the page.
      for (let turn = 0; !failed && turn < 40 && !this.errors.some(fits); turn++) await this.page.waitForTimeout(50);
      const found = people.flatMap(({ errors }) => errors.filter(fits));
      if (!failed) assert.equal(found.length, 1, `${url} should have answered ${status} once`);
      for (const person of people) person.errors = person.errors.filter((error) => !fits(error));
    }
    assert.deepEqual(people.flatMap(({ errors }) => errors), []);
  }

  /** Screenshots of what is there, on phone and desktop, light and dark; and axe finds nothing in any. */
  async inspect(name) {
    for (const [size, viewport] of Object.entries(sizes)) {
      for (const colorScheme of ["light", "dark"]) {
        await this.page.setViewportSize(viewport);
        await this.page.emulateMedia({ colorScheme });
        await this.page.screenshot({ path: join(this.output, `${name}-${size}-${colorScheme}.png`) });
        const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${name} is ${wide} px wider than a ${size}`);
        await this.page.evaluate(`window.axe || eval(${JSON.stringify(axe)})`);
        const { violations } = await this.page.evaluate(() => window.axe.run());
        const told = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map(({ html }) => html) }));
        assert.deepEqual(told, [], `axe on ${name}, ${size}, ${colorScheme}`);
      }
    }
    await this.page.emulateMedia({ colorScheme: "light" });
  }

  async done() {
    assert.deepEqual(this.errors, []);
    await this.context.close();
  }
}
