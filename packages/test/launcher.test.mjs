// The launcher: what it passes on, and what it says where no binary is installed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { emptyFolder, isServing, killAll, run, serve } from "./program.mjs";
import { install } from "./registry.mjs";

const onWindows = process.platform === "win32";
const command = [onWindows ? "node_modules\\.bin\\tasks-api" : "node_modules/.bin/tasks-api"];
const node = [process.execPath, "node_modules/tasks-api/bin/tasks-api.js"];
let folder;
const binaries = () => join(folder, "node_modules/@tasks-api");
const cleanups = [];

before(async () => {
  const t = { after: (cleanup) => cleanups.push(cleanup) };
  folder = await emptyFolder(t);
  await install(t, folder);
});
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test("arguments, output and exit code are the program's", async (t) => {
  const version = await run(t, folder, [...command, "--version"]);
  assert.deepEqual([version.code, /^tasks-api \d+\.\d+\.\d+/.test(version.output)], [0, true], version.output);
  const wrong = await run(t, folder, command, { PORT: "nonsense" });
  assert.deepEqual([wrong.code, /PORT/.test(wrong.output)], [2, true], wrong.output);
});

describe("signals", { skip: onWindows }, () => {
  test("SIGTERM and SIGINT stop the service gracefully, with exit code 0", async (t) => {
    for (const signal of ["SIGTERM", "SIGINT"]) {
      const service = await serve(t, folder, command);
      service.child.kill(signal);
      assert.deepEqual(await service.ended, { code: 0, signal: null }, service.output());
      assert.match(service.output(), /stopped/);
    }
  });

  test("Ctrl-C reaches npx, launcher and service at once, and the service stops gracefully", async (t) => {
    const service = await serve(t, folder, ["npx", "--no-install", "tasks-api"]);
    killAll(service.child, "SIGINT");
    await service.ended;
    assert.match(service.output(), /stopped/);
    assert.equal(await isServing(service.url), false);
  });

  test("SIGTERM does not end the service at once: STOP_DELAY passes first", async (t) => {
    const service = await serve(t, folder, command, { STOP_DELAY: "30" });
    service.child.kill("SIGTERM");
    while ((await fetch(`${service.url}/health/ready`)).status !== 503);
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200);
    // Signals of one moment count as one.
    await setTimeout(500);
    service.child.kill("SIGTERM");
    assert.deepEqual(await service.ended, { code: 0, signal: null }, service.output());
  });

  test("Ctrl-C in a terminal is one signal for the service", { skip: process.platform !== "linux" }, async (t) => {
    const terminal = ["script", "--quiet", "--command", "npx --no-install tasks-api", "/dev/null"];
    const service = await serve(t, folder, terminal, { STOP_DELAY: "30" });
    service.child.stdin.write("\x03");
    while ((await fetch(`${service.url}/health/ready`)).status !== 503);
    await setTimeout(1000);
    // A second signal would have ended STOP_DELAY.
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200);
    service.child.stdin.write("\x03");
    await service.ended;
    assert.match(service.output(), /stopped/);
  });

  test("SIGTERM to npx alone stops the service as gracefully", async (t) => {
    const service = await serve(t, folder, ["npx", "--no-install", "tasks-api"], { STOP_DELAY: "30" });
    service.child.kill("SIGTERM");
    while ((await fetch(`${service.url}/health/ready`)).status !== 503);
    // Longer than the launcher's interval: it must not send a second signal.
    await setTimeout(1000);
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200);
    killAll(service.child, "SIGTERM");
    await service.ended;
    assert.match(service.output(), /stopped/);
  });

  test("a signal that ends the service ends the launcher", async (t) => {
    const service = await serve(t, folder, command);
    service.child.kill("SIGHUP");
    assert.deepEqual(await service.ended, { code: null, signal: "SIGHUP" });
  });

  test("outside of npm the service outlives the launcher's parent", async (t) => {
    const program = await serve(t, folder, ["sh", "-c", `${command[0]} & wait`]);
    program.child.kill("SIGKILL");
    await once(program.child, "exit");
    // Longer than the launcher's interval.
    await setTimeout(1000);
    assert.equal(await isServing(program.url), true);
  });
});

describe("without the binary of this platform", () => {
  test("it says which package is missing, and why", async (t) => {
    const aside = join(folder, "aside");
    await rename(binaries(), aside);
    t.after(() => rename(aside, binaries()));

    const { code, output } = await run(t, folder, command);

    assert.equal(code, 1);
    assert.match(output, new RegExp(`@tasks-api/${process.platform}-${process.arch}`));
    assert.match(output, /--omit=optional[^]*lockfile/);
    assert.doesNotMatch(output, /at .*\.js:\d/, "a stack trace");
  });

  test("it says which platforms are supported", async (t) => {
    await writeFile(join(folder, "as.cjs"), 'Object.defineProperty(process, "arch", { value: "ppc64" });');

    const { code, output } = await run(t, folder, [node[0], "-r", "./as.cjs", ...node.slice(1)]);

    assert.equal(code, 1);
    assert.match(output, /no binary for \w+ ppc64, only for .*linux-x64-musl.*win32-x64/);
  });

  test("the package of musl, a static binary, is used if it is the only one", { skip: process.platform !== "linux" }, async (t) => {
    const [own] = await readdir(binaries());
    const musl = `linux-${process.arch}-musl`;
    await rename(join(binaries(), own), join(binaries(), musl));
    t.after(() => rename(join(binaries(), musl), join(binaries(), own)));

    assert.equal((await run(t, folder, [...command, "--version"])).code, 0);
  });

  test("a binary that cannot be started is an error without a stack trace", { skip: onWindows }, async (t) => {
    const [own] = await readdir(binaries());
    const binary = join(binaries(), own, "bin/tasks-api");
    await rename(binary, `${binary}.aside`);
    t.after(() => rename(`${binary}.aside`, binary));
    await writeFile(binary, "not a program", { mode: 0o644 });
    t.after(() => rm(binary));

    const { code, output } = await run(t, folder, command);

    assert.equal(code, 1);
    assert.match(output, /^tasks-api: cannot start .*EACCES/);
  });
});
