// The service and the built application as real processes on free ports.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const app = fileURLToPath(new URL("..", import.meta.url));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A process whose output is kept, to be shown when something fails. */
function start(name, command, args, env, cwd) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const running = { name, child, output: "", stop: async () => undefined };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (running.output += chunk));
  running.stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(hard);
  };
  return running;
}

async function answers(server, url) {
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    if (server.child.exitCode !== null) break;
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${server.name} does not answer at ${url}:\n${server.output}`);
}

export async function startServers(folder) {
  const given = process.env.TASKS_API_BIN;
  // Absolute, because the service is started in a folder of its own.
  const binary = given && resolve(given);
  if (!binary) throw new Error("TASKS_API_BIN must name the service's binary");
  const [appPort, servicePort] = [await freePort(), await freePort()];
  const appUrl = `http://localhost:${appPort}`;
  const serviceUrl = `http://127.0.0.1:${servicePort}`;
  const secret = randomBytes(32).toString("base64url");
  const database = `file:${folder}/auth.db`;
  const all = [];
  // A test that is interrupted leaves nothing running.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  process.once("exit", () => all.forEach(({ child }) => child.kill()));

  const startService = async () => {
    const service = start("service", binary, [], {
      ENVIRONMENT: "development",
      HOST: "127.0.0.1",
      PORT: String(servicePort),
      DATABASE_URL: `sqlite://${folder}/tasks.db`,
      BETTER_AUTH_URL: appUrl,
      CORS_ORIGINS: appUrl,
      // What the developer's own shell has set must not leak in.
      BETTER_AUTH_SECRET: "",
      JWKS_URL: "",
      JWT_ISSUER: "",
      JWT_AUDIENCE: "",
    }, folder);
    all.push(service);
    await answers(service, `${serviceUrl}/health/live`);
    return service;
  };

  const next = start("app", process.execPath, ["node_modules/next/dist/bin/next", "start", "--port", String(appPort)], {
    NODE_ENV: "production",
    NEXT_TELEMETRY_DISABLED: "1",
    BETTER_AUTH_SECRET: secret,
    // Unset: the application's own address follows its port.
    BETTER_AUTH_URL: undefined,
    TASKS_API_URL: serviceUrl,
    AUTH_DATABASE_URL: database,
  }, app);
  all.push(next);

  const stopAll = () => Promise.all(all.map((server) => server.stop()));
  try {
    await answers(next, `${appUrl}/api/auth/ok`);
    let service = await startService();
    return {
      appUrl,
      serviceUrl,
      secret,
      database,
      stopAll,
      stopService: () => service.stop(),
      startService: async () => void (service = await startService()),
      output: () => all.map(({ name, output }) => `--- ${name}\n${output.slice(-4000)}`).join("\n"),
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
