// What the scripts of /docs and /reference know of the service.

// The document is beside the folder of this script, wherever a proxy serves that folder.
const openapi = new URL("../openapi.json", document.currentScript.src).href;
// The address of the page is right whatever the service knows of the proxies before it.
const server = new URL(".", openapi).href.replace(/\/$/, "");
const tokenHelp = new URL("token.json", document.currentScript.src);

function forPage(specification) {
  specification.servers[0].url = server;
  specification.externalDocs.url = `${server}/problems`;
  // Both pages would send the examples: a key that was used, a cursor of nobody.
  const operations = Object.values(specification.paths).flatMap(Object.values);
  for (const parameter of operations.flatMap(({ parameters = [] }) => parameters)) {
    if (!parameter.required) delete parameter.example;
  }
  return specification;
}

async function getHelp() {
  const response = await fetch(tokenHelp);
  return response.ok ? response.json() : {};
}
