// Where the time of one BERT layer of MiniLM's size goes, in Chromium.
//
//   node kernels.mjs PKG [tokens] [texts]      PKG: what wasm-bindgen makes of wasm-tests/kernels, named gossamer
import { browser } from "../../wasm-tests/harness.mjs";
import { serve } from "../../wasm-tests/serve.mjs";

const [pkg, tokens = "128", texts = "2"] = process.argv.slice(2);
const server = await serve({
  root: pkg,
  intercept: (request, response) => request.url === "/" && (response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>kernels</title>"), true),
});
const { context, close } = await browser();
const page = await context.newPage();
await page.goto(server.url);
const out = await page.evaluate(async ([tokens, texts]) => {
  const { default: init, Layer, is_relaxed } = await import("/gossamer.js");
  await init();
  const lines = [`relaxed: ${is_relaxed()}`];
  const rows = tokens * texts;
  const best = (f) => {
    for (let i = 0; i < 20; i++) f();
    let least = Infinity;
    for (let i = 0; i < 20; i++) { const at = performance.now(); f(); least = Math.min(least, performance.now() - at); }
    return least;
  };
  let [f, q] = [0, 0];
  for (const [k, n, gelu, fine] of [[384, 1152, false, true], [384, 384, false, false], [384, 1536, true, true], [1536, 384, false, true]]) {
    const layer = new Layer(rows, k, n, gelu, fine);
    const gflop = 2e-6 * rows * k * n;
    const [a, b, c] = [best(() => layer.in_32_bits()), best(() => layer.quantise()), best(() => layer.in_8_bits())];
    f += a; q += b + c;
    lines.push(`${k}x${n}: f32 ${a.toFixed(2)} ms, ${(gflop / a).toFixed(1)} GFLOP/s; i8 ${b.toFixed(2)} + ${c.toFixed(2)} ms, ${(gflop / (b + c)).toFixed(1)} GOP/s`);
    if (n === 1152) { const t = best(() => layer.attention(tokens, 12)); f += t; q += t; lines.push(`attention ${t.toFixed(2)}`); }
    if (n === 384 && k == 384) { const t = 2 * best(() => layer.norm()); f += t; q += t; lines.push(`norms ${t.toFixed(2)}`); }
  }
  lines.push(`layer: f32 ${f.toFixed(2)} i8 ${q.toFixed(2)}; six layers per text: f32 ${(6 * f / texts).toFixed(1)}, i8 ${(6 * q / texts).toFixed(1)} ms`);
  return lines;
}, [Number(tokens), Number(texts)]);
console.log(out.join("\n"));
await close();
await server.close();
