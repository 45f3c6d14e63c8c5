#!/usr/bin/env python3
"""Checks topics/*.yaml: every field is there, names match, snapshots are compacted, and the node makes exactly these topics.

The files are kept to one `field: value` a line, so that this needs no YAML library. Exit code: 0 clean, 1 something found.
"""

import pathlib
import re
import sys

FIELDS = [
    "name", "partitions", "key", "cleanup", "retention", "timestamps", "schema", "durability", "visibility", "writers", "owner", "consumers",
]
ALLOWED = {
    "cleanup": {"none", "compact", "delete"},
    "durability": {"synced", "ordered"},
    "visibility": {"internal", "public"},
    "timestamps": {"log append time", "create time"},
}


def read(path):
    fields = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line:
            continue
        match = re.fullmatch(r"(\w+): (.+)", line)
        if not match:
            found(path, f"line {number} must be 'field: value'")
            continue
        if match.group(1) in fields:
            found(path, f"{match.group(1)} stands there twice")
        fields[match.group(1)] = match.group(2).strip()
    return fields


problems = []


def found(path, text):
    problems.append(f"topics/{path.name}: {text}")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    files = sorted((root / "topics").glob("*.yaml"))
    if not files:
        print("check-topics: there is no file in topics", file=sys.stderr)
        return 1
    partitions = set()
    for path in files:
        fields = read(path)
        for field in FIELDS:
            if field not in fields:
                found(path, f"{field} is missing")
        for field in sorted(fields.keys() - set(FIELDS)):
            found(path, f"{field} is not a known field")
        for field, values in ALLOWED.items():
            if fields.get(field) not in values | {None}:
                found(path, f"{field} must be one of {', '.join(sorted(values))}; received {fields[field]}")
        if fields.get("name") != path.stem:
            found(path, f"name must be that of the file; received {fields.get('name')}")
        if (fields.get("cleanup") == "compact") != path.stem.endswith(".state"):
            found(path, "those and only those named *.state are compacted")
        if path.stem.endswith(".journal") and fields.get("durability") != "synced":
            found(path, "a journal is synced")
        for source in re.findall(r"defined_in: ([^}\s]+)", fields.get("schema", "")):
            if not (root / source).is_file():
                found(path, f"schema: there is no file {source}")
        partitions.add(fields.get("partitions"))
    if len(partitions) > 1:
        problems.append(f"topics: all are co-partitioned, so partitions must be equal; received {sorted(map(str, partitions))}")

    node = root / "Sources/Trunkline/Node.swift"
    text = node.read_text(encoding="utf-8") if node.is_file() else ""
    declared = re.search(r"static let topics: \[TopicDeclaration\] =\s*\[(.*?)\]", text, re.S)
    if not declared:
        problems.append("Sources/Trunkline/Node.swift: `static let topics: [TopicDeclaration] = […]` was not found, so nothing can be compared")
    else:
        made = set(re.findall(r'"([\w.]+)"', declared.group(1)))
        described = {path.stem for path in files}
        for name in sorted(made - described):
            problems.append(f"topics: the node makes {name}, which has no file")
        for name in sorted(described - made):
            problems.append(f"topics/{name}.yaml: the node makes no such topic")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"topics: {len(files)} files, {len(problems)} found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
