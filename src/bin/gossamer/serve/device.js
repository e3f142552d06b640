// The page of a device's own index: asks its server, shows passages as text, never as markup.

const at = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
let asking = null;

/** Asks the server; the answer's JSON, or an error with the server's words. */
async function ask(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const method = body ? "POST" : "GET";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
  const answer = await response.json();
  if (response.ok) return answer;
  if (response.status === 401) at("unlock").hidden = false;
  throw new Error(answer.error?.message ?? response.statusText);
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function show(hit) {
  const item = document.createElement("li");
  const place = [hit.place, `bytes ${hit.bytes[0]}–${hit.bytes[1]}`].filter(Boolean).join(", ");
  item.append(
    element("cite", hit.document),
    element("span", `${place}, score ${hit.score.toFixed(2)}`, "place"),
    element("blockquote", hit.text),
  );
  return item;
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  asking?.abort();
  const mine = (asking = new AbortController());
  at("status").textContent = "Searching…";
  try {
    const answer = await ask("/api/search", { question: at("question").value }, mine.signal);
    at("hits").replaceChildren(...answer.hits.map(show));
    at("status").textContent = answer.hits.length
      ? `${answer.hits.length} passages in ${Math.round(answer.stats.ms)} ms`
      : "Nothing found: the index is empty.";
  } catch (error) {
    if (!mine.signal.aborted) at("status").textContent = error.message;
  }
});

at("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value;
  sessionStorage.setItem("token", token);
  at("unlock").hidden = true;
  start();
});

async function start() {
  try {
    const [health, stats] = [await ask("/api/health"), await ask("/api/stats")];
    at("whole").hidden = !health.page;
    at("about").textContent =
      `${stats.documents} documents, ${stats.chunks} passages. Questions go to this device and nowhere else.`;
    at("status").textContent = "";
  } catch (error) {
    at("status").textContent = error.message;
  }
}

start();
