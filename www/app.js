// The page: wires the worker, the queue and the views together.

import { Client } from "./js/client.js";
import { announce, byId } from "./js/dom.js";
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
import { ModelLoader } from "./js/model-loader.js";
import * as notice from "./js/notice.js";
import * as offline from "./js/offline.js";
import { Queue } from "./js/queue.js";
import * as reader from "./js/reader.js";
import * as samples from "./js/samples.js";
import { Searching } from "./js/searching.js";
import * as shortcuts from "./js/shortcuts.js";
import * as tabs from "./js/tabs.js";
import * as traffic from "./js/traffic.js";

const INDEX = "gossamer";
// `?backend=cpu` or `?backend=gpu` for those who want to compare.
const wanted = new URLSearchParams(location.search).get("backend");

const client = new Client();
const call = (...request) => client.call(...request);
const queue = new Queue();
const model = new ModelLoader(call, ["cpu", "gpu"].includes(wanted) ? wanted : "auto", () => offlineState());
const question = byId("question");
let stats = { documents: 0, chunks: 0, textBytes: 0, bytes: { total: 0 } };
let offered;

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

const library = new Library({ call, queue, importer, model, refresh, view: setView, stats: () => stats });

const searching = new Searching({
  call,
  load: () => model.load(),
  loaded: () => model.loaded,
  stats: () => stats,
  options: filters.options,
  shown: setView,
});

// Opening ------------------------------------------------------------------------------------------------

/** Shows what is stored; loads the model if it is here and there is anything to search; goes on with the queue. */
async function start() {
  traffic.watch(client);
  try {
    const [described, stored, , given] = await Promise.all([
      model.describe(), call("open", { name: INDEX }), tabs.join(promoted), samples.describe(),
    ]);
    offered = given;
    byId("drop-note").textContent = described.cached
      ? "The language model is on this device already."
      : `The first use loads a language model of ${format.bytes(described.bytes)} from this site, once.`;
    show(stored);
    honesty.durability();
    const waiting = await library.resume(tabs.role);
    if (stored.stats.chunks > 0 && described.cached && !waiting) await model.load();
  } catch (error) {
    notice.trouble(error);
  } finally {
    document.documentElement.dataset.ready = "true";
    traffic.ready();
  }
  offlineState(await offline.keep());
}

/** Another tab has gone, and this one writes now. */
async function promoted() {
  await library.resume("writer");
  announce("This tab adds documents now");
}

async function offlineState(state) {
  const files = state ?? (await offline.state());
  honesty.offline(files, (await model.describe().catch(() => ({ cached: false }))).cached);
}

function show({ stats: now, documents }) {
  const there = new Set(documents.map(({ id }) => id));
  for (const id of documentsView.inState("done")) if (!there.has(id)) documentsView.drop(id);
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
    show(await call("adopt", { name: INDEX, url: samples.indexUrl(offered) }));
    tabs.tell({ type: "changed" });
  } else {
    await library.add({ files: await samples.documents(offered), passedOver: 0 });
    await library.idle();
  }
}

// Everything else ----------------------------------------------------------------------------------------

answers.connect({ open: (hit) => reader.open(hit, searching.last?.hits.includes(hit) ? searching.last.hits : [hit], searching.last?.query).catch(notice.trouble) });
reader.connect(call);
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
byId("more").addEventListener("click", () => searching.more());
byId("compare").addEventListener("click", () => compare(searching.last, call, stats.chunks).catch(notice.trouble));

const openLedger = () => ledger.open(async () => ({
  stats: await call("stats"),
  info: model.loaded ? await call("info") : undefined,
  traffic: traffic.traffic(),
  role: tabs.role,
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
  if (message.type === "erased") {
    client.terminate();
    queue.close();
    location.replace("./erased.html");
  }
});

// For the console and for tests: what the engine reports of itself.
globalThis.gossamer = { info: () => call("info"), stats: () => call("stats"), text: (id) => call("text", { id }), traffic: traffic.traffic, role: () => tabs.role };

if (matchMedia("(pointer: fine)").matches) question.focus();
start();
