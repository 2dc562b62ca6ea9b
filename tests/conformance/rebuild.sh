#!/bin/bash
# A program built anew by another compiler, at another level or with other options, and run:
# rebuild.sh SOURCE FOLDER COMPILER FLAGS OPTIONS PROGRAM ARGUMENTS...
set -euo pipefail
source=$1 folder=$2 compiler=$3 flags=$4 options=$5 program=$6
shift 6
if [ "$compiler" = clang ] && ! command -v clang > /dev/null; then compiler=clang-14; fi
command -v "$compiler" > /dev/null || { echo "skipped: there is no $compiler"; exit 77; }
# shellcheck disable=SC2086 # options are words
cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
  -DTAMIS_BENCH=OFF $options > "$folder.log" 2>&1 || { tail -20 "$folder.log"; exit 1; }
ninja -C "$folder" "$program" >> "$folder.log" 2>&1 || { tail -20 "$folder.log"; exit 1; }
"$folder/bin/$program" "$@"
