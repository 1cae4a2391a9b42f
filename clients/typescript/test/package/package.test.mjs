// The package as npm publishes it: loaded by Node and Jest, compiled against by TypeScript.
// `npm ci --prefix test/package/jest` installs Jest.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { startService } from "../server.mjs";

const root = resolve(import.meta.dirname, "../..");
const jest = join(import.meta.dirname, "jest");
const run = promisify(execFile);
let folder;
let installed;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tasks-client-package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root });
  // `prepack` writes to standard output as well.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("[\n")));
  const tarball = join(folder, filename);
  await run("tar", ["-xzf", tarball, "-C", folder]);
  installed = join(folder, "node_modules/@tasks-api/client");
  await mkdir(dirname(installed), { recursive: true });
  await symlink(join(folder, "package"), installed);
  await run("npm", ["install", "--no-save", "--no-audit", "--no-fund", tarball], { cwd: jest });
});
after(() => folder && rm(folder, { recursive: true }));

/** The output of a Node script in the folder where the package is installed. */
const node = async (name, text) => {
  await writeFile(join(folder, name), text);
  return (await run(process.execPath, [name], { cwd: folder })).stdout.trim();
};

test("import and require find the same names", async () => {
  const names = "console.log(Object.keys(client).sort().join())";
  const imported = await node("import.mjs", `import * as client from "@tasks-api/client"; ${names}`);
  const required = await node("require.cjs", `const client = require("@tasks-api/client"); ${names}`);
  assert.equal(required, imported);
  assert.match(imported, /changes,createTasksClient,createTokenSource/);
});

test("the client works without TanStack Query", async () => {
  assert.ok(!existsSync(join(folder, "node_modules/@tanstack")));
  assert.equal(
    await node("alone.mjs", 'import { isProblem } from "@tasks-api/client"; console.log(isProblem(1))'),
    "false",
  );
});

test("the source maps contain their sources, and the declarations lead to them", async () => {
  for (const format of ["esm", "cjs"]) {
    const dist = join(installed, "dist", format);
    const maps = (await readdir(dist)).filter((file) => file.endsWith(".map"));
    assert.ok(maps.length > 20, `${maps.length} maps`);
    for (const file of maps) {
      const map = JSON.parse(await readFile(join(dist, file), "utf8"));
      for (const [n, source] of map.sources.entries()) {
        const text = await readFile(resolve(dist, map.sourceRoot ?? "", source), "utf8");
        if (!file.endsWith(".d.ts.map")) assert.equal(map.sourcesContent[n], text, file);
      }
      assert.ok((await readFile(join(dist, file.slice(0, -4)), "utf8")).includes(`sourceMappingURL=${file}`));
    }
  }
});

test("only the build, the sources and the documents are in the package", async () => {
  assert.deepEqual((await readdir(installed)).sort(), ["LICENSE", "README.md", "dist", "package.json", "src"]);
});

/** Compiles a file, and fails with what the compiler says. */
const compile = (cwd, ...options) => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const strict = ["--strict", "--noEmit", "--target", "es2022"];
  return run(process.execPath, [tsc, ...strict, ...options], { cwd }).catch(({ stdout }) => assert.fail(stdout));
};

const compilers = {
  "an ES module of Node": ["node16.mts", "--module", "node16"],
  "a CommonJS module of Node": ["node16.cts", "--module", "node16"],
  "a bundler": ["bundler.ts", "--module", "esnext", "--moduleResolution", "bundler"],
  "CommonJS with the resolution of old": ["node10.ts", "--module", "commonjs", "--moduleResolution", "node10"],
};
for (const [name, [file, ...options]] of Object.entries(compilers)) {
  test(`TypeScript finds the types: ${name}`, async () => {
    await writeFile(
      join(folder, file),
      `import { createTasksClient, unwrap, type Task } from "@tasks-api/client";
       const client = createTasksClient({ baseUrl: "", token: async () => "" });
       export const task = (): Promise<Task> => unwrap(client.getTask(1));
       // @ts-expect-error the types are not any
       export const wrong = (): Promise<string> => unwrap(client.getTask(1));`,
    );
    await compile(folder, ...options, file);
  });
}

test("the code of the README compiles", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const imports = new Set();
  const blocks = [...readme.matchAll(/^```tsx?\n(.*?)^```$/gms)].map(([, text], n) => {
    const lines = text.split("\n");
    for (const line of lines) if (line.startsWith("import ")) imports.add(line);
    const body = lines.filter((line) => !line.startsWith("import "));
    return [`export async function block${n}() {`, ...body, "}"].join("\n");
  });
  assert.ok(blocks.length >= 8, `${blocks.length} blocks`);
  // What a block takes for granted. Each may have the name for something of its own.
  const given = `
    import { changes, createTokenSource, createTasksClient, nextCursor, ProblemError, type Task, unwrap } from "@tasks-api/client";
    import { createTasksQueries } from "@tasks-api/client/react-query";
    import { QueryClient, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
    declare const authClient: { token: () => Promise<{ data: { token: string } | null; error: { status: number } | null }> };
    declare const session: { user: { id: string } };
    declare const show: (...values: unknown[]) => void;
    declare const save: (...values: unknown[]) => void;
    declare const saved: string | undefined;
    declare const controller: AbortController;
    declare const signal: AbortSignal;
    declare const task: Task;
    const baseUrl = "";
    const token = createTokenSource(() => authClient.token());
    const client = createTasksClient({ baseUrl, token });
    const tasks = client;
    const queries = createTasksQueries(client);
    const queryClient = new QueryClient();
  `;
  const names = [...imports].flatMap((line) =>
    line
      .match(/\{(.*)\}/)[1]
      .split(",")
      .map((name) => name.trim()),
  );
  for (const name of names)
    assert.match(given, new RegExp(`\\b${name}\\b`), "the imports of the README are among these");
  // Inside of the package, which may import itself, and where nothing of it is committed.
  const work = await mkdtemp(join(root, "dist/readme-"));
  try {
    await writeFile(join(work, "readme.ts"), [given, ...blocks].join("\n"));
    await compile(root, "--module", "nodenext", "--skipLibCheck", join(work, "readme.ts"));
  } finally {
    await rm(work, { recursive: true });
  }
});

test("Jest loads it by require and by import", async () => {
  const service = await startService();
  try {
    const token = await service.token("jest");
    const { stderr } = await run(process.execPath, ["node_modules/jest/bin/jest.js", "--ci", "--testTimeout=60000"], {
      cwd: jest,
      env: { ...process.env, NODE_OPTIONS: "", TASKS_URL: service.baseUrl, TASKS_TOKEN: token },
    }).catch(({ stderr }) => assert.fail(stderr));
    assert.match(stderr, /Test Suites: 3 passed, 3 total/);
    assert.match(stderr, /Tests: +6 passed, 6 total/);
  } finally {
    await service.stop();
  }
});
