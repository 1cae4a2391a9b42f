// dist: ES modules, and CommonJS for `require` and test runners such as Jest.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

// A file that was renamed must not stay in the package.
rmSync(join(root, "dist"), { recursive: true, force: true });
for (const project of ["tsconfig.build.json", "tsconfig.cjs.json"]) {
  execFileSync(process.execPath, [tsc, "--project", project], { cwd: root, stdio: "inherit" });
}
// The package is of type "module"; the files of this folder are not.
writeFileSync(join(root, "dist/cjs/package.json"), '{ "type": "commonjs" }\n');
