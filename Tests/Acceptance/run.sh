#!/bin/sh
# Acceptance tests from outside, against a built server. TRUNKLINE names the binary (default: .build/debug/trunkline, built if missing).
# Arguments: names of test files, to run only those (run.sh test_events).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
TRUNKLINE=${TRUNKLINE:-$root/.build/debug/trunkline}
case $TRUNKLINE in /*) ;; *) TRUNKLINE=$root/$TRUNKLINE ;; esac
if [ ! -x "$TRUNKLINE" ]; then swift build --product trunkline; fi
export TRUNKLINE
venv=$root/.build/venv
python=$venv/bin/python
if ! "$python" -c 'import twilio, requests' 2>/dev/null; then
  mkdir -p "$root/.build"
  python3 -m venv "$venv"
  # An empty PIP_CERT would switch the system's roots off.
  [ -n "${PIP_CERT:-}" ] || unset PIP_CERT
  if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 twilio requests; then
    # Behind a network that PyPI cannot be reached from, the distribution's (older) client is the next best.
    echo "acceptance: PyPI cannot be reached; taking the distribution's client instead" >&2
    python=python3
    if ! "$python" -c 'import twilio, requests' 2>/dev/null; then
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-twilio python3-requests >/dev/null
    fi
  fi
fi
exec "$python" "$here/runner.py" "$@"
