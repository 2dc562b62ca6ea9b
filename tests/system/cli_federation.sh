#!/bin/bash
# An operator's day against a real server and real clients: create, invite, list, exclude, roll back, verify, and the exit
# code of each refusal. usage: cli_federation.sh BINARIES
set -u
binaries=$1
for program in tamis tamisd tamis_minimal; do [ -x "$binaries/$program" ] || exit 77; done
source_dir=${TAMIS_SOURCE_DIR:-$(dirname "$0")/../..}
folder=$(mktemp -d)
server=''
devices=()
failed=0
trap 'kill ${devices[@]:-} $server 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT

expect() {
  local wanted=$1; shift
  out=$("$binaries/tamis" --home "$folder/site" "$@" 2>"$folder/err"); local code=$?
  err=$(<"$folder/err")
  [ $code = "$wanted" ] && return
  echo "tamis $*: exit $code, not $wanted; $out $err"; failed=1
}
says() { case "$out$err" in *"$1"*) ;; *) echo "not said: $1, but: $out $err"; failed=1 ;; esac; }
# field EXPRESSION: of `data` in the last answer, which was asked for with -o json.
field() { echo "$out" | /usr/bin/python3 -c "import json, sys; data = json.load(sys.stdin)['data']; print($1)"; }
same() { [ "$1" = "$2" ] || { echo "$3: \"$1\" is not \"$2\""; failed=1; }; }
start_server() {
  rm -f "$folder/ready"
  "$binaries/tamisd" --config "$folder/site/tamisd.yaml" --ready-file "$folder/ready" >>"$folder/tamisd.log" 2>&1 &
  server=$!
  for _ in $(seq 500); do
    [ -e "$folder/ready" ] && return
    kill -0 $server 2>/dev/null || break
    sleep 0.02
  done
  echo "tamisd does not start:"; tail -20 "$folder/tamisd.log"; exit 1
}

port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
address=127.0.0.1:$port
expect 0 init "$folder/site" --origin test.tamis/log --listen "$address" --operator alice
start_server
expect 0 ping; says 'server/test.tamis/log serving'
expect 0 federation list; says 'No federation yet'

/usr/bin/python3 -c "
import sys; sys.path.insert(0, '$source_dir/tests/tools')
from federation import write_model; write_model('$folder/m.safetensors', 64)"
expect 0 federation create digits --model "$folder/m.safetensors" --rule 'trimmed_mean(f=1)' --quorum 4 --rounds 4 \
  --deadline 5s --dry-run
says 'federation/digits created (dry run)'
expect 5 federation show digits
expect 0 federation create digits --model "$folder/m.safetensors" --rule 'trimmed_mean(f=1)' --quorum 4 --rounds 4 \
  --deadline 5s --policy compare_min=3 --policy copy_cosine=2 -o json
model=$(field 'data["model"]')
same "$model" "$(sha256sum "$folder/m.safetensors" | cut -d' ' -f1)" "digest of the model"
expect 6 federation create digits --model "$folder/m.safetensors" --rule mean
expect 0 federation show digits; says 'trimmed_mean(f=1)'

for i in 1 2 3 4; do
  expect 0 client invite "phone-$i" --organisation clinic
  "$binaries/tamis_minimal" "$folder/device-$i" "$address" 4 "$out" >"$folder/device-$i.log" 2>&1 &
  devices+=($!)
done
expect 0 client invite late
expect 0 client invitations -o json
for _ in $(seq 300); do
  expect 0 federation show digits -o json
  [ "$(field 'data["phase"]')" = finished ] && break
  sleep 0.1
done
same "$(field 'data["phase"], data["round"]')" "finished 4" "the federation"
for device in "${devices[@]}"; do wait "$device" || { echo "a device failed"; tail "$folder"/device-*.log; failed=1; }; done
devices=()

expect 0 client list digits; says 'phone-4'
expect 0 client list digits -o name
same "${out//$'\n'/ }" "client/phone-1 client/phone-2 client/phone-3 client/phone-4" "names of the clients"
expect 0 client show phone-2; says 'phone-2 of clinic'
expect 0 round list digits; says 'promoted'
expect 0 round show digits 2; says 'accept'
expect 5 round show digits 77
expect 5 round list letters
expect 5 client list letters
expect 0 log show --kind promote -o json
same "$(field 'len(data)')" 4 "promotions in the log"

expect 0 client exclude phone-4 --federation digits --reason 'flips labels' --since 2; says 'client/phone-4 excluded'
expect 0 client list digits -o json
same "$(field '[c["state"] for c in data if c["client"] == "phone-4"]')" "['excluded']" "phone-4"
expect 6 client exclude phone-4 --federation digits --reason 'again'
expect 5 client exclude late --federation digits --reason 'has not enrolled'
expect 5 client exclude phone-1 --federation letters --reason 'no such federation'
expect 0 client reinstate phone-4 --federation digits --reason 'was a bug'
expect 0 client revoke phone-4 --reason 'lost'

