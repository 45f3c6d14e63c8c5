#!/usr/bin/env python3
"""Checks the house's rules that the compiler does not know: which room may import which, and what may not stand below the composition root.

    scripts/check-architecture.py [FOLDER]      FOLDER holds Sources (default: the repository)

Prints file:line and the rule for each finding; exit code 1 if there is one. An exception is a comment on the same line or the line above:

    // house: allow <what> because <why>        <what> as the finding prints it, for example: Task {
"""

import pathlib
import re
import sys
from dataclasses import dataclass, field

GROUPS = ("Core", "Edge", "Adapters", "Roles")
ROOT, COMMAND = "Trunkline", "TrunklineCommand"
FROM_EDGE_FOR_ROLES = {"HTTPServer", "HTTPClient", "Observability", "Gzip", "Terminal"}
# What the edge and the adapters know of the core: the ports that they stand behind and the vocabulary of these.
FROM_CORE_BELOW_ROLES = {"Ports", "Resources"}
SYSTEM = {"Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Swift", "Synchronization"}
SYSTEM_IN_ROLES = {"Synchronization"}
# Rooms for tests alone; a product that holds one is a mistake.
DOUBLES = {"PortsTesting"}

AMBIENT = [
    ("Date()", r"\bDate\(\)|\bDate\.now\b"),
    # With arguments it may as well be a value of the house's own vocabulary: those of Swift's initializers tell.
    (
        "Task {",
        r"(?<![\w.])Task(?:<[^{}()]*>)?\s*(?:\{|\((?:priority|executorPreference|name|operation):|\([^()]*(?:\([^()]*\)[^()]*)*\)\s*\{)"
        r"|(?<![\w.])Task\.(?:init|immediate)\b",
    ),
    ("Task.detached", r"\bTask(?:<[^{}()]*>)?\.(?:detached|immediateDetached)\b"),
    ("ContinuousClock", r"\bContinuousClock\b|\bclock:\s*\.continuous\b"),
    ("SuspendingClock", r"\bSuspendingClock\b|\bclock:\s*\.suspending\b"),
    ("SystemRandomNumberGenerator", r"\bSystemRandomNumberGenerator\b"),
    # With a generator of the caller's it is not ambient.
    (".random(", r"\.(?:random|randomElement|shuffled|shuffle)\((?![^)]*using:)"),
    ("UUID()", r"\bUUID\(\)"),
    ("clock_gettime", r"\bclock_gettime\b"),
    ("gettimeofday", r"\bgettimeofday\b"),
    ("usleep(", r"\b(?:usleep|nanosleep)\("),
    ("Task.sleep", r"\bTask(?:<[^{}()]*>)?\.sleep\b"),
    ("DispatchQueue", r"\bDispatchQueue\b"),
    ("getrandom", r"\b(?:getrandom|arc4random\w*)\b"),
]
TRAPS = [("try!", r"\btry!"), ("as!", r"\bas!")]
UNPROVED = [("@unchecked", r"@unchecked\b"), ("nonisolated(unsafe)", r"\bnonisolated\(unsafe\)")]
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|typealias|func|let|var|actor)\s+)?(\w+)"
)
# Runs that change nothing about what is code and what is not.
PLAIN_CODE = re.compile(r'[^"#/()\n]+')
PLAIN_TEXT = re.compile(r'[^"#\\\n]+')
OPENING = re.compile(r'(#*)("""|")')
ALLOW = re.compile(r"//\s*house: allow (.+?) because \S")


@dataclass
class Source:
    """One file as the rules see it: code without comments and string contents, and where comments stand."""

    path: str
    code: list = field(default_factory=list)
    commented: set = field(default_factory=set)
    allowed: dict = field(default_factory=dict)  # line -> what

    def reason_near(self, line):
        """Whether a comment stands on the line, in the three above, or there for a run of such lines that this one belongs to."""
        start = line
        while start > 1 and any(re.search(p, self.code[start - 2]) for _, p in UNPROVED):
            start -= 1
        return any(n in self.commented for n in [line, *range(start - 3, start + 1)])


