// The index as one file: to keep, to take to another browser or machine, or to open with the command.

import { announce, byId, element } from "./dom.js";
import * as format from "./format.js";
import { trouble } from "./notice.js";
import * as tabs from "./tabs.js";

/** What the name of such a file ends with. */
export const ENDING = ".gossamer";

let host;

/** `page` has `call`, `stats()`, `busy()`, and `adopt(file)`, which opens a file in the place of what is there. */
export function connect(page) {
  host = page;
  byId("export-index").addEventListener("click", ({ currentTarget }) => save(currentTarget).catch(trouble));
  byId("import-index").addEventListener("click", () => byId("index-picker").click());
  byId("index-picker").accept = ENDING;
  byId("index-picker").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (file) open(file).catch(trouble);
    target.value = "";
  });
}

async function save(button) {
  button.disabled = true;
  try {
    const blob = await host.call("export");
    const name = `gossamer-${new Date().toISOString().slice(0, 10)}${ENDING}`;
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: name }).click();
    // The browser has taken the file over long before.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    announce(`${format.bytes(blob.size)} exported as ${name}`);
  } finally {
    button.disabled = false;
  }
}

/** Opens an exported index; asks first where there is one already. */
export async function open(file) {
  const refused = host.busy() ? "Documents are being added. Open the index when that is done, or cancel it."
    : tabs.role !== "writer" ? "Another tab of this page adds documents. Open the index there." : undefined;
  if (refused) throw Object.assign(new Error(refused), { code: "busy" });
  if (host.stats().documents > 0 && !(await confirmed(file))) return;
  const { stats } = await host.adopt(file);
  announce(`${file.name} is open: ${format.plural(stats.documents, "document")}`);
}

async function confirmed({ name }) {
  const dialog = byId("replace");
  byId("replace-what").textContent = `${name} takes the place of the ${format.plural(host.stats().documents, "document")} here. Export them first if you want to keep them.`;
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue === "yes";
}
