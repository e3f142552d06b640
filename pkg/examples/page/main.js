// Private search in a plain page: files go into the tab and nowhere else. The policy in index.html lets nothing out
// but to this page's own server, where the package and the model's files are.

import { Index } from "./package/dist/index.js";

const element = (id) => document.getElementById(id);
const say = (text) => { element("state").textContent = text; };

const index = await Index.open({
  name: "private",
  model: { url: "model/" },
  onProgress: ({ phase, loaded, total }) => say(phase === "model" ? `Model: ${Math.round((100 * loaded) / total)} %` : "Starting"),
});
const ready = async () => say(`${(await index.stats()).documents} documents, on the ${index.info.backend.kind.toUpperCase()}`);
await ready();
element("files").disabled = element("ask").disabled = false;

element("files").addEventListener("change", async ({ target }) => {
  const documents = Array.from(target.files, async (file) => ({ id: file.name, title: file.name, text: await file.text() }));
  await index.add(await Promise.all(documents), { onProgress: ({ loaded, total }) => say(`${loaded} of ${total} passages`) });
  await ready();
});

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { hits } = await index.search(element("question").value, { k: 5 });
  element("hits").replaceChildren(...hits.map(({ title, text, score }) => {
    const item = document.createElement("li");
    // Text, never HTML: a document may say anything.
    item.textContent = `${title} (${score.toFixed(2)}): ${text}`;
    return item;
  }));
});
