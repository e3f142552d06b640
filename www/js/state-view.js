// The state line: what runs where, how much there is, what it costs, and whether it stays.

import { byId } from "./dom.js";
import * as format from "./format.js";

/** What computes, as reported after the self-test. */
export function backend({ backend, selfTest, rejected }) {
  const where = backend.kind === "gpu" ? `GPU: ${backend.name}` : "CPU";
  const node = byId("state-backend");
  node.textContent = `${where}${backend.software ? " (emulated)" : ""}, self-test passed`;
  node.title = [
    `Lowest cosine to the reference vectors: ${selfTest.toFixed(6)}`,
    ...rejected.map((why) => `Not used: ${why}`),
  ].join("\n");
}

/** How much is indexed, and the index as a share of its text. */
export function size({ chunks, bytes, textBytes }) {
  byId("state-chunks").textContent = format.count(chunks);
  const part = textBytes > 0 ? `, ${format.share(bytes.total / textBytes)} of ${format.bytes(textBytes)} text` : "";
  byId("state-bytes").textContent = `${format.bytes(bytes.total)}${part}`;
}

/** Whether the browser promised not to evict the index. */
export async function durability() {
  const persisted = await navigator.storage?.persisted?.().catch(() => false);
  const node = byId("state-durable");
  node.textContent = persisted ? "in this browser, durably" : "in this browser, until it needs the space";
  node.dataset.durable = String(Boolean(persisted));
}

/** Asks the browser to keep the index; some ask the person. */
export async function askToPersist() {
  await navigator.storage?.persist?.().catch(() => false);
  await durability();
}
