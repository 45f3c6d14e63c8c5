#!/usr/bin/env python3
"""What scripts/check-metrics.py must catch. Prints "N passed, M failed"."""

import importlib.util
import pathlib
import sys

SPEC = importlib.util.spec_from_file_location("check_metrics", pathlib.Path(__file__).with_name("check-metrics.py"))
check = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)

PAGE = """
| metric | kind | labels | where | what |
|---|---|---|---|---|
| `trunkline_a_total` | counter | `kind` | | x |
| `trunkline_b_seconds` | histogram | | worker | x |
| `trunkline_c_ready` | gauge | `part` | | x |
"""
CASES = [
    ("rate(trunkline_a_total{kind=\"x\"}[5m])", None),
    ("histogram_quantile(0.9, sum by (le, instance) (rate(trunkline_b_seconds_bucket[5m])))", None),
    ("sum by (part) (trunkline_c_ready) == 1", None),
    ('up{job="trunkline"} == 0', None),
    ("rate(trunkline_d_total[5m])", "is not documented"),
    ("rate(trunkline_b_seconds[5m])", "is a histogram"),
    ("trunkline_c_ready_sum", "is a gauge"),
    ('trunkline_c_ready{kind="x"}', "has no label kind"),
    ("sum by (kind) (trunkline_c_ready)", "has the label kind"),
    ("vector(1)", "no metric in"),
]


def main():
    known = check.documented(PAGE)
    failed = []
    if known.get("trunkline_b_seconds") != ("histogram", set(), "worker") or len(known) != 3:
        failed.append(f"the page is read as {known}")
    for text, wanted in CASES:
        found = list(check.check_expression("x", text, known))
        if (wanted is None and found) or (wanted and not any(wanted in finding for finding in found)):
            failed.append(f"{text}: wanted {wanted}, found {found}")
    for failure in failed:
        print(failure)
    print(f"{len(CASES) + 1 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
