#!/usr/bin/env bash
# Fuzzes the API of a running cloud with schemathesis, by its own description, of a tenant
# that has facts: a seeded history, a hold, exceptions, a recall, a scope, a request under
# approval. What of them a path can name the fuzzer is told. Right and wrong data, a key of each scope, a person, and a super-administrator by the
# description of theirs. Ends with 1 on a finding.
#
#   deploy/fuzz-api.sh            about four minutes
#   FUZZ_SECONDS=60 deploy/fuzz-api.sh
#   FUZZ_SEED=7 …                 the same data again
#   FUZZ_ARGS='--include-tag Holds' …   further arguments of schemathesis
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-240}
seed=${FUZZ_SEED:-$RANDOM}
say() { printf 'fuzz-api: %s\n' "$*"; }
fail() { printf 'fuzz-api: %s\n' "$*" >&2; exit 1; }

# --- the fuzzer, by its list of versions ---------------------------------------
python=.cache/fuzz/bin/python
if ! { "$python" -c '' 2>/dev/null && cmp -s deploy/fuzz.txt .cache/fuzz/installed.txt; }; then
    say "fetching schemathesis"
    mkdir -p .cache
    python3 -m venv --clear .cache/fuzz || fail "python3-venv is missing (as root: apt-get install python3-venv)"
    "$python" -m pip install -q --disable-pip-version-check --no-deps -r deploy/fuzz.txt
    cp deploy/fuzz.txt .cache/fuzz/installed.txt
fi

# --- a cloud of its own, with a tenant -----------------------------------------
top=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/tw-fuzz.XXXXXX")
cloud=target/debug/cloud
export TRACEWRIGHT_STATE_DIR=$dir/state TRACEWRIGHT_HTTP_LISTEN=127.0.0.1:0 TRACEWRIGHT_GRPC_LISTEN=127.0.0.1:0
# The fuzzer is meant to be faster than people; its own limits have a test.
export TRACEWRIGHT_RATE_CALLER_BURST=0 TRACEWRIGHT_RATE_ADDRESS_BURST=0
"$cloud" serve --roles api,worker,analytics >"$dir/cloud.log" 2>&1 &
pid=$!
# Ends with the status of the run, whatever clearing away says. The cloud ends its own
# Postgres; who was killed did not, and nothing may write in a folder that is removed.
stop() {
    local status=$? postgres
    set +e
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    postgres=$(head -qn 1 "$dir/state/postgres/data/postmaster.pid" 2>/dev/null)
    if [ -n "$postgres" ]; then
        kill -INT "$postgres" 2>/dev/null
        for _ in $(seq 300); do kill -0 "$postgres" 2>/dev/null || break; sleep 0.1; done
    fi
    rm -rf "$dir" || say "$dir could not be cleared away" >&2
    exit "$status"
}
trap stop EXIT
for _ in $(seq 300); do
    [ -s "$dir/state/addresses.json" ] && break
    kill -0 "$pid" 2>/dev/null || { cat "$dir/cloud.log" >&2; fail "the cloud did not start"; }
    sleep 0.2
done
http=$(sed -n 's/.*"http":"\([^"]*\)".*/\1/p' "$dir/state/addresses.json")
[ -n "$http" ] || fail "the cloud did not start within a minute"
"$cloud" seed plant-configs/kolkata.toml plant-configs/visakhapatnam.toml \
    --reference plant-configs/reference/saif.toml >/dev/null
tenant=$("$python" - plant-configs/kolkata.toml <<'PY'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(tomllib.load(file)["tenant"]["code"])
PY
)
"$python" - "http://$http/api/openapi.json" <<'PY'
import json, sys, urllib.request
from openapi_spec_validator import validate
validate(json.load(urllib.request.urlopen(sys.argv[1])))
PY

# --- facts ----------------------------------------------------------------------
target/debug/history --out "$dir/history.csv" --uids "$dir/uids.txt" --units 60 --seed "$seed"
"$cloud" import events "$dir/history.csv" --tenant "$tenant" >"$dir/import.log" 2>&1 \
    || { cat "$dir/import.log" >&2; fail "the history was not imported"; }
