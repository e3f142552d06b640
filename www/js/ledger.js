// The ledger behind the honesty line: every byte by part, what storing vectors would have cost, what runs, what is
// kept and for how long, and every request.

import { byId, element } from "./dom.js";
import * as format from "./format.js";
import * as honesty from "./honesty.js";
import * as offline from "./offline.js";

/** Bytes of a vector of MiniLM: 384 numbers as 32-bit floats. */
const VECTOR = 384 * 4;
const PARTS = {
  codes: "Codes, which guide the search",
  graph: "Graph of neighbours",
  chunks: "Where passages begin and end",
  documents: "Names and metadata",
  manifest: "Manifest with checksums",
  codebooks: "Codebooks",
};

/** Opens the ledger. `facts()` gives `{ stats, info, traffic, role, model, fetched }`; `verify()` checks the index. */
export async function open(facts, { verify }) {
  const body = byId("ledger-body");
  body.replaceChildren(element("p", { class: "meta", text: "Counting" }));
  byId("ledger").showModal();
  const now = await facts();
  const [estimate, persisted, files] = await Promise.all([
    navigator.storage?.estimate?.().catch(() => undefined), honesty.durability(), offline.state(),
  ]);
  body.replaceChildren(
    cost(now.stats),
    runs(now),
    keeping({ ...now, estimate, persisted, verify }),
    privacy(now.traffic, files, now.model),
  );
}

function section(title, ...children) {
  return element("section", { class: "ledger-part" }, element("h3", { text: title }), ...children);
}

function lines(...pairs) {
  const list = element("dl", { class: "ledger-lines" });
  for (const pair of pairs.filter(Boolean)) {
    const [term, words] = pair;
    list.append(element("div", {}, element("dt", { text: term }), element("dd", { text: words })));
  }
  return list;
}

function cost({ chunks, documents, textBytes, bytes }) {
  if (chunks === 0) return section("What it costs", element("p", { text: "Nothing yet: there is no document." }));
  const vectors = chunks * VECTOR;
  const bars = [
    ["Your text", textBytes, "text"],
    ["Its vectors, had they been stored", vectors, "vectors"],
    ["The text as it is kept here, compressed", bytes.text, "kept"],
    ["Gossamer's index", bytes.total, "index"],
  ];
  const most = Math.max(...bars.map(([, size]) => size));
  const chart = element("dl", { class: "bars" }, ...bars.map(([name, size, kind]) => {
    const bar = element("span", { class: `bar bar-${kind}`, "aria-hidden": "true" });
    bar.style.width = `${Math.max(0.4, (100 * size) / most)}%`;
    return element("div", {}, element("dt", { text: name }), element("dd", {}, bar, element("span", { class: "bar-figure", text: format.bytes(size) })));
  }));
  const parts = Object.entries(PARTS).filter(([part]) => bytes[part] > 0).map(([part, name]) => element("tr", {},
    element("th", { scope: "row", text: name }),
    element("td", { text: format.bytes(bytes[part]) }),
    element("td", { text: `${(bytes[part] / chunks).toFixed(1)} B` })));
  const table = element("table", {},
    element("caption", { text: `The index by part: ${format.plural(documents, "document")}, ${format.plural(chunks, "passage")}` }),
    element("thead", {}, element("tr", {}, ...["Part", "On disk", "Per passage"].map((name) => element("th", { scope: "col", text: name })))),
    element("tbody", {}, ...parts),
    element("tfoot", {}, element("tr", {},
      element("th", { scope: "row", text: `All, ${format.share(bytes.total / textBytes)} of the text` }),
      element("td", { text: format.bytes(bytes.total) }),
      element("td", { text: `${(bytes.total / chunks).toFixed(1)} B` }))));
  const times = vectors / bytes.total;
  const saved = times >= 2 ? [element("p", { class: "ledger-claim", text: `${format.rate(times)} times less than storing the vectors.` })] : [];
  return section("What it costs", ...saved, chart, table);
}

