// Files on their way in: from pickers, drops (folders walked through) and the clipboard.

import { pause } from "./dom.js";
import { typeOf } from "./kinds.js";

/** `{ files, passedOver }`: files with a `path`, and how many of a folder's files are of no kind that is read. */
export class Intake {
  files = [];
  passedOver = 0;

  /** A file that was chosen by itself is always taken: if it cannot be read, its row says so. */
  take(file, path = file.name) {
    this.files.push({ file, path });
  }

  /** Folders hold anything: what is of no kind that is read is counted and left, hidden files are not even counted. */
  takeFromFolder(file, path) {
    if (path.split("/").some((part) => part.startsWith("."))) return;
    if (typeOf(file.name)) this.take(file, path);
    else this.passedOver++;
  }
}

/** What a picker gave. */
export function fromPicker(files) {
  const intake = new Intake();
  for (const file of files) {
    if (file.webkitRelativePath) intake.takeFromFolder(file, file.webkitRelativePath);
    else intake.take(file);
  }
  return intake;
}

/** What was dropped. The entries must be asked for before the event handler ends: so they are, at once. */
export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return fromPicker([...transfer.files]);
  const intake = new Intake();
  for (const entry of entries) {
    if (entry.isDirectory) await walk(entry, `${entry.name}/`, intake);
    else await read(entry, (file) => intake.take(file));
  }
  return intake;
}

async function walk(folder, path, intake) {
  const reader = folder.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (batch.length === 0) return;
    for (const child of batch) {
      if (child.isDirectory && !child.name.startsWith(".")) await walk(child, `${path}${child.name}/`, intake);
      else if (child.isFile) await read(child, (file) => intake.takeFromFolder(file, path + child.name));
    }
    await pause();
  }
}

async function read(entry, take) {
  const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => undefined);
  if (file) take(file);
}

/** What was pasted: files, or text as a note of its own. Nothing where the clipboard holds neither. */
export function fromPaste(clipboard) {
  const files = [...(clipboard?.files ?? [])];
  if (files.length > 0) return fromPicker(files);
  const text = clipboard?.getData("text/plain") ?? "";
  return text.trim() === "" ? undefined : fromText(text);
}

/** Text under a name: its own first words where none is given. */
export function fromText(text, name = "") {
  const words = text.trim().split("\n", 1)[0].replace(/[#*_>`/\\:]/g, " ").trim().split(/\s+/).slice(0, 7).join(" ").slice(0, 60).replace(/[.,;:!?\s]+$/, "");
  const path = `${(name.trim() || words || "Pasted text").replace(/\.(txt|md)$/i, "")}.md`;
  const intake = new Intake();
  intake.take(new File([text], path, { type: "text/markdown" }), `Pasted/${path}`);
  return intake;
}
