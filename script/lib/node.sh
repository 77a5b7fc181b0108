# shellcheck shell=bash
# Node and what the page is built with. Sourced after common.sh.
# shellcheck disable=SC2154  # root and target_dir are set there

# The least that the page's tools run on, and what is fetched where the machine has less: Debian 12 has 18.
node_least=20.19
node_wanted=20
node_dir=$target_dir/tools/node-$node_wanted

node_is_new_enough() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$node_least" "${version#v}" | sort -V | head -n 1)" = "$node_least" ]
}

# Puts a Node that is new enough in front of PATH: the machine's, or one that npm fetches, since npm's own package
# `node` carries it.
need_node() {
    if has node && node_is_new_enough node; then return; fi
    if ! node_is_new_enough "$node_dir/node_modules/.bin/node"; then
        has npm || die "npm is missing: run script/bootstrap"
        timed "Node $node_wanted, from npm" "$target_dir/log/node.log" \
            npm install --no-audit --no-fund --prefix "$node_dir" "node@$node_wanted" ||
            die "Node $node_least or newer is needed and could not be fetched"
    fi
    PATH=$node_dir/node_modules/.bin:$PATH
    export PATH
}

# need_packages FOLDER: what FOLDER/package-lock.json pins, unless it is there already. `npm ci` would refuse a lock
# file that lacks the optional packages of other systems.
need_packages() {
    local lock=$1/package-lock.json stamp=$1/node_modules/.cooee-lock
    cmp -s "$lock" "$stamp" && return
    timed "npm packages of $(basename "$1")" "$target_dir/log/npm-$(basename "$1").log" \
        npm install --no-save --no-audit --no-fund --prefix "$1" || die "the packages of $1 could not be fetched"
    cp "$lock" "$stamp"
}

# The page, built into ui/dist, unless nothing of it has changed.
build_page() {
    local dist=$root/ui/dist/index.html
    need_node
    need_packages "$root/ui"
    if [ -f "$root/ui/dist/.built" ] &&
        [ -z "$(find "$root/ui" -path "$root/ui/dist" -prune -o -path "$root/ui/node_modules" -prune -o \
            -path "$root/ui/src/lib/paraglide" -prune -o -type f -newer "$root/ui/dist/.built" -print -quit)" ]; then
        return
    fi
    timed "the page" "$target_dir/log/page.log" npm --prefix "$root/ui" run build || die "the page does not build"
    [ -s "$dist" ] || die "the page was built, and there is no $dist"
    touch "$root/ui/dist/.built"
}
