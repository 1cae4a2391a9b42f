// The files that `just package` made: names, versions, checksums, and that each kind installs.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { caller, emptyFolder, run, serve, stop } from "./program.mjs";
import { install, madePackages, platform, startRegistry } from "./registry.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const made = join(root, "target/packages");
const manifest = await readFile(join(root, "Cargo.toml"), "utf8");
const version = /^version = "(.*)"/m.exec(manifest)[1];
const targets = JSON.parse(await readFile(join(root, "packages/targets.json")));
const onWindows = process.platform === "win32";
const own = targets.find(({ npm }) => npm === platform());

/** The name of a target's archive as Cargo.toml tells cargo-binstall. */
function archive(target) {
  const url = /^pkg-url = "(.*)"/m.exec(manifest)[1];
  const suffix = target.includes("windows") ? ".zip" : ".tar.gz";
  const values = { name: "tasks-api", target, version, "archive-suffix": suffix };
  return url.replace(/\{ ([\w-]+) \}/g, (whole, name) => values[name] ?? whole).split("/").pop();
}

const client = "@tasks-api/client";

test("every package and the program have the version of Cargo.toml, and the client that of the contract", async () => {
  const packages = await madePackages();
  const contract = /^  version: (.*)$/m.exec(await readFile(join(root, "openapi/tasks.yaml"), "utf8"))[1];
  for (const { name, version: its } of packages) assert.equal(its, name === client ? contract : version, name);
  assert.ok(packages.some(({ name }) => name === client));
  const { optionalDependencies } = packages.find(({ name }) => name === "tasks-api");
  const expected = targets.map(({ npm }) => [`@tasks-api/${npm}`, version]);
  assert.deepEqual(Object.entries(optionalDependencies), expected);
  for (const name of await readdir(join(made, "wheels"))) assert.ok(name.startsWith(`tasks_api-${version}-`), name);
});

test("no package has a dependency that is always installed, or a script", async () => {
  for (const { name, dependencies, scripts } of await madePackages()) {
    assert.deepEqual([dependencies, scripts], [undefined, undefined], name);
  }
});

test("archives have the names of Cargo.toml, and their checksums hold", async () => {
  const names = (await readdir(join(made, "archives"))).filter((name) => name !== "SHA256SUMS");
  const known = targets.map(({ target }) => archive(target));
  for (const name of names) assert.ok(known.includes(name), name);
  const sums = await Promise.all(
    known.filter((name) => names.includes(name)).map(async (name) => {
      const content = await readFile(join(made, "archives", name));
      return `${createHash("sha256").update(content).digest("hex")}  ${name}\n`;
    }),
  );
  assert.equal(await readFile(join(made, "archives/SHA256SUMS"), "utf8"), sums.join(""));
});

test("the program of the archive serves", async (t) => {
  const folder = await emptyFolder(t);
  const begin = performance.now();
  const file = join(made, "archives", archive(own.target));

  const unpacked = await run(t, folder, ["tar", "-xf", file]);
  assert.equal(unpacked.code, 0, unpacked.output);
  const program = join(folder, `tasks-api-${own.target}`, "tasks-api");
  const licences = await readFile(join(program, "../THIRD-PARTY-LICENSES"), "utf8");
  assert.match(licences, /^libsqlite3-sys .*^tokio .*Permission is hereby granted/ms);
  assert.match(licences, /^scalar_api_reference .*^utoipa-swagger-ui-vendored /ms);
  const service = await serve(t, folder, [program]);
  const created = await caller(service)("POST", "/api/tasks", { title: "Buy milk" });

  t.diagnostic(`from the archive to the first 201: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  assert.equal(created.status, 201);
  assert.equal((await run(t, folder, [program, "--version"])).output.trim(), `tasks-api ${version}`);
  await stop(service);
});

test("pip installs the wheel, and the program serves", { skip: onWindows }, async (t) => {
  const folder = await emptyFolder(t);
  const wheels = (await readdir(join(made, "wheels"))).map((name) => join(made, "wheels", name));
  // The tag of glibc is measured.
  const tag = own.wheel ?? `manylinux_\\d+_\\d+_${own.target.split("-")[0]}`;
  const wheel = wheels.find((name) => new RegExp(`-${tag}\\.whl$`).test(name));

  for (const command of [
    ["python3", "-m", "venv", "venv"],
    ["venv/bin/pip", "install", "--quiet", "--no-index", wheel],
  ]) {
    const { code, output } = await run(t, folder, command);
    assert.equal(code, 0, output);
  }
  const service = await serve(t, folder, ["venv/bin/tasks-api"]);
  assert.deepEqual(await caller(service)("GET", "/api/tasks"), { status: 200, data: [] });
  await stop(service);
});

test("the client installs, and calls a service", async (t) => {
  const folder = await emptyFolder(t);
  const { file } = (await madePackages()).find(({ name }) => name === client);
  await install(t, folder);
  const installed = await run(t, folder, ["npm", "install", "--offline", "--ignore-scripts", file]);
  assert.equal(installed.code, 0, installed.output);
  const service = await serve(t, folder, ["npx", "--no-install", "tasks-api"]);
  await writeFile(
    join(folder, "story.mjs"),
    `import { createTasksClient, unwrap } from "${client}";
    const [baseUrl, token] = process.argv.slice(2);
    const tasks = createTasksClient({ baseUrl, token: () => token });
    console.log((await unwrap(tasks.createTask({ title: "Buy milk" }))).title);`,
  );

  const story = await run(t, folder, [process.execPath, "story.mjs", service.url, service.token]);
  assert.deepEqual([story.code, story.output.trim()], [0, "Buy milk"]);
  await stop(service);
});

test("npm would publish every package", async (t) => {
  const folder = await emptyFolder(t);
  const registry = await startRegistry({ empty: true });
  t.after(registry.stop);
  for (const { name, version: its, file } of await madePackages()) {
    const command = ["npm", "publish", "--dry-run", "--access", "public", file];
    const { code, output } = await run(t, folder, command, { npm_config_registry: registry.url });
    assert.deepEqual([code, output.includes(`+ ${name}@${its}`)], [0, true], output);
    assert.doesNotMatch(output, /corrected/, "npm corrects what is published");
  }
});

test("a release of another tag or repository is refused", async (t) => {
  const folder = await emptyFolder(t);
  const script = join(root, "packages/release.py");

  const { code, output } = await run(t, folder, ["python3", "-B", script, "v0.0.1", "https://example.com/other"]);

  assert.equal(code, 1);
  assert.match(output, new RegExp(`the tag is v0\\.0\\.1, and the version in Cargo\\.toml ${version}`));
  assert.match(output, /Cargo\.toml needs repository = "https:\/\/example\.com\/other"/);
});
