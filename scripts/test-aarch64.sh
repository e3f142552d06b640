#!/usr/bin/env bash
# Has the command for 64-bit Arm make an index and find in it, on that machine or on an emulated one. Opening the model
# compares the kernels' vectors with the reference's.
set -euo pipefail
gossamer="$(realpath "$1")"
run=()
if [[ "$(uname -m)" != aarch64 ]]; then
  emulator="$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)"
  if [[ -z "$emulator" ]]; then
    echo "test-aarch64: built, NOT RUN: there is no qemu-aarch64" >&2
    exit 0
  fi
  run=("$emulator")
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/docs"
echo "The lighthouse keeper trimmed the wick before dusk." >"$work/docs/sea.txt"
echo "A sourdough starter is fed with flour and water every day." >"$work/docs/bread.txt"
"${run[@]}" "$gossamer" index "$work/docs" --index "$work/index"
found="$("${run[@]}" "$gossamer" search "Who looked after the lamp by the coast?" --index "$work/index" -k 1 --json)"
grep -q 'docs/sea.txt' <<<"$found" || {
  echo "test-aarch64: the wrong passage was found: $found" >&2
  exit 1
}
# It has no GPU support, and says so.
code=0
"${run[@]}" "$gossamer" search sea --index "$work/index" --backend gpu 2>"$work/error" || code=$?
if [[ $code != 8 ]] || ! grep -q "no GPU support" "$work/error"; then
  echo "test-aarch64: --backend gpu ended with $code: $(cat "$work/error")" >&2
  exit 1
fi
