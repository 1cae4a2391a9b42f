// Starts everything from a fresh clone: the service with its embedded database, and this application.
//
//     node examples/nextjs/scripts/demo.mjs [port]
//
// It installs and builds what is missing. TASKS_API_BIN names a built service; without it,
// cargo builds one.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const [root, client, app] = [at(""), at("clients/typescript"), at("examples/nextjs")];
const port = Number(process.argv[2] ?? 3000);

function run(command, args, cwd) {
  console.log(`> ${command} ${args.join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit", shell: process.platform === "win32" });
  if (error) console.error(`${command} is needed: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** When the newest file of a folder was written; 0 if there is none. */
function newest(folder) {
  if (!existsSync(folder)) return 0;
  return Math.max(...readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)).mtimeMs));
}

/** Whether `npm ci` has run since the lock file was written. */
const isInstalled = (folder) =>
  existsSync(`${folder}/node_modules`) &&
  statSync(`${folder}/node_modules/.package-lock.json`).mtimeMs >= statSync(`${folder}/package-lock.json`).mtimeMs;

async function isFree(port) {
  const server = createServer();
  const free = await new Promise((resolve) => {
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!free) return false;
  server.close();
  await once(server, "close");
  return true;
}

if (!(await isFree(port))) {
  console.error(`Port ${port} is in use. Choose another: npm run demo -- ${port + 1}`);
  process.exit(1);
}
let servicePort = 8000;
while (!(await isFree(servicePort))) servicePort += 1;

if (!isInstalled(client)) run("npm", ["ci", "--no-audit", "--no-fund"], client);
const isBuilt = newest(`${client}/dist`) >= newest(`${client}/src`);
if (!isBuilt) run("npm", ["run", "build"], client);
// The client is copied into the application, not linked.
const hasClient = newest(`${app}/node_modules/@tasks-api/client/dist`) >= newest(`${client}/src`);
if (!isInstalled(app) || !isBuilt || !hasClient) run("npm", ["ci"], app);
if (!process.env.TASKS_API_BIN) run("cargo", ["build"], root);
run(process.execPath, ["scripts/secret.mjs"], app);

const url = `http://localhost:${port}`;
const children = [];
function start(command, args, cwd, env) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: "inherit" });
  children.push(child);
  // One without the other is of no use.
  child.once("exit", (code) => stop(code ?? 1));
}

let stopping = false;
async function stop(code) {
  if (stopping) return;
  stopping = true;
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  const gone = running.map((child) => once(child, "exit"));
  for (const child of running) child.kill("SIGTERM");
  await Promise.all(gone);
  process.exit(code);
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop(0));

const binary = process.env.TASKS_API_BIN ?? `${root}target/debug/tasks-api${process.platform === "win32" ? ".exe" : ""}`;
start(resolve(binary), [], root, {
  PORT: String(servicePort),
  BETTER_AUTH_URL: url,
  CORS_ORIGINS: url,
  // The application's own, which is not the service's to know.
  BETTER_AUTH_SECRET: "",
});
start(process.execPath, ["node_modules/next/dist/bin/next", "dev", "--port", String(port)], app, {
  TASKS_API_URL: `http://127.0.0.1:${servicePort}`,
  NEXT_TELEMETRY_DISABLED: "1",
});
