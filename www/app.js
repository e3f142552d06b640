// The page: wires the worker to the views.

import { Client } from "./js/client.js";
import { announce, byId, element } from "./js/dom.js";
import * as format from "./js/format.js";
import { Importer } from "./js/importer.js";
import { filesOfDrop } from "./js/read.js";
import * as answers from "./js/answers-view.js";
import * as filesView from "./js/files-view.js";
import * as stateView from "./js/state-view.js";

const INDEX = "gossamer";
// `?backend=cpu` or `?backend=gpu` for those who want to compare.
const wanted = new URLSearchParams(location.search).get("backend");
const backend = ["cpu", "gpu"].includes(wanted) ? wanted : "auto";

let client = new Client();
let loading;
let stats = { documents: 0, chunks: 0, textBytes: 0, bytes: { total: 0 } };
let searching = 0;

const importer = new Importer({
  engine: () => load(),
  call: (...request) => client.call(...request),
  show: (item) => filesView.show(item, remove),
  progress: showTotal,
  done: refresh,
  trouble,
});

// Opening ------------------------------------------------------------------------------------------------

/** Shows what is stored, and loads the model if there is anything to search. */
async function start() {
  try {
    const [model, stored] = await Promise.all([client.call("describe"), client.call("open", { name: INDEX })]);
    byId("drop-note").textContent = model.cached
      ? "The language model is on this device already."
      : `The first use loads a language model of ${format.bytes(model.bytes)} from this site, once.`;
    for (const { id, title, chunks } of stored.documents.sort((a, b) => a.id.localeCompare(b.id))) {
      filesView.show({ id, name: title || id, state: "done", chunks }, remove);
    }
    showStats(stored.stats);
    stateView.durability();
    if (stored.stats.chunks > 0) await load();
  } catch (error) {
    trouble(error);
  } finally {
    document.documentElement.dataset.ready = "true";
  }
}

