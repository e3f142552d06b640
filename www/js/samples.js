// The samples: twenty documents with a finished index, so that a first visit answers before anything is loaded.

import { byId, element } from "./dom.js";
import * as format from "./format.js";

const BASE = new URL("../samples/", import.meta.url);

/** What lies on the server: `{ documents, questions, index: { file, bytes } | null }`, or nothing. */
export async function describe() {
  const response = await fetch(new URL("samples.json", BASE)).catch(() => undefined);
  return response?.ok ? response.json().catch(() => undefined) : undefined;
}

/** The address of the finished index. */
export const indexUrl = ({ index }) => new URL(index.file, BASE).href;

/** The documents themselves, for where there is no finished index. */
export async function documents({ documents }) {
  return Promise.all(documents.map(async (name) => {
    const response = await fetch(new URL(`documents/${encodeURIComponent(name)}`, BASE));
    if (!response.ok) throw new Error(`The sample ${name} is not on this server.`);
    return { file: new File([await response.blob()], name, { type: "text/plain" }), path: `samples/documents/${name}` };
  }));
}

/** Whether a document is one of them. */
export const isSample = (id) => id.startsWith("samples/documents/");

/** Offers some of their questions. */
export function suggest({ questions, documents, index }, { chosen, filled }) {
  byId("suggestions-label").textContent = filled ? "Questions the samples answer" : "Or ask the samples";
  byId("suggestions-note").textContent = filled ? ""
    : `${format.count(documents.length)} short documents${index ? `, indexed already: ${format.bytes(index.bytes)}` : ""}`;
  byId("suggestions-list").replaceChildren(...questions.map((question) => element("li", {},
    element("button", { type: "button", text: question, onclick: () => chosen(question) }))));
  byId("suggestions").hidden = false;
}
