// The real service, on a free port and a database of its own.
import { createHmac } from "node:crypto";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const bin = resolve(process.env.TASKS_API_BIN ?? "../../target/debug/tasks-api");

const SECRET = "a secret that the client's tests alone use";

/**
 * A token with these claims, signed like those of the service. The service grants a leeway of
 * 30 s, so a token whose `exp` was 25 s ago expires in five seconds.
 */
export function sign(claims) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "HS256" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** Starts the service. `settings` are variables of its environment. */
export async function startService(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tasks-client-"));
  // The folder is the working directory too, so that no .env of a developer counts.
  const options = {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOST: "127.0.0.1",
      PORT: "0",
      DATABASE_URL: `sqlite://${folder}/tasks.db`,
      BETTER_AUTH_SECRET: SECRET,
      RUST_LOG: "info",
      METRICS_PORT: "0",
      ...settings,
    },
  };
  const service = spawn(bin, ["serve"], { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const metricsUrl = new Promise((found) => {
    createInterface({ input: service.stderr }).on("line", (line) => {
      const [, address] = line.match(/listening for metrics address=(\S+)/) ?? [];
      if (address) found(`http://${address}/metrics`);
      else if (!line.includes(" INFO ")) console.error(line);
    });
  });
  const stop = async () => {
    if (service.exitCode === null && service.signalCode === null && service.pid !== undefined) {
      service.kill();
      await once(service, "exit");
    }
    await rm(folder, { recursive: true });
  };
  try {
    return { baseUrl: await address(service), token, metric, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function token(sub, { expiresIn = 3600 } = {}) {
    const { stdout } = await promisify(execFile)(bin, ["token", "--sub", sub, "--expires-in", `${expiresIn}`], options);
    return stdout.trim();
  }

  /** The value of a metric without labels. */
  async function metric(name) {
    const response = await fetch(await metricsUrl);
    const [, value] = (await response.text()).match(new RegExp(`^${name} (\\S+)$`, "m")) ?? [];
    return Number(value);
  }
}

/** Waits until a condition holds, for a minute at most. */
export async function until(condition, what, limit = 60_000) {
  for (const end = Date.now() + limit; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`not within ${limit} ms: ${what}`);
}

function address(service) {
  return new Promise((found, failed) => {
    service.on("error", (error) =>
      failed(new Error(`${bin} does not start: cargo build, or TASKS_API_BIN`, { cause: error })),
    );
    service.on("exit", (code) => failed(new Error(`${bin} stopped with ${code} before it said its address`)));
    createInterface({ input: service.stdout }).on("line", (line) => {
      const [, url] = line.match(/^\s*Address\s+(http:\S+)/) ?? [];
      if (url) found(url);
    });
  });
}
