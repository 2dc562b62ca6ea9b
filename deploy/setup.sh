# Sourced by deploy/demo and deploy/test: installs what is missing, configures, builds. Sets `root`.
# Nothing here downloads anything but Debian packages, and only when one is missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

# need PURPOSE...: packages of these purposes that dpkg does not know as installed are installed by apt, without questions.
need() {
  local pattern missing=() name
  pattern=$(IFS='|'; printf '%s' "$*")
  while read -r name; do
    dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
  done < <(awk -v want="^($pattern)\$" '!/^#/ && $2 ~ want {print $1}' "$root/deploy/packages.txt")
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "deploy: these packages are missing and there is no sudo: ${missing[*]}"; return 1; }
    as_root=(sudo)
  fi
  say "deploy: installing ${#missing[@]} packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    say "deploy: apt could not install them (on Ubuntu, 'universe' must be enabled); the whole log is $log"
    return 1
  fi
  rm -f "$log"
}

# build PRESET: configure once, then bring up to date; quiet unless it fails.
build() {
  local log="$root/build/$1.log"
  mkdir -p "$root/build"
  say "deploy: building ($1); the log is build/$1.log"
  if ! { cmake -S "$root" --preset "$1" && cmake --build "$root/build/$1"; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    say "deploy: the build failed; the whole log is $log"
    return 1
  fi
}
