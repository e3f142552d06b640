// Tabs killed at any moment of an import: what was committed is there, nothing is there by half, and it goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { browser } from "../harness.mjs";
import { bare, bareSite, numbered } from "./storage-bare.mjs";

const KILLS = process.env.GOSSAMER_LONG === "1" ? 100 : 20;

test("every committed document is there after the tab was killed, wherever that happened", { timeout: 1_190_000 }, async (t) => {
  const server = await bareSite();
  const { context, close } = await browser();
  const seed = 1 + (Date.now() % 1e6);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  let committed = 0;
  let begun = 0;
  let crashes = 0;
  try {
    for (let kill = 0; kill <= KILLS; kill++) {
      const page = await bare(context, server.url);
      await page.evaluate(async () => (globalThis.engine = await load(await Engine.open("kills", {}))));
      const [{ documents }, listed, report] = await page.evaluate(async () => [engine.stats(), await engine.documents(), await engine.verify()]);
      assert.ok(documents >= committed, `${documents} documents after ${committed} were committed`);
      // One document a commit: the one under way may be there, too, whole.
      assert.ok(documents <= begun, `${documents} documents of ${begun} that were begun`);
      assert.deepEqual(listed.map(({ id }) => id).sort(), Array.from({ length: documents }, (_, i) => `doc-${i}`).sort());
      assert.deepEqual(report.damaged, []);
      if (documents > 0) {
        const { text } = numbered(documents - 1);
        assert.equal(await page.evaluate((id) => engine.text(id), `doc-${documents - 1}`), text);
        const { hits, damaged } = await page.evaluate(() => engine.search("one two three", { k: 5 }));
        assert.deepEqual([hits.length, damaged], [5, 0]);
      }
      if (kill === KILLS) break;
      await page.exposeFunction("tell", (started, done) => {
        begun = Math.max(begun, started);
        committed = Math.max(committed, done);
      });
      committed = documents;
      await page.evaluate(([batch, from]) => {
        void (async () => {
          for (const [i, document] of batch.entries()) {
            await tell(from + i + 1, from + i);
            await engine.add([document]);
            await tell(from + i + 1, from + i + 1);
          }
        })().catch(() => {});
      }, [Array.from({ length: 200 }, (_, i) => numbered(documents + i)), documents]);
      // At any moment of up to three commits, however long one takes here.
      const many = random() * 3;
      const until = (enough) => new Promise((wake) => {
        const look = () => (enough() ? wake() : setTimeout(look, 2));
        look();
      });
      const from = performance.now();
      await until(() => committed >= documents + Math.ceil(many) - 1 && begun > committed);
      const each = Math.min(2000, (performance.now() - from) / Math.max(1, committed - documents));
      await new Promise((wake) => setTimeout(wake, (many % 1) * each));
      const session = await context.newCDPSession(page);
      // A machine that is too busy to tell of it in time has closed the tab instead.
      const crashed = page.waitForEvent("crash", { timeout: 60_000 }).then(() => crashes++, () => {});
      session.send("Page.crash").catch(() => {});
      await crashed;
      await page.close();
    }
    t.diagnostic(`${committed} documents committed over ${crashes} kills`);
    assert.ok(crashes > 0.9 * KILLS, `only ${crashes} of ${KILLS} were seen to crash`);
    assert.ok(committed > KILLS / 4, "the kills left no time to commit anything");
  } finally {
    await close();
    await server.close();
  }
});
