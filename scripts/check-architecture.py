#!/usr/bin/env python3
"""Checks that the arrows of the house go one way, and that nothing below the composition root reaches for ambient things.

    scripts/check-architecture.py [--root FOLDER] [--list]

Sources/<floor>/<room>/… The floors: Core (pure), Edge (I/O libraries), Adapters, Roles; beside them the composition root
(Trunkline) and the command line (TrunklineCommand). What each floor may import is in FLOORS below. C modules are imported by
one room only. A line that must break a rule says so: `// house: allow <what> because <why>` on it or on the line above.
Exit code: 0 clean, 1 something found, 2 the check itself cannot work.
"""

import argparse
import pathlib
import re
import sys

ROOT_ROOMS = {"Trunkline", "TrunklineCommand"}
# floor -> floors whose rooms it may import
FLOORS = {
    "Core": {"Core"},
    "Edge": {"Edge", "Core"},
    "Adapters": {"Adapters", "Edge", "Core"},
    "Roles": {"Roles", "Edge", "Core"},
}
# Modules of the toolchain that a core must do without: clocks, files, locks and threads live there.
NOT_IN_CORE = {"Foundation", "FoundationEssentials", "FoundationNetworking", "Glibc", "Dispatch", "Synchronization", "CDispatch", "Musl"}
# The doubles of the ports are used by tests from several tasks at once: they may lock, and only that.
CORE_EXCEPTIONS = {("PortsTesting", "Synchronization"), ("JSON", "CSimdJSON")}

BANNED = {
    "Date()": r"\bDate\(\)",
    "Task {": r"(?<![\w.])Task(\s*\([^)]*\))?\s*\{|(?<![\w.])Task(\.init)?\s*\((priority|operation|executorPreference|name):",
    "Task.detached": r"\bTask\.detached\b",
    "Task.sleep": r"\bTask\.sleep\b",
    "DispatchTime.now": r"\bDispatchTime\.now\b",
    "ContinuousClock": r"\bContinuousClock\b",
    "SuspendingClock": r"\bSuspendingClock\b",
    "SystemRandomNumberGenerator": r"\bSystemRandomNumberGenerator\b",
    ".random(": r"\.random\(|\.randomElement\(\)|\.shuffled\(\)|\.shuffle\(\)",
    "UUID()": r"\bUUID\(\)",
    "clock_gettime": r"\bclock_gettime\b",
    "gettimeofday": r"\bgettimeofday\b",
    "sleep(": r"(?<!func )(?<![\w.])(u|nano)?sleep\((?!\))",
    "try!": r"\btry!",
    "as!": r"\bas!",
}
# Everything on these floors; the edge hands time in and so may read it, but never forces anything.
BANNED_EVERYWHERE = {"try!", "as!"}
BAN_FLOORS = {"Core", "Roles", "Adapters"}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:internal|package|public|private|fileprivate)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|func|let|var|typealias)\s+)?(\w+)"
)
ALLOW = re.compile(r"//\s*house:\s*allow\s+(.+?)\s+because\s+(\S.*)")
# A multi-line text is blanked as a whole, its line ends kept so that line numbers stay right.
MULTILINE = re.compile(r'(#*)"""(.*?)"""\1', re.S)
TEXT = re.compile(r'#"[^\n]*?"#|"(?:\\.|[^"\\\n])*"')
COMMENT = re.compile(r"//.*")
BLOCK = re.compile(r"/\*.*?\*/", re.S)


def blank(match):
    return "".join("\n" if c == "\n" else " " for c in match.group(0))


def code_of(text):
    """The text without comments and string literals, line by line."""
    text = BLOCK.sub(blank, MULTILINE.sub(blank, text))
    return [COMMENT.sub("", TEXT.sub('""', line)) for line in text.split("\n")]


def allowances(lines, index):
    """What the comments on this line and the one above allow."""
    allowed = set()
    for line in lines[max(0, index - 1) : index + 1]:
        match = ALLOW.search(line)
        if match:
            allowed.add(match.group(1).strip())
    return allowed


