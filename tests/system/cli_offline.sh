#!/bin/bash
# What `tamis` does without a server: init, help, exit codes, completion. usage: cli_offline.sh BINARIES
set -u
tamis=$1/tamis
[ -x "$tamis" ] || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect CODE WORDS...: runs tamis, keeps stdout in $out and stderr in $err.
expect() {
  local wanted=$1; shift
  out=$("$tamis" "$@" 2>"$folder/err"); local code=$?
  err=$(<"$folder/err")
  [ $code = "$wanted" ] && return
  echo "tamis $*: exit $code, not $wanted; $out $err"; failed=1
}
# says TEXT: the last command did, on stdout or stderr.
says() { case "$out$err" in *"$1"*) ;; *) echo "not said: $1, but: $out $err"; failed=1 ;; esac; }

expect 0 --version; says 'tamis '
expect 0 --help; says 'tamis federation create'
expect 2; says 'no command given'
expect 2 clinet list; says 'did you mean "client"?'
expect 2 -o json clinet list
echo "$out" | /usr/bin/python3 -c '
import json, sys
answer = json.load(sys.stdin)
assert answer["status"] == "error" and answer["exit_code"] == 2 and answer["error_code"] == "BAD_REQUEST", answer' || failed=1
expect 0 help exit-codes; says '130  interrupted'

expect 0 init "$folder/site" --origin test.tamis/log --listen 127.0.0.1:1
says 'tamisd --config'
[ "$(stat -c %a "$folder/site/operator/operator.key" "$folder/site/keys" | tr '\n' ' ')" = "600 700 " ] ||
  { echo "modes are wrong"; failed=1; }
expect 6 init "$folder/site"; says 'nothing is overwritten'
expect 7 --home "$folder/site" ping; says 'is tamisd running?'
expect 2 --home "$folder" ping; says "there is no operator's folder"

# A key that others may read is refused, and a full disk is not success.
chmod 644 "$folder/site/operator/operator.key"
"$tamis" --home "$folder/site" ping >/dev/null 2>&1 && { echo "a readable key was used"; failed=1; }
"$tamis" help >/dev/full 2>/dev/null && { echo "a full disk looked like success"; failed=1; }

# Completion is valid bash and knows nouns, verbs and options.
complete_line() {
  bash --norc -c 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tamis; echo "${COMPREPLY[@]}"' \
    "$tamis" "$@"
}
[ "$(complete_line tamis fed)" = federation ] || { echo "completion of nouns"; failed=1; }
[ "$(complete_line tamis client ex)" = exclude ] || { echo "completion of verbs"; failed=1; }
[ "$(complete_line tamis client exclude c1 --fed)" = --federation ] || { echo "completion of options"; failed=1; }
[ "$(complete_line tamis client list -o w)" = wide ] || { echo "completion of forms"; failed=1; }
[ -z "$(complete_line tamis aggregate -o w)" ] || { echo "completion of a form where -o is a file"; failed=1; }
[ "$(complete_line tamis aggregate x.npy --gr)" = --gram ] || { echo "completion after many words"; failed=1; }
exit $failed
