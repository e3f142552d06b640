// The same in a runtime of the edge: no workers, storage of the application's own, here a map that outlives an index.

import { Index } from "gossamer-search";
import { notes, words } from "./words.mjs";

export default {
  async fetch() {
    try {
      const storage = mapStorage();
      const open = () => Index.open({ name: "edge", embedder: words, storage });
      const index = await open();
      const report = await index.add(notes);
      const first = (await index.search("where do bees dance", { k: 2 })).hits;
      await index.close();
      const again = await open();
      const second = (await again.search("where do bees dance", { k: 2 })).hits;
      const { info } = again;
      await again.close();
      return Response.json({ report, first, second, info });
    } catch (error) {
      return Response.json({ error: `${error.code}: ${error.message}`, stack: error.stack });
    }
  },
};

function mapStorage() {
  const [blocks, manifests] = [new Map(), new Map()];
  return {
    get: (name) => blocks.get(name),
    put: (name, bytes) => void blocks.set(name, bytes),
    delete: (name) => void blocks.delete(name),
    list: () => [...blocks.keys()],
    swap(generation, manifest) {
      if ([...manifests.keys()].some((stored) => stored >= generation)) throw Object.assign(new Error("another writer"), { code: "locked" });
      manifests.set(generation, manifest);
      for (const old of [...manifests.keys()].sort((a, b) => b - a).slice(2)) manifests.delete(old);
    },
    manifests: () => [...manifests].map(([generation, manifest]) => ({ generation, manifest })).sort((a, b) => b.generation - a.generation),
  };
}
