// HTTP servers of the tests: scripted ones, and proxies in front of the real service.
import { once } from "node:events";
import { createServer, request as send } from "node:http";

/** Listens with this handler on a free port. */
export async function serve(handler) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Responds with JSON. */
export const reply = (response, status, body, headers = {}) => {
  const type = status >= 400 ? "application/problem+json" : "application/json";
  response.writeHead(status, { "Content-Type": type, ...headers }).end(JSON.stringify(body));
};

/** A problem of the contract, for a service that is busy. */
export const problem = (status, type) => ({
  type: `/problems/${type}`,
  title: type,
  status,
  detail: `This is ${type}.`,
});

/**
 * A proxy of a service. `relay(from, to, request)` passes the response on, or does something
 * else with it; `before(request, response)` may respond in the service's place.
 */
export async function proxy(target, { before = () => false, relay = (from, to) => from.pipe(to) } = {}) {
  const requests = [];
  const { url, close } = await serve((request, response) => {
    requests.push(request);
    if (before(request, response)) return;
    const { hostname, port } = new URL(target);
    const { method, url: path, headers } = request;
    const onward = send({ hostname, port, method, path, headers, agent: false }, (received) => {
      response.on("close", () => received.destroy());
      const { connection: _, "transfer-encoding": __, "keep-alive": ___, ...kept } = received.headers;
      response.writeHead(received.statusCode, kept);
      relay(received, response, request);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  return { url, close, requests };
}
