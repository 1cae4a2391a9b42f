import http2 from "node:http2";

const [method, url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };

const stream = () => {
  let parts = 0;
  return new ReadableStream({
    pull: (controller) => (parts++ < 200 ? controller.enqueue(new Uint8Array(100_000)) : controller.close()),
  });
};
const bodies = { "2 MB": new Uint8Array(2e6), "20 MB": new Uint8Array(2e7), "20 MB in chunks": stream() };
for (const [name, body] of Object.entries(bodies)) {
  const response = await fetch(url, { method, headers, body, duplex: "half" });
  console.log(name, response.status, (await response.json()).type);
}

// A session of Node holds at most 10 MB.
const { origin, pathname } = new URL(url);
const session = http2.connect(origin);
const request = session.request({ ":method": method, ":path": pathname, ...headers });
let status;
let text = "";
request.setEncoding("utf8");
request.on("response", (head) => (status = head[":status"]));
request.on("data", (part) => (text += part));
request.on("end", () => {
  console.log("8 MB on HTTP/2", status, JSON.parse(text).type);
  session.destroy();
});
request.end(Buffer.alloc(8e6));