def split(path, text):
    """Splits Swift text into code and comments, line by line. Interpolations are code; everything else in a string is blanked."""
    source = Source(path)
    out, line, i = [], 1, 0
    # Open constructs: ("code", depth of parentheses) inside an interpolation, ("string", hashes, quotes) inside a literal.
    stack = [("code", 0)]
    while i < len(text):
        plain = (PLAIN_CODE if stack[-1][0] == "code" else PLAIN_TEXT).match(text, i)
        if plain:
            if stack[-1][0] == "code":
                out.append(plain.group())
            i = plain.end()
            continue
        c = text[i]
        if c == "\n":
            out.append(c)
            line += 1
            i += 1
            # A one-line literal ends with its line, whatever we thought.
            if stack[-1][0] == "string" and stack[-1][2] == '"':
                stack.pop()
        elif stack[-1][0] == "code":
            if text.startswith("//", i):
                end = text.find("\n", i)
                end = len(text) if end < 0 else end
                comment = text[i:end]
                source.commented.add(line)
                if match := ALLOW.match(comment):
                    source.allowed[line] = match.group(1).strip("`")
                i = end
            elif text.startswith("/*", i):
                depth, end = 1, i + 2
                while end < len(text) and depth:
                    if text.startswith("/*", end):
                        depth, end = depth + 1, end + 2
                    elif text.startswith("*/", end):
                        depth, end = depth - 1, end + 2
                    else:
                        end += 1
                source.commented.update(range(line, line + text.count("\n", i, end) + 1))
                newlines = text.count("\n", i, end)
                out.append(" " + "\n" * newlines)
                line += newlines
                i = end
            elif opening := OPENING.match(text, i):
                stack.append(("string", len(opening.group(1)), opening.group(2)))
                out.append('"')
                i = opening.end()
            else:
                kind, depth = stack[-1]
                if len(stack) > 1 and c in "()":
                    depth += 1 if c == "(" else -1
                    if depth == 0:
                        stack.pop()
                    else:
                        stack[-1] = (kind, depth)
                out.append(c)
                i += 1
        else:
            _, hashes, quotes = stack[-1]
            escape = "\\" + "#" * hashes
            if text.startswith(quotes + "#" * hashes, i):
                stack.pop()
                out.append('"')
                i += len(quotes) + hashes
            elif text.startswith(escape + "(", i):
                stack.append(("code", 1))
                out.append("(")
                i += len(escape) + 1
            elif text.startswith(escape, i):
                i += len(escape) + (0 if text[i + len(escape) : i + len(escape) + 1] == "\n" else 1)
            else:
                i += 1
    source.code = "".join(out).split("\n")
    return source


