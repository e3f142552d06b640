// The disposable worker: one file in, text and sections or a typed error out. A format's module is loaded when the
// first file of its kind comes.

import { collapse } from "./builder.js";
import { decodeText } from "./decode.js";
import { broken, empty, ExtractError, tooBig, unsupported } from "./error.js";
import { recognise } from "./kind.js";
import { limits } from "./limits.js";
import { tellOfRequests } from "../js/requests.js";

const modules = {
  pdf: () => import("./pdf.js"),
  docx: () => import("./docx.js"),
  epub: () => import("./epub.js"),
  html: () => import("./html.js"),
};
const texts = {
  csv: () => import("./csv.js"),
  json: () => import("./json.js"),
  markdown: () => import("./markdown.js"),
  code: () => import("./code.js"),
};

const flush = tellOfRequests((requests) => self.postMessage({ requests }));

async function extract(file, name) {
  if (file.size > limits.file) throw tooBig("the file", limits.file);
  if (file.size === 0) throw empty();
  const bytes = new Uint8Array(await file.arrayBuffer().catch((error) => {
    throw broken(`the browser could not read it (${error.message})`);
  }));
  const type = recognise(name, bytes);
  let found;
  if (modules[type]) {
    found = await (await modules[type]()).extract(bytes, name);
  } else {
    const { text, note } = decodeText(bytes);
    found = texts[type] ? (await texts[type]()).extract(text, name) : { text };
    found.notes = [...(found.notes ?? []), ...(note ? [note] : [])];
  }
  if (!/\S/.test(found.text)) throw empty();
  return {
    title: collapse(found.title ?? "") || name.split(/[/\\]/).pop(),
    text: found.text,
    type,
    sections: (found.sections ?? []).slice(0, limits.sections),
    notes: found.notes ?? [],
  };
}

self.addEventListener("message", async ({ data }) => {
  if (!data?.file) return;
  let answer;
  try {
    answer = { extracted: await extract(data.file, data.name) };
  } catch (error) {
    const { code, message } = error instanceof ExtractError ? error : describe(error);
    answer = { error: { code, message } };
  }
  // First, for the worker may be thrown away with the answer.
  flush?.();
  self.postMessage(answer);
});

/** What parsers throw at damaged files. */
function describe(error) {
  if (error instanceof RangeError) return tooBig("the nesting or size of it", limits.depth);
  if (/dynamically imported module/.test(error?.message)) return unsupported(`its reader did not load (${error.message})`);
  return broken(error?.message ?? String(error));
}
