// EPUB 2 and 3: the chapters in reading order, each through the HTML reader; contents where a chapter has no heading.
// The same rules as natively (src/extract/epub.rs).

import { Archive } from "./archive.js";
import { Builder } from "./builder.js";
import { decodeMarkup } from "./decode.js";
import { broken, encrypted } from "./error.js";
import { limits } from "./limits.js";
import { walk as walkMarkup } from "./markup.js";
import { walk } from "./xml.js";

/** The text of a book. */
export function extract(bytes) {
  const archive = new Archive(bytes);
  let path;
  walk(archive.require("META-INF/container.xml"), "META-INF/container.xml", {
    open(name, attribute) {
      if (name === "rootfile") path ??= attribute("full-path");
    },
  });
  if (!path) throw broken("no package is named");
  const { title, spine, navigation } = readPackage(archive.require(path), path);
  const titles = contents(archive, navigation);
  refuseEncrypted(archive, spine);
  const builder = new Builder(limits.sections);
  let [missing, damaged] = [0, 0];
  for (const chapter of spine) {
    const xhtml = readChapter(archive, chapter);
    if (xhtml === undefined) missing++;
    else if (xhtml === null) damaged++;
    else {
      builder.chapter(titles.get(chapter));
      walkMarkup(decodeMarkup(xhtml).text, builder, true);
      builder.endChapter();
    }
  }
  const found = builder.finish();
  if (found.text === "" && damaged > 0) throw broken("none of its chapters could be read");
  const notes = [];
  if (missing > 0) notes.push(`${missing} of ${spine.length} chapters are missing in the file`);
  if (damaged > 0) notes.push(`${damaged} of ${spine.length} chapters could not be read`);
  return { ...found, title, notes };
}

/** A chapter; `undefined` if it is not there, `null` if it is damaged. */
function readChapter(archive, file) {
  try {
    return archive.read(file);
  } catch (error) {
    if (error.code !== "broken") throw error;
    return null;
  }
}

/** The title, the chapters in reading order, and the navigation: that of EPUB 3, then that of EPUB 2. */
function readPackage(xml, path) {
  const [items, order, navigation] = [new Map(), [], []];
  let [inTitle, title] = [false, ""];
  walk(xml, path, {
    open(name, attribute) {
      if (name === "title") inTitle = title === "";
      else if (name === "itemref") order.push(attribute("idref"));
      else if (name === "item") {
        const [id, href] = [attribute("id"), attribute("href")];
        if (id === undefined || href === undefined) return;
        const file = resolve(path, href);
        if ((attribute("properties") ?? "").split(" ").includes("nav")) navigation.unshift(file);
        else if (attribute("media-type") === "application/x-dtbncx+xml") navigation.push(file);
        items.set(id, file);
      }
    },
    text: (text) => { if (inTitle) title += text; },
    close: (name) => { if (name === "title") inTitle = false; },
  });
  const spine = order.map((id) => items.get(id)).filter((file) => file !== undefined);
  if (spine.length === 0) throw broken(`${path}: no chapter is listed`);
  return { title, spine, navigation };
}

/** Titles of the chapters' files in the table of contents. */
function contents(archive, navigation) {
  const titles = new Map();
  for (const file of navigation) {
    const xml = readChapter(archive, file);
    if (!xml) continue;
    let [label, target, inside] = ["", undefined, false];
    const add = (href) => {
      if (href !== undefined && !titles.has(resolve(file, href))) titles.set(resolve(file, href), label);
    };
    try {
      walk(xml, file, {
        open(name, attribute) {
          if (name === "a" || name === "text") [label, inside] = ["", true];
          if (name === "a") target = attribute("href");
          // In EPUB 2 the label comes before its target.
          else if (name === "content") add(attribute("src"));
        },
        text: (text) => { if (inside) label += text; },
        close(name) {
          if (name === "a" || name === "text") inside = false;
          if (name === "a") add(target);
        },
      });
    } catch {
      // A damaged table of contents costs labels, not text.
    }
    if (titles.size > 0) break;
  }
  return titles;
}

/** Books with digital rights management list their encrypted files; encrypted fonts alone do not matter. */
function refuseEncrypted(archive, spine) {
  const xml = archive.read("META-INF/encryption.xml");
  if (!xml) return;
  walk(xml, "META-INF/encryption.xml", {
    open(name, attribute) {
      if (name === "CipherReference" && spine.includes(resolve("", attribute("URI") ?? ""))) throw encrypted();
    },
  });
}

/** The archive's path of `href` as written in `base`: without fragment, unescaped, `..` resolved. */
function resolve(base, href) {
  const path = base.split("/").slice(0, -1);
  for (const part of unescape(href.split("#")[0]).split("/")) {
    if (part === "..") path.pop();
    else if (part !== "" && part !== ".") path.push(part);
  }
  return path.join("/");
}

function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
