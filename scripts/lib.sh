# lib.sh: what the scripts share: packages that are missing, a build that is up to date, tests counted.
# Sourced, after `set -euo pipefail`. Results go to standard output, everything else to standard error.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Debian's own meson, ninja and python3 before others of the same name: one build folder, one version.
export PATH="/usr/bin:$PATH"

say() { echo "patchbay: $*" >&2; }
die() { say "$*"; exit 1; }

# listed_packages [build]: all that packages.txt lists, or what a build takes: the first part.
listed_packages() { sed "${1:+/^# ====/,\$d;}s/#.*//" "$root/scripts/packages.txt" | xargs; }

missing_packages() {
    local package
    for package in $(listed_packages "$@"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# install_packages [build]: installs what the machine lacks of these; touches nothing when all is there.
install_packages() {
    local missing sudo=
    command -v dpkg-query >/dev/null || { say "no Debian here: expecting the libraries of scripts/packages.txt"; return; }
    missing=$(missing_packages "$@" | xargs)
    [ -n "$missing" ] || return 0
    say "installing $missing"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "not root, and no sudo; as root: apt-get install $missing"
        sudo="sudo"
    fi
    $sudo apt-get update -q >&2
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 </dev/null
}

# python_packages VENV REQUIREMENTS: a venv with what the file lists, made once and anew when the list changes.
python_packages() {
    local venv=$root/$1 requirements=$root/$2 stamp wanted
    stamp=$venv/requirements.sha256
    wanted=$(sha256sum "$requirements" | cut -d' ' -f1)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
    say "installing Python packages into $1 (once)"
    rm -rf "$venv"
    python3 -m venv "$venv" || die "no venv: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    echo "$wanted" >"$stamp"
}

# The meson version that a build folder was made with, or nothing.
made_with() {
    grep -o '"full": *"[^"]*"' "$1/meson-info/meson-info.json" 2>/dev/null | head -n 1 | cut -d'"' -f4
}

# build FOLDER [MESON OPTION]...: configures the folder when it is new (or another meson's), compiles what changed.
build() {
    local folder=$root/$1
    shift
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$folder" "$root" "$@" >&2
    elif [ "$(made_with "$folder")" != "$(meson --version)" ]; then
        meson setup --wipe "$folder" "$root" >&2
    fi
    ninja -C "$folder" --quiet >&2
}

# run_tests FOLDER [MESON TEST OPTION]...: prints meson's summary to standard error and, last on standard output,
# "N passed, N failed". Fails when a test failed, or none ran.
run_tests() {
    local folder=$root/$1 status=0
    shift
    rm -f "$folder/meson-logs/testlog.json"
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" >&2 </dev/null || status=$?
    python3 "$root/scripts/count_tests.py" "$folder/meson-logs/testlog.json" || status=1
    return "$status"
}
