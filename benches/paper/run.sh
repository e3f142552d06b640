#!/usr/bin/env bash
# The paper's evaluation. `run.sh` runs every step, `run.sh STEP...` some. Each writes docs/benchmarks/STEP.json; render
# makes tables and plots of what is there. SIZES="100000 1000000": the synthetic sizes of scale.
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
  index | baselines | scale | downstream | render)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" "$here/$1.py"
    ;;
  gossamer | leann-algorithm | ablation | cache | growth)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" $here/gossamer.py "$1"
    ;;
  model)
    CARGO_TARGET_DIR=${NATIVE:-$BENCH_WORK/native} cargo build --release --example encoder_speed
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" $here/model.py "${NATIVE:-$BENCH_WORK/native}/release/examples/encoder_speed"
    ;;
  leann)
    python_of leann-python $here/leann/requirements.txt --no-deps
    "$BENCH_WORK/leann-python/bin/python" $here/leann/run.py
    ;;
  browser)
    (cd $here/browser && npm ci --silent --ignore-scripts)
    [ -d wasm-tests/node_modules ] || (cd wasm-tests && npm ci --silent --ignore-scripts)
    python_of python $here/requirements.txt
    "$BENCH_WORK/python/bin/python" $here/browser/run.py
    ;;
  encoder)
    make bench-encoder
    make bench-encoder FLAGS=--webgpu
    make bench-encoder FLAGS=--recall
    ;;
  *)
    echo "unknown step $1" >&2
    exit 2
    ;;
  esac
}

all="build index gossamer leann-algorithm ablation cache growth baselines leann downstream browser model encoder scale render"
for name in "${@:-$all}"; do
  for one in $name; do step "$one"; done
done
