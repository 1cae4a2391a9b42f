// A proxy that cuts connections at random: before a request arrives, or after the service
// has done it and before the response arrives.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** One in so many pieces of data is lost with its connection. */
const CUT = 40;

export async function cuttingProxy(target) {
  const { hostname, port } = new URL(target);
  let cuts = 0;
  const server = createServer((client) => {
    const service = connect(Number(port), hostname);
    const end = () => {
      client.destroy();
      service.destroy();
    };
    for (const [from, to] of [[client, service], [service, client]]) {
      from.on("error", end).on("close", end);
      from.on("data", (data) => {
        if (Math.random() * CUT < 1) {
          cuts += 1;
          end();
        } else {
          to.write(data);
        }
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cuts: () => cuts,
    close: () => server.close(),
  };
}
