// What a user of the client adds to a page: bundled, minified, gzipped. React and TanStack
// Query are the page's own.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Of a page with the six operations of version 1.0. */
const LIMIT = 3072;

const six = `
  const tasks = createTasksClient({ baseUrl: location.origin, token: async () => "" });
  console.log(isProblem, UnexpectedResponseError);
  console.log(tasks.listTasks, tasks.createTask, tasks.getTask);
  console.log(tasks.updateTask, tasks.completeTask, tasks.deleteTask);
`;
const client = 'import { createTasksClient, isProblem, UnexpectedResponseError } from "@tasks-api/client";';

/** Pages, each with what it imports. */
const pages = {
  "the six operations of 1.0, retries": client + six,
  "+ all other operations": `${client} ${six} console.log(tasks);`,
  "+ unwrap and ProblemError": `${client} ${six}
    import { ProblemError, unwrap } from "@tasks-api/client"; console.log(ProblemError, unwrap);`,
  "+ createTokenSource": `${client} ${six}
    import { createTokenSource } from "@tasks-api/client"; console.log(createTokenSource);`,
  "+ changes": `${client} ${six} import { changes } from "@tasks-api/client"; console.log(changes);`,
  "+ /react-query": `${client} ${six}
    import { createTasksQueries } from "@tasks-api/client/react-query"; console.log(createTasksQueries);`,
  everything: `import * as all from "@tasks-api/client";
    import { createTasksQueries } from "@tasks-api/client/react-query"; console.log(all, createTasksQueries);`,
  "types and isProblem alone": 'import { isProblem } from "@tasks-api/client"; console.log(isProblem);',
};

const sizeOf = async (contents) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["@tanstack/react-query"],
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
};

let base;
for (const [name, contents] of Object.entries(pages)) {
  const size = await sizeOf(contents);
  base ??= size;
  const more = name.startsWith("+") ? `  (+${size - base})` : "";
  console.log(`${String(size).padStart(6)} bytes gzipped  ${name}${more}`);
}
console.log(`${base} of at most ${LIMIT - 1} bytes`);
if (base >= LIMIT) process.exit(1);
