// Makes a folder of about 10 MB as people have them, of files that may be passed on: PDFs with and without pictures,
// Word, EPUB, HTML, Markdown, tables, JSON, source code, pictures, and files that nobody can read.
//
//   node benches/page/folder.mjs DOCUMENTS FOLDER
//
// DOCUMENTS has `pdf`, `docx`, `epub` and `markdown/rust-book`: py-pdf/sample-files, mwilliamson/mammoth.js,
// IDPF/epub3-samples and rust-lang/book. The rest is this repository's own. The same every time, but for what Chromium
// writes into the PDFs that it prints.

import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";

import { browser, root } from "../../wasm-tests/harness.mjs";
import { Archive } from "../../www/extract/archive.js";

/** Bytes that the pictures fill the folder up to. */
const SIZE = 10_000_000;
const PICTURES = 12;

const [documents, folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node benches/page/folder.mjs DOCUMENTS FOLDER");
await rm(folder, { recursive: true, force: true });

for (const kind of ["pdf", "docx"]) await cp(path.join(documents, kind), path.join(folder, kind), { recursive: true });
await copy("epub", (name) => !name.startsWith("moby-dick"), path.join(documents, "epub"));
await copy("markdown", (name) => /^ch(0|1[0-2])/.test(name), path.join(documents, "markdown/rust-book"));
for (const part of ["store", "index"]) await cp(path.join(root, "src", part), path.join(folder, "code", part), { recursive: true });
await cp(path.join(root, "tests/fixtures/documents"), path.join(folder, "odd"), { recursive: true });
await chapters();
await tables();
await illustrated();

async function copy(to, wanted, from) {
  await mkdir(path.join(folder, to), { recursive: true });
  for (const name of (await readdir(from)).filter(wanted)) await cp(path.join(from, name), path.join(folder, to, name));
}

/** Chapters of a novel as the web pages that they are in an EPUB. */
async function chapters() {
  const novel = new Archive(new Uint8Array(await readFile(path.join(documents, "epub/moby-dick.epub"))));
  await mkdir(path.join(folder, "html"));
  for (let number = 1; number <= 24; number++) {
    const name = `chapter_${String(number).padStart(3, "0")}.xhtml`;
    await writeFile(path.join(folder, "html", name), novel.require(`OPS/${name}`));
  }
}

async function tables() {
  const questions = JSON.parse(await readFile(path.join(root, "samples/questions.json"), "utf8"));
  await mkdir(path.join(folder, "tables"));
  await writeFile(path.join(folder, "tables/questions.json"), JSON.stringify(questions));
  const cell = (text) => `"${text.replaceAll('"', '""')}"`;
  const rows = questions.map(({ question, document, answer }) => [question, document, answer].map(cell).join(","));
  await writeFile(path.join(folder, "tables/questions.csv"), ["question,document,answer", ...rows].join("\n"));
}

/** The samples as printed brochures, and pictures: as large as is left of the folder's size. */
async function illustrated() {
  const { context, close } = await browser();
  const page = await context.newPage();
  const names = (await readdir(path.join(root, "samples/documents"))).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(root, "samples/documents", name), "utf8")));
  const room = SIZE - (await size(folder));
  // A photograph is noise to any compression; 0.68 bytes for a pixel of this one as a JPEG.
  const side = Math.round(Math.sqrt(room / (2 * PICTURES) / 0.68));
  for (let n = 0; n < PICTURES; n++) {
    await page.setContent(`<!doctype html><title>Brochure ${n + 1}</title><body></body>`);
    const picture = await page.evaluate(({ n, side, text }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
      const pixels = new ImageData(side, side);
      let seed = n + 1;
      for (let i = 0; i < pixels.data.length; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        pixels.data[i] = i % 4 === 3 ? 255 : seed >>> 24;
      }
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      const url = canvas.toDataURL("image/jpeg", 0.8);
      const image = Object.assign(new Image(), { src: url, width: 400 });
      const words = Object.assign(document.createElement("pre"), { textContent: text });
      words.style.whiteSpace = "pre-wrap";
      document.body.append(image, words);
      return image.decode().then(() => url.slice(url.indexOf(",") + 1));
    }, { n, side, text: texts[n] });
    await mkdir(path.join(folder, "brochures"), { recursive: true });
    await writeFile(path.join(folder, `brochures/${names[n].replace(/\.\w+$/, "")}.pdf`), await page.pdf({ format: "A4" }));
    await writeFile(path.join(folder, `brochures/${names[n].replace(/\.\w+$/, "")}.jpg`), Buffer.from(picture, "base64"));
  }
  await close();
}

async function size(folder) {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(files.filter((file) => file.isFile()).map((file) => stat(path.join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
console.log(`${folder}: ${((await size(folder)) / 1e6).toFixed(2)} MB`);
