// RxDB with the replication of docs/sync.md: two databases in memory, one on each instance,
// over connections that are cut. 500 random edits in each; in the end both are what the
// server has, and no key was stored twice.
import assert from "node:assert/strict";
import { createRxDatabase } from "rxdb";
import { getRxStorageMemory } from "rxdb/plugins/storage-memory";

import { replicate, schema } from "./rxdb.mjs";
import { below, client } from "../tools.mjs";

const EDITS = 500;

export default async function ({ urls, cutUrls, token }) {
  const errors = [];
  const replicas = await Promise.all(cutUrls.map((url, n) => open(`r${n}${below(1e9)}`, url, token, errors)));
  await Promise.all(replicas.map(({ state }) => state.awaitInitialReplication()));

  await Promise.all(replicas.map(edit));
  const server = client(urls[0], token);
  const expected = async () => {
    const tasks = await server.json("GET", "/api/tasks");
    return tasks.map(({ idempotency_key, id, version, title, completed, tags }) => ({
      key: idempotency_key, id, version, title, completed, tags,
    })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  };
  const content = async ({ collection }) => {
    const documents = await collection.find().exec();
    return documents.map((document) => {
      const { key, id, version, title, completed, tags } = document.toJSON();
      return { key, id, version, title, completed, tags };
    }).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  };
  // What one sends, the other reads in the next round.
  for (let round = 0; ; round++) {
    for (const { state } of replicas) {
      state.reSync();
      await state.awaitInSync();
    }
    const [wanted, ...copies] = [await expected(), ...(await Promise.all(replicas.map(content)))];
    try {
      for (const copy of copies) assert.deepEqual(copy, wanted);
      break;
    } catch (error) {
      if (round === 20) throw error;
    }
  }
  const keys = (await expected()).map(({ key }) => key);
  assert.ok(keys.length > 20, `${keys.length} tasks`);
  assert.equal(new Set(keys).size, keys.length, "a key twice");
  for (const { state, database } of replicas) {
    await state.cancel();
    await database.close();
  }
}

async function open(name, url, token, errors) {
  const database = await createRxDatabase({ name, storage: getRxStorageMemory(), multiInstance: false });
  const { tasks: collection } = await database.addCollections({ tasks: { schema } });
  const plain = client(url, token);
  const request = async (...call) => {
    const response = await plain.request(...call);
    if (response.status >= 500 || response.status === 429) throw new Error(`${response.status}`);
    // The whole response, so that a cut within the body is an error here.
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: async () => JSON.parse(text) };
  };
  const state = replicate(collection, request);
  state.error$.subscribe((error) => errors.push(error));
  return { database, collection, state };
}

async function edit({ collection, state }) {
  for (let n = 0; n < EDITS; n++) {
    const documents = await collection.find().exec();
    const document = documents[below(documents.length)];
    const kind = below(10);
    try {
      if (kind < 3 || document === undefined) {
        await collection.insert({
          key: crypto.randomUUID(), title: `Task ${below(1e6)}`, description: null, completed: kind === 0, tags: [],
        });
      } else if (kind < 6) await document.incrementalPatch({ title: `Edit ${below(1e6)}` });
      else if (kind < 8) await document.incrementalPatch({ completed: below(2) === 1, tags: [`t${below(5)}`] });
      else await document.incrementalRemove();
    } catch (error) {
      // It was removed meanwhile by what the other one wrote.
      if (!["COL19", "CONFLICT", "DOC13", "DOC14"].includes(error.code)) throw error;
    }
    if (n % 25 === 0) state.reSync();
    if (n % 5 === 0) await new Promise((done) => setTimeout(done, 5));
  }
}
