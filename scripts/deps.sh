#!/bin/bash
# Installs the system packages that building (and with --test, testing) needs and that are not there yet. Says what and why first; silent where nothing is missing.
#   scripts/deps.sh [--test] [--dry-run]
set -euo pipefail

usage="usage: scripts/deps.sh [--test] [--dry-run]"
test=no
dry_run=no
for argument in "$@"; do
  case $argument in
    --test) test=yes ;;
    --dry-run) dry_run=yes ;;
    *) echo "$usage (received \"$argument\")" >&2; exit 2 ;;
  esac
done

fail() { printf 'deps: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

packages=()
reasons=()
want() {
  packages+=("$1")
  reasons+=("$2")
}

# What counts is whether the thing can be used, wherever it came from; package names are only how Debian is asked for it.
library() {  # pkg-config name, package, why
  if ! have pkg-config || ! pkg-config --exists "$1"; then want "$2" "$3"; fi
}

# Debian 12 has llhttp as sources in node-llhttp, later releases as a library.
want_llhttp() {
  local why="HTTP/1.1 parser"
  [[ -e /usr/share/include/llhttp/llhttp.h || -e /usr/include/llhttp.h ]] && return
  if have apt-cache && candidate libllhttp-dev; then want libllhttp-dev "$why"; else want node-llhttp "$why (as C sources)"; fi
}
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

find_missing() {
  packages=()
  reasons=()
  have g++ || want g++ "C and C++ headers and the linker that Swift uses"
  have pkg-config || want pkg-config "tells the build where libraries are"
  library libuv libuv1-dev "event loops: sockets, timers, signals"
  library libcrypto libssl-dev "TLS, signatures, random numbers"
  library libcurl libcurl4-openssl-dev "HTTP to other servers"
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || want ca-certificates "the roots against which the HTTPS of other servers is checked"
  library sqlite3 libsqlite3-dev "the log of the embedded home"
  library rdkafka librdkafka-dev "Kafka, the log of the cluster home"
  library hiredis libhiredis-dev "Redis, the hot state of the cluster home"
  library yaml-0.1 libyaml-dev "reading the topics' files"
  library simdjson libsimdjson-dev "reading JSON"
  library zlib zlib1g-dev "gzip"
  want_llhttp
  if [[ $test == yes ]]; then
    have python3 || want python3 "architecture check, acceptance tests"
    if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
      want python3-venv "a place of their own for the acceptance tests' packages"
      want python3-pip "installs the client package that the acceptance tests drive"
    fi
    have curl || want curl "acceptance tests"
    have patch || want patch "looks whether the mutations of the journal's rules still apply"
    have spin || want spin "checks the model of the journal's protocol"
    have redis-server || want redis-server "the cluster home under test: hot state"
    if [[ -n ${KAFKA_STARTER:-}${KAFKA_HOME:-} ]]; then
      have java || want default-jre-headless "the cluster home under test: runs the broker"
    fi
    have kcat || want kcat "the cluster home under test: publishes as other systems do"
  fi
}

# How to become root, as words before a command; empty as root.
become_root() {
  if [[ $(id -u) == 0 ]]; then as_root=(env)
  elif have sudo; then as_root=(sudo)
  else
    fail "these packages are missing and neither root nor sudo is at hand; ask an administrator for" "  apt-get install --no-install-recommends ${packages[*]}"
  fi
}

install_missing() {
  have apt-get || fail "apt-get is not here, so this system's own packages of these are needed (Debian's names): ${packages[*]}"
  become_root
  "${as_root[@]}" apt-get update -qq || echo "deps: apt-get update failed; trying with the lists that are here" >&2
  # Only now is it known what this release offers.
  find_missing
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}" >/dev/null ||
    fail "apt-get could not install: ${packages[*]} (see above)"
  find_missing
  [[ ${#packages[@]} == 0 ]] || fail "installed, and yet not usable: ${packages[*]}"
}

# The hint names the shared libraries that the toolchain itself was linked with.
check_swift() {
  local hint="Trunkline is built with Swift 6.2 or later: https://www.swift.org/install/linux/ (then put its usr/bin on PATH)"
  local output
  have swift || fail "swift is not on PATH." "$hint"
  output=$(swift --version 2>&1) || fail "swift is here but does not start:" "$output" "It may need: apt-get install libxml2 libncurses6 libcurl4 libsqlite3-0 libuuid1" "$hint"
  [[ $output =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "cannot tell the version of swift from: $output" "$hint"
  local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  ((major > 6 || (major == 6 && minor >= 2))) || fail "this swift is $major.$minor." "$hint"
}

find_missing
if [[ ${#packages[@]} != 0 ]]; then
  echo "deps: missing system packages, to be installed with apt-get:"
  for i in "${!packages[@]}"; do printf '  %-22s %s\n' "${packages[i]}" "${reasons[i]}"; done
  if [[ $dry_run == yes ]]; then exit 0; fi
  install_missing
  echo "deps: done"
fi
check_swift
