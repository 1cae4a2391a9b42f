#!/usr/bin/env node
// Starts the service's binary, which a package of this platform contains.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { optionalDependencies: packages, version } = require("../package.json");

const SCOPE = "@tasks-api/";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
// How often the parent is looked for, and within which time signals count as one, in milliseconds.
const INTERVAL = 250;

/** The packages whose binary runs here, the best first. */
function candidates() {
  const platform = `${SCOPE}${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return [platform];
  // The musl binary is static, so it runs on glibc too; the other one does not run on musl.
  process.report.excludeNetwork = true; // Names of peers would be resolved.
  const onGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return onGlibc ? [`${platform}-gnu`, `${platform}-musl`] : [`${platform}-musl`];
}

/** The path of the binary; `undefined` if none of the packages is installed. */
function find(names) {
  const file = process.platform === "win32" ? "bin/tasks-api.exe" : "bin/tasks-api";
  for (const name of names) {
    try {
      return require.resolve(`${name}/${file}`);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

function fail(message) {
  console.error(`tasks-api: ${message}`);
  process.exit(1);
}

function missing(names) {
  const here = `${process.platform} ${process.arch}`;
  if (!names.some((name) => name in packages)) {
    const supported = Object.keys(packages).map((name) => name.slice(SCOPE.length));
    return `there is no binary for ${here}, only for ${supported.join(", ")}. It can be built from source.`;
  }
  return (
    `the package ${names[0]}, which contains the binary for ${here}, is not installed. ` +
    "Causes: an installation without optional dependencies (--omit=optional, --no-optional), " +
    "node_modules copied from another platform, or a lockfile written on one " +
    "(npm/cli#4828: delete node_modules and package-lock.json, then npm install). " +
    `Or install it by its name: npm install ${names[0]}@${version}`
  );
}

/**
 * Whether this process has a terminal. Its Ctrl-C reaches the service, too: forwarding it would make
 * two, and npm may add a third. The service stops the faster the more signals it gets.
 */
const inTerminal = () => [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);

/** Passes signals on to the service; returns what ends that. */
function forwardSignals(service) {
  let last = -Infinity;
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      // On Windows `kill` would terminate the service at once. Ctrl-C reaches it by the console.
      if (process.platform === "win32" || (signal === "SIGINT" && inTerminal())) return;
      // npm and its shell may each pass on the same one.
      const now = performance.now();
      if (now - last > INTERVAL) service.kill(signal);
      last = now;
    };
    process.on(signal, listener);
    return [signal, listener];
  });
  if (process.env.npm_lifecycle_event !== undefined) followParent(service, () => last > 0);
  return () => listeners.forEach(([signal, listener]) => process.off(signal, listener));
}

/**
 * Stops the service when the parent of this process ends, unless a signal was passed on. npm, pnpm
 * and Yarn start a program by `sh -c`, and that shell ends on SIGTERM without forwarding it: `kill`
 * of npx would leave the service running. Elsewhere a parent may end: `nohup tasks-api &`.
 */
function followParent(service, wasSignalled) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    if (!wasSignalled()) service.kill("SIGTERM");
  }, INTERVAL);
  timer.unref();
}

function run(binary) {
  const service = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
  const stopForwarding = forwardSignals(service);
  service.on("error", (error) => fail(`cannot start ${binary}: ${error.message}`));
  service.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    // Ends as the service did, so that a shell sees the same.
    stopForwarding();
    process.kill(process.pid, signal);
    // Not every signal ends this process.
    process.exitCode = 128 + constants.signals[signal];
  });
}

const names = candidates();
const binary = find(names);
if (binary === undefined) fail(missing(names));
else run(binary);
