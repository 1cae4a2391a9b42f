// Runs clients that nobody here wrote, and the snippets of docs/sync.md, against two
// instances of the service on one database, behind a proxy that cuts connections.
// `node run.mjs rxdb paging` runs some of the stories.
//
// TEST_DATABASE_URL names a PostgreSQL in which a database is made; without it both
// instances have one SQLite file.
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { execFileSync } from "node:child_process";

import { startService } from "../../clients/typescript/test/server.mjs";
import { cuttingProxy } from "./proxy.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
// Inside of this folder, so that imports find its packages.
const work = join(here, "work");

await rm(work, { recursive: true, force: true });
await mkdir(work);
await writeSnippets();
const names = (await readdir(join(here, "stories"))).map((file) => file.replace(".mjs", ""));
const chosen = process.argv.slice(2);
for (const name of chosen) if (!names.includes(name)) throw new Error(`${name} is none of ${names}`);

const database = await makeDatabase();
const instances = [];
let failed = 0;
try {
  for (let n = 0; n < 2; n++) {
    instances.push(await startService({ DATABASE_URL: database.url, RATE_LIMIT_PER_USER: "0" }));
  }
  const proxies = await Promise.all(instances.map(({ baseUrl }) => cuttingProxy([baseUrl])));
  // Every connection is to the other instance than the one before, and soon cut.
  const balancer = await cuttingProxy(instances.map(({ baseUrl }) => baseUrl), 4);
  proxies.push(balancer);
  for (const name of chosen.length > 0 ? chosen : names) {
    await cp(join(here, "stories", `${name}.mjs`), join(work, `${name}.story.mjs`));
    const { default: story } = await import(join(work, `${name}.story.mjs`));
    const started = performance.now();
    const user = `${name}-${randomBytes(4).toString("hex")}`;
    try {
      await story({
        urls: instances.map(({ baseUrl }) => baseUrl),
        cutUrls: proxies.slice(0, 2).map(({ url }) => url),
        balancedUrl: balancer.url,
        token: await instances[0].token(user),
        otherToken: await instances[0].token(`${user}-other`),
      });
      console.log(`ok   ${name} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      failed += 1;
      console.error(`FAIL ${name}\n${error.stack}`);
    }
  }
  for (const proxy of proxies) {
    console.log(`${proxy.cuts()} connections were cut`);
    proxy.close();
  }
} finally {
  for (const instance of instances) await instance.stop();
  await database.drop();
}
process.exitCode = failed;

/** The blocks of the page that begin with a file name. */
async function writeSnippets() {
  const page = await readFile(resolve(here, "../../docs/sync.md"), "utf8");
  for (const [, text] of page.matchAll(/^```js\n(.*?)^```$/gms)) {
    const [, name] = text.match(/^\/\/ (\S+\.mjs)\n/);
    await writeFile(join(work, name), text);
  }
}

async function makeDatabase() {
  const server = process.env.TEST_DATABASE_URL;
  if (server === undefined) {
    const folder = await mkdtemp(join(tmpdir(), "tasks-sync-"));
    return { url: `sqlite://${folder}/tasks.db`, drop: () => rm(folder, { recursive: true }) };
  }
  const name = `sync_${randomBytes(6).toString("hex")}`;
  const psql = (sql) => execFileSync("psql", ["-q", server, "-c", sql]);
  psql(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: async () => psql(`DROP DATABASE ${name} WITH (FORCE)`) };
}
