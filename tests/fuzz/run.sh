#!/usr/bin/env bash
# Builds the fuzz targets once and runs each for SECONDS (60 unless given), two at a time.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
#
# Needs nothing but stable Rust and a C++ compiler: the instrumentation that libFuzzer reads is
# switched on by flags of LLVM. Corpora grow in corpus/, inputs that crash are kept in artifacts/.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(envelope stun_server stun_path turn_client turn_server tunnel rtp_rtcp sframe candidates opus)
triple=$(rustc -vV | sed -n 's/^host: //p')

# With --target, build scripts and macros are built without these flags.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
RUSTFLAGS="$flags" CARGO_TARGET_DIR=target \
    cargo build --locked --release --target "$triple" "${bins[@]}"

# Seeds: the specification's examples, the text files of seeds/TARGET, the lines of
# seeds/TARGET.hex as octets.
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    [ ! -d "seeds/$target" ] || cp "seeds/$target"/* "corpus/$target/"
    [ -f "seeds/$target.hex" ] || continue
    number=0
    while read -r line; do
        line=${line%%#*}
        line=${line//[[:space:]]/}
        [ -n "$line" ] || continue
        number=$((number + 1))
        printf "$(sed 's/../\\x&/g' <<<"$line")" > "corpus/$target/seed-$number"
    done < "seeds/$target.hex"
done
if [ -d corpus/envelope ]; then
    awk '/^```json$/ { name = sprintf("corpus/envelope/example-%03d", ++n); printf "" > name; next }
         /^```/ { if (name != "") close(name); name = "" }
         name != "" { print >> name }' ../../docs/PROTOCOL.md
fi

fuzz() {
    local target=$1 longest=2048
    [ "$target" != envelope ] || longest=66000
    if "target/$triple/release/$target" "corpus/$target" -max_total_time="$seconds" \
        -max_len="$longest" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" > "artifacts/$target.log" 2>&1; then
        local runs
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$target.log")
        echo "ok   $target: $runs inputs in $seconds s"
    else
        tail -n 40 "artifacts/$target.log"
        local crash
        crash=$(sed -n 's/.*Test unit written to //p' "artifacts/$target.log" | tail -n 1)
        echo "FAIL $target: $PWD/${crash:-artifacts/$target.log}"
        return 1
    fi
}

failed=0
running=0
for target in "${targets[@]}"; do
    if [ "$running" -eq 2 ]; then
        wait -n || failed=1
        running=1
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
