#!/usr/bin/env bash
# Tests and measures ganzoo on a machine that has a card, torch and Lightning, but no network and little time.
#
#   tools/gpu.sh pack              with a network: fill the folder wheels/ (git-ignored, under 60 MiB)
#   tools/gpu.sh run [OUT [...]]   on the card: within 6 minutes the CUDA cases of the tests and
#                                  benchmarks.speed.gpu, which takes the words after OUT
#
# pack downloads what such a machine lacks, as wheels that fit any Python, and copies 10,000 images of CIFAR-10 from
# the JPEG shards in $GANZOO_DATA/cifar10-jpeg, if they are there. Where ignored files stay behind, name wheels/.
# run installs nothing: wheels of what this Python cannot import are unzipped into a temporary folder. It writes
# OUT/gpu-CARD.json row by row, OUT/gpu-CARD.png and OUT/gpu.log (OUT: by default $OUT, else benchmarks/results).
# The table of RESULTS.md: python -m benchmarks.speed.gpu --table OUT/gpu-CARD.json
#
# PYTHON=... chooses the Python. To try all but the card: tools/gpu.sh run /tmp/out --device cpu --quick
set -u -o pipefail
shopt -s nullglob
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
LIMIT=360
NEEDED="jsonargparse docstring_parser typeshed_client torch_fidelity rich markdown-it-py mdurl Pygments
  tqdm typing_extensions packaging pytest iniconfig pluggy"

pack() {
  local name wanted=() shards=${GANZOO_DATA:-$HOME/.cache/ganzoo}/cifar10-jpeg
  for name in $NEEDED; do
    wanted+=("$(grep -i "^$name==" constraints.txt)") || { echo "constraints.txt has no version of $name" >&2; return 1; }
  done
  mkdir -p wheels/cifar10-jpeg
  rm -f wheels/*.whl
  "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --dest wheels "${wanted[@]}" || return 1
  if ! cp -f "$shards"/{classes.txt,train-000[01].tar} wheels/cifar10-jpeg; then
    echo "no shards of CIFAR-10 in $shards: set GANZOO_DATA, or the card trains on noise" >&2
    rm -r wheels/cifar10-jpeg
  fi
  git describe --always --dirty > wheels/commit
  du -sh wheels
  (($(du -sm wheels | cut -f1) < 60)) || { echo "wheels/ is over 60 MiB: take shards away" >&2; return 1; }
}

unpack() { # into $1
  "$PYTHON" - "$1" wheels/*.whl << 'EOF'
import sys, zipfile
from importlib.util import find_spec
site, *wheels = sys.argv[1:]
for wheel in wheels:
    with zipfile.ZipFile(wheel) as file:
        tops = {name.split("/")[0].removesuffix(".py") for name in file.namelist() if ".dist-info/" not in name}
        if not all(map(find_spec, tops)):
            print("from", wheel)
            file.extractall(site)
EOF
}

run() { # into $1, with the other words for gpu.py
  local out=$1 site
  shift
  site=$(mktemp -d) || return 1
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$site'" EXIT
  unpack "$site"
  export PYTHONPATH=$PWD:$site PYTHONUNBUFFERED=1 GANZOO_DATA=$PWD/wheels
  timeout 90 "$PYTHON" -c '
import ganzoo, jsonargparse, lightning, sys, torch
print("python", sys.version.split()[0], "torch", torch.__version__, "CUDA", torch.version.cuda, end=" ")
print("lightning", lightning.__version__, "jsonargparse", jsonargparse.__version__)' || { echo "what is missing is brought by: tools/gpu.sh pack" >&2; return 1; }
  timeout $((LIMIT - SECONDS)) "$PYTHON" -m benchmarks.speed.gpu --out "$out" --deadline $((LIMIT - SECONDS - 25)) "$@"
}

case ${1:-} in
  pack) pack ;;
  run)
    shift
    (($#)) || set -- "${OUT:-benchmarks/results}"
    mkdir -p "$1" && run "$@" 2>&1 | tee "$1/gpu.log"
    ;;
  -h | --help | help | "") sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' tools/gpu.sh ;;
  *)
    echo "tools/gpu.sh knows pack, run and --help, not $1" >&2
    exit 2
    ;;
esac
