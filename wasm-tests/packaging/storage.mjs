// A storage of an application's own, for tests.

/** A storage in memory that outlives an index, and can be slow, full or broken. */
export function mapStorage(fault = () => {}) {
  const [blocks, manifests] = [new Map(), new Map()];
  return {
    blocks,
    async get(name) {
      await fault("get");
      return blocks.get(name);
    },
    async put(name, bytes) {
      await fault("put");
      blocks.set(name, bytes);
    },
    delete: async (name) => void blocks.delete(name),
    list: async () => [...blocks.keys()],
    forget() {
      blocks.clear();
      manifests.clear();
    },
    swap: async (generation, manifest) => void manifests.set(generation, manifest),
    manifests: async () => [...manifests].map(([generation, manifest]) => ({ generation, manifest })).sort((a, b) => b.generation - a.generation).slice(0, 2),
  };
}
