import { test as base } from "@playwright/test";

import { Person } from "./person";
import { type Servers, startServers } from "./servers";

interface TestFixtures {
  /** A signed-in user, with the page open. */
  ana: Person;
  /** A browser without cookies, for a guest. */
  guest: (name: string) => Promise<Person>;
}

/** Each worker has a service, an application and databases of its own; each test has users of its own. */
export const test = base.extend<TestFixtures, { servers: Servers }>({
  servers: [
    async ({}, use) => {
      const servers = await startServers();
      await use(servers);
      await servers.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  guest: async ({ browser, servers }, use, info) => {
    const people: Person[] = [];
    await use(async (name) => {
      const person = await Person.open(browser, servers, name);
      people.push(person);
      return person;
    });
    if (info.error) console.error(servers.output());
    // Whatever a test does, the console stays empty but for what it names.
    for (const person of people) await person.close(!info.error);
  },
  ana: async ({ guest }, use) => {
    const ana = await guest("Ana");
    await ana.signUp();
    await ana.open();
    await use(ana);
  },
});

export { expect } from "@playwright/test";
