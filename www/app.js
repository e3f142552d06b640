// The page: wires the worker, the queue and the views together.

import { Client } from "./js/client.js";
import { announce, byId, element } from "./js/dom.js";
import * as answers from "./js/answers-view.js";
import { compare } from "./js/comparison.js";
import * as documentsView from "./js/documents-view.js";
import { eraseEverything } from "./js/erase.js";
import * as filters from "./js/filters.js";
import * as format from "./js/format.js";
import * as honesty from "./js/honesty.js";
import { Importer } from "./js/importer.js";
import * as ledger from "./js/ledger.js";
import { Library } from "./js/library.js";
import * as links from "./js/links.js";
import { ModelLoader } from "./js/model-loader.js";
import * as notice from "./js/notice.js";
import * as offline from "./js/offline.js";
import * as portable from "./js/portable.js";
import { Queue } from "./js/queue.js";
import * as reader from "./js/reader.js";
import * as samples from "./js/samples.js";
import { Searching } from "./js/searching.js";
import * as shortcuts from "./js/shortcuts.js";
import * as tabs from "./js/tabs.js";
import * as traffic from "./js/traffic.js";

const INDEX = "gossamer";
/** Until a tab that goes has let go of its lock. */
const LOCK_GOES_MS = 500;
/** Bytes of an index on the site up to which it is searched by words too, for which all of its texts are fetched. */
const WORDS_UP_TO = 8_000_000;
// `?backend=cpu` or `?backend=gpu` for those who want to compare; `?index=` for an index that is read where it lies.
const parameters = new URLSearchParams(location.search);
const backend = ["cpu", "gpu"].includes(parameters.get("backend")) ? parameters.get("backend") : "auto";
const visiting = parameters.get("index");

const client = new Client();
const call = (...request) => client.call(...request);
const queue = new Queue();
const model = new ModelLoader(call, backend, () => offlineState());
const question = byId("question");
let stats = { documents: 0, chunks: 0, textBytes: 0, bytes: { total: 0 } };
let offered;
let byWord = true;

const importer = new Importer(queue, {
  call,
  engine: () => model.load(),
  show(item) {
    library.track(item);
    documentsView.show(item);
    tabs.tell({ type: "item", item: { ...item, file: undefined, text: undefined, sections: undefined } });
  },
  progress: (total) => library.progress(total),
  committed: () => refresh(),
  ended: (tally) => library.ended(tally),
  trouble: notice.trouble,
});

const library = new Library({ call, queue, importer, model, refresh, view: setView, stats: () => stats, visiting: visiting !== null });

const searching = new Searching({
  call,
  load: () => model.load(),
  loaded: () => model.loaded,
  stats: () => stats,
  options: filters.options,
  byWord: () => byWord,
  shown: setView,
});

// Opening ------------------------------------------------------------------------------------------------

/** Shows what is stored; loads the model if it is here and there is anything to search; goes on with the queue. */
async function start() {
  traffic.watch(client);
  try {
    const own = visiting === null;
    const [described, stored, , given] = await Promise.all([
      model.describe(), own ? call("open", { name: INDEX }) : visit(), own ? tabs.join(promoted) : tabs.leave(), own ? samples.describe() : undefined,
    ]);
    offered = given;
    byId("drop-note").textContent = described.cached
      ? "The language model is on this device already."
      : `The first use loads a language model of ${format.bytes(described.bytes)} from this site, once.`;
    show(stored);
    honesty.durability();
    if (own) await meet();
    const waiting = own && await library.resume(tabs.role);
    if (stored.stats.chunks > 0 && described.cached && !waiting) await model.load();
    openLinked();
  } catch (error) {
    notice.trouble(error);
  } finally {
    document.documentElement.dataset.ready = "true";
    traffic.ready();
  }
  offlineState(await offline.keep());
}

