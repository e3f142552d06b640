#!/usr/bin/env bash
# Text codecs natively and in WebAssembly, on the texts of passages.jsonl.gz: run.sh PASSAGES
set -euo pipefail
passages="$(realpath "$1")"
cd "$(dirname "$0")"
out="${CARGO_TARGET_DIR:-target}/text"
mkdir -p "$out"
node -e 'const { gunzipSync } = require("node:zlib"), { readFileSync } = require("node:fs");
process.stdout.write(gunzipSync(readFileSync(process.argv[1])).toString().trim().split("\n").map((line) => JSON.parse(line).text).join("\n"))' \
  "$passages" >"$out/text"
head -c 3000000 "$out/text" >"$out/part"
cargo build --quiet --release
"${CARGO_TARGET_DIR:-target}/release/gossamer-text-bench" "$out/text"
all=deflate,lz4,zstd,brotli
for features in "" ${all//,/ } $all; do
  cargo build --quiet --lib --release --target wasm32-unknown-unknown --no-default-features --features "$features"
  cp "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/release/gossamer_text_bench.wasm" "$out/${features:-nothing}.wasm"
done
node compare.mjs "$out/part" "$out/$all.wasm" nothing="$out/nothing.wasm" deflate="$out/deflate.wasm" lz4="$out/lz4.wasm" \
  zstd="$out/zstd.wasm" brotli="$out/brotli.wasm"
