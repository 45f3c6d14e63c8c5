#!/bin/sh
# Prints the name of a Python that has the client that tests and figures use; makes one where there is none.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
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
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-twilio python3-requests >&2
    fi
  fi
fi
echo "$python"