expect 0 model history digits -o json
round_2=$(field '[m["model"] for m in data if m["round"] == 2][0]')
expect 2 rollback digits --to 2 --reason test; says 'add --yes'
expect 5 rollback digits --to 9 --reason test --yes
expect 0 rollback digits --to 2 --reason test --dry-run; says 'undone  2 rounds: 3, 4'
expect 0 federation show digits -o json
same "$(field 'data["head_round"]')" 4 "the head after a dry run"
expect 0 model lineage digits; says 'round 4 of digits, the head'; says '4 to 1'
expect 0 model diff digits 0 4; says '(all)'
expect 0 model diff digits 2 2; says 'none: the same numbers'
expect 0 model diff digits 2 4 -o json
same "$(field 'data["total"]["changed"], data["from"]["model"]')" "64 $round_2" "the difference of 2 and 4"
expect 5 model diff digits 2 9; says 'round 9 of digits promoted no model'
expect 2 model diff digits 2 x
expect 0 client rounds phone-1; says 'phone-1: 4 updates, 4 of them in a model that the head stands on'
expect 0 rollback digits --to 2 --reason test --yes
expect 0 model lineage digits -o json
same "$(field '[b["round"] for b in data["bases"]], [c["rounds"] for c in data["clients"]]')" "[2, 1, 0] [2, 2, 2, 2]" \
  "the line of the head after the rollback"
expect 0 model lineage digits --round 4; says '4 to 1'
expect 0 client rounds phone-1 digits -o json
same "$(field '[r["in_head"] for r in data]')" "[True, True, False, False]" "rounds that are in the head"
expect 5 client rounds late2; says 'no client'
expect 0 federation show digits -o json
same "$(field 'data["head"]')" "$round_2" "the head after the rollback"
expect 0 model get digits -O "$folder/head.safetensors"
same "$(sha256sum "$folder/head.safetensors" | cut -d' ' -f1)" "$round_2" "the fetched head"
expect 0 rollback digits --to 4 --reason forward --yes
expect 0 rebuild digits --since 3 --without phone-2 --reason test --dry-run; says 'again   2 rounds: 3, 4'; says 'phone-2: weight'
expect 0 rebuild digits --since 3 --without phone-2 --reason test --dry-run --state "$folder/site/state" --evaluate 'sh -c "stat -c %s $1" size' -o json
same "$(field 'data["before"] == data["after"] > 0, data["round_count"]')" "True 2" "the plan from the folder"
expect 4 rebuild digits --since 3 --without nobody --reason test --yes
expect 5 rebuild digits --since 9 --without phone-2 --reason test --yes
expect 0 rebuild digits --since 3 --without phone-2 --reason test --yes; says 'federation/digits rebuilt'
expect 0 model history digits -o json
same "$(field '[m["rebuilt_from"] for m in data if not m["undone"]]')" "[None, None, None, 3, 4]" "the line after the rebuild"
expect 0 model lineage digits -o json
same "$(field '[c["rounds"] for c in data["clients"] if c["client"] == "phone-2"]')" "[2]" "rounds of phone-2 in the head"
expect 0 rollback digits --to 4 --reason forward --yes
expect 5 model get digits --round 77 -O "$folder/none"

expect 3 watch --wait 300ms
expect 3 watch digits --from 0 --wait 300ms; says 'rolled back to round 2'
expect 0 verify; says 'verif'
expect 0 verify -o json
same "$(field 'data["verify"]')" ok "the log"
expect 0 audit; says 'OK: every decision of test.tamis/log follows from its log'; says 'bit for bit'
expect 0 audit -o json
same "$(field 'data["audit"], data["light"], data["undone"]')" "ok False 2" "the audit beside the server"
expect 0 audit --rounds 2..3 --federation digits --threads 1 -o json
same "$(field 'data["rounds"]')" 2 "rounds of an audit of two"
expect 2 audit --rounds 0..3; says 'rounds begin at 1'
expect 5 audit --state "$folder/nowhere"; says 'say where it is, --state DIR'

# Somebody else's keys open nothing here.
"$binaries/tamis" init "$folder/other" --origin test.tamis/log --operator mallory -q >/dev/null
"$binaries/tamis" --home "$folder/other" --address "$address" --timeout 3s federation list >/dev/null 2>"$folder/err"
same $? 4 "exit code of a foreign operator ($(<"$folder/err"))"

kill -TERM $server; wait $server; same $? 0 "exit code of tamisd"
server=''
expect 7 --timeout 300ms federation list; says 'is tamisd running?'

# An auditor with copies of the files needs no server, and notices one changed bit of an entry and of a model.
state=$folder/site/state
expect 0 verify --journal "$state/journal" --blobs "$state/blobs"; says 'each of its digest'
cp -r "$state" "$folder/copy"
expect 0 audit --state "$folder/copy" -o json
again=$(field 'data["digest"]')
expect 0 audit --state "$folder/copy" --light; says 'believed      models'
expect 0 audit --state "$folder/copy" --light -o json
same "$(field 'data["digest"]')" "$again" "what is made again with the files and without"
flip() { /usr/bin/python3 -c "
import sys; f = open(sys.argv[1], 'r+b'); f.seek(-9, 2); byte = f.read(1)[0]; f.seek(-9, 2); f.write(bytes([byte ^ 1]))" "$1"; }
flip "$folder/copy/blobs/${round_2:0:2}/$round_2"
expect 1 verify --journal "$folder/copy/journal" --blobs "$folder/copy/blobs"; says 'does not verify'
expect 0 verify --journal "$folder/copy/journal"
expect 1 audit --state "$folder/copy"; says 'round 2 of digits: the stored file of the result should be'; says 'it has other bytes'
expect 1 audit --state "$folder/copy" -o json
same "$(field 'data["audit"], data["round"], data["federation"]')" "failed 2 digits" "where the audit parts"
expect 0 audit --state "$folder/copy" --light
flip "$folder/copy/journal"
expect 1 audit --state "$folder/copy"
expect 1 verify --journal "$folder/copy/journal"
[ $failed = 0 ] || { echo "--- tamisd:"; tail -20 "$folder/tamisd.log"; }
exit $failed
