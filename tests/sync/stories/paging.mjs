// `http-link-header` walks the pages of every order, over connections that are cut.
import assert from "node:assert/strict";
import LinkHeader from "http-link-header";

import { client, insist } from "../tools.mjs";

export default async function ({ urls, cutUrls, token }) {
  const tasks = client(urls[0], token);
  const priorities = ["none", "low", "medium", "high"];
  const made = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      tasks.json("POST", "/api/tasks", {
        title: `Task ${n}`,
        priority: priorities[n % 4],
        tags: n % 2 ? ["odd"] : [],
        ...(n % 3 && { due_date: `2026-0${1 + (n % 5)}-10` }),
      }),
    ),
  );
  for (const sort of ["newest", "oldest", "due", "priority", "updated", "manual"]) {
    for (const filter of ["", "&tag=odd", "&q=task%201", "&due_by=2026-03-31", "&status=pending"]) {
      const whole = await tasks.json("GET", `/api/tasks?sort=${sort}${filter}`);
      assert.ok(whole.length > 0, filter);
      const paged = [];
      let next = `/api/tasks?sort=${sort}&limit=7${filter}`;
      for (let page = 0; next !== undefined; page++) {
        const address = new URL(next, cutUrls[page % 2]);
        const response = await insist(() => fetch(address, { headers: { Authorization: `Bearer ${token}` } }));
        paged.push(...response.body);
        const link = response.headers.get("Link");
        next = link === null ? undefined : LinkHeader.parse(link).rel("next")[0].uri;
        assert.ok(next !== undefined || response.body.length <= 7);
      }
      assert.deepEqual(paged, whole, `${sort}${filter}`);
    }
  }
  assert.equal((await tasks.json("GET", "/api/tasks")).length, made.length);
}
