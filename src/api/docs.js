// Swagger UI at /docs.
function setServer(response) {
  if (response.ok && response.url === openapi) response.text = JSON.stringify(forPage(JSON.parse(response.text)));
  return response;
}

// A failure is one line until it is opened: an operation has up to ten of them.
const FoldedFailures = () => ({
  wrapComponents: {
    response: (Original, { React }) =>
      function Response(properties) {
        const { createElement: h, useState } = React;
        const [open, setOpen] = useState(false);
        const { code, response } = properties;
        if (open || !(Number(code) >= 400)) return h(Original, properties);
        const description = h(
          "button",
          { type: "button", "aria-expanded": false, onClick: () => setOpen(true) },
          response.get("description").replaceAll("`", ""),
        );
        return h(
          "tr",
          { className: "response folded", "data-code": code },
          h("td", { className: "response-col_status" }, code),
          h("td", { className: "response-col_description", colSpan: 2 }, description),
        );
      },
  },
});

// How to get a token, beside the button that takes it.
const TokenHelp = () => ({
  wrapComponents: {
    AuthorizeBtnContainer: (Original, system) =>
      function AuthorizeWithHelp(properties) {
        const { createElement: h, useEffect, useState } = system.React;
        const [help, setHelp] = useState({});
        useEffect(() => void getHelp().then(setHelp), []);
        const schema = system.specSelectors.specJson().getIn(["components", "securitySchemes", "bearerAuth"]);
        const authorize = async () => {
          const { token } = await getHelp();
          const bearerAuth = { name: "bearerAuth", value: token, schema };
          if (token) system.authActions.authorizeWithPersistOption({ bearerAuth });
        };
        return h(
          "div",
          { className: "token-help" },
          help.token &&
            h("button", { type: "button", className: "btn development-token", onClick: authorize }, "Use the development token"),
          help.snippet &&
            h(
              "p",
              null,
              "A token of a signed-in user, in the browser's console ",
              help.origin ? `at ${help.origin}` : "of the application",
              ": ",
              h("code", null, help.snippet),
            ),
          h(Original, properties),
        );
      },
  },
});

// The request that the page sends, to copy into a program.
const Snippets = () => ({
  fn: { requestSnippetGenerator_fetch: fetchSnippet, requestSnippetGenerator_python: pythonSnippet },
});

// Name and value of the parts of a request; a body that is JSON is parsed.
function parts(request) {
  const body = request.get("body");
  const headers = request.get("headers")?.toJS() ?? {};
  const parsed = typeof body === "string" && body !== "" ? parse(body) : undefined;
  return { url: request.get("url"), method: request.get("method"), headers, body: parsed };
}

function parse(text) {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return { text };
  }
}

const indented = (lines) => lines.replaceAll("\n", "\n  ");

function fetchSnippet(request) {
  const { url, method, headers, body } = parts(request);
  const options = [`method: ${JSON.stringify(method)}`];
  options.push(`headers: ${indented(JSON.stringify(headers, null, 2))}`);
  if (body?.json !== undefined) options.push(`body: JSON.stringify(${indented(JSON.stringify(body.json, null, 2))})`);
  else if (body) options.push(`body: ${JSON.stringify(body.text)}`);
  const call = `fetch(${JSON.stringify(url)}, {\n  ${options.join(",\n  ")},\n})`;
  return `const response = await ${call};\nconsole.log(response.status, await response.json());`;
}

function pythonSnippet(request) {
  const { url, method, headers, body } = parts(request);
  const options = [JSON.stringify(url), `headers=${indented(python(headers))}`];
  if (body?.json !== undefined) options.push(`json=${indented(python(body.json))}`);
  else if (body) options.push(`data=${JSON.stringify(body.text)}`);
  const call = `requests.${method.toLowerCase()}(\n  ${options.join(",\n  ")},\n)`;
  return `import requests\n\nresponse = ${call}\nprint(response.status_code, response.json())`;
}

// A JSON value as Python writes it. The strings of JSON are strings of Python.
function python(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const items = Array.isArray(value)
    ? value.map(python)
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${python(item)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return items.length === 0 ? open + close : `${open}\n${items.map((i) => `  ${indented(i)},`).join("\n")}\n${close}`;
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const setColors = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", setColors);
setColors();

window.onload = () => {
  window.ui = SwaggerUIBundle({
    dom_id: "#swagger-ui",
    url: openapi,
    responseInterceptor: setServer,
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: "none",
    persistAuthorization: true,
    requestSnippetsEnabled: true,
    requestSnippets: {
      generators: {
        curl_bash: { title: "curl", syntax: "bash" },
        fetch: { title: "fetch", syntax: "javascript" },
        python: { title: "Python", syntax: "python" },
      },
      languages: ["curl_bash", "fetch", "python"],
    },
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [FoldedFailures, TokenHelp, Snippets],
  });
};
