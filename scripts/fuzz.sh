#!/usr/bin/env bash
# Fuzzes every decoder for so many seconds each, two at a time, from the corpus in the repository.
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]        default: 60 seconds, all targets but extract
#
# Any toolchain will do: only libFuzzer's coverage is compiled in. (`cargo fuzz` adds the address sanitizer, which
# needs nightly and finds little in a crate without unsafe code.) Finds are written beside the corpus, which fails
# the run; new inputs that reach new code are kept in $CARGO_TARGET_DIR/corpus for the next run.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds="${1:-60}"
shift || true
targets=("$@")
((${#targets[@]})) || targets=($(cd fuzz_targets && ls ./*.rs | sed 's,^\./,,; s,\.rs$,,' | grep -vx extract))
features=()
[[ " ${targets[*]} " != *" extract "* ]] || features=(--features extract)
host="$(rustc -vV | sed -n 's/^host: //p')"
target="${CARGO_TARGET_DIR:-${GOSSAMER_CACHE:-$HOME/.cache/gossamer}/fuzz}"

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
RUSTFLAGS="$coverage -Cdebug-assertions" CARGO_TARGET_DIR="$target" cargo build --quiet --release --target "$host" "${features[@]}"

one() {
  local name="$1" log
  log="$(mktemp)"
  mkdir -p "$target/corpus/$name"
  if "$target/$host/release/$name" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=1024 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="corpus/$name/found-" "$target/corpus/$name" "corpus/$name" >"$log" 2>&1; then
    sed -n "s/^stat::number_of_executed_units: */$name: executions /p" "$log"
    rm "$log"
  else
    echo "$name: failed" >&2
    tail -n 40 "$log" >&2
    return 1
  fi
}
export -f one
export target host seconds
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'one {}'
