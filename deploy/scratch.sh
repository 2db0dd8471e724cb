#!/usr/bin/env bash
# Prints the folder in which tests keep what they make for a moment: one in memory where
# there is room and programs may run, else the usual one. Each test copies a database of
# some 1,500 files and deletes it, and ext4 looks at every file that was deleted in the last
# minutes before it makes another: docs/decisions/0018-tests-keep-their-databases-in-memory.md.
set -euo pipefail

usual=${TMPDIR:-/tmp}
memory=/dev/shm
enough=$((6 * 1024 * 1024)) # KiB

roomy() { [ "$(df --output=avail "$memory" 2>/dev/null | tail -n 1)" -ge "$enough" ] 2>/dev/null; }
spare() { [ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -ge $((enough + 2 * 1024 * 1024)) ] 2>/dev/null; }
runs() {
    local probe failed=0
    probe=$(mktemp "$memory/tracewright-probe.XXXXXX" 2>/dev/null) || return 1
    printf '#!/bin/sh\n' >"$probe"
    chmod 700 "$probe"
    "$probe" 2>/dev/null || failed=1
    rm -f "$probe"
    return "$failed"
}

if [ -z "${TMPDIR:-}" ] && roomy && spare && runs; then echo "$memory"; else echo "$usual"; fi
