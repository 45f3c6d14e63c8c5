#!/usr/bin/env python3
"""Checks that the sources, docs/metrics.md, the alert rules and the dashboard speak of the same metrics.

Every metric that the sources make is documented with its kind, and every documented one is made; names end as their kind and unit want it; rules
and panels use only documented metrics, only their documented labels, and `_bucket`, `_sum`, `_count` only of histograms. Where promtool is
installed, it reads the rules too and tries them (alerts.test.yaml). Exit code: 0 clean, 1 something found.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

DOCUMENT = pathlib.Path("docs/metrics.md")
RULES = pathlib.Path("deploy/observability/alerts.yaml")
DASHBOARD = pathlib.Path("deploy/observability/dashboard.json")
NAME = r"(?:trunkline|process)_[a-z0-9_]+"
#: What Prometheus itself adds.
SCRAPED = {"instance", "job", "le"}
UNITS = ("_seconds", "_bytes", "_total", "_info", "_fds", "_threads")
#: Gauges and histograms of plain numbers, whose name says of what.
COUNTED = (
    "_ready", "_not_ready", "_connections", "_connections_limit", "_streams", "_waiting", "_waiting_limit", "_unfinished", "_running", "_records",
    "_scopes", "_in_flight", "_unapplied", "_commands")


def documented(text):
    """Name to (kind, labels, where)."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(f"`{NAME}`", cells[0]):
            found[cells[0].strip("`")] = (cells[1], set(re.findall(r"`([a-z_]+)`", cells[2])), cells[3])
    return found


def made():
    """Name to the kinds that the sources make it as."""
    found = {}
    for path in pathlib.Path("Sources").rglob("*.swift"):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(f'"({NAME})"', text):
            call = re.search(r"\.(counter|gauges?|histogram)\(\s*$|\bshow\(\s*metrics,\s*$", text[: match.start()])
            if call:
                found.setdefault(match[1], set()).add({"gauges": "gauge", None: "gauge"}.get(call[1], call[1]))
    return found


def expressions():
    """Where, and what is asked there."""
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\s+expr: (.*)", line):
            yield str(RULES), match[1]
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield f"{DASHBOARD}: {panel['title']}", target["expr"]


def check_expression(where, text, known):
    seen = False
    for match in re.finditer(rf"\b({NAME})(?:\{{([^}}]*)\}})?", text):
        seen = True
        name = match[1]
        base = name if name in known else re.sub(r"_(bucket|sum|count)$", "", name)
        if base not in known:
            yield f"{where}: {name} is not documented"
            continue
        kind, labels, _ = known[base]
        if (kind == "histogram") != (base != name):
            yield f"{where}: {name}: {base} is a {kind}"
        # What is behind `by` in the same expression is a label of one of its metrics, so it is asked of all of them together.
        asked = set(re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', match[2] or ""))
        for label in asked - labels - SCRAPED:
            yield f"{where}: {base} has no label {label}"
    together = SCRAPED.union(*(known[name][1] for name in known if re.search(rf"\b{name}(_bucket|_sum|_count)?\b", text)))
    for names in re.findall(r"\bby \(([^)]*)\)", text):
        for label in {name.strip() for name in names.split(",")} - together:
            yield f"{where}: nothing there has the label {label}"
    if not seen and "up{" not in text:
        yield f"{where}: no metric in {text}"


def main():
    known = documented(DOCUMENT.read_text(encoding="utf-8"))
    sources = made()
    findings = [f"{DOCUMENT}: {name} is made nowhere" for name in sorted(set(known) - set(sources))]
    findings += [f"{DOCUMENT}: {name} is missing" for name in sorted(set(sources) - set(known))]
    for name, kinds in sources.items():
        if name in known and kinds != {known[name][0]}:
            findings.append(f"{DOCUMENT}: {name} is a {known[name][0]}, in the sources a {' and '.join(sorted(kinds))}")
    for name, (kind, _, _) in known.items():
        if (kind == "counter") != name.endswith("_total"):
            findings.append(f"{name}: a {kind} whose name {'ends' if name.endswith('_total') else 'does not end'} in _total")
        if not name.endswith(UNITS + COUNTED):
            findings.append(f"{name}: its name does not end in a unit")
    for where, text in expressions():
        findings += check_expression(where, text, known)
    for finding in findings:
        print(finding)
    if shutil.which("promtool"):
        for words in (["check", "rules", RULES], ["test", "rules", RULES.with_suffix(".test.yaml")]):
            checked = subprocess.run(["promtool", *words], capture_output=True, text=True)
            if checked.returncode:
                findings.append("promtool")
                print(checked.stdout + checked.stderr)
    if not findings:
        print(f"check-metrics: {len(known)} metrics, {sum(1 for _ in expressions())} expressions, nothing found")
    return 1 if findings or not known else 0


if __name__ == "__main__":
    sys.exit(main())
