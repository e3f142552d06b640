// PDF through pdf.js, in this very worker: no worker of its own, no fonts loaded, no scripts, no forms, no pictures.

import { Builder } from "./builder.js";
import { broken, encrypted, noText } from "./error.js";
import { limits } from "./limits.js";
import { checkBudget } from "./pdf-budget.js";
import { linesOf } from "./pdf-lines.js";
import { chaptersOf } from "./pdf-outline.js";
import { reflow } from "./reflow.js";

// pdf.js takes a scope without a window for a worker of its own and would answer this worker's messages.
globalThis.window = globalThis;
const [pdfjs] = await Promise.all([import("../vendor/pdf.js"), import("../vendor/pdf.worker.js")]);
delete globalThis.window;

// It leaves some promises alone that fail with a damaged file; what matters of them is reported by others.
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());

/** The text of a document, a section for each page. */
export async function extract(bytes) {
  checkBudget(bytes);
  const task = pdfjs.getDocument({
    data: bytes,
    cMapUrl: new URL("../vendor/cmaps/", import.meta.url).href,
    disableFontFace: true,
    enableXfa: false,
    isEvalSupported: false,
    isImageDecoderSupported: false,
    isOffscreenCanvasSupported: false,
    stopAtErrors: false,
    useSystemFonts: false,
    useWasm: false,
    useWorkerFetch: true,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  });
  const pdf = await task.promise.catch((error) => {
    throw error.name === "PasswordException" ? encrypted() : broken(error.message);
  });
  try {
    return await read(pdf);
  } finally {
    await task.destroy();
  }
}

async function read(pdf) {
  const builder = new Builder(limits.sections);
  const failed = [];
  const chapters = await chaptersOf(pdf);
  const count = Math.min(pdf.numPages, limits.pages);
  for (let number = 1; number <= count; number++) {
    try {
      const page = await pdf.getPage(number);
      const { items } = await page.getTextContent();
      addPage(builder, number, items, chapters[number - 1]);
      page.cleanup();
    } catch {
      failed.push(number);
    }
  }
  const found = builder.finish();
  if (found.text === "") {
    throw failed.length > 0 ? broken(`none of its ${pdf.numPages} pages could be read`) : noText(pdf.numPages);
  }
  const notes = [];
  if (failed.length > 0) {
    notes.push(`${failed.length} of ${pdf.numPages} pages could not be read: ${failed.slice(0, 10).join(", ")}`);
  }
  if (count < pdf.numPages) notes.push(`only the first ${count} of ${pdf.numPages} pages were read`);
  const { info } = await pdf.getMetadata().catch(() => ({}));
  return { ...found, title: typeof info?.Title === "string" ? info.Title : undefined, notes };
}

function addPage(builder, number, items, chapter) {
  const lines = linesOf(items);
  if (lines.length === 0) return;
  builder.part();
  builder.place(chapter ? `${chapter} › page ${number}` : `page ${number}`);
  reflow(lines, builder);
}
