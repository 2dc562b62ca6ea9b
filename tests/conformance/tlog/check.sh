#!/usr/bin/env bash
# A log of 600 entries of ours before golang.org/x/mod: every size, every proof, and flipped bits.
#   check.sh BINARIES FOLDER      FOLDER is made anew
set -euo pipefail
binaries=$1 folder=$2
rm -rf "$folder"
"$binaries/tlog_logs" "$folder" | "$binaries/tlogcheck" sizes "$folder"
"$binaries/tlogcheck" tamper "$folder"
