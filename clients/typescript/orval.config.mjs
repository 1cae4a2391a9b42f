// How `npm run generate` writes src/generated.ts from the contract. `send` takes
// the place of orval's own call of fetch, which would take any answer for a
// documented one.
export default {
  tasks: {
    input: "../../openapi/tasks.yaml",
    output: {
      target: "src/generated.ts",
      client: "fetch",
      mode: "single",
      override: {
        // The extension is what Node asks of an import between ES modules.
        mutator: { path: "src/send.ts", name: "send", extension: ".js" },
      },
    },
  },
};