class House:
    """The rooms found in a tree, and the rules between them."""

    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.group = {}
        for group in GROUPS:
            for folder in sorted((self.base / "Sources" / group).glob("*")):
                if folder.is_dir():
                    self.group[folder.name] = group
        for single in (ROOT, COMMAND):
            if (self.base / "Sources" / single).is_dir():
                self.group[single] = single
        self.findings = []

    def is_c(self, module):
        return self.group.get(module) == "Edge" and re.match(r"C[A-Z]", module) and not any(
            (self.base / "Sources/Edge" / module).glob("*.swift")
        )

    def broken_import(self, room, group, module):
        """The rule that an import breaks, or None."""
        theirs = self.group.get(module)
        if module in DOUBLES:
            return f"{module} is for tests alone"
        if theirs is None:
            if module not in SYSTEM:
                return "neither a room of the house nor part of the toolchain (no outside packages)"
            if group == "Core" and not (room in DOUBLES and module == "Synchronization"):
                return "the core is pure: no I/O, clocks, locks"
            if group == "Roles" and module not in SYSTEM_IN_ROLES:
                return f"roles reach the system through ports and the edge ({', '.join(sorted(SYSTEM_IN_ROLES))} excepted)"
            return None
        if theirs == "Adapters" and group != ROOT and module != room:
            return "only the composition root and tests know adapters"
        if group == "Core":
            if theirs != "Core" and not (room == "JSON" and module == "CSimdJSON"):
                return "the core imports only rooms of the core"
        elif group in ("Edge", "Adapters"):
            if theirs not in ("Core", "Edge"):
                return f"{group} stands below {theirs}"
            if theirs == "Core" and module not in FROM_CORE_BELOW_ROLES:
                return f"{group} knows of the core only {', '.join(sorted(FROM_CORE_BELOW_ROLES))}"
        elif group == "Roles":
            if theirs == "Edge" and module not in FROM_EDGE_FOR_ROLES:
                return f"roles import from the edge only {', '.join(sorted(FROM_EDGE_FOR_ROLES))}"
            if theirs in (ROOT, COMMAND):
                return f"Roles stand below {theirs}"
        elif group == ROOT:
            if theirs == COMMAND:
                return f"{ROOT} stands below {COMMAND}"
        return None

    def report(self, source, used, line, what, rule):
        for n in (line, line - 1):
            if source.allowed.get(n) == what:
                used.add(n)
                return
        self.findings.append((source.path, line, f"{what}: {rule}"))

    def check_file(self, path):
        relative = path.relative_to(self.base)
        parts = relative.parts
        source = split(str(relative), path.read_text(encoding="utf-8"))
        used = set()
        group = room = None
        if parts[0] == "Sources":
            if parts[1] in GROUPS and len(parts) > 3:
                group, room = parts[1], parts[2]
            elif parts[1] in (ROOT, COMMAND):
                group = room = parts[1]
            else:
                self.findings.append((source.path, 1, f"{parts[1]}: not a place of the house (Sources/<{'|'.join(GROUPS)}>/<room>, {ROOT}, {COMMAND})"))
        for line, code in enumerate(source.code, 1):
            if group and (match := IMPORT.match(code)) and (rule := self.broken_import(room, group, match.group(1))):
                self.report(source, used, line, f"import {match.group(1)}", rule)
            if group in ("Core", "Roles", "Adapters"):
                for what, pattern in AMBIENT:
                    for match in re.finditer(pattern, code):
                        if what == "Task {" and re.search(r"(?:\b(?:struct|enum|class|actor|protocol|extension)|->|:)\s*$", code[: match.start()]):
                            continue
                        self.report(source, used, line, what, "no ambient time, randomness or unstructured work below the composition root")
                        break
            if parts[0] != "Tests":
                for what, pattern in TRAPS:
                    if re.search(pattern, code):
                        self.report(source, used, line, what, "never trap on input: handle the other case")
            for what, pattern in UNPROVED:
                if re.search(pattern, code) and not source.reason_near(line):
                    self.report(source, used, line, what, "needs the proof in a comment within three lines")
        # The edge explains its tasks too, where no ban asks for it.
        for line, what in source.allowed.items():
            if line not in used and group != "Edge":
                self.findings.append((source.path, line, f"house: allow {what}: nothing here needs it"))

    def check(self):
        files = 0
        for folder in ("Sources", "Benchmarks", "Examples", "Tests"):
            for path in sorted((self.base / folder).rglob("*.swift")):
                if ".build" not in path.parts:
                    files += 1
                    self.check_file(path)
        return files


def main(arguments):
    base = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    house = House(base)
    files = house.check()
    for path, line, text in house.findings:
        print(f"{path}:{line}: {text}")
    if not files:
        print(f"check-architecture: no Swift files below {base}", file=sys.stderr)
        return 1
    if house.findings:
        print(f"check-architecture: {len(house.findings)} findings in {files} files", file=sys.stderr)
        return 1
    print(f"check-architecture: {files} files, {len(house.group)} rooms, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
