#!/bin/bash
# The self-test's hash from the mathematics built anew by another compiler or at another level: rebuild.sh SOURCE FOLDER COMPILER FLAGS
set -euo pipefail
source=$1 folder=$2 compiler=$3 flags=$4
if [ "$compiler" = clang ] && ! command -v clang > /dev/null; then compiler=clang-14; fi
command -v "$compiler" > /dev/null || { echo "skipped: there is no $compiler"; exit 77; }
cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
  -DTAMIS_BENCH=OFF > "$folder.log" 2>&1 || { tail -20 "$folder.log"; exit 1; }
ninja -C "$folder" conformance_selftest >> "$folder.log" 2>&1 || { tail -20 "$folder.log"; exit 1; }
"$folder/bin/conformance_selftest" 2
