import { gzipSync } from "node:zlib";

import { expect, test } from "./tools/fixtures";

const LIMIT = 200_000;

test("the signed-in page is interactive with less than 200 KB of JavaScript", async ({ guest }) => {
  const ana = await guest("Ana");
  await ana.signUp();
  // Scripts alone, as a browser without a cache gets them.
  const scripts = new Map<string, Promise<Buffer>>();
  let open = 0;
  ana.page.on("request", (request) => {
    if (request.resourceType() === "script") open += 1;
  });
  ana.page.on("requestfinished", async (request) => {
    if (request.resourceType() !== "script") return;
    scripts.set(request.url(), (await request.response())!.body());
    open -= 1;
  });
  // What is loaded when the page is idle waits until the first figure is taken.
  await ana.page.addInitScript("window.requestIdleCallback = (run) => (window.idle = run, 1)");
  await ana.page.goto("/");
  // It takes input: the button comes with the text.
  await ana.page.getByLabel("New task").fill("Interactive");
  await ana.page.getByRole("button", { name: "Add" }).waitFor();
  await expect.poll(() => open).toBe(0);
  const size = async () =>
    (await Promise.all(scripts.values())).reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
  const first = await size();
  await ana.page.evaluate("window.idle()");
  await ana.ready();
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;
  console.log(`JavaScript, gzipped: ${kilobytes(first)} for the first load, ${kilobytes(await size())} with what follows it`);
  expect(first).toBeGreaterThan(50_000);
  expect(first).toBeLessThan(LIMIT);
});
