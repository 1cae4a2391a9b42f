// The commands of the page, then the story of clients.rs as a program of the same crate.
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export default async function ({ folder, shell, commands }) {
  const story = fileURLToPath(new URL("clients.rs", import.meta.url));
  await mkdir(join(folder, "src/bin"), { recursive: true });
  await cp(story, join(folder, "src/bin/story.rs"));
  for (const command of commands) {
    await shell(command.replace("cargo run", "cargo run --bin to-do"));
  }
  await shell("cargo run --quiet --bin story");
}
