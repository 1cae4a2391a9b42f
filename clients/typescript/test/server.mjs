// The real service, on a free port and a database of its own.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const bin = resolve(process.env.TASKS_API_BIN ?? "../../target/debug/tasks-api");

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
      BETTER_AUTH_SECRET: "a secret that the client's tests alone use",
      RUST_LOG: "warn",
      ...settings,
    },
  };
  const service = spawn(bin, ["serve"], { ...options, stdio: ["ignore", "pipe", "inherit"] });
  const stop = async () => {
    if (service.exitCode === null && service.signalCode === null && service.pid !== undefined) {
      service.kill();
      await once(service, "exit");
    }
    await rm(folder, { recursive: true });
  };
  try {
    return { baseUrl: await address(service), token, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function token(sub) {
    const { stdout } = await promisify(execFile)(bin, ["token", "--sub", sub], options);
    return stdout.trim();
  }
}

function address(service) {
  return new Promise((found, failed) => {
    service.on("error", (error) => failed(new Error(`${bin} does not start: cargo build, or TASKS_API_BIN`, { cause: error })));
    service.on("exit", (code) => failed(new Error(`${bin} stopped with ${code} before it said its address`)));
    createInterface({ input: service.stdout }).on("line", (line) => {
      const [, url] = line.match(/^\s*Address\s+(http:\S+)/) ?? [];
      if (url) found(url);
    });
  });
}
