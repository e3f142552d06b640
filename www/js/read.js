// Files to text, on the page's side: which files are taken, and how their bytes are read.

const EXTENSIONS = /\.(txt|text|md|markdown)$/i;
const MAX_BYTES = 64 * 1024 * 1024;

/** Whether the page takes this file. */
export const isText = (file) => EXTENSIONS.test(file.name) || /^text\/(plain|markdown)\b/.test(file.type);

/** Reads a file as text. Throws an error whose message is for the row of the file. */
export async function readText(file) {
  if (!isText(file)) throw new Error("Not a text or Markdown file");
  if (file.size > MAX_BYTES) throw new Error("Larger than 64 MB");
  const bytes = new Uint8Array(await file.arrayBuffer().catch(() => {
    throw new Error("The browser could not read it");
  }));
  const text = decode(bytes);
  if (text.trim() === "") throw new Error("Empty: no text in it");
  return text;
}

/** UTF-8, UTF-16 with its mark, otherwise the Western encoding of old text files. */
export function decode(bytes) {
  const marked = { 0xfffe: "utf-16le", 0xfeff: "utf-16be" }[(bytes[0] << 8) | bytes[1]];
  if (marked) return new TextDecoder(marked).decode(bytes);
  if (bytes.subarray(0, 65536).includes(0)) throw new Error("Not a text file (binary data)");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** The files of a drop, folders walked through. */
export async function filesOfDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, "", files);
  return files;
}

async function walk(entry, path, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => undefined);
    if (file) files.push(Object.assign(file, { path: path + file.name }));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (batch.length === 0) return;
    for (const child of batch) {
      // Folders may hold anything: what is not text is passed over in silence, as are hidden files.
      if (child.name.startsWith(".") || (child.isFile && !EXTENSIONS.test(child.name))) continue;
      await walk(child, `${path}${entry.name}/`, files);
    }
  }
}
