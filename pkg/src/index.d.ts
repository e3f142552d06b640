/**
 * Private semantic search: text in, hits out, in the browser, in Node and in workers at the edge.
 *
 * Everything runs where the documents are. The index keeps a short code per passage and no embeddings, and
 * recomputes the few embeddings that can still change an answer.
 *
 * @module
 */

/** What may stand in the metadata of a document. Dates come back as ISO 8601 strings. */
export type Metadata = Record<string, string | number | boolean | Date | string[] | undefined>;

/** A document as it is added. */
export interface Document<M extends Metadata = Metadata> {
  /** The application's own name for it, unique in the index: adding it again replaces it. */
  id: string;
  /** What is searched. */
  text: string;
  /** For people; not searched by meaning. */
  title?: string;
  /** What comes back with a hit, and what filters look at. */
  metadata?: M;
}

/** A document as it is stored. */
export interface StoredDocument<M extends Metadata = Metadata> {
  id: string;
  title: string;
  /** `null` if the index keeps no texts and the application has none for it. */
  text: string | null;
  metadata: M;
}

/** A document in the list of all. */
export interface ListedDocument<M extends Metadata = Metadata> {
  id: string;
  title: string;
  metadata: M;
  /** Passages that it was cut into. */
  chunks: number;
  /** Bytes of its text in UTF-8. */
  textBytes: number;
}

/** A file of a model. */
export interface ModelFile {
  /** `config.json`, `tokenizer.json`, `model.safetensors`; optionally `sentence_bert_config.json` and `codec.gsc`. */
  name: string;
  /** Exact size. */
  bytes: number;
  /** In hexadecimal. What differs is refused. */
  sha256: string;
}

/**
 * Where the model's files come from.
 *
 * - nothing: all-MiniLM-L6-v2 (English, 91 MB) from where it is published;
 * - `{ url }`: the same files, byte for byte, from a folder of your own;
 * - `{ url, name, files }`: another BERT model, with the hashes you expect;
 * - `{ manifest }`: whatever `{ name, files }` the JSON file at this URL lists, beside it;
 * - `{ name, bytes }`: bytes that you have already.
 *
 * In Node a URL may be a `file:` one.
 */
export type ModelSource =
  | { url: string | URL }
  | { url: string | URL; name: string; files: ModelFile[] }
  | { manifest: string | URL }
  | { name: string; bytes: Record<string, Uint8Array> };

/** What is known of a model before anything is downloaded. */
export interface ModelInfo {
  name: string;
  /** Bytes of all files. */
  bytes: number;
  /** Whether they are all on this device. */
  cached: boolean;
  files: { name: string; bytes: number; sha256?: string }[];
}

/** An embedder of the application's own: another model, another library, a service, vectors made before. */
export interface Embedder {
  /** Names the model and its version. It is stored, and an index made with another is refused. */
  model: string;
  /** Numbers per vector. */
  dimensions: number;
  /**
   * Embeds every text, in order. Resolves with one row after the other in one array, or with an array of vectors.
   * Rows need not be of unit length. The same text must give the same vector later: embeddings are not kept.
   */
  embed(texts: string[], context: { role: "query" | "passage" }): Promise<Float32Array | (Float32Array | number[])[]> | Float32Array | (Float32Array | number[])[];
  /** Tokens that the model reads, at most; texts are cut into passages of about three quarters of it. 254 if absent. */
  maxTokens?: number;
  /** Texts per call. 32 if absent. */
  batch?: number;
  /**
   * The model's codec, if there is one: for all-MiniLM-L6-v2 the file `gossamer-search/minilm.gsc`; `gossamer codec` trains
   * others. Without one more is recomputed. It counts when the index is made, and is kept in it.
   */
  codec?: Uint8Array;
}

/**
 * A storage of the application's own. Each method may return a promise.
 *
 * `swap` makes every block put before it, and then the manifest, durable, in that order, and keeps the two newest
 * manifests. It throws an error with `code: "locked"` if `generation` is not above those stored. An error with
 * `code: "quota-exceeded"` says that the place is full.
 */
