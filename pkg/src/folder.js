// Node's storage: a folder, laid out as the native command's, so that each opens what the other made.

import { link, mkdir, open, readFile, readdir, rename, unlink, writeFile } from "node:fs/promises";
import path from "node:path";

/** Times a lock is tried when the one found turns out to be left by a dead process. */
const TRIES = 3;

export class Folder {
  #folder;
  #pending = new Map();
  #counter = 0;
  #locked = false;
  /** On this machine's disk: what is read once is not kept for that alone, and words are counted ahead. */
  near = true;

  constructor(folder) {
    this.#folder = folder;
  }

  async get(name) {
    return read(this.#pending.get(name) ?? this.#block(name));
  }

  async put(name, bytes) {
    this.#block(name);
    const file = await this.#write(bytes);
    const old = this.#pending.get(name);
    this.#pending.set(name, file);
    if (old) await remove(old);
  }

  async delete(name) {
    const pending = this.#pending.get(name);
    this.#pending.delete(name);
    await remove(pending ?? this.#block(name));
  }

  async list() {
    const names = (await this.#names()).filter((name) => name.endsWith(".block")).map((name) => name.slice(0, -6));
    return [...new Set([...names, ...this.#pending.keys()])].sort();
  }

  /** Flushes the blocks and puts them in place, then does the same with the manifest. */
  async swap(generation, manifest) {
    const [newest] = await this.#generations();
    if (newest !== undefined && newest >= generation) {
      throw Object.assign(new Error("a writer that took over"), { code: "locked" });
    }
    for (const [name, file] of this.#pending) {
      await flush(file);
      await rename(file, this.#block(name));
      this.#pending.delete(name);
    }
    await flush(this.#folder);
    const file = await this.#write(manifest);
    await flush(file);
    await rename(file, this.#manifest(generation));
    await flush(this.#folder);
    for (const old of (await this.#generations()).slice(2)) await remove(this.#manifest(old));
  }

  async manifests() {
    const found = [];
    for (const generation of (await this.#generations()).slice(0, 2)) {
      const manifest = await read(this.#manifest(generation));
      if (manifest) found.push({ generation, manifest });
    }
    return found;
  }

  /** Node has no advisory locks: a file that names the process stands for one, apart from the command's. */
  async lock() {
    if (this.#locked) return;
    await mkdir(this.#folder, { recursive: true });
    const file = this.#lockFile();
    for (let attempt = 0; attempt < TRIES; attempt++) {
      try {
        // Linked when it is whole: who reads it never finds it without its owner.
        const mine = path.join(this.#folder, `lock-${process.pid}-${++this.#counter}`);
        await writeFile(mine, String(process.pid));
        await link(mine, file).finally(() => remove(mine));
        this.#locked = true;
        for (const name of await this.#names()) if (name.startsWith("new-")) await remove(path.join(this.#folder, name));
        return;
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
        const owner = Number(await readFile(file, "utf8").catch(() => ""));
        if (owner && alive(owner)) throw Object.assign(new Error(`process ${owner}`), { code: "locked" });
        await remove(file);
      }
    }
    throw Object.assign(new Error("another process"), { code: "locked" });
  }

  async unlock() {
    if (!this.#locked) return;
    this.#locked = false;
    await remove(this.#lockFile());
  }

  #block(name) {
    if (!/^[0-9a-z-]{1,100}$/.test(name)) throw new Error(`${JSON.stringify(name)} is not a block's name`);
    return path.join(this.#folder, `${name}.block`);
  }

  #manifest(generation) {
    return path.join(this.#folder, `manifest-${generation.toString(16).padStart(16, "0")}`);
  }

  #lockFile() {
    return path.join(this.#folder, "writer.pid");
  }

  async #generations() {
    const numbers = (await this.#names()).map((name) => /^manifest-([0-9a-f]{16})$/.exec(name)?.[1]);
    return numbers.filter(Boolean).map((digits) => parseInt(digits, 16)).sort((a, b) => b - a);
  }

  async #names() {
    return readdir(this.#folder).catch(absent([]));
  }

  async #write(bytes) {
    await mkdir(this.#folder, { recursive: true });
    const file = path.join(this.#folder, `new-${process.pid}-${++this.#counter}`);
    try {
      const handle = await open(file, "w");
      await handle.writeFile(bytes).finally(() => handle.close());
    } catch (error) {
      // A full disk must not stay full because of half a file.
      await remove(file);
      throw error.code === "ENOSPC" || error.code === "EDQUOT" ? Object.assign(error, { code: "quota-exceeded" }) : error;
    }
    return file;
  }
}

const absent = (value) => (error) => {
  if (error.code === "ENOENT") return value;
  throw error;
};

async function read(file) {
  const bytes = await readFile(file).catch(absent(undefined));
  return bytes && new Uint8Array(bytes);
}

async function remove(file) {
  await unlink(file).catch(absent(undefined));
}

/** Makes what is in a file, or the names in a folder, durable. */
async function flush(file) {
  const handle = await open(file, "r").catch((error) => {
    // Windows does not open folders, and does not need to.
    if (error.code === "EISDIR" || error.code === "EPERM") return undefined;
    throw error;
  });
  if (!handle) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
