// What the service has in Node and nowhere else: folders, `file:` URLs, a folder for the model's parts.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, readdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import { Folder } from "./folder.js";

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "gossamer", "parts");
const file = (key) => path.join(cache, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}`);

/** Parts of models as files; each with its key beside it. */
const modelCache = {
  get: (key) => readFile(file(key)).then((bytes) => new Uint8Array(bytes), () => undefined),
  async put(key, bytes) {
    await mkdir(cache, { recursive: true });
    const part = `${file(key)}.new-${process.pid}`;
    await writeFile(part, bytes);
    await rename(part, file(key));
    await writeFile(`${file(key)}.key`, key);
  },
  async delete(key) {
    await Promise.all([unlink(file(key)), unlink(`${file(key)}.key`)].map((done) => done.catch(() => {})));
  },
  async keys() {
    const names = (await readdir(cache).catch(() => [])).filter((name) => name.endsWith(".key"));
    return Promise.all(names.map((name) => readFile(path.join(cache, name), "utf8")));
  },
};

async function fetchFile(url) {
  const name = fileURLToPath(url);
  const size = await stat(name).then((s) => s.size, () => undefined);
  if (size === undefined) return new Response(null, { status: 404 });
  return new Response(Readable.toWeb(createReadStream(name)));
}

export const platform = { Folder, fetchFile, modelCache };