/** Says what this tab does among others, and that it is here; when it goes, it says that too. */
async function meet() {
  tabs.tell({ type: "came" });
  addEventListener("pagehide", () => tabs.tell({ type: "went" }));
  honesty.role(tabs.role, await tabs.others());
}

/** Opens an index of this site where it lies. It is only read, and nothing of it is kept. */
async function visit() {
  document.body.dataset.source = "visited";
  const url = new URL(visiting, location.href);
  byId("source").replaceChildren(`Read where it lies: ${url.pathname.split("/").pop()}. Nothing of it is kept here. `, element("a", { href: "./", text: "Search your own documents" }));
  byId("source").hidden = false;
  if (url.origin !== location.origin) {
    throw Object.assign(new Error(`Only an index on this very site can be opened by its address; ${url.host} is asked for nothing.`), { code: "other-site" });
  }
  const opened = await call("visit", { url: url.href });
  const { size } = await call("fetched");
  byWord = size <= WORDS_UP_TO;
  if (!byWord) filters.prefer("semantic");
  honesty.lies("on this site, read only");
  return opened;
}

/** Opens the reader at the passage that the address names. */
function openLinked() {
  const passage = links.passageOf(location.hash);
  if (!passage) return;
  const document = library.document(passage.id);
  if (!document) return notice.trouble({ code: "not-here", message: `The link leads to ${passage.id}, which is not among the documents of this browser. A link names a passage; it holds nothing of it.` });
  const hit = { ...passage, title: document.title || passage.id, metadata: document.metadata, marks: [] };
  reader.open(hit, [hit]).catch(notice.trouble);
}

/** Takes an exported index in the place of what is there. */
async function adopt(source) {
  const { cached } = await model.describe();
  const there = stats.generation > 0;
  searching.stop();
  try {
    const opened = await call("adopt", { name: INDEX, ...source, fit: cached && stats.documents > 0 ? backend : undefined });
    filters.clear();
    show(opened);
    tabs.tell({ type: there ? "replaced" : "changed" });
    return opened;
  } finally {
    // Whether it came or not, the engine has been opened anew.
    model.reset();
    if (cached && stats.chunks > 0) await model.load();
  }
}

/** Another tab has gone, and this one writes now. */
async function promoted() {
  await library.resume("writer");
  honesty.role(tabs.role, await tabs.others());
  announce("This tab adds documents now");
}

async function offlineState(state) {
  const files = state ?? (await offline.state());
  honesty.offline(files, (await model.describe().catch(() => ({ cached: false }))).cached);
}

function show({ stats: now, documents }) {
  const there = new Set(documents.map(({ id }) => id));
  documentsView.drop(documentsView.inState("done").filter((id) => !there.has(id)));
  for (const { id, chunks } of documents.sort((a, b) => a.id.localeCompare(b.id))) {
    documentsView.show({ id, name: id.split("/").pop(), state: "done", chunks });
  }
  filters.offer(documents);
  library.know(documents);
  showStats(now);
}

/** What is in the index has changed: sizes, filters and the other tabs are told. */
async function refresh() {
  const [now, documents] = await Promise.all([call("stats"), call("documents")]);
  filters.offer(documents);
  library.know(documents);
  showStats(now);
  honesty.durability();
  tabs.tell({ type: "changed" });
}

function showStats(now) {
  stats = now;
  honesty.size(stats);
  setView();
}

/** What the page shows depends on what there is. */
function setView() {
  const filled = stats.chunks > 0;
  const answering = !byId("answers").hidden;
  const busy = filled || documentsView.size() > 0;
  document.body.dataset.view = answering ? "answers" : filled ? "ready" : "empty";
  byId("dropzone").classList.toggle("slim", busy);
  library.show(filled);
  const sampled = library.samples > 0;
  if (offered && !answering && !importer.busy && (!busy || sampled)) samples.suggest(offered, { chosen: askSample, filled });
  else byId("suggestions").hidden = true;
}

// Samples ------------------------------------------------------------------------------------------------