export interface StorageAdapter {
  /** A block, or `undefined` if there is none of that name (`[0-9a-z-]`, 1 to 100 characters). */
  get(name: string): Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** Writes a block. Names are never used again with other bytes. May be lazy. */
  put(name: string, bytes: Uint8Array): Promise<void> | void;
  /** Removes a block; absent is fine. */
  delete(name: string): Promise<void> | void;
  /** Names of all blocks. */
  list(): Promise<string[]> | string[];
  /** See above. */
  swap(generation: number, manifest: Uint8Array): Promise<void> | void;
  /** The manifests, newest first. */
  manifests(): Promise<{ generation: number; manifest: Uint8Array }[]> | { generation: number; manifest: Uint8Array }[];
  /** Takes the role of the only writer, or throws an error with `code: "locked"`. For places that are shared. */
  lock?(): Promise<void> | void;
  /** Gives it back. */
  unlock?(): Promise<void> | void;
}

/** How to open an index. */
export interface OpenOptions {
  /** In a browser the database's name within the origin, in Node the folder. */
  name: string;
  /** Where the model comes from. */
  model?: ModelSource;
  /** Takes the model's place. Must be given each time the index is opened. */
  embedder?: Embedder;
  /** What runs the model: `auto` takes a real GPU that passes a self-test, otherwise the CPU. */
  backend?: "auto" | "webgpu" | "cpu";
  /** Where the index is: IndexedDB in a browser, a folder in Node, memory at the edge, unless said otherwise. */
  storage?: "indexeddb" | "memory" | { folder: string } | StorageAdapter;
  /** The texts, if the application keeps them anyway: an index that is made with this keeps none itself. */
  text?: (id: string) => Promise<string | undefined> | string | undefined;
  /** What must not be degraded: `open` then fails instead. */
  require?: { durable?: boolean; webgpu?: boolean };
  /**
   * Whether the work is done in a worker of the package's own (it is, unless `false`), or a function that makes one
   * from `gossamer-search/worker`. Where there are no workers it is done on this thread; `info.worker` tells.
   */
  worker?: boolean | (() => Worker);
  /** The WebAssembly module, if it is not to be fetched from beside the package's code. */
  wasm?: URL | string | Response | Promise<Response> | BufferSource | WebAssembly.Module;
  /** Ends the opening; it then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Told how far the opening is. */
  onProgress?: (progress: OpenProgress) => void;
}

/** How to open an index by URL. */
export type OpenUrlOptions = Omit<OpenOptions, "name" | "storage" | "text">;

/** How far opening is. `loaded` and `total` count bytes of the model and never fall. */
export interface OpenProgress {
  /** Starting WebAssembly, loading the model, trying it on the device. */
  phase: "wasm" | "model" | "start";
  loaded: number;
  total: number;
}

/** How far adding is. All numbers never fall. */
export interface AddProgress {
  phase: "add";
  /** Passages embedded. */
  loaded: number;
  /** Passages known so far. */
  total: number;
  /** Documents that are done. */
  documents: number;
}

/** What became of one document. */
export interface AddOutcome {
  id: string;
  outcome: "added" | "replaced" | "unchanged" | "failed";
  /** Passages that it was cut into. */
  chunks: number;
  /** Why it failed. The others were added all the same. */
  error?: { code: ErrorCode; message: string };
}

/** What became of all of them. */
export interface AddReport {
  added: number;
  replaced: number;
  unchanged: number;
  failed: number;
  /** In the order in which they were settled. */
  documents: AddOutcome[];
}

/** A single value that metadata are compared with. */
export type Scalar = string | number | boolean;

/** Comparisons of one field. All that are given must hold. Ranges take numbers and dates (ISO 8601, or `Date`). */
export interface Comparison {
  eq?: Scalar;
  ne?: Scalar;
  lt?: number | string | Date;
  lte?: number | string | Date;
  gt?: number | string | Date;
  gte?: number | string | Date;
  /** One of these. */
  in?: Scalar[];
  /** How a string begins. */
  prefix?: string;
  /** What an array contains. */
  has?: string;
  /** Whether there is such a field at all. */
  exists?: boolean;
}

/**
 * A condition on metadata. All parts must hold; a plain value means that it is equal.
 *
 * ```js
 * { year: { gte: 2020 }, tags: { has: "law" }, not: { draft: true }, or: [{ type: "pdf" }, { path: { prefix: "notes/" } }] }
 * ```
 */
export type Filter<M extends Metadata = Metadata> = string extends keyof M ? AnyFilter : KnownFilter<M>;

/** A filter of metadata whose fields are not known to the types. */
export interface AnyFilter {
  [field: string]: Scalar | Comparison | AnyFilter | AnyFilter[] | undefined;
}

/** A filter of metadata whose fields are known. */
export type KnownFilter<M extends Metadata> = { [K in keyof M]?: Scalar | Comparison } & {
  and?: KnownFilter<M>[];
  or?: KnownFilter<M>[];
  not?: KnownFilter<M>;
};

