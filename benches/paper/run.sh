#!/usr/bin/env bash
# The paper's evaluation. `run.sh` runs every step, `run.sh STEP...` some: build index gossamer baselines leann scale
# downstream browser render. Each step writes docs/benchmarks/STEP.json; render makes tables and plots of what is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/paper
export BENCH_WORK=${BENCH_WORK:-${GOSSAMER_CACHE:-$HOME/.cache/gossamer}/bench-paper}
export DATA=$(realpath "${DATA:-../shared/data/squad}")
mkdir -p "$BENCH_WORK"

# A virtual environment per requirements file, made once.
python_of() {
  local venv=$BENCH_WORK/$1 requirements=$2
  shift 2
  if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
  fi
}

step() {
  echo "== $1"
  case $1 in
  build)
    CARGO_TARGET_DIR=$BENCH_WORK/target cargo build --release --no-default-features --features eval \
      --example eval --example scale --example paper
    ;;
  index | gossamer | baselines | downstream | render)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" "$here/$1.py"
    ;;
  leann)
    python_of leann-python $here/leann/requirements.txt --no-deps
    "$BENCH_WORK/leann-python/bin/python" $here/leann/run.py
    ;;
  scale)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" $here/scale.py
    ;;
  browser)
    (cd $here/browser && npm ci --silent --ignore-scripts)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" $here/browser/run.py
    ;;
  *)
    echo "unknown step $1" >&2
    exit 2
    ;;
  esac
}

for name in "${@:-build index gossamer baselines leann scale downstream browser render}"; do
  for one in $name; do step "$one"; done
done