class House:
    def __init__(self, root):
        self.root = root
        self.sources = root / "Sources"
        self.floor_of = {}
        self.findings = []
        self.allowed = []
        self.c_users = {}
        for floor in FLOORS:
            for room in sorted((self.sources / floor).glob("*/")):
                if room.is_dir():
                    self.floor_of[room.name] = floor
        for folder in sorted(self.sources.glob("*/")):
            if folder.name in ROOT_ROOMS:
                self.floor_of[folder.name] = "Root"
            elif folder.name not in FLOORS:
                self.find(folder, 0, f"the folder is on no floor ({', '.join(FLOORS)}) and is not the composition root")

    def find(self, path, line, what):
        self.findings.append(f"{path.relative_to(self.root)}:{line}: {what}" if line else f"{path.relative_to(self.root)}: {what}")

    def is_c(self, room):
        if not (room.startswith("C") and len(room) > 1 and room[1].isupper()):
            return False
        folder = next((self.sources / floor / room for floor in FLOORS if (self.sources / floor / room).is_dir()), None)
        return folder is not None and not any(folder.rglob("*.swift"))

    def check(self):
        count = 0
        for room, floor in sorted(self.floor_of.items()):
            folder = self.sources / room if floor == "Root" else self.sources / floor / room
            for path in sorted(folder.rglob("*.swift")):
                count += 1
                self.check_file(path, room, floor)
        for module, users in sorted(self.c_users.items()):
            if len(users) > 1:
                self.findings.append(f"{module}: each C module is wrapped by one room; imported by {', '.join(sorted(users))}")
        return count

    def check_file(self, path, room, floor):
        lines = path.read_text(encoding="utf-8").split("\n")
        for index, code in enumerate(code_of("\n".join(lines))):
            match = IMPORT.match(code)
            problems = self.import_problems(room, floor, match.group(1)) if match else self.ban_problems(floor, code)
            for name, what in problems:
                if name in allowances(lines, index):
                    self.allowed.append(f"{path.relative_to(self.root)}:{index + 1}: {name}")
                else:
                    self.find(path, index + 1, what)

    def import_problems(self, room, floor, module):
        target = self.floor_of.get(module)
        if (room, module) in CORE_EXCEPTIONS or module == room:
            return []
        if target is None:
            if floor == "Core" and module in NOT_IN_CORE:
                return [(f"import {module}", f"{room} is pure: it must not import {module}")]
            return []
        if floor == "Root":
            # Adapters are chosen in one place.
            if target == "Adapters" and room != "Trunkline":
                return [(f"import {module}", f"{room} must not import the adapter {module}: only Trunkline, the composition root, does")]
            return []
        if target == "Root":
            return [(f"import {module}", f"{room} must not import the composition root {module}")]
        if self.is_c(module):
            self.c_users.setdefault(module, set()).add(room)
        if target not in FLOORS[floor]:
            return [(f"import {module}", f"{room} ({floor}) must not import {module} ({target}); {floor} may import {', '.join(sorted(FLOORS[floor]))}")]
        return []

    def ban_problems(self, floor, code):
        for name, pattern in BANNED.items():
            if floor not in BAN_FLOORS and name not in BANNED_EVERYWHERE:
                continue
            if re.search(pattern, code):
                yield name, f"`{name}` is not for {floor}: time, chance and tasks are handed in, and nothing is forced"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true", help="also list what was allowed by a comment")
    options = parser.parse_args()
    if not (options.root / "Sources").is_dir():
        print(f"check-architecture: there is no folder Sources in {options.root}", file=sys.stderr)
        return 2
    house = House(options.root.resolve())
    files = house.check()
    if files == 0:
        print("check-architecture: no Swift file was found, so nothing was checked", file=sys.stderr)
        return 2
    for finding in house.findings:
        print(finding, file=sys.stderr)
    if options.list:
        for entry in house.allowed:
            print("allowed:", entry)
    print(f"architecture: {len(house.floor_of)} rooms, {files} files, {len(house.allowed)} allowed by comment, {len(house.findings)} found")
    return 1 if house.findings else 0


if __name__ == "__main__":
    sys.exit(main())
