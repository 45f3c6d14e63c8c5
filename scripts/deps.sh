#!/usr/bin/env bash
# Installs the Debian packages that building Trunkline needs, if they are missing. Says what and why first.
#
#   scripts/deps.sh          what a build needs
#   scripts/deps.sh --test   and what the acceptance tests need
#   scripts/deps.sh --list   print the packages and leave
#
# Prints nothing and changes nothing when all are there.
set -euo pipefail

want_tests=no
only_list=no
for argument in "$@"; do
  case "$argument" in
    --test) want_tests=yes ;;
    --list) only_list=yes ;;
    *) echo "deps: unknown option $argument; known: --test, --list" >&2; exit 2 ;;
  esac
done

# package|why. Alternatives are separated by '/': the first that the distribution offers is taken, any of them satisfies.
build=(
  "libuv1-dev|event loops: sockets, timers, signals"
  "node-llhttp/libllhttp-dev|the HTTP/1.1 parser (its C sources)"
  "libssl-dev|TLS, HMAC, hashes"
  "libcurl4-openssl-dev|HTTP to customers' servers"
  "libsqlite3-dev|the embedded log"
  "libsimdjson-dev|reading JSON"
  "zlib1g-dev|gzip"
  "g++|the C++ library that simdjson is built on"
  "pkg-config/pkgconf|finds the libraries' flags"
)
tests=(
  "python3|acceptance tests and the architecture check"
  "python3-venv|a folder of its own for the stock client"
  "python3-pip|installs the stock client there"
  "curl|acceptance tests"
)
needed=("${build[@]}")
[ "$want_tests" = no ] || needed+=("${tests[@]}")

if [ "$only_list" = yes ]; then
  for entry in "${needed[@]}"; do printf '%-28s %s\n' "${entry%%|*}" "${entry#*|}"; done
  exit 0
fi

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  {
    echo "deps: this system has no apt (it is not Debian or a relative), so nothing can be installed for you."
    echo "Please install what these Debian packages hold, with your system's own tool:"
    for entry in "${needed[@]}"; do printf '  %-28s %s\n' "${entry%%|*}" "${entry#*|}"; done
    echo "If all of it is there already, set TRUNKLINE_SKIP_DEPS=1."
  } >&2
  [ "${TRUNKLINE_SKIP_DEPS:-}" = 1 ] && exit 0
  exit 1
fi

missing=()
for entry in "${needed[@]}"; do
  names=${entry%%|*}
  found=no
  for name in ${names//\// }; do
    if installed "$name"; then found=yes; break; fi
  done
  [ "$found" = yes ] || missing+=("$entry")
done

check_swift() {
  command -v swift >/dev/null && return 0
  {
    echo "deps: there is no Swift toolchain on the PATH. Trunkline needs Swift 6.2 or later; it is not a Debian package:"
    echo "  https://www.swift.org/install/linux/"
  } >&2
  return 1
}

if [ ${#missing[@]} -eq 0 ]; then
  check_swift
  exit
fi
[ "${TRUNKLINE_SKIP_DEPS:-}" != 1 ] || exit 0

echo "Trunkline needs these packages of your distribution, which are not installed:"
for entry in "${missing[@]}"; do printf '  %-28s %s\n' "${entry%%|*}" "${entry#*|}"; done

if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
  echo "They are installed with sudo, which may ask for your password."
else
  {
    echo "deps: installing them takes root, and there is no sudo here. Please let an administrator run:"
    printf '  apt-get update && apt-get install -y'
    for entry in "${missing[@]}"; do names=${entry%%|*}; printf ' %s' "${names%%/*}"; done
    printf '\n'
  } >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "deps: '$*' failed; its last lines stand above." >&2
    return 1
  fi
}
# A package list that is out of date names files that are gone; without the network the installed list may still do.
run apt-get update -q || echo "deps: going on with the package lists as they are." >&2

# Of alternatives, the first that this release offers.
offered() { apt-cache show "$1" >/dev/null 2>&1; }
names=()
for entry in "${missing[@]}"; do
  alternatives=${entry%%|*}
  chosen=${alternatives%%/*}
  for name in ${alternatives//\// }; do
    if offered "$name"; then chosen=$name; break; fi
  done
  names+=("$chosen")
done
run apt-get install -q -y --no-install-recommends "${names[@]}"
echo "Installed: ${names[*]}"
check_swift