function runs({ info, role }) {
  if (!info) return section("Where it runs", element("p", { text: "The language model is not loaded yet." }));
  const { backend, selfTest, rejected, lost, calibration, embeddedPassages, model } = info;
  const each = ({ one, sixteen }) => `${Math.round(one)} ms for a question, ${Math.round(sixteen)} ms for 16 passages`;
  return section("Where it runs", lines(
    ["Processor", `${backend.kind === "gpu" ? `GPU: ${backend.name}` : backend.name}${backend.software ? " (emulated)" : ""}`],
    ["Arithmetic", { f32: "32-bit floats", f16: "16-bit floats, sums in 32 bits", int8: "8-bit integers, sums in 32 bits" }[backend.arithmetic]],
    ["Self-test", `passed: lowest cosine to the reference vectors ${selfTest.toFixed(6)}`],
    ...rejected.map((why) => ["Not used", why]),
    ...(lost ? [["No longer used", lost]] : []),
    ...(calibration ? [["GPU", each(calibration.gpu)], ["CPU", each(calibration.cpu)]] : []),
    ["Model", model],
    ["Passages embedded", `${format.count(embeddedPassages)} since the page was opened`],
    ["This tab", role === "writer" ? "adds and searches" : "searches; another tab adds"],
  ));
}

function keeping({ estimate, persisted, stats, verify, fetched }) {
  const check = element("button", { type: "button", class: "button small", text: "Check every byte" });
  const outcome = element("p", { class: "meta", "aria-live": "polite" });
  check.addEventListener("click", async () => {
    check.disabled = true;
    outcome.textContent = "Reading every block";
    outcome.textContent = await verify().catch((error) => error.message);
    check.disabled = false;
  });
  const buttons = element("p", { class: "ledger-buttons" }, check);
  if (!persisted && !fetched) {
    buttons.append(element("button", {
      type: "button", class: "button small", text: "Ask the browser to keep it",
      async onclick({ currentTarget }) {
        const kept = await honesty.askToPersist();
        currentTarget.textContent = kept ? "It will be kept" : "The browser did not promise it";
        currentTarget.disabled = true;
      },
    }));
  }
  return section("Whether it stays", lines(
    fetched ? ["Kept", `on its site, ${format.bytes(fetched.size)}; ${format.bytes(fetched.bytes)} fetched in ${format.plural(fetched.requests, "request")}`]
      : ["Kept", `in this browser, ${persisted ? "durably" : "until it needs the space"}`],
    estimate && ["Space", `${format.bytes(estimate.usage ?? 0)} used of ${format.bytes(estimate.quota ?? 0)} this browser allows, model and page included`],
    ["Generation", `${format.count(stats.generation)}${stats.recovered ? `, recovered: ${stats.recovered}` : ""}`],
  ), buttons, outcome);
}

function privacy({ known, toLoad, toKeep, since, elsewhere, bytes, stored, list }, files, model) {
  const requests = known
    ? [["Requests to load the page", format.count(toLoad)],
      ["To keep it for offline visits", format.count(toKeep)],
      ["Since then", format.count(since)],
      ["Received, all in all", format.bytes(bytes)],
      ["To any other host", format.count(elsewhere)],
      ["Answered from this device", format.count(stored)]]
    : [["Requests", "this browser does not count them"]];
  const offlineWords = !files.supported ? "not in this browser" : `${files.verified} of ${files.files} files of the page verified, ${format.bytes(files.bytes)}`;
  const all = element("details", {}, element("summary", { text: "Every request" }),
    element("ul", { class: "requests" }, ...list.slice(-200).map(({ url, bytes, stored }) => element("li", {
      text: `${url.replace(location.origin, "")} ${stored ? "from this device" : format.bytes(bytes)}`,
    }))));
  return section("Whether it is private", lines(
    ...requests,
    ["Offline", offlineWords],
    model && ["Language model", `${model.name}, ${format.bytes(model.bytes)}${model.cached ? ", on this device" : ", not here yet"}`],
  ), element("p", { class: "meta", text: "The page's security policy allows requests to this site only: the browser itself refuses all others." }), all);
}
