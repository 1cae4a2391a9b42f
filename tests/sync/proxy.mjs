// A proxy that cuts connections at random: before a request arrives, or after the service
// has done it and before the response arrives.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** One in so many pieces of data is lost with its connection, as a rule. */
const CUT = 40;

/** In front of these targets, which take turns. One in `cut` pieces of data is lost. */
export async function cuttingProxy(targets, cut = CUT) {
  let cuts = 0;
  let connections = 0;
  const server = createServer((client) => {
    const { hostname, port } = new URL(targets[connections++ % targets.length]);
    const service = connect(Number(port), hostname);
    const end = () => {
      client.destroy();
      service.destroy();
    };
    for (const [from, to] of [[client, service], [service, client]]) {
      from.on("error", end).on("close", end);
      from.on("data", (data) => {
        if (Math.random() * cut < 1) {
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