/** What to search for. */
export interface SearchOptions<M extends Metadata = Metadata> {
  /** Hits wanted; 10 if absent. */
  k?: number;
  /** Share of the truly best `k` to be found on average; 0.95 if absent. More costs time; 1 embeds every passage. */
  recall?: number;
  /** What ranks: meaning and words together (if absent), meaning alone, or words alone, which need no model. */
  mode?: "hybrid" | "semantic" | "keyword";
  /** Only documents whose metadata pass. */
  filter?: Filter<M>;
  /** What a hit stands for: a passage (if absent), or a document with its best passage. */
  groupBy?: "chunk" | "document";
  /** Hits of at least this score only. */
  minScore?: number;
  /** Hits passed over first, for pages. */
  offset?: number;
  /** Milliseconds after which the answer should be there, with what is known by then. */
  deadlineMs?: number;
  /** Passages to embed, at most. */
  limit?: number;
  /** Passages per batch: what the device does well at once. */
  batch?: number;
  /** Ends the search; it then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** First and one past the last. */
export interface Range {
  start: number;
  end: number;
}

/** A passage that answers. Texts are plain: show them as text, never as HTML. */
export interface Hit<M extends Metadata = Metadata> {
  /** Id of its document. */
  document: string;
  title: string;
  metadata: M;
  /** Which passage of its document, from 0. */
  chunk: number;
  /** Headings above it, outermost first, joined by ` › `; empty without any. */
  heading: string;
  /** Where it is in the document's text, in UTF-16 units: `text.slice(start, end)`. */
  start: number;
  end: number;
  /** The same in bytes of UTF-8. */
  bytes: Range;
  /** Length of the document's text in UTF-16 units. Not in the first stages of a stream. */
  documentLength?: number;
  /** The passage. */
  text: string;
  /** What to show of `text`, in UTF-16 units: the sentence or the words that answer. */
  marks: Range[];
  /** Cosine of question and passage; higher is better. In keyword mode the score by words. */
  score: number;
  /** Where it comes from. `estimated` scores are made from codes and not exact yet. */
  why: { semantic?: number; keyword?: number; estimated?: boolean };
}

/** What a search cost. */
export interface SearchStats {
  ms: number;
  /** Passages embedded again. */
  recomputed: number;
  /** Dependent rounds of them. */
  rounds: number;
  /** Codes scored. */
  codesRead: number;
  /** Passages whose embedding was remembered from a search before. */
  remembered?: number;
  /** Bytes of text read for words. */
  textRead?: number;
  /** Passages that could not be read because what is stored is damaged. */
  damaged: number;
}

/** Hits, best first. */
export interface SearchResult<M extends Metadata = Metadata> {
  hits: Hit<M>[];
  /** Passages that could be found at all: those that pass the filter. */
  eligible?: number;
  /** How many hits fewer than asked for: so many more there are not. */
  shortfall?: number;
  /** What the deadline or the limit left out: passages not embedded, bytes of text not read, the question itself. */
  leftOut?: { passages: number; text: number; question: boolean };
  stats: SearchStats;
}

/** What is known so far. */
export interface SearchStage<M extends Metadata = Metadata> {
  /** Hits by words; by estimates from codes; exact, the last. */
  stage: "keyword" | "codes" | "exact";
  hits: Hit<M>[];
  eligible?: number;
  shortfall?: number;
  leftOut?: { passages: number; text: number; question: boolean };
  /** In the stages before the last only `ms` is there. */
  stats: Partial<SearchStats> & { ms: number };
}

/** What runs, and how far it can be trusted. */
export interface Info {
  readonly version: string;
  /** The model's name. */
  readonly model: string;
  /**
   * `own` is the application's embedder. `software` is a GPU emulated on the CPU. `arithmetic` is what products are
   * computed in: `f16` (with sums in f32) on a GPU that has `shader-f16` with weights of 16 or 8 bits, `int8` on a CPU
   * with weights of 8 bits, `f32` otherwise.
   */
  readonly backend: {
    kind: "cpu" | "gpu" | "own"; name: string; api: string; software: boolean; arithmetic: "f32" | "f16" | "int8" | "none";
  };
  /** Lowest cosine to the model's reference vectors when it was tried. */
  readonly selfTest?: number;
  /** Why better devices were passed over, and why there is no worker where one was wanted. */
  readonly rejected: string[];
  /** Why the GPU is no longer used: it failed after it was opened, and the CPU took over. A `devicelost` event told of it. */
  readonly lost?: string;
  /**
   * Milliseconds on GPU and CPU, where both work: for each number of texts the faster one is used. Measured when a
   * GPU is first used, and kept beside the model.
   */
  readonly calibration?: { adapter: string; cpu: { one: number; sixteen: number }; gpu: { one: number; sixteen: number } };
  /** `best-effort`: the browser may clear it when the disk is full. `remote`: it was opened by URL. */
  readonly persistence: "durable" | "best-effort" | "memory" | "remote";
  /** Whether the work is done in a worker. */
  readonly worker: boolean;
}

/** What works here. */
export interface Support {
  wasm: boolean;
  webgpu: boolean;
  worker: boolean;
  /** Whether there is storage that outlives the process. */
  durable: boolean;
  quota?: Quota;
  /** What is missing and what that means, in words for people. */
  reasons: string[];
}

/** Bytes that the origin uses and may use. */
export interface Quota {
  usage: number;
  total: number;
}

/** How large an index is. */
export interface Stats {
  /** Number of the last commit. */
  generation: number;
  documents: number;
  chunks: number;
  segments: number;
  /** Chunks of removed documents whose bytes `compact` gives back. */
  removedChunks: number;
  /** Bytes of the texts in UTF-8, uncompressed. */
  textBytes: number;
  /** Stored bytes by part; `total` is all but `text`, which stands beside the index, compressed. */
  bytes: { codes: number; graph: number; chunks: number; documents: number; manifest: number; codebooks: number; total: number; text: number };
  /** If the last commit was lost to damage: what was wrong. */
  recovered?: string | null;
  /** Of an index opened by URL: bytes of the file, requests made, bytes received. */
  fetched?: { size: number; requests: number; bytes: number };
  quota?: Quota;
}

/** What checking every byte found. */
export interface VerifyReport {
  blocks: number;
  bytes: number;
  /** Empty if all is well. */
  damaged: { block: string; part: string; why: string; documents: string[]; unnamed: number }[];
  recovered?: string | null;
}

/** What listeners are told. */
export interface Events {
  /** Something was committed, by this index or (`remote`) in another tab. */
  change: { generation: number; documents: number; remote: boolean };
  /** The device that runs the model failed. If the CPU took over, `info` says so; if calls fail, close, and open again. */
  devicelost: { message: string };
  /** The browser took the storage away: close, and open again. */
  storage: { message: string };
}

/** Stable names of what can go wrong. */
export type ErrorCode =
  /** There is one already. */
  | "already-exists"
  /** The index was closed. */
  | "closed"
  /** What is stored is not what was written. */
  | "corrupted"
  /** The device gave wrong values or failed. */
  | "device-failed"
  | "device-lost"
  /** The application's embedder threw, or returned something else than vectors. */
  | "embedder-failed"
  /** Something else went wrong within the index. */
  | "index-failed"
  /** A fault of the package: please report it. */
  | "internal"
  | "invalid-argument"
  | "invalid-filter"
  /** Not a whole export of an index. */
  | "invalid-import"
  /** Somebody else is writing, and did not end within ten seconds. */
  | "locked"
  /** A file of the model is not the one expected. */
  | "model-integrity"
  /** The index was made with another model. */
  | "model-mismatch"
  /** A file of the model could not be loaded. */
  | "model-unavailable"
  /** The index keeps no texts, and none were given. */
  | "no-text"
  /** There is no such document. */
  | "no-document"
  /** Durable storage was required. */
  | "not-durable"
  /** The host could not be reached. */
  | "network"
  /** The host sends whole files only. */
  | "no-ranges"
  | "not-found"
  | "not-loaded"
  | "quota-exceeded"
  /** This place can only be read. */
  | "read-only"
  | "storage-failed"
  /** The browser took the storage away. */
  | "storage-lost"
  /** The index has moved on: try again. */
  | "superseded"
  | "too-large"
  | "too-long"
  /** Something that is needed does not exist here. */
  | "unsupported"
  /** Written by a newer version. */
  | "version-too-new";

/** The one error of this package. Aborted calls reject with their signal's reason instead. */
export class SearchError extends Error {
  constructor(code: ErrorCode, message: string, options?: { retryable?: boolean; cause?: unknown });
  readonly code: ErrorCode;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
}

/**
 * An index and the model that fills and searches it.
 *
 * ```js
 * const index = await Index.open({ name: "notes" });
 * await index.add({ id: "a", text: "Bees dance to tell where the flowers are." });
 * const { hits } = await index.search("how do bees talk?");
 * ```
 */
export class Index<M extends Metadata = Metadata> {
  private constructor();

