// The document is beside the folder of this script, wherever a proxy serves that folder.
const openapi = new URL("../openapi.json", document.currentScript.src).href;
// The address of the page is right whatever the service knows of the proxies before it.
const server = new URL(".", openapi).href.replace(/\/$/, "");

function setServer(response) {
  if (response.ok && response.url === openapi) {
    const specification = JSON.parse(response.text);
    specification.servers[0].url = server;
    response.text = JSON.stringify(specification);
  }
  return response;
}

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
    layout: "StandaloneLayout",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
  });
};
