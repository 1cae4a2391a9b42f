// The collection of the page, with what a person does: an id of their own, and a deletion
// at the end. newman checks the status and the media type of each response.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const CHECK = `pm.test("is a success in JSON", () => {
  pm.expect(pm.response.code).to.be.oneOf([200, 201]);
  pm.expect(pm.response.headers.get("Content-Type")).to.equal("application/json");
});`;
const KEEP_ID = 'pm.collectionVariables.set("id", pm.response.json().id);';

export default async function ({ folder, commands: [block], shell }) {
  const [convert, run] = block.split(/\n(?=npx newman)/);
  await shell(convert);
  const file = join(folder, "collection.json");
  const collection = JSON.parse(await readFile(file, "utf8"));
  const requests = [];
  const walk = (item) => (item.item ? item.item.forEach(walk) : requests.push(item));
  walk(collection);
  assert.equal(requests.length, 14);
  // newman would wait for the end of a stream.
  const streams = requests.filter(({ request }) => request.url.path.at(-1) === "events");
  assert.equal(streams.length, 1);
  requests.splice(requests.indexOf(streams[0]), 1);
  const examples = requests.filter(({ request }) => request.url.variable.length > 0);
  assert.equal(examples.length, 6);
  for (const { request } of examples) {
    assert.equal(request.url.variable[0].value, "7", "the example of the document");
    request.url.variable[0].value = "{{id}}";
  }
  for (const item of requests) {
    const exec = item.request.method === "POST" ? [CHECK, KEEP_ID] : [CHECK];
    item.event = [{ listen: "test", script: { exec } }];
  }
  requests.sort((a, b) => rank(a) - rank(b));
  await writeFile(file, JSON.stringify({ ...collection, item: requests }));
  const output = await shell(`${run} --disable-unicode --color off`);
  assert.match(output, /assertions\s*\|\s*13\s*\|\s*0\s/);
}

const rank = ({ request }) => ["POST", "GET", "PUT", "PATCH", "DELETE"].indexOf(request.method);