/** Loads the model, once. */
function load() {
  loading ??= loadModel().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function loadModel() {
  const [bar, label, figure] = [byId("model-progress"), byId("model-label"), byId("model-figure")];
  try {
    const info = await client.call("load", { backend }, {
      onProgress({ phase, loaded, total, cached }) {
        byId("model").hidden = false;
        if (phase === "model") {
          bar.max = total;
          bar.value = loaded;
          label.textContent = cached ? "Opening the language model" : "Loading the language model, once";
          figure.textContent = `${format.bytes(loaded)} of ${format.bytes(total)}`;
        } else {
          bar.removeAttribute("value");
          label.textContent = "Testing the processor against known answers";
          figure.textContent = "";
        }
      },
    });
    stateView.backend(info);
    document.documentElement.dataset.backend = info.backend.kind;
  } finally {
    byId("model").hidden = true;
  }
}

async function refresh() {
  showStats(await client.call("stats"));
}

function showStats(now) {
  stats = now;
  stateView.size(stats);
  byId("library-meta").textContent = stats.documents > 0 ? `${format.plural(stats.documents, "document")}, ${format.bytes(stats.textBytes)} of text` : "";
  setView();
}

/** What the page shows depends on what there is. */
function setView() {
  const filled = stats.chunks > 0;
  const shown = !byId("answers").hidden;
  document.body.dataset.view = shown ? "answers" : filled ? "ready" : "empty";
  byId("dropzone").classList.toggle("slim", filled || byId("files").children.length > 0);
  byId("library-actions").hidden = !filled;
  byId("samples").hidden = filled;
  byId("hint").textContent = filled || importer.busy ? "" : "Add a document below, then ask.";
  if (!filled) byId("suggestions").hidden = true;
}

// Adding and removing ------------------------------------------------------------------------------------

async function addFiles(files) {
  if (files.length === 0) return;
  clearTrouble();
  stateView.askToPersist();
  importer.add(files);
  setView();
}

async function addSamples() {
  const button = byId("samples");
  button.disabled = true;
  try {
    const response = await fetch("./samples/samples.json");
    if (!response.ok) throw new Error("The samples are not on this server.");
    const { documents, questions } = await response.json();
    const files = documents.map(async (name) => {
      const file = await fetch(`./samples/documents/${encodeURIComponent(name)}`);
      if (!file.ok) throw new Error(`The sample ${name} is not on this server.`);
      return new File([await file.blob()], name, { type: "text/plain" });
    });
    await addFiles(await Promise.all(files));
    suggest(questions);
  } catch (error) {
    trouble(error);
  } finally {
    button.disabled = false;
  }
}

function suggest(questions) {
  const list = byId("suggestions");
  list.replaceChildren(...questions.slice(0, 3).map((question) => element("button", {
    type: "button",
    text: question,
    onclick() {
      byId("question").value = question;
      search(question);
    },
  })));
  list.hidden = false;
}

async function remove(id) {
  try {
    // A row may be of a file that failed: then there is nothing to remove from the index.
    if (stats.documents > 0) {
      await load();
      await client.call("remove", { ids: [id] });
    }
    filesView.drop(id);
    importer.forget(id);
    await refresh();
    announce("Removed");
  } catch (error) {
    trouble(error);
  }
}

async function clearAll() {
  const dialog = byId("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  if (dialog.returnValue !== "yes") return;
  try {
    importer.cancel();
    await client.call("destroy", { name: INDEX });
    client.terminate();
    location.reload();
  } catch (error) {
    trouble(error);
  }
}

function showTotal(total) {
  byId("total").hidden = !total;
  if (!total) return;
  const bar = byId("total-progress");
  bar.max = total.size;
  bar.value = total.done;
  byId("total-label").textContent = total.label;
  byId("total-figure").textContent = total.rate ? `${total.rate}` : "";
}

// Searching ----------------------------------------------------------------------------------------------

async function search(query) {
  if (stats.chunks === 0) {
    byId("hint").textContent = "There is nothing to search yet: add a document first.";
    announce(byId("hint").textContent);
    return;
  }
  const turn = ++searching;
  const box = byId("search");
  box.setAttribute("aria-busy", "true");
  byId("hint").textContent = "Reading the most promising passages";
  clearTrouble();
  try {
    await load();
    const started = performance.now();
    const found = await client.call("search", { query, options: { k: 5 } });
    if (turn !== searching) return;
    answers.show(query, { ...found, chunks: stats.chunks, ms: performance.now() - started });
    byId("suggestions").hidden = true;
  } catch (error) {
    if (turn === searching) trouble(error);
  } finally {
    if (turn === searching) {
      box.removeAttribute("aria-busy");
      setView();
    }
  }
}

// Trouble ------------------------------------------------------------------------------------------------

function trouble(error) {
  const notice = byId("notice");
  const text = element("span", { text: error.message });
  notice.replaceChildren(element("strong", { text: headline(error.code) }), text);
  if (error.retryable || error.code === "worker-failed") {
    notice.append(element("div", {}, element("button", { type: "button", class: "button", text: "Try again", onclick: () => location.reload() })));
  }
  notice.hidden = false;
  notice.dataset.code = error.code ?? "internal";
}

function headline(code) {
  return {
    "model-integrity": "The language model is not the right one",
    "model-unavailable": "The language model could not be loaded",
    "quota-exceeded": "The browser's storage is full",
    "storage-lost": "The stored index is gone",
    "corrupted": "The stored index is damaged",
    "model-mismatch": "The index was made with another model",
    "locked": "Another tab is using this index",
    "unsupported": "This browser cannot run Gossamer here",
  }[code] ?? "Something went wrong";
}

function clearTrouble() {
  byId("notice").hidden = true;
}

// Events -------------------------------------------------------------------------------------------------

const question = byId("question");

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const query = question.value.trim();
  if (query) search(query);
});

question.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  question.value = "";
  searching++;
  byId("search").removeAttribute("aria-busy");
  answers.hide();
  setView();
});

addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input, textarea, dialog *");
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const paletteKey = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
  if (!slash && !paletteKey) return;
  event.preventDefault();
  question.focus();
  question.select();
});

byId("choose").addEventListener("click", () => byId("picker").click());
byId("picker").addEventListener("change", ({ target }) => {
  addFiles([...target.files]);
  target.value = "";
});
byId("samples").addEventListener("click", addSamples);
byId("clear").addEventListener("click", clearAll);

// For the console and for tests: what the engine reports of itself.
globalThis.gossamer = { info: () => client.call("info"), stats: () => client.call("stats") };

let depth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (carriesFiles(event)) document.body.classList.toggle("dragging", ++depth > 0);
});
addEventListener("dragleave", (event) => {
  if (carriesFiles(event)) document.body.classList.toggle("dragging", --depth > 0);
});
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
});
addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dragging");
  addFiles(await filesOfDrop(event.dataTransfer));
});

if (matchMedia("(pointer: fine)").matches) question.focus();
start();