/** A question of the samples: their index is taken first, if it is not here. */
async function askSample(text) {
  question.value = text;
  try {
    if (stats.chunks === 0) await takeSamples();
    await searching.ask(text);
  } catch (error) {
    notice.trouble(error);
  }
}

async function takeSamples() {
  byId("hint").textContent = "Fetching the samples";
  honesty.askToPersist();
  if (offered.index) {
    await adopt({ url: samples.indexUrl(offered) });
  } else {
    await library.add({ files: await samples.documents(offered), passedOver: 0 });
    await library.idle();
  }
}

// Everything else ----------------------------------------------------------------------------------------

answers.connect({ open: (hit) => reader.open(hit, searching.last?.hits.includes(hit) ? searching.last.hits : [hit], searching.last?.query).catch(notice.trouble) });
reader.connect(call);
addEventListener("hashchange", openLinked);
portable.connect({ call, stats: () => stats, busy: () => importer.busy, adopt: (file) => adopt({ file }) });
filters.connect(() => searching.again());
documentsView.connect({
  remove: (id) => library.remove([id]).catch(notice.trouble),
  retry: (id) => library.retry([id]),
  only(id) {
    filters.only(id);
    question.focus();
    searching.again();
    announce("Searching in this document only");
  },
});
shortcuts.connect({
  clear() {
    question.value = "";
    searching.stop();
    setView();
  },
});

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = question.value.trim();
  if (query) searching.ask(query);
});
question.addEventListener("input", () => searching.typed(question.value.trim()));
byId("nothing-reset").addEventListener("click", () => byId("filter-reset").click());
byId("more").addEventListener("click", () => searching.more());
byId("compare").addEventListener("click", () => compare(searching.last, call, stats.chunks).catch(notice.trouble));

const openLedger = () => ledger.open(async () => ({
  stats: await call("stats"),
  info: model.loaded ? await call("info") : undefined,
  traffic: traffic.traffic(),
  role: tabs.role,
  fetched: visiting === null ? undefined : await call("fetched"),
  model: await model.describe().catch(() => undefined),
}), {
  async verify() {
    const { blocks, bytes, damaged } = await call("verify");
    return damaged.length === 0
      ? `${format.plural(blocks, "block")}, ${format.bytes(bytes)}: every byte is as it was written.`
      : `${format.plural(damaged.length, "block")} damaged: ${damaged.flatMap(({ documents }) => documents).join(", ")}`;
  },
}).catch(notice.trouble);
byId("ledger-open").addEventListener("click", openLedger);
byId("promise").addEventListener("click", openLedger);

byId("clear").addEventListener("click", () => eraseEverything({
  client, queue, index: INDEX,
  async before() {
    await importer.cancel();
    tabs.tell({ type: "erased" });
  },
}).catch(notice.trouble));

tabs.hear(async (message) => {
  if (message.type === "item" && !importer.busy) documentsView.show(message.item);
  if (message.type === "queued" && tabs.role === "writer") await library.resume("writer");
  if (message.type === "changed") show(await call("follow", { name: INDEX }));
  if (message.type === "came") honesty.role(tabs.role, await tabs.others());
  if (message.type === "went") setTimeout(async () => honesty.role(tabs.role, await tabs.others()), LOCK_GOES_MS);
  if (message.type === "replaced") location.reload();
  if (message.type === "erased") {
    client.terminate();
    queue.close();
    location.replace("./erased.html");
  }
});

// The column of documents ends where the line at the foot begins, however many lines that has.
const foot = document.querySelector(".state");
new ResizeObserver(() => document.documentElement.style.setProperty("--foot", `${foot.offsetHeight}px`)).observe(foot);

// For the console and for tests: what the engine reports of itself.
globalThis.gossamer = { info: () => call("info"), stats: () => call("stats"), text: (id) => call("text", { id }), traffic: traffic.traffic, role: () => tabs.role };

if (matchMedia("(pointer: fine)").matches) question.focus();
start();
