#!/usr/bin/env bash
# Indexes the sample documents, asks three questions, says what it cost, and serves the page (SERVE=0: does not).
set -euo pipefail
cd "$(dirname "$0")/.."
gossamer="$1"
index=dist/demo-index
# Without a desktop session Mesa's Vulkan layers complain of this on standard error, harmlessly.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$(mktemp -d)}"

echo "== Indexing samples/documents"
"$gossamer" index samples/documents --index "$index"
for question in \
  "How does a swarm of bees decide where to live?" \
  "Why is there a second high water each day?" \
  "When do I get my security money back after moving out?"; do
  echo
  echo "== $question"
  "$gossamer" search "$question" --index "$index" -k 1
done

if [[ "${SERVE:-1}" != 0 ]]; then
  echo
  echo "== The same in a browser, with nothing leaving it. Ctrl-C ends it."
  exec node wasm-tests/serve.mjs --root www --port "${PORT:-8080}"
fi
