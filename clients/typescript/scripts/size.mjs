// What a user of all operations adds to a page: bundled, minified, gzipped.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT = 3072;

const { outputFiles } = await build({
  stdin: {
    contents: `
      import { createTasksClient, isProblem, UnexpectedResponseError } from "@tasks-api/client";
      console.log(createTasksClient({ baseUrl: location.origin, token: async () => "" }));
      console.log(isProblem, UnexpectedResponseError);
    `,
    resolveDir: import.meta.dirname,
  },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const [bundle] = outputFiles;
const size = gzipSync(bundle.contents, { level: 9 }).length;
console.log(`${size} bytes gzipped (${bundle.contents.length} minified); the limit is ${LIMIT}`);
if (size >= LIMIT) process.exit(1);
