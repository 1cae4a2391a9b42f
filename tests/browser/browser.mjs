// What the tests in a real browser share.
//
// BASE_URL: the service; TOKEN: a token it accepts; OUTPUT: a folder for the screenshots;
// CHROMIUM: the browser, if it is not the one of the system.

import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

export const { BASE_URL, TOKEN, OUTPUT = "." } = process.env;
if (!BASE_URL || !TOKEN) {
  console.error("the tests in a browser need BASE_URL and TOKEN");
  process.exit(2);
}
mkdirSync(OUTPUT, { recursive: true });

const findChromium = () => {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), "/usr/bin"];
  return folders.map((folder) => join(folder, "chromium")).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
};

/** Starts the browser. */
export function launch() {
  const executablePath = findChromium();
  if (!executablePath) {
    console.error("there is no chromium in PATH or /usr/bin; set CHROMIUM");
    process.exit(2);
  }
  return chromium.launch({
    executablePath,
    // Without a sandbox, because tests may run as root. The other options prevent
    // requests of the browser itself.
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
}

/**
 * Runs `test` on a page of the service that must never complain. The first failing check
 * ends it with its message on standard error, exit code 1, and a screenshot in
 * `<name>-failed.png`.
 */
export async function check(name, test) {
  // With a path where a proxy serves it under a prefix.
  const base = BASE_URL.replace(/\/$/, "");
  const { origin, pathname } = new URL(`${base}/`);
  // Errors that must not occur at any point.
  const complaints = [];
  const nothingToComplainOf = (step) =>
    assert.deepEqual(complaints, [], `${step}: the browser complains:\n  ${complaints.join("\n  ")}`);
  const seen = (locator, sentence) =>
    locator.waitFor({ state: "visible" }).catch(() => assert.fail(`not seen within 30 s: ${sentence}`));

  let browser;
  let page;
  try {
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(30_000);

    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error}`));
    page.on("request", (request) => {
      const { origin: asked, protocol } = new URL(request.url());
      if (asked !== origin && !["data:", "blob:"].includes(protocol)) complaints.push(`a request to ${request.url()}`);
    });
    page.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText;
      // A reload aborts pending requests.
      if (reason !== "net::ERR_ABORTED") complaints.push(`failed: ${request.url()} ${reason}`);
    });
    await page.exposeFunction("reportPolicyViolation", (text) => complaints.push(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        window.reportPolicyViolation(`${event.effectiveDirective} refused ${event.blockedURI}`),
      );
    });

    const open = async (path) => {
      const response = await page.goto(`${base}/${path}`);
      assert.equal(response.status(), 200, `/${path} returns 200`);
      const policy = response.headers()["content-security-policy"];
      assert.ok(policy, `/${path} carries a Content-Security-Policy`);
      const directives = policy.split(";").map((directive) => directive.trim());
      const scripts = directives.find((directive) => directive.startsWith("script-src "));
      assert.equal(scripts, "script-src 'self'", "the policy lets this origin's scripts run, and nothing else");
    };
    await test({ page, base, origin, pathname, open, seen, nothingToComplainOf });
  } catch (error) {
    const more = complaints.filter((complaint) => !error.message.includes(complaint));
    console.error([`${name}.mjs: ${error.message}`, ...more.map((complaint) => `the browser: ${complaint}`)].join("\n"));
    await page?.screenshot({ path: join(OUTPUT, `${name}-failed.png`) }).catch(() => {});
    process.exitCode = 1;
  } finally {
    await browser?.close();
  }
}
