# What deploy/quickstart, deploy/test and bench/compare share. To be sourced by bash, with `root` set
# to the top of the clone.
# shellcheck shell=bash

: "${root:?is set by the script that reads this file}"

# Rustup puts its programs here. A shell older than rustup, sudo or cron may not know, and Debian's own
# Rust, which is too old, must not come first then.
cargo_programs=${CARGO_HOME:-$HOME/.cargo}/bin
[[ :$PATH: == *:$cargo_programs:* ]] || PATH=$cargo_programs:$PATH
# Programs of the administrator are not in a plain user's PATH on Debian.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }

# Ends with a reason and what to do about it, a line each.
fail() {
    say ""
    say "weir: $1"
    shift
    local line
    for line in "$@"; do say "  $line"; done
    exit 1
}

# Names a step, and at the next step (or the end) how long it took.
step_name=
step() {
    step_done
    step_name=$1
    step_since=$SECONDS
    say ""
    say "==> $step_name"
}
step_done() {
    [[ -z $step_name ]] || say "    $step_name: $((SECONDS - step_since)) s"
    step_name=
}

# Packages of the sections named, one a line.
packages_for() {
    local package sections wanted
    while read -r package sections _; do
        for wanted in "$@"; do
            [[ ,$sections, != *,$wanted,* ]] || printf '%s\n' "$package"
        done
    done < <(sed 's/#.*//' "$root/deploy/packages") | sort --unique
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
    if [[ $EUID == 0 ]]; then "$@"; else sudo -- "$@"; fi
}

# Sets `caller`, and `target`: Cargo's target directory, whatever the caller's Cargo is configured to.
identify_caller() {
    caller=$(id --user --name)
    target=${CARGO_TARGET_DIR:-$root/target}
    export CARGO_TARGET_DIR=$target
}

# Everything that makes the commands impossible, checked before anything is changed.
check_machine() {
    identify_caller
    check_clone
    check_root
    check_rust
    check_kernel
    check_size
}

check_clone() {
    local owner
    owner=$(stat --format=%U "$root")
    # What is built should belong to whom the clone belongs to.
    [[ $EUID != 0 || $owner == root || $owner != "${SUDO_USER:-}" ]] ||
        fail "run this as $owner, without sudo; it asks for root where it needs it."
    [[ $owner == "$caller" ]] || fail "this clone belongs to $owner, but you are $caller." \
        "Clone it as yourself, or run this as $owner."
    [[ ! -e $target || $(stat --format=%U "$target") == "$caller" ]] ||
        fail "$target belongs to $(stat --format=%U "$target"), but you are $caller." \
            "Give it back: sudo chown -R $caller '$target'"
}

check_root() {
    [[ $EUID != 0 ]] || return 0
    command -v sudo >/dev/null || fail "making network namespaces needs root, and there is no sudo." \
        "As root: apt-get install sudo && /usr/sbin/adduser $caller sudo (then log in again)," \
        "or clone it as root and run this as root."
    # Where a rule asks for no password, --validate may still ask for one.
    sudo --non-interactive true 2>/dev/null || sudo --validate || fail "sudo does not let $caller become root." \
        "As root: /usr/sbin/adduser $caller sudo (then log in again)," \
        "or clone it as root and run this as root."
    # The pipe ends with the script, whatever ends that.
    # shellcheck disable=SC2034 # It is never written to.
    exec {staying_root}> >(stay_root)
}

# Renews what sudo remembers, until its standard input ends: it forgets the password after a quarter of
# an hour, and would ask again behind a long build.
stay_root() {
    local status
    exec >/dev/null 2>&1
    while true; do
        status=0
        read -r -t 30 || status=$?
        # Above 128: the time is over.
        ((status > 128)) && sudo --non-interactive --validate </dev/null || return 0
    done
}

check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        fail "Rust is missing; weir needs $wanted or newer." \
            "Get it from https://rustup.rs, open a new shell, and run this again."
    fi
    # From the root of the file system: nothing there changes the toolchain.
    found=$(cd / && rustc --version) || fail "rustc does not run." "rustup default stable"
    found=${found#rustc }
    found=${found%% *}
    at_least "$wanted" "$found" || fail "Rust $found is too old; weir needs $wanted or newer." \
        "Newer: rustup update stable (Debian's own packages are too old; see https://rustup.rs)"
}

check_kernel() {
    local release
    release=$(uname -r)
    at_least 6.1 "${release%%-*}" || fail "kernel $release is too old; weir needs 6.1 or newer." \
        "Debian 12 has 6.1."
    [[ -d /proc/sys/net/ipv6 ]] || fail "IPv6 is off in this kernel; the demo and the tests use it." \
        "Remove ipv6.disable=1 from the kernel's command line (/etc/default/grub), or: modprobe ipv6"
}

# Makes a pair in a network namespace that is gone with the command. Needs iproute2.
check_veth() {
    as_root unshare --net ip link add weir0 type veth peer name weir1 2>/dev/null ||
        fail "this kernel makes no veth pair in a network namespace." \
            "As root: modprobe veth. In a container, give it the right to make namespaces (--privileged)."
}

check_size() {
    local memory disk used=0 where=$target
    # What a machine of 2 GiB has left for programs is less.
    memory=$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)
    ((memory >= 1800)) || fail "$memory MiB of memory are too little; the build takes 2 GiB."
    until [[ -d $where ]]; do where=$(dirname "$where"); done
    disk=$(df --output=avail --block-size=1M "$where" | tail -n 1)
    [[ ! -d $target ]] || used=$(du --summarize --block-size=1M "$target" 2>/dev/null | cut --fields=1)
    ((disk + used >= 5120)) ||
        fail "$((disk)) MiB are free in $where; the build takes 5 GiB." \
            "Free some, or set CARGO_TARGET_DIR to a directory on a larger disk."
}

# Is version $2 the same as $1 or later?
at_least() {
    [[ $(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1) == "$1" ]]
}

# Installs what is missing of the sections named; touches nothing if nothing is.
install_missing() {
    local package missing=()
    if ! command -v apt-get >/dev/null; then
        mapfile -t missing < <(packages_for "$@")
        fail "this is not a Debian-like system: there is no apt-get." \
            "Install what these Debian packages have, then use --no-install: ${missing[*]}"
    fi
    while read -r package; do
        is_installed "$package" || missing+=("$package")
    done < <(packages_for "$@")
    ((${#missing[@]})) || return 0
    say "    installing: ${missing[*]}"
    as_root "$root/deploy/install-packages" "${missing[@]}" </dev/null ||
        fail "the packages could not be installed; the reason stands above." \
            "By hand: apt-get install --no-install-recommends ${missing[*]}"
}
