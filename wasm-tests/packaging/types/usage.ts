// Uses of the package that must compile under `tsc --strict`, and some that must not.

import { Index, SearchError, type AddReport, type Embedder, type Hit, type StorageAdapter } from "gossamer-search";

type Note = { year: number; tags?: string[] };

declare const words: Embedder;
declare const storage: StorageAdapter;
declare function pages(): AsyncIterable<{ id: string; text: string; metadata: Note }>;

export async function minimal(): Promise<string[]> {
  await using index = await Index.open({ name: "notes" });
  await index.add({ id: "a", text: "Bees dance." });
  const { hits } = await index.search("how do bees talk?");
  return hits.map((hit) => hit.text.slice(0, 10) + hit.document);
}

export async function everything(signal: AbortSignal): Promise<void> {
  const { bytes, cached } = await Index.model({ url: "/model/" });
  const support = await Index.supported();
  console.log(bytes + 1, cached, support.reasons.join());
  const index = await Index.open<Note>({
    name: "notes",
    model: { url: new URL("https://example.org/model/") },
    backend: "auto",
    storage,
    text: async (id) => (id === "a" ? "Bees dance." : undefined),
    require: { durable: true },
    worker: () => new Worker("worker.js", { type: "module" }),
    wasm: "/gossamer.wasm",
    signal,
    onProgress: ({ phase, loaded, total }) => console.log(phase, loaded / total),
  });
  const stop = index.on("change", ({ generation, remote }) => console.log(generation + 1, remote));
  const report: AddReport = await index.add(pages(), { signal, onProgress: (p) => console.log(p.documents) });
  for (const { id, outcome, error } of report.documents) if (outcome === "failed") console.log(id, error?.code);
  const { hits, stats } = await index.search("bees", {
    k: 3, recall: 0.99, mode: "hybrid", groupBy: "document", minScore: 0.2, offset: 3, deadlineMs: 500, limit: 64, signal,
    filter: { year: { gte: 2020 }, or: [{ tags: { has: "law" } }, { not: { year: 2021 } }] },
  });
  for await (const { stage, hits } of index.searchStream("bees", { k: 3 })) console.log(stage, hits[0]?.why.estimated);
  const near = await index.similar("a", { k: 2, chunk: 0 });
  console.log(near.hits[0]?.marks[0]?.start, await index.remove({ filter: { year: { lt: 1900 } } }));
  const years: number[] = hits.map((hit: Hit<Note>) => hit.metadata.year);
  console.log(years, stats.recomputed);
  const document = await index.get("a");
  if (document?.text) console.log(document.text.slice(hits[0]?.start, hits[0]?.end));
  await index.remove(["a", "b"]);
  await index.compact({ signal });
  const { damaged } = await index.verify({ repair: true });
  console.log(damaged.length, (await index.stats()).bytes.total);
  await Index.import<Note>(index.export({ signal }), { name: "copy", embedder: words });
  const there = await Index.openUrl<Note>("https://example.org/notes.gossamer", { embedder: words, signal });
  console.log((await there.stats()).fetched?.bytes, there.info.persistence === "remote");
  stop();
  await index.close();
  await Index.destroy("copy");
  await Index.forgetModels();
}

export function told(error: unknown): string {
  if (error instanceof SearchError && error.code === "quota-exceeded") return error.retryable ? "again" : "full";
  throw error;
}

export async function loose(index: Index): Promise<void> {
  await index.search("bees", { filter: { year: { gte: new Date() }, not: { draft: true }, or: [{ type: "pdf" }] } });
}

export async function refused(index: Index<Note>): Promise<void> {
  // @ts-expect-error a document needs a text
  await index.add({ id: "a" });
  // @ts-expect-error metadata of another type
  await index.add({ id: "a", text: "", metadata: { year: "1927" } });
  // @ts-expect-error no such code
  new SearchError("oops", "");
  // @ts-expect-error open() makes it
  new Index();
  // @ts-expect-error no such field
  await index.search("", { filter: { yaer: 1927 } });
  // @ts-expect-error it has no name, only a URL
  await Index.openUrl("/notes.gossamer", { name: "notes" });
  // @ts-expect-error no such event
  index.on("changed", () => {});
}
