// A static server for the page: correct types, byte ranges, the page's security policy as a header. No dependencies.
//
//   node wasm-tests/serve.mjs [--root www] [--port 8080] [--host 127.0.0.1] [--mount /model/=DIR]...

import { createReadStream } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".safetensors": "application/octet-stream",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

// A worker takes its policy from its own response, not from the page's <meta>.
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Starts serving. `mounts` maps URL prefixes to folders; `intercept(request, response)` may answer instead and then
 * returns true. Resolves with `{ url, close }` when the port is open; port 0 takes a free one.
 */
export async function serve({ root, port = 0, host = "127.0.0.1", mounts = {}, intercept } = {}) {
  const folders = await Promise.all(
    Object.entries({ ...mounts, "/": root }).map(async ([prefix, folder]) => [prefix, await realpath(folder)]),
  );
  folders.sort((a, b) => b[0].length - a[0].length);
  const server = createServer(async (request, response) => {
    try {
      if (intercept && (await intercept(request, response))) return;
      await answer(request, response, folders);
    } catch (error) {
      const status = error.code === "ENOENT" || error.code === "ENOTDIR" ? 404 : 500;
      if (!response.headersSent) response.writeHead(status, { "Content-Type": "text/plain" });
      response.end(status === 404 ? "not found\n" : "server error\n");
    }
  });
  await new Promise((listening, failed) => server.once("error", failed).listen(port, host, listening));
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${server.address().port}/`;
  const close = () => new Promise((closed) => {
    server.close(closed);
    server.closeAllConnections();
  });
  return { url, close };
}

async function answer(request, response, folders) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  let name;
  try {
    name = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  } catch {
    response.writeHead(400).end();
    return;
  }
  if (name.endsWith("/")) name += "index.html";
  const [prefix, folder] = folders.find(([mount]) => name.startsWith(mount));
  // Joining an absolute path keeps `..` inside the folder; links may lead out of it (the model's cache).
  const file = path.join(folder, path.posix.normalize(`/${name.slice(prefix.length)}`));
  const handle = await open(file);
  try {
    const { size, mtimeMs, isFile } = await handle.stat().then((s) => ({ size: s.size, mtimeMs: s.mtimeMs, isFile: s.isFile() }));
    if (!isFile) throw Object.assign(new Error("not a file"), { code: "ENOENT" });
    const etag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
    const headers = {
      "Accept-Ranges": "bytes",
      "Cache-Control": "no-cache",
      "Content-Security-Policy": policy,
      "Content-Type": types[path.extname(file).toLowerCase()] ?? "application/octet-stream",
      "Cross-Origin-Resource-Policy": "same-origin",
      ETag: etag,
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    };
    if (request.headers["if-none-match"] === etag && !request.headers.range) {
      response.writeHead(304, headers).end();
      return;
    }
    const range = parseRange(request.headers.range, size);
    if (range === null) {
      response.writeHead(416, { ...headers, "Content-Range": `bytes */${size}` }).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: size - 1 };
    headers["Content-Length"] = Math.max(0, end - start + 1);
    if (range) headers["Content-Range"] = `bytes ${start}-${end}/${size}`;
    response.writeHead(range ? 206 : 200, headers);
    if (request.method === "HEAD" || size === 0) {
      response.end();
      return;
    }
    await new Promise((sent) => {
      const stream = createReadStream(file, { start, end });
      stream.on("error", () => response.destroy());
      response.on("close", sent);
      stream.pipe(response);
    });
  } finally {
    await handle.close();
  }
}

/** `undefined`: no range asked for; `null`: one that cannot be satisfied. Several ranges are answered whole. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start > end || start >= size ? null : { start, end };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const options = { root: fileURLToPath(new URL("../www", import.meta.url)), port: 8080, mounts: {} };
  for (let i = 2; i < process.argv.length; i += 2) {
    const [flag, value] = [process.argv[i], process.argv[i + 1]];
    if (flag === "--root") options.root = value;
    else if (flag === "--port") options.port = Number(value);
    else if (flag === "--host") options.host = value;
    else if (flag === "--mount" && value?.includes("=")) options.mounts[value.slice(0, value.indexOf("="))] = value.slice(value.indexOf("=") + 1);
    else {
      console.error("usage: serve.mjs [--root DIR] [--port N] [--host ADDRESS] [--mount /prefix/=DIR]...");
      process.exit(2);
    }
  }
  const { url } = await serve(options).catch(async (error) => {
    if (error.code !== "EADDRINUSE") throw error;
    return serve({ ...options, port: 0 });
  });
  console.log(`Gossamer is at ${url} (Ctrl-C stops it)`);
}
