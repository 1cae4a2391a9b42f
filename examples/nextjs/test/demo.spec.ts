// The one command of the README, and the development server in front of the service.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "@playwright/test";

import { Person } from "./tools/person";
import { freePort, responds, startProcess } from "./tools/servers";

const app = fileURLToPath(new URL("..", import.meta.url));

test("one command starts service, application and database; the application passes streams on, event by event", async ({ browser }) => {
  const folder = await mkdtemp(join(tmpdir(), "tasks-demo-"));
  const port = await freePort();
  const demo = startProcess("demo", process.execPath, ["scripts/demo.mjs", String(port)], {
    TASKS_API_BIN: process.env.TASKS_API_BIN,
    DATABASE_URL: `sqlite://${folder}/tasks.db`,
    AUTH_DATABASE_URL: `file:${folder}/auth.db`,
    TASKS_API_PROXY: "1",
    TASKS_PER_USER: "3",
    BETTER_AUTH_URL: undefined,
  }, app);
  try {
    const appUrl = `http://localhost:${port}`;
    await responds(demo, `${appUrl}/api/auth/ok`);
    const ana = await Person.open(browser, { appUrl, serviceUrl: appUrl }, "Ana");
    await ana.signUp();
    const { token } = (await (await ana.context.request.get("/api/auth/token")).json()) as { token: string };

    // An event arrives when its write is done, not when the stream ends: the next write waits for it.
    const response = await fetch(`${appUrl}/api/events`, { headers: { Authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (const title of ["First", "Second", "Third"]) {
      await ana.createTask({ title });
      while (!text.includes(`"title":"${title}"`)) {
        const { value, done } = await reader.read();
        expect(done, `the stream ended before ${title}`).toBe(false);
        text += value;
      }
    }
    await reader.cancel();

    // The page itself, through the same address: live, and with what the service refuses.
    await ana.open();
    await ana.shows(["Third", "Second", "First"]);
    await ana.api("DELETE", `/tasks/${(await ana.task("Second"))!.id}?trash=true`);
    await ana.shows(["Third", "First"]);
    await ana.add("Fourth");
    await ana.sent();
    await ana.add("Too many");
    await ana.page.getByRole("button", { name: "Review", exact: true }).click();
    const dialog = ana.page.getByRole("dialog", { name: "Not saved" });
    await expect(dialog).toContainText("Too many");
    await ana.inspect("refused");
    await dialog.getByRole("button", { name: "Discard" }).click();
    await ana.shows(["Fourth", "Third", "First"]);
    ana.expectErrors(/403/);
    await ana.context.close();
  } finally {
    await demo.stop();
    await rm(folder, { recursive: true, force: true });
  }
  expect(demo.child.exitCode, demo.output).toBe(0);
});

test("types are checked in a copy in which nothing ever ran", async () => {
  const copy = await mkdtemp(join(tmpdir(), "tasks-copy-"));
  const leftOut = /^(node_modules|\.next|next-env\.d\.ts|test|.*\.(db.*|tsbuildinfo))$/;
  try {
    await cp(app, copy, { recursive: true, filter: (path) => !leftOut.test(relative(app, path)) });
    await symlink(join(app, "node_modules"), join(copy, "node_modules"));
    const check = spawn("npm", ["run", "typecheck"], { cwd: copy, stdio: "inherit" });
    const [code] = await once(check, "exit");
    expect(code).toBe(0);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});
