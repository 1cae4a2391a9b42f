// `npm run typecheck` in a copy of this folder in which neither `next dev` nor `next build` ever ran.
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const app = fileURLToPath(new URL("..", import.meta.url));
const copy = await mkdtemp(join(tmpdir(), "tasks-example-"));
const leftOut = /^(node_modules|\.next|next-env\.d\.ts|test|.*\.(db.*|tsbuildinfo))$/;

try {
  await cp(app, copy, { recursive: true, filter: (path) => !leftOut.test(relative(app, path)) });
  await symlink(join(app, "node_modules"), join(copy, "node_modules"));
  const { status } = spawnSync("npm", ["run", "typecheck"], { cwd: copy, stdio: "inherit" });
  if (status === 0) console.log("ok  typecheck in a fresh copy");
  else process.exitCode = 1;
} finally {
  await rm(copy, { recursive: true, force: true });
}
