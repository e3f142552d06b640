// The documents panel: what comes in, what waits, what failed, what is there; the bar for everything.

import { announce, byId, pause } from "./dom.js";
import * as documentsView from "./documents-view.js";
import * as format from "./format.js";
import * as honesty from "./honesty.js";
import * as intake from "./intake.js";
import { accepted } from "./kinds.js";
import * as notice from "./notice.js";
import * as portable from "./portable.js";
import { isSample } from "./samples.js";
import * as tabs from "./tabs.js";

/** Files taken in at once: a folder of thousands must not hold up the page. */
const SLICE = 50;

export class Library {
  #host;
  #known = [];
  #failed = new Map();
  #idle = [];

  /** `host` has `call`, `queue`, `importer`, `model`, `refresh()`, `view()`, `stats()` and `visiting`. */
  constructor(host) {
    this.#host = host;
    this.#connect();
  }

  /** Documents in the index. */
  know(documents) {
    this.#known = documents;
  }

  /** One of them. */
  document(id) {
    return this.#known.find((document) => document.id === id);
  }

  /** How many of them are samples. */
  get samples() {
    return this.#known.filter(({ id }) => isSample(id)).length;
  }

  /** Remembers a file that failed, so that it can be tried again. */
  track(item) {
    if (item.state === "failed") this.#failed.set(item.id, item);
  }

  /** Takes what came in: `{ files: [{ file, path }], passedOver }`. */
  async add({ files, passedOver }) {
    const note = byId("passed-over");
    note.hidden = passedOver === 0;
    note.textContent = passedOver > 0 ? `${format.plural(passedOver, "file")} of other kinds passed over.` : "";
    if (files.length === 0) {
      if (passedOver === 0) announce("There was no file in it");
      return;
    }
    notice.clear();
    honesty.askToPersist();
    // Of two files of one path the later one counts.
    const items = [...new Map(files.map(({ file, path }) => [path, { id: path, name: path.split("/").pop(), file, state: "queued" }])).values()];
    for (let from = 0; from < items.length; from += SLICE) {
      const slice = items.slice(from, from + SLICE);
      for (const item of slice) {
        this.#failed.delete(item.id);
        documentsView.show(item);
      }
      // Kept before anything is done with them, so that nothing is lost on the way.
      await this.#host.queue.put(slice);
      if (tabs.role === "writer") this.#host.importer.add(slice);
      this.#host.view();
      await pause();
    }
    if (tabs.role === "writer") return;
    tabs.tell({ type: "queued" });
    announce(`${format.plural(items.length, "file")} handed to the tab that adds documents`);
  }

  /** Goes on with what waits from before. Whether anything does. */
  async resume(role) {
    const items = await this.#host.queue.list();
    for (const item of items.filter(({ state }) => state === "failed")) {
      this.track(item);
      documentsView.show(item);
    }
    const waiting = items.filter(({ state }) => state === "queued");
    for (const item of waiting) documentsView.show(item);
    this.#host.view();
    if (role !== "writer" || waiting.length === 0) return false;
    this.#host.importer.add(waiting);
    return true;
  }

