# shellcheck shell=bash
# What script/demo and script/run share: the programs, a server, and an environment without surprises.
# Sourced after common.sh.
# shellcheck disable=SC2154  # root and target_dir are set there

# Settings of whoever runs this would change which server and which session the programs use.
clean_environment() {
    local name
    for name in $(compgen -e COOEE_); do
        case $name in
            COOEE_BINARIES | COOEE_ROOT) ;;
            *) unset "$name" ;;
        esac
    done
}

# Sets COOEE_BINARIES, building what is in it unless somebody else has.
build_programs() {
    local name
    if [ -z "${COOEE_BINARIES:-}" ]; then
        "$root/script/bootstrap"
        say "building Cooee (the first time this takes some minutes)"
        cargo build --locked --manifest-path "$root/Cargo.toml" -p cooee -p cooee-server
        export COOEE_BINARIES=$target_dir/debug
    fi
    for name in cooee cooee-server; do
        [ -x "$COOEE_BINARIES/$name" ] || die "there is no $COOEE_BINARIES/$name"
    done
}

# start_server FOLDER LISTEN STUN: sets server_pid and server_url once it is ready; false if it ends before.
start_server() {
    local folder=$1 tries=0
    mkdir -p "$folder"
    "$COOEE_BINARIES/cooee-server" --data "$folder/data" --listen "$2" --stun "$3" \
        >"$folder/ready" 2>"$folder/log" </dev/null &
    server_pid=$!
    while [ ! -s "$folder/ready" ]; do
        kill -0 "$server_pid" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.05
    done
    # shellcheck disable=SC2034  # for the caller
    server_url=$(sed -n 's|^listening on \(wss\{0,1\}://[^/ ]*\).*|\1|p' "$folder/ready")
}

# stop PID: asks a child to end, waits for it, ends it.
stop() {
    local tries=0
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -ge 100 ]; then
            kill -9 "$1" 2>/dev/null || true
            break
        fi
        sleep 0.05
    done
    wait "$1" 2>/dev/null || true
}
