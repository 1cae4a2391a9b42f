// Starts a command that serves, in an empty folder, with nothing of the developer's settings.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const onWindows = process.platform === "win32";

/** An empty folder that is removed after the test `t`. */
export async function emptyFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "tasks-package-"));
  // Windows keeps files of a process that is just ending.
  t.after(() => rm(folder, { recursive: true, maxRetries: 10 }));
  return folder;
}

/** The environment of npm and the service in a folder; npm's cache is there too, empty. */
function environment(folder, settings) {
  const kept = ["PATH", "Path", "SystemRoot", "ComSpec", "PATHEXT", "TEMP"];
  return {
    ...Object.fromEntries(kept.filter((name) => process.env[name]).map((name) => [name, process.env[name]])),
    HOME: folder,
    USERPROFILE: folder,
    npm_config_cache: join(folder, ".npm"),
    npm_config_noproxy: "127.0.0.1",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    HOST: "127.0.0.1",
    PORT: "0",
    ...settings,
  };
}

/**
 * Starts a command as the leader of a process group. `output` is what it printed, `ended` its
 * `{ code, signal }` once no process of it is left that could print.
 */
export function start(t, folder, [command, ...args], settings = {}) {
  // npm's commands are scripts on Windows, which only a shell starts.
  const options = { cwd: folder, env: environment(folder, settings), shell: onWindows, detached: !onWindows };
  const child = spawn(command, args, options);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  let running = true;
  ended.then(() => (running = false));
  t.after(async () => {
    if (running) killAll(child, "SIGKILL");
    await ended;
  });
  return { child, ended, output: () => output, running: () => running };
}

/** Sends a signal to a command and all that it started, as a terminal does for Ctrl-C. */
export function killAll(child, signal) {
  if (onWindows) execFileSync("taskkill", ["/pid", child.pid, "/T", "/F"]);
  else process.kill(-child.pid, signal);
}

/** Sends SIGTERM to a command, and waits until it and all that it started have ended. */
export async function stop({ child, ended }) {
  // Windows has no signals: `kill` would end the shell alone.
  if (onWindows) killAll(child);
  else child.kill("SIGTERM");
  return ended;
}

/** Runs a command to its end; `{ code, signal, output }`. */
export async function run(t, folder, command, settings) {
  const { ended, output } = start(t, folder, command, settings);
  return { ...(await ended), output: output() };
}

/** Starts a command that serves; resolves with what the banner says once it does. */
export async function serve(t, folder, command, settings) {
  const program = start(t, folder, command, settings);
  while (program.running()) {
    const [, url] = program.output().match(/^\s*Address\s+(http:\S+)/m) ?? [];
    const [token] = program.output().match(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/) ?? [];
    // It handles signals as soon as it responds, which is after the banner.
    if (url && token && (await isServing(url))) return { ...program, url, token };
    await setTimeout(20);
  }
  throw new Error(`it ended before it served:\n${program.output()}`);
}

/** A function that sends requests to a service: `await call("POST", "/api/tasks", body)`. */
export function caller({ url, token }) {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: response.status, data: await response.json() };
  };
}

/** Whether a service accepts connections. */
export async function isServing(url) {
  return fetch(`${url}/health/live`).then(() => true, () => false);
}
