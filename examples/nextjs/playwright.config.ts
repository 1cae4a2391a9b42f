import { existsSync } from "node:fs";

import { defineConfig } from "@playwright/test";

const names = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM ?? names.find((name) => existsSync(name));
if (!executablePath) throw new Error("CHROMIUM must name a Chromium or Chrome");

/** Where traces, screenshots and the report go. */
const output = process.env.OUTPUT ?? "test/output";

export default defineConfig({
  testDir: "test",
  outputDir: `${output}/results`,
  // Service, application and database belong to a worker (test/tools/fixtures.ts).
  workers: Number(process.env.TEST_WORKERS ?? 2),
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  // Limits are for machines that do other things as well; no test waits for one of them.
  timeout: 300_000,
  expect: { timeout: 30_000 },
  reporter: [["list"], ["html", { outputFolder: `${output}/report`, open: "never" }]],
  use: {
    actionTimeout: 30_000,
    navigationTimeout: 60_000,
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    viewport: { width: 1280, height: 800 },
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath,
      // As root there is no sandbox. The others keep Chromium from calling its maker's servers.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
