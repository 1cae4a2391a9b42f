// The story of openapi-fetch through Prism, which fails on what the document does not allow.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

export default async function ({ folder, env, commands: [command], start, story }) {
  const listed = { headers: { authorization: `Bearer ${env.TOKEN}` } };
  await proxied(command, start, async (url) => {
    await story("openapi-fetch", { TASKS_URL: url, ONLY_VALID_REQUESTS: "yes" });
    const invalid = await fetch(`${url}/api/tasks?status=unknown`, listed);
    assert.equal(invalid.status, 422, await invalid.text());
  });

  // With a document that the service does not fulfil, a response fails.
  const document = await readFile(join(folder, "tasks.yaml"), "utf8");
  const other = document.replace("maxLength: 255", "maxLength: 1");
  assert.notEqual(other, document);
  await writeFile(join(folder, "other.yaml"), other);
  await fetch(`${env.TASKS_URL}/api/tasks`, {
    method: "POST",
    headers: { ...listed.headers, "content-type": "application/json" },
    body: '{"title": "t"}',
  });
  await proxied(command.replace("tasks.yaml", "other.yaml"), start, async (url) => {
    const wrong = await fetch(`${url}/api/tasks`, listed);
    assert.equal(wrong.status, 500, await wrong.text());
  });
}

/** Calls `use` with the address of a Prism that `command` starts. */
async function proxied(command, start, use) {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  const prism = start(`${command} --port ${port}`);
  const url = `http://127.0.0.1:${port}`;
  try {
    for (let tries = 0; !(await fetch(url).then(() => true, () => false)); tries += 1) {
      assert.ok(tries < 300, "Prism does not listen");
      await setTimeout(100);
    }
    await use(url);
  } finally {
    prism.stop();
    await prism.exited;
  }
}
