// The language model on its way: once, with progress, when something needs it.

import { byId } from "./dom.js";
import * as format from "./format.js";
import * as honesty from "./honesty.js";

export class ModelLoader {
  #call;
  #backend;
  #told;
  #loading;

  /** Whether the model is there and its processor has passed the self-test. */
  loaded = false;

  /** `told` is called when the model has come. */
  constructor(call, backend, told) {
    this.#call = call;
    this.#backend = backend;
    this.#told = told;
  }

  /** `{ name, bytes, cached }`, before anything is loaded. */
  describe() {
    return this.#call("describe");
  }

  /** Loads it, once; after a failure the next call tries again. */
  load() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /** The index that it was loaded for is another now. */
  reset() {
    this.#loading = undefined;
    this.loaded = false;
  }

  async #load() {
    try {
      const info = await this.#call("load", { backend: this.#backend }, { onProgress: show });
      honesty.backend(info);
      document.documentElement.dataset.backend = info.backend.kind;
      this.loaded = true;
      this.#told();
    } finally {
      byId("model").hidden = true;
    }
  }
}

function show({ phase, loaded, total, cached }) {
  const [bar, label, figure] = [byId("model-progress"), byId("model-label"), byId("model-figure")];
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
}
