// Delete everything: index, texts, queue, model, the page's own cache, settings. erased.html then measures what is left.

import { byId } from "./dom.js";
import * as offline from "./offline.js";

/** Asks, and deletes. Whether it was done. */
export async function eraseEverything({ client, queue, index, before }) {
  const dialog = byId("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  if (dialog.returnValue !== "yes") return false;
  await before();
  await client.call("destroy", { name: index });
  client.terminate();
  await queue.destroy();
  await offline.forget();
  localStorage.clear();
  sessionStorage.clear();
  // This page is itself what was kept: only when it has gone is everything gone.
  location.replace(new URL("../erased.html", import.meta.url));
  return true;
}
