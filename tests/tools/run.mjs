// Runs what docs/clients.md shows against the service: the commands and snippets of each
// tool, then its story. `node run.mjs prism postman` runs some of the tools.
//
// A section of the page is a tool. Its blocks that begin with a file name are files, and
// its `sh` blocks are commands. `stories/<tool>.ts` and `.py` are compiled and run in the
// same folder; a `stories/<tool>.mjs` runs the commands itself.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startService } from "../../clients/typescript/test/server.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
// Inside of this folder, so that npx and imports find its packages.
const work = join(here, "work");
const python = resolve(here, "../../target/tools-python/bin");

// The package whose version the page's table has, by the name of the section.
const PACKAGES = {
  "openapi-fetch": "openapi-fetch",
  "hey-api": "@hey-api/openapi-ts",
  orval: "orval",
  "typescript-fetch": "openapi-generator-cli",
  "openapi-generator-python": "openapi-generator-cli",
  "openapi-python-client": "openapi-python-client",
  progenitor: "cargo-progenitor",
  prism: "@stoplight/prism-cli",
  dredd: "dredd",
  postman: "openapi-to-postmanv2",
};

// Compiled for minutes, so that it is run where it is named alone: `just tools-rust`.
const SLOW = ["progenitor"];

const page = await readFile(resolve(here, "../../docs/clients.md"), "utf8");
const sections = new Map(
  page.split(/^## /m).slice(1).map((text) => [text.split("\n", 1)[0].toLowerCase(), text]),
);
const stories = await readdir(join(here, "stories"));
const chosen = process.argv.slice(2);
const tools = chosen.length > 0 ? chosen : Object.keys(PACKAGES).filter((tool) => !SLOW.includes(tool));
await checkPage();

const service = await startService();
const results = [];
try {
  // What the service serves, which has its address in it.
  const served = await fetch(`${service.baseUrl}/openapi.yaml`);
  const document = await served.text();
  const queue = [...tools];
  const worker = async () => {
    for (let tool = queue.shift(); tool !== undefined; tool = queue.shift()) {
      results.push({ tool, ...(await attempt(tool, document)) });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
} finally {
  await service.stop();
}
const failed = results.filter(({ error }) => error !== undefined);
for (const { tool, error, output } of failed) console.error(`\n== ${tool}\n${output}\n${error.stack}`);
console.table(
  results.map(({ tool, seconds, error }) => ({
    tool,
    result: error === undefined ? "passed" : "FAILED",
    seconds: seconds.toFixed(1),
  })),
);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 || results.length === 0 ? 1 : 0;

/** Every tool has a section, a story, and the installed version in the table. */
async function checkPage() {
  const { devDependencies } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
  const requirements = await readFile(join(here, "requirements.txt"), "utf8");
  const pins = requirements.split("\n").map((line) => line.split("=="));
  const recipes = await readFile(join(here, "../../justfile"), "utf8");
  const crates = recipes.matchAll(/\(rust-tool "([^"]+)" "([^"]+)"\)/g);
  const versions = { ...devDependencies, ...Object.fromEntries(pins) };
  for (const [, crate, version] of crates) versions[crate] = version;
  for (const [tool, name] of Object.entries(PACKAGES)) {
    assert.ok(sections.has(tool), `docs/clients.md has no section "${tool}"`);
    const row = page.split("\n").find((line) => line.includes(`](#${tool}) |`));
    const version = row?.split("|")[2].trim();
    assert.equal(version, versions[name], `the version of ${tool} in docs/clients.md`);
  }
  const known = new Set(Object.keys(PACKAGES));
  for (const tool of tools) assert.ok(known.has(tool), `${tool} is none of ${[...known]}`);
}

async function attempt(tool, document) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let output = "";
  try {
    const folder = join(work, tool);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "tasks.yaml"), document);
    const env = {
      ...process.env,
      PATH: [join(here, "node_modules/.bin"), python, process.env.PATH].join(delimiter),
      TASKS_URL: service.baseUrl,
      TOKEN: await service.token(tool),
    };
    const print = (text) => (output += text);
    const context = { folder, env, start: (command) => start(command, folder, env, print) };
    context.shell = async (command, more = {}) => {
      let printed = "";
      print(`$ ${command}\n`);
      const child = start(command, folder, { ...env, ...more }, (text) => {
        printed += text;
        print(text);
      });
      const code = await child.exited;
      assert.equal(code, 0, `exit status ${code}: ${command}`);
      return printed;
    };
    await run(tool, context);
    return { seconds: seconds() };
  } catch (error) {
    return { seconds: seconds(), error, output };
  }
}

/** The commands, snippets and story of a tool. `more` are variables of the story. */
async function run(tool, context, more = {}) {
  const { folder, shell } = context;
  const commands = [];
  for (const [, language, text] of sections.get(tool).matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    const [, name] = text.match(/^(?:\/\/|#) (\S+\.\w+)\n/) ?? [];
    if (name !== undefined) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    } else if (language === "sh") commands.push(text.trim());
  }
  const story = stories.find((file) => file.replace(/\.\w+$/, "") === tool);
  if (story.endsWith(".mjs")) {
    const { default: check } = await import(`./stories/${story}`);
    await check({ ...context, commands, story: (other, more) => run(other, context, more) });
    return;
  }
  for (const name of [story, story.endsWith(".ts") ? "story.ts" : "story.py"]) {
    await cp(join(here, "stories", name), join(folder, name));
  }
  for (const command of commands) await shell(command);
  if (story.endsWith(".ts")) {
    await writeFile(join(folder, "tsconfig.json"), '{"extends": "../../tsconfig.json"}');
    await shell("tsc");
    await shell(`esbuild ${story} --bundle --platform=node --format=esm --outfile=story.mjs`);
    await shell("node story.mjs", more);
  } else {
    await shell(`mypy --config-file ../../mypy.ini ${story}`);
    await shell(`python ${story}`, more);
  }
}

/** A command in a shell. `stop` ends it with what it started. */
function start(command, cwd, env, print = () => {}) {
  const child = spawn("bash", ["-euo", "pipefail", "-c", command], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", print);
  const exited = new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (code, signal) => done(code ?? signal));
  });
  return { exited, stop: () => process.kill(-child.pid) };
}