key=$("$cloud" access-key create --tenant "$tenant" --scope admin "fuzz facts")
"$python" deploy/fuzz-facts.py "http://$http" "$key" "$dir/uids.txt" "$dir/api.json" \
    || fail "the tenant has no facts"
"$python" - "$dir/api.json" <<'PY'
import json, sys
from openapi_spec_validator import validate
with open(sys.argv[1]) as file:
    validate(json.load(file))
PY
say "the description is valid OpenAPI 3.1; fuzzing http://$http, seed $seed"

# Who ends the own key or session asks nothing more: those two are left to the tests.
# --- the runs -------------------------------------------------------------------
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method,allow_header_conformance,use_after_free
checks=$checks,ensure_resource_availability,ignored_auth
failed=""
schema=$dir/api.json
run() { # run NAME SECONDS HEADER...
    local name=$1 time=$2; shift 2
    local headers=() header
    for header in "$@"; do headers+=(-H "$header"); done
    say "as $name, $time seconds"
    # shellcheck disable=SC2086
    (cd "$dir" && "$top/.cache/fuzz/bin/schemathesis" --config-file "$top/deploy/fuzz.toml" run "$schema" \
        --url "http://$http" -c "$checks" -m all --max-time "$time" --seed "$seed" --continue-on-failure \
        --generation-database none --suppress-health-check all --request-timeout 20 --warnings off \
        --no-color --exclude-operation-id-regex '^(revokeAccessKey|endSession)$' "${headers[@]}" ${FUZZ_ARGS:-} >"$name.txt" 2>&1) || failed="$failed $name"
    grep -E '^(Summary|Test cases|  ([0-9]+ )?(generated|passed|failed))|=+ .* in .*=+$' "$dir/$name.txt" | tail -4 || true
}
for scope in read write admin; do
    key=$("$cloud" access-key create --tenant "$tenant" --scope "$scope" "fuzz $scope")
    case $scope in admin) share=5 ;; *) share=2 ;; esac
    run "$scope" $((seconds * share / 10)) "Authorization: Bearer $key"
done

link=$("$cloud" user invite --tenant "$tenant" --role ADMIN --name Fuzz fuzz@example.com | grep -oE '/invitation/[^ ]+')
curl -fsS -c "$dir/cookies" -o /dev/null -H 'Sec-Fetch-Site: same-origin' \
    --data-urlencode 'name=Fuzz' --data-urlencode 'password=nine quiet herons drifting' "http://$http$link"
session=$(awk '$6 == "tws" { print $7 }' "$dir/cookies")
[ -n "$session" ] || fail "the person could not sign in"
run person $((seconds / 10)) "Cookie: tws=$session" "Sec-Fetch-Site: same-origin"

# Last, since a super-administrator may suspend the tenant.
link=$("$cloud" admin invite root@example.com --name Root | grep -oE '/admin/invitation/[^ ]+')
curl -fsS -o /dev/null -H 'Sec-Fetch-Site: same-origin' \
    --data-urlencode 'name=Root' --data-urlencode 'password=seven calm otters resting' "http://$http$link"
key=$("$cloud" admin key root@example.com --name fuzz --days 1)
curl -fsS -o "$dir/admin.json" -H "Authorization: Bearer $key" "http://$http/admin/api/openapi.json"
"$python" - "$dir/admin.json" <<'PY'
import json, sys
from openapi_spec_validator import validate
with open(sys.argv[1]) as file:
    validate(json.load(file))
PY
schema=$dir/admin.json
run super-administrator $((seconds / 10)) "Authorization: Bearer $key"

if grep -E 'panic|internal error' "$dir/cloud.log"; then failed="$failed log"; fi
if [ -n "$failed" ]; then
    for name in $failed; do [ "$name" = log ] || { echo; echo "=== as $name"; cat "$dir/$name.txt"; }; done
    fail "findings as:$failed. The same again: FUZZ_SEED=$seed make fuzz-api"
fi
say "nothing found"
