// A session with `gossamer mcp` by the reference client of the Model Context Protocol.
//
// GOSSAMER is the command to test; its model must be here. GOSSAMER_TRANSCRIPT=1 prints what is said.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const gossamer = process.env.GOSSAMER ?? "gossamer";
const folder = mkdtempSync(join(tmpdir(), "gossamer-mcp-"));
const say = process.env.GOSSAMER_TRANSCRIPT ? console.log : () => {};

before(() => {
  mkdirSync(join(folder, "docs"));
  const sea = "# The lighthouse\n\nIts keeper trimmed the wick before dusk.\n\n# The harbour\n\nFog came in at nine.\n";
  writeFileSync(join(folder, "docs/sea.md"), sea);
  writeFileSync(join(folder, "docs/bread.txt"), "A sourdough starter is fed with flour and water every day.\n");
  execFileSync(gossamer, ["index", "docs", "--index", "idx", "--backend", "cpu"], { cwd: folder, stdio: "ignore" });
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `talk` with a connected client, and returns what the server said on standard error. */
async function session(args, talk) {
  const transport = new StdioClientTransport({
    command: gossamer,
    args: ["mcp", "--index", "idx", "--backend", "cpu", ...args],
    cwd: folder,
    stderr: "pipe",
  });
  let noise = "";
  transport.stderr.on("data", (bytes) => (noise += bytes));
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  const call = async (name, parameters) => {
    say(`-> ${name} ${JSON.stringify(parameters)}`);
    const result = await client.callTool({ name, arguments: parameters });
    say(`<- ${result.content[0].text}`);
    return result;
  };
  try {
    await talk(client, call);
  } finally {
    await client.close();
  }
  return noise;
}

test("an assistant searches, reads around a hit, lists and adds", async () => {
  const noise = await session([], async (client, call) => {
    say(`server ${JSON.stringify(client.getServerVersion())}: ${client.getInstructions()}`);
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name).sort();
    say(`tools ${names.join(", ")}`);
    assert.deepEqual(names, ["add_document", "list_documents", "read_passage", "search"]);
    const readers = tools.filter((tool) => tool.annotations?.readOnlyHint).map((tool) => tool.name);
    assert.deepEqual(readers.sort(), ["list_documents", "read_passage", "search"]);

    const question = "Who looked after the lamp by the coast?";
    const [hit] = (await call("search", { question, k: 1 })).structuredContent.hits;
    assert.equal(hit.document, "docs/sea.md");
    assert.equal(hit.place, "The lighthouse");

    const read = await call("read_passage", { document: hit.document, start: hit.bytes[0], end: hit.bytes[1] });
    assert.equal(read.structuredContent.text, hit.text);
    const rest = await call("read_passage", { document: hit.document, start: hit.bytes[0] });
    assert.ok(rest.structuredContent.text.includes("Fog came in"));

    const listed = (await call("list_documents", {})).structuredContent;
    assert.deepEqual(listed.documents.map((d) => d.document), ["docs/bread.txt", "docs/sea.md"]);

    const text = "The comet's tail points away from the sun.";
    const added = await call("add_document", { document: "sky", text, metadata: { year: 2024 } });
    assert.equal(added.structuredContent.outcome, "new");
    const [sky] = (await call("search", { question: "Where does a comet's tail point?", k: 1 })).structuredContent.hits;
    assert.deepEqual([sky.document, sky.text, sky.metadata.year], ["sky", text, 2024]);
  });
  assert.match(noise, /MCP/);
});

test("mistakes are told to the assistant, and the session goes on", async () => {
  await session([], async (client, call) => {
    for (const [name, parameters] of [
      ["search", { question: " " }],
      ["search", { question: "x", k: 0 }],
      ["search", { words: 3 }],
      ["read_passage", { document: "nowhere" }],
      ["add_document", { document: "", text: "x" }],
    ]) {
      const result = await call(name, parameters);
      assert.equal(result.isError, true, name);
      assert.ok(result.content[0].text.length > 10, name);
    }
    assert.equal((await call("search", { question: "bread" })).isError, false);
  });
});

test("a server that only reads offers no tool that writes", async () => {
  await session(["--read-only"], async (client) => {
    const { tools } = await client.listTools();
    assert.ok(!tools.some((tool) => tool.name === "add_document"));
    const text = "no";
    await assert.rejects(client.callTool({ name: "add_document", arguments: { document: "x", text } }));
  });
});
