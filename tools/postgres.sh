#!/usr/bin/env bash
# A private Postgres of the tests: a cluster in a temporary folder, on a unix socket alone, from the
# newest server that Debian's package installed. It needs no running server and no configuration.
#
#   postgres.sh run              prints `FOLDER URL`, runs until standard input ends, leaves nothing
#   postgres.sh nextest          the same in the background, until the nextest that called it ends
#   postgres.sh ctl FOLDER ...   pg_ctl for the cluster in FOLDER
#
# The URL lacks its last part: "$URL/postgres" is a database. FSYNC=off makes it fast and forgetful.
set -euo pipefail

programs() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)
    [ -x "$newest" ] || { echo "no /usr/lib/postgresql/*/bin/initdb: make tools" >&2; exit 1; }
    dirname "$newest"
}

# Postgres refuses to run as root.
unprivileged() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
        env HOME=/ LC_ALL=C.UTF-8 "$@"
}

control() {
    unprivileged "$bin/pg_ctl" -D "$1/data" -l "$1/log" -s -w -t 60 "${@:2}"
}

make() {
    folder=$(mktemp -d "${TMPDIR:-/tmp}/hlskey-postgres.XXXXXX")
    trap 'control "$folder" stop -m immediate || true; rm -rf "$folder"' EXIT
    [ "$(id -u)" -ne 0 ] || chown "$user" "$folder"
    # Not the C locale: a query that relies on it must fail here.
    local locale=(--locale=C.UTF-8)
    [ "$(basename "$(dirname "$bin")")" -lt 15 ] \
        || locale+=(--locale-provider=icu --icu-locale=en-US)
    unprivileged "$bin/initdb" -D "$folder/data" -U hlskey -A trust -E UTF8 -N \
        "${locale[@]}" >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
    unprivileged tee -a "$folder/data/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$folder'
max_connections = 300
fsync = ${FSYNC:-on}
shared_buffers = 64MB
SETTINGS
    control "$folder" start >&2 || { cat "$folder/log" >&2; exit 1; }
    url="postgres://hlskey@${folder//\//%2F}"
}

self=$(readlink -f "$0")
cd / # which every user may enter
user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
bin=$(programs)
case "${1:-}" in
run)
    make
    echo "$folder $url"
    cat >/dev/null
    ;;
nextest)
    # Its standard input ends with nextest, however that ends.
    report=$(mktemp)
    nextest=$PPID
    { while kill -0 "$nextest" 2>/dev/null; do sleep 0.5; done; } </dev/null 2>/dev/null \
        | FSYNC=off setsid "$self" run >"$report" 2>&1 &
    until grep -q ' postgres://' "$report"; do
        kill -0 $! 2>/dev/null || { cat "$report" >&2; exit 1; }
        sleep 0.05
    done
    echo "HLSKEY_TEST_POSTGRES=$(sed -n 's/.* postgres:/postgres:/p' "$report")" >>"$NEXTEST_ENV"
    rm "$report"
    ;;
ctl)
    control "${@:2}"
    ;;
*)
    sed -n 's/^# \?//p' "$0" >&2
    exit 2
    ;;
esac