  /** Opens what is stored under a name, or makes it. Loads the model, and tries it on the device. */
  static open<M extends Metadata = Metadata>(options: OpenOptions): Promise<Index<M>>;

  /**
   * Opens an export where it lies on a web host, to be read: what a search needs is fetched by HTTP range requests when
   * it needs it, and checked. `stats().fetched` tells how much that was. Searches by words count those of all texts, and
   * so fetch all of them once: ask for `mode: "semantic"` to fetch only what is needed.
   *
   * Fails with `no-ranges` if the host sends whole files only; what writes fails with `read-only`.
   */
  static openUrl<M extends Metadata = Metadata>(url: string | URL, options?: OpenUrlOptions): Promise<Index<M>>;

  /**
   * Fills an empty place from an export and opens it. One part of it is in memory at a time, and nothing of it shows
   * before all of it is checked.
   */
  static import<M extends Metadata = Metadata>(source: ReadableStream<Uint8Array> | Blob | Uint8Array, options: OpenOptions): Promise<Index<M>>;

  /** What works here, without loading anything. */
  static supported(): Promise<Support>;

  /** Size of a model before it is downloaded, and whether it is on this device already. */
  static model(model?: ModelSource): Promise<ModelInfo>;

  /** Deletes every model that is kept on this device: `open` loads it anew. */
  static forgetModels(): Promise<void>;

