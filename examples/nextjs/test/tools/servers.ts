// The service and the built application as real processes, on free ports and with databases of their own.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const app = fileURLToPath(new URL("../..", import.meta.url));

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

interface Running {
  name: string;
  child: ChildProcess;
  /** What it wrote, to be shown when something fails. */
  output: string;
  stop: () => Promise<void>;
}

type Env = Record<string, string | undefined>;

export function startProcess(name: string, command: string, args: string[], env: Env, cwd: string): Running {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const running: Running = {
    name,
    child,
    output: "",
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(hard);
    },
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (running.output += chunk));
  return running;
}

export async function responds(server: Running, url: string) {
  for (const until = Date.now() + 90_000; Date.now() < until; ) {
    if (server.child.exitCode !== null) break;
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${server.name} does not respond at ${url}:\n${server.output}`);
}

export interface Addresses {
  appUrl: string;
  serviceUrl: string;
}

export interface Servers extends Addresses {
  secret: string;
  /** Better Auth's. */
  database: string;
  stopService: () => Promise<void>;
  startService: () => Promise<void>;
  stop: () => Promise<void>;
  output: () => string;
}

export async function startServers(): Promise<Servers> {
  const given = process.env.TASKS_API_BIN;
  if (!given) throw new Error("TASKS_API_BIN must name the service's binary");
  // Absolute, because the service is started in a folder of its own.
  const binary = resolve(given);
  const folder = await mkdtemp(join(tmpdir(), "tasks-example-"));
  const [appPort, servicePort] = [await freePort(), await freePort()];
  const appUrl = `http://localhost:${appPort}`;
  const serviceUrl = `http://127.0.0.1:${servicePort}`;
  const secret = randomBytes(32).toString("base64url");
  const database = `file:${folder}/auth.db`;
  const all: Running[] = [];
  // A test that is interrupted leaves nothing running.
  process.once("exit", () => all.forEach(({ child }) => child.kill()));

  async function startService() {
    const env = {
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
    };
    const service = startProcess("service", binary, [], env, folder);
    all.push(service);
    await responds(service, `${serviceUrl}/health/live`);
    return service;
  }

  const next = startProcess(
    "app",
    process.execPath,
    ["node_modules/next/dist/bin/next", "start", "--port", String(appPort)],
    {
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      BETTER_AUTH_SECRET: secret,
      // Unset: the application's own address follows its port.
      BETTER_AUTH_URL: undefined,
      TASKS_API_URL: serviceUrl,
      AUTH_DATABASE_URL: database,
    },
    app,
  );
  all.push(next);

  async function stop() {
    await Promise.all(all.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  }
  try {
    let service = await startService();
    await responds(next, `${appUrl}/api/auth/ok`);
    return {
      appUrl,
      serviceUrl,
      secret,
      database,
      stop,
      stopService: () => service.stop(),
      startService: async () => void (service = await startService()),
      output: () => all.map(({ name, output }) => `--- ${name}\n${output.slice(-4000)}`).join("\n"),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
