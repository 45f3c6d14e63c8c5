#!/usr/bin/env python3
"""Checks topics/*.yaml: every field is there, names match, snapshots are compacted, the binary's table says the same field by field, and the
description of the public topics for other tools (topics/asyncapi.yaml) holds together and names topics that exist.

The topics' files are kept to one `field: value` a line, so that they need no YAML library; asyncapi.yaml is read by PyYAML, and where that is
missing only its addresses are looked at. Exit code: 0 clean, 1 something found.
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
TABLE = "Sources/Core/Topics/TopicTable.swift"
UNITS = {"d": "day", "h": "hour"}


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


def part(text, name):
    """The value of `name` in {name: value, …}."""
    match = re.search(r"[{,]\s*" + name + r":\s*([^,}]+)", text or "")
    return match.group(1).strip() if match else None


def duration(path, text):
    """`7d` as the table writes it: `7 * day`."""
    match = re.fullmatch(r"(\d+)([dh])", text or "")
    if not match:
        found(path, f"retention: a duration such as 7d or 1h must stand there; received {text}")
        return "?"
    unit = UNITS[match.group(2)]
    return unit if match.group(1) == "1" else f"{match.group(1)} * {unit}"


def expected(path, fields):
    """The line of the table that says what the file says."""
    retention = fields.get("retention", "")
    if fields.get("cleanup") == "none":
        if part(retention, "retention_ms") != "-1":
            found(path, "retention: what is trimmed by position says retention_ms: -1, so that no broker trims it by time")
        kept = f'.position(atLeast: {duration(path, part(retention, "at_least"))}, bound: "{part(retention, "bound")}")'
    elif fields.get("cleanup") == "compact":
        tombstones = duration(path, part(retention, "tombstones_at_least"))
        kept = f'.latest(tombstones: {tombstones}, embeddedTombstones: {duration(path, part(retention, "embedded_tombstones_at_least"))})'
    else:
        kept = f'.time({duration(path, part(retention, "time"))})'
    partitions = fields.get("partitions")
    timestamps = {"log append time": ".logAppend", "create time": ".create"}.get(fields.get("timestamps"))
    return (
        f'Topic("{path.stem}", embedded: {part(partitions, "embedded")}, cluster: {part(partitions, "cluster")}, retention: {kept}, '
        f'timestamps: {timestamps}, durability: .{fields.get("durability")}, visibility: .{fields.get("visibility")})'
    )


def compare(root, described):
    """The binary's table against the files, and the node against the table."""
    table = root / TABLE
    text = table.read_text(encoding="utf-8") if table.is_file() else ""
    made = {}
    for call in re.findall(r"\bTopic\(\s*\"(?:[^()]|\([^()]*\))*\)", text):
        line = re.sub(r"\(\s+", "(", re.sub(r"\s+", " ", call))
        made[re.match(r'Topic\("([^"]+)"', line).group(1)] = line
    if not made:
        problems.append(f"{TABLE}: no topic was found, so nothing can be compared")
        return
    for name in sorted(made.keys() - described.keys()):
        problems.append(f"{TABLE}: {name} has no file in topics/")
    for name in sorted(described.keys() - made.keys()):
        problems.append(f"topics/{name}.yaml: {TABLE} has no such topic; it would be\n  {described[name]}")
    for name in sorted(described.keys() & made.keys()):
        if described[name] != made[name]:
            problems.append(f"{TABLE}: {name} differs from its file\n  table: {made[name]}\n  file:  {described[name]}")
    node = (root / "Sources/Trunkline/Node.swift").read_text(encoding="utf-8")
    if not re.search(r"static let topics: \[TopicDeclaration\] = TopicTable\.all\b", node):
        problems.append("Sources/Trunkline/Node.swift: `static let topics` must be made from TopicTable.all")
    options = (root / "Sources/Trunkline/NodeOptions.swift").read_text(encoding="utf-8")
    fixed = re.search(r"static let partitions = (\d+)", options)
    if fixed and any(f"embedded: {fixed.group(1)}," not in line for line in made.values()):
        problems.append(f"{TABLE}: embedded must be NodeOptions.partitions, {fixed.group(1)}")


def references(tree, found_here):
    """Every `$ref` below."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "$ref":
                found_here.append(value)
            else:
                references(value, found_here)
    elif isinstance(tree, list):
        for value in tree:
            references(value, found_here)
    return found_here


def check_asyncapi(path, files):
    """That it parses, that what it refers to is there, and that its channels are topics."""
    try:
        import yaml
    except ImportError:
        print("check-topics: PyYAML is not here (python3-yaml), so of asyncapi.yaml only the addresses are checked", file=sys.stderr)
        for address in re.findall(r"^    address: (\S+)", path.read_text(encoding="utf-8"), re.M):
            if address not in files:
                found(path, f"there is no topic {address}")
        return
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        found(path, f"cannot be read: {error}")
        return
    if not str(tree.get("asyncapi", "")).startswith("3."):
        found(path, f"asyncapi must be 3.x; received {tree.get('asyncapi')}")
    for reference in references(tree, []):
        place = tree
        for name in reference.removeprefix("#/").split("/"):
            name = name.replace("~1", "/").replace("~0", "~")
            place = place.get(name) if isinstance(place, dict) else None
        if not reference.startswith("#/") or place is None:
            found(path, f"{reference} is not there")
    channels = tree.get("channels", {})
    for name, channel in channels.items():
        if channel.get("address") not in files:
            found(path, f"channel {name}: there is no topic {channel.get('address')}")
    for name, operation in tree.get("operations", {}).items():
        if operation.get("action") not in ("send", "receive"):
            found(path, f"operation {name}: action must be send or receive; received {operation.get('action')}")
    missing = {name for name, fields in files.items() if fields.get("visibility") == "public"} - {c.get("address") for c in channels.values()}
    for name in sorted(missing):
        found(path, f"{name} is public and is not described")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    paths = sorted(path for path in (root / "topics").glob("*.yaml") if path.name != "asyncapi.yaml")
    if not paths:
        print("check-topics: there is no file in topics", file=sys.stderr)
        return 1
    partitions = set()
    files = {}
    for path in paths:
        fields = files[path.stem] = read(path)
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
    compare(root, {path.stem: expected(path, files[path.stem]) for path in paths})
    if (root / "topics/asyncapi.yaml").is_file():
        check_asyncapi(root / "topics/asyncapi.yaml", files)
    else:
        problems.append("topics/asyncapi.yaml is missing")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"topics: {len(paths)} files, {len(problems)} found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