  /** Deletes the database (in Node the folder) of that name; absent is fine. */
  static destroy(name: string): Promise<void>;

  /** What runs, and how far it can be trusted. */
  readonly info: Info;

  /**
   * Adds one document or many; one of a known id replaces it, and one that has not changed costs nothing.
   *
   * They are committed in batches: if the call ends early (abort, crash, full disk), what was committed stays, and
   * adding the same again goes on from there. A document that is at fault itself does not stop the others.
   */
  add(
    documents: Document<M> | Iterable<Document<M>> | AsyncIterable<Document<M>>,
    options?: { signal?: AbortSignal; onProgress?: (progress: AddProgress) => void },
  ): Promise<AddReport>;

  /** Removes documents by id, or all that pass a filter. Resolves with how many there were. */
  remove(target: string | string[] | { filter: Filter<M> }, options?: { signal?: AbortSignal }): Promise<number>;

  /** A document, or `undefined` if it is not there. */
  get(id: string): Promise<StoredDocument<M> | undefined>;

  /** All documents without their texts. */
  list(): Promise<ListedDocument<M>[]>;

  /** Finds the passages that answer a question. */
  search(query: string, options?: SearchOptions<M>): Promise<SearchResult<M>>;

  /** The same, as more becomes known: hits by words at once, then by estimates, then exact. Leaving the loop ends it. */
  searchStream(query: string, options?: SearchOptions<M>): AsyncIterableIterator<SearchStage<M>>;

  /** Finds what is near in meaning to a document, or to one passage of it, in other documents. */
  similar(id: string, options?: SearchOptions<M> & { chunk?: number }): Promise<SearchResult<M>>;

  /** How large it is. */
  stats(): Promise<Stats>;

  /**
   * Reads and checks every byte. With `repair`, drops the documents that damage concerns: add them again. An abort ends
   * it before the next page is read; what was not repaired by then stays as it was.
   */
  verify(options?: { repair?: boolean; signal?: AbortSignal }): Promise<VerifyReport>;

  /**
   * Merges what is stored into one piece and gives back the bytes of what was removed. Nothing is embedded anew. An abort
   * ends it before the next page of documents, and leaves the index as it was.
   */
  compact(options?: { signal?: AbortSignal }): Promise<void>;

  /** Resolves when every write so far is durable. (Each write is when it resolves.) */
  flush(): Promise<void>;

  /**
   * The index as one file: versioned, checksummed, with the model's id; `Index.import`, `Index.openUrl` and the command
   * read it. It is read as fast as the stream is, about a megabyte ahead; writes go on meanwhile and are not in it.
   */
  export(options?: { signal?: AbortSignal }): ReadableStream<Uint8Array>;

  /** Listens; call what it returns to stop. */
  on<E extends keyof Events>(event: E, listener: (data: Events[E]) => void): () => void;

  /** Waits for the writes under way, lets go of everything, stops the worker. */
  close(): Promise<void>;

  /** `await using index = await Index.open(...)`. */
  [Symbol.asyncDispose](): Promise<void>;
}
