// The line at the foot of the page: what runs where, how much there is, what it costs, and whether it stays.

import { byId } from "./dom.js";
import * as format from "./format.js";
import { complete } from "./offline.js";

/** What computes, as reported after the self-test. */
export function backend({ backend, selfTest, rejected }) {
  const where = backend.kind === "gpu" ? `GPU: ${backend.name}` : "CPU";
  const node = byId("state-backend");
  set(node, `${where}${backend.software ? " (emulated)" : ""}, self-test passed`);
  node.title = [
    `Lowest cosine to the reference vectors: ${selfTest.toFixed(6)}`,
    ...rejected.map((why) => `Not used: ${why}`),
  ].join("\n");
}

/** How much is indexed, and the index as a share of its text. */
export function size({ chunks, bytes, textBytes }) {
  set(byId("state-chunks"), format.count(chunks));
  const each = chunks > 0 ? `, ${format.bytes(Math.round(bytes.total / chunks))} each` : "";
  const part = textBytes > 0 ? `, ${format.share(bytes.total / textBytes)} of ${format.bytes(textBytes)} text` : "";
  set(byId("state-bytes"), `${format.bytes(bytes.total)}${each}${part}`);
}

let elsewhere;

/** The index is not in this browser, but where `words` say. */
export function lies(words) {
  elsewhere = words;
}

/** Whether the browser promised not to evict the index. */
export async function durability() {
  const persisted = await navigator.storage?.persisted?.().catch(() => false);
  const node = byId("state-durable");
  set(node, elsewhere ?? (persisted ? "durably" : "until space runs short"));
  const { usage, quota } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  byId("state-quota").parentElement.hidden = !quota;
  if (quota) set(byId("state-quota"), `${format.share(usage / quota)} of ${format.bytes(quota)}`);
  node.dataset.durable = String(Boolean(persisted));
  return Boolean(persisted);
}

/** Asks the browser to keep the index; some ask the person. */
export async function askToPersist() {
  await navigator.storage?.persist?.().catch(() => false);
  return durability();
}

/** What this tab does, where there are several. */
export function role(role, others) {
  const node = byId("state-role");
  node.parentElement.hidden = others === 0;
  set(node, role === "writer" ? `adds and searches; ${others === 1 ? "another" : "others"} only search${others === 1 ? "es" : ""}` : "searches; another tab adds");
}

/** Whether the page works without a connection: `state` of its own files, and whether the model is here. */
export function offline(state, modelHere) {
  const node = byId("state-offline");
  const words = !state.supported ? "not in this browser" : !complete(state) ? "not yet" : modelHere ? "works offline" : "all but the model";
  set(node, words);
  node.dataset.complete = String(complete(state) && modelHere);
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
