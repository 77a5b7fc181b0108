#!/usr/bin/env bash
# Usage: script/lib/venv.sh NAME REQUIREMENTS
#
# Makes the Python virtual environment target/venv/NAME with what REQUIREMENTS pins, or reuses it when
# neither the file nor the interpreter has changed. Prints its path on stdout, everything else on stderr:
#
#     python=$(script/lib/venv.sh wire tests/wire/requirements.txt)/bin/python
set -euo pipefail
# shellcheck source=script/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 2 ] || die "usage: script/lib/venv.sh NAME REQUIREMENTS"
name=$1
requirements=$2
[[ $name =~ ^[a-z0-9-]+$ ]] || die "the name may hold small letters, digits and dashes: $name"
[ -r "$requirements" ] || die "cannot read $requirements"
has python3 || die "python3 is missing: run script/bootstrap --test"

venv=$target_dir/venv/$name
mkdir -p "$target_dir/venv"

# Two tests that start together must not build the same environment into each other.
exec 9>"$target_dir/venv/.$name.lock"
flock 9

# The path is part of the key: an environment that was moved has the old path in its programs.
key=$({ cat "$requirements"; python3 --version; printf '%s\n' "$venv"; } | sha256sum | cut -d' ' -f1)
if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.key" 2>/dev/null)" = "$key" ]; then
    printf '%s\n' "$venv"
    exit 0
fi

make_venv() {
    rm -rf "$venv"
    python3 -m venv "$venv" &&
        "$venv/bin/python" -m pip install --no-input --disable-pip-version-check --retries 5 -r "$requirements"
}

timed "python packages for $name" "$target_dir/venv/$name.log" make_venv >&2 || {
    say "These packages come from PyPI; without it, the tests that use $requirements cannot run." >&2
    exit 1
}
printf '%s\n' "$key" >"$venv/.key"
printf '%s\n' "$venv"
