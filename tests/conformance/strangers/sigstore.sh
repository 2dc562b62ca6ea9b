#!/usr/bin/env bash
# Fetches @sigstore/verify as package-lock.json pins it (once, into the build folder) and lets it look at the log. Left out where
# there is no node of its kind, no npm, or no registry: users need none of them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
log=$1 modules=$2
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 17) ? 0 : 1)' 2>/dev/null &&
  command -v npm >/dev/null || { echo "left out: node 20.17 or newer and npm are not here"; exit 77; }
mkdir -p "$modules"
if ! cmp -s "$here/package-lock.json" "$modules/package-lock.json" || [ ! -d "$modules/node_modules" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$modules/"
  (cd "$modules" && timeout 100 npm ci --ignore-scripts --no-audit --no-fund) ||
    { rm -f "$modules/package-lock.json"; echo "left out: npm cannot fetch @sigstore/verify"; exit 77; }
fi
exec node "$here/check_sigstore.mjs" "$log" "$modules"