  /** Takes documents out of the index, the queue and the list. */
  async remove(ids) {
    const indexed = ids.filter((id) => this.#known.some((document) => document.id === id));
    if (indexed.length > 0) {
      await this.#host.model.load();
      await this.#host.call("remove", { ids: indexed });
    }
    for (const id of ids) {
      this.#host.importer.forget(id);
      this.#failed.delete(id);
    }
    documentsView.drop(ids);
    const queued = await this.#host.queue.list();
    await this.#host.queue.remove(queued.filter(({ id }) => ids.includes(id)));
    await this.#host.refresh();
    announce(ids.length === 1 ? "Removed" : `${format.plural(ids.length, "document")} removed`);
  }

  /** Tries files once more that failed. */
  retry(ids) {
    const items = ids.map((id) => this.#failed.get(id)).filter(Boolean);
    for (const { id } of items) this.#failed.delete(id);
    return this.add({ files: items.map(({ file, id }) => ({ file, path: id })), passedOver: 0 });
  }

  /** Resolves when no import is under way. */
  idle() {
    return this.#host.importer.busy ? new Promise((wake) => this.#idle.push(wake)) : undefined;
  }

  /** The bar for everything; nothing hides it. */
  progress(total) {
    byId("total").hidden = !total;
    if (!total) return;
    const { documents, finished, paused, share, passagesPerSecond, secondsLeft, durable } = total;
    byId("total-progress").value = share;
    byId("total-label").textContent = `${paused ? "Paused at" : "Adding"} ${format.count(Math.min(documents, finished + 1))} of ${format.plural(documents, "document")}`;
    const rate = passagesPerSecond > 0 ? `${format.rate(passagesPerSecond)} passages per second` : "";
    const left = secondsLeft === undefined || paused ? "" : format.left(secondsLeft);
    byId("total-figure").textContent = [rate, left].filter(Boolean).join(", ");
    byId("total-note").textContent = durable ? "" : "Keep the tab open: there is no room to go on later.";
    const button = byId("pause");
    button.textContent = paused ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(paused));
  }

  /** An import has ended. */
  ended({ added, failed }) {
    for (const wake of this.#idle.splice(0)) wake();
    this.#host.view();
    if (added + failed > 0) announce(`${format.plural(added, "document")} added${failed > 0 ? `, ${format.plural(failed, "file")} failed` : ""}`);
  }

  /** Sums and buttons, as there is something or not. */
  show(filled) {
    const { documents, textBytes } = this.#host.stats();
    byId("library-meta").textContent = documents > 0 ? `${format.plural(documents, "document")}, ${format.bytes(textBytes)} of text` : "";
    byId("export-index").hidden = !filled;
    byId("clear").hidden = documentsView.size() === 0 && !filled;
    byId("remove-samples").hidden = this.samples === 0;
    byId("retry-failed").hidden = documentsView.inState("failed").length < 2;
  }

  async #cancel() {
    const given = await this.#host.importer.cancel();
    await this.#host.queue.remove(given);
    const known = new Map(this.#known.map((document) => [document.id, document]));
    // What was there before it was to be replaced is there still.
    for (const { id, name } of given) if (known.has(id)) documentsView.show({ id, name, state: "done", chunks: known.get(id).chunks });
    documentsView.drop(given.map(({ id }) => id).filter((id) => !known.has(id)));
    announce("Cancelled");
    byId("choose").focus();
  }

  #connect() {
    // Said from the first moment on: walking through a folder, and keeping its files, takes a while.
    let under = 0;
    const busy = (change) => byId("files").setAttribute("aria-busy", String((under += change) > 0));
    const take = async (taking) => {
      busy(1);
      try {
        const taken = await taking;
        const index = taken?.files.find(({ path }) => path.endsWith(portable.ENDING));
        if (index && taken.files.length === 1) await portable.open(index.file);
        else if (taken && this.#host.visiting) notice.trouble({ code: "read-only", message: "This index is read where it lies, and nothing can be added to it." });
        else if (taken) await this.add(taken);
      } catch (error) {
        notice.trouble(error);
      } finally {
        busy(-1);
      }
    };
    const { importer } = this.#host;
    byId("picker").accept = accepted;
    for (const [button, picker] of [["choose", "picker"], ["choose-folder", "folder-picker"]]) {
      byId(button).addEventListener("click", () => byId(picker).click());
      byId(picker).addEventListener("change", ({ target }) => {
        take(intake.fromPicker([...target.files]));
        target.value = "";
      });
    }
    byId("pause").addEventListener("click", () => (importer.paused ? importer.resume() : importer.pause()).catch(notice.trouble));
    byId("cancel").addEventListener("click", () => this.#cancel().catch(notice.trouble));
    byId("remove-samples").addEventListener("click", () => this.remove(this.#known.map(({ id }) => id).filter(isSample)).catch(notice.trouble));
    byId("retry-failed").addEventListener("click", () => this.retry(documentsView.inState("failed")));
    byId("paste").addEventListener("click", async () => take(await askForText()));
    addEventListener("paste", (event) => {
      if (event.target.matches?.("input, textarea") || document.querySelector("dialog[open]")) return;
      take(intake.fromPaste(event.clipboardData));
    });
    let depth = 0;
    const dragging = (change) => document.body.classList.toggle("dragging", (depth = Math.max(0, depth + change)) > 0);
    const files = (listener) => (event) => event.dataTransfer?.types.includes("Files") && listener(event);
    addEventListener("dragenter", files(() => dragging(1)));
    addEventListener("dragleave", files(() => dragging(-1)));
    addEventListener("dragover", files((event) => {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    }));
    addEventListener("drop", files((event) => {
      event.preventDefault();
      dragging(-depth);
      take(intake.fromDrop(event.dataTransfer));
    }));
  }
}

/** The dialog for text; nothing if it is closed. */
async function askForText() {
  const dialog = byId("paste-dialog");
  byId("paste-name").value = byId("paste-text").value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  byId("paste-text").focus();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  const text = byId("paste-text").value;
  return dialog.returnValue === "yes" && text.trim() !== "" ? intake.fromText(text, byId("paste-name").value) : undefined;
}
