// An npm registry of what `packages/package.py` made, so that `npx` installs as it will from the
// real one: it chooses the package of this platform and downloads that.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./program.mjs";

const folder = fileURLToPath(new URL("../../target/packages/npm/", import.meta.url));

/** What was made: `{ name, version, file, … }`, the `package.json` of each with its tarball. */
export async function madePackages() {
  const files = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  if (files.length === 0) throw new Error("there are no packages: just package");
  return files.map((file) => {
    const text = execFileSync("tar", ["-xOzf", file, "package/package.json"], { encoding: "utf8" });
    return { ...JSON.parse(text), file };
  });
}

/** The npm name of this platform, with the C library: `linux-x64-gnu`. */
export function platform() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  const libc = process.platform === "linux" ? (glibcVersionRuntime ? "-gnu" : "-musl") : "";
  return `${process.platform}-${process.arch}${libc}`;
}

/** Installs the files into a folder, without a registry. */
export async function install(t, folder) {
  const own = ["tasks-api", `@tasks-api/${platform()}`];
  const files = (await madePackages()).filter(({ name }) => own.includes(name));
  const command = ["npm", "install", "--offline", "--ignore-scripts", ...files.map(({ file }) => file)];
  const { code, output } = await run(t, folder, command);
  if (code !== 0) throw new Error(`npm install: ${output}`);
}

/** The packages of the other platforms, so that npm has something to refuse. */
function others(made) {
  const { optionalDependencies, version } = made.find(({ name }) => name === "tasks-api");
  const missing = Object.keys(optionalDependencies).filter((name) => !made.some((one) => one.name === name));
  return missing.map((name) => {
    const [os, cpu, libc] = name.split("/")[1].split("-");
    const fields = { os: [os], cpu: [cpu], ...(libc && { libc: [libc === "gnu" ? "glibc" : libc] }) };
    return { name, version, ...fields };
  });
}

/**
 * Starts the registry; `downloads` are the packages that were downloaded, with their bytes. An
 * empty one has nothing, as before the first release.
 */
export async function startRegistry({ empty = false } = {}) {
  const made = empty ? [] : await madePackages();
  const tarballs = new Map();
  const documents = new Map();
  const downloads = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://registry").pathname).slice(1);
    const tarball = tarballs.get(path);
    const body = tarball?.content ?? documents.get(path);
    if (tarball) downloads.push({ name: tarball.name, bytes: tarball.content?.length });
    if (!body) return response.writeHead(404, { "content-type": "application/json" }).end("{}");
    response.writeHead(200, { "content-type": tarball ? "application/octet-stream" : "application/json" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const { file, ...manifest } of empty ? [] : [...made, ...others(made)]) {
    const { name, version } = manifest;
    const content = file && (await readFile(file));
    const dist = { tarball: `${url}${name}/-/${version}.tgz` };
    if (content) dist.integrity = `sha512-${createHash("sha512").update(content).digest("base64")}`;
    tarballs.set(`${name}/-/${version}.tgz`, { name, content });
    const versions = { [version]: { ...manifest, dist } };
    documents.set(name, JSON.stringify({ name, "dist-tags": { latest: version }, versions }));
  }
  return { url, downloads, stop: () => server.close() };
}
