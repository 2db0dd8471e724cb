#!/usr/bin/env bash
# Checks dependencies with cargo-deny, installed into the ignored cache.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.cache/cargo/bin:$PATH"
command -v cargo-deny >/dev/null 2>&1 || cargo install --quiet --locked --root .cache/cargo cargo-deny
cargo deny --all-features check bans licenses sources
if ! cargo deny --all-features check advisories; then
    if cargo deny fetch db >/dev/null 2>&1; then exit 1; fi
    echo "audit: the advisory database is out of reach; advisories were not checked" >&2
fi
