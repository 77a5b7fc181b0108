# shellcheck shell=bash
# What the scripts share. Sourced, never run: the caller has set `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export COOEE_ROOT=$root
target_dir=${CARGO_TARGET_DIR:-$root/target}
case $target_dir in /*) ;; *) target_dir=$PWD/$target_dir ;; esac

# rustup's installer puts cargo here, and a shell that was open before does not know it yet.
if ! command -v cargo >/dev/null 2>&1 && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
fi

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# duration SECONDS: 7 s, 2 min 05 s
duration() {
    if [ "$1" -lt 60 ]; then
        printf '%d s' "$1"
    else
        printf '%d min %02d s' "$(($1 / 60))" "$(($1 % 60))"
    fi
}

# timed WHAT LOG COMMAND...: one line when it is done; on failure the end of the log as well.
timed() {
    local what=$1 log=$2 started=$SECONDS status=0
    shift 2
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        say "$what: failed after $(duration $((SECONDS - started))), exit status $status; the end of $log:" >&2
        tail -n 40 "$log" >&2
        return "$status"
    fi
    say "$what: $(duration $((SECONDS - started)))"
}
