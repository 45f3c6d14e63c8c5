#!/usr/bin/env python3
"""A violating snippet is caught for each rule of check-architecture.py, and what only looks like one is not. Ends with "N passed, M failed"."""

import importlib.util
import pathlib
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("check_architecture", here / "check-architecture.py")
check = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = check
spec.loader.exec_module(check)

ROOMS = [
    "Core/JSON", "Core/Ports", "Core/PortsTesting", "Core/Resources", "Core/TaskRouting", "Edge/CSimdJSON", "Edge/CSQLite", "Edge/Crypto",
    "Edge/EventLoops", "Edge/HTTPServer", "Adapters/SQLiteEventLog", "Adapters/InProcessHotState", "Roles/Gateway", "Roles/Ingress",
    "Trunkline", "TrunklineCommand",
]  # fmt: skip

CORE, EDGE, ADAPTER, ROLE = "Core/TaskRouting", "Edge/HTTPServer", "Adapters/SQLiteEventLog", "Roles/Ingress"

# (name, folder below Sources or a test folder, code, what the finding must name; None: nothing is found)
CASES = [
    ("a core that imports I/O", CORE, "import Foundation", "import Foundation"),
    ("a core that imports the C library", CORE, "internal import Glibc", "import Glibc"),
    ("a core that imports the edge", CORE, "import EventLoops", "import EventLoops"),
    ("a core with locks", CORE, "import Synchronization", "import Synchronization"),
    ("the doubles may lock", "Core/PortsTesting", "import Synchronization", None),
    ("JSON reads with simdjson", "Core/JSON", "internal import CSimdJSON", None),
    ("nobody else in the core does", CORE, "import CSimdJSON", "import CSimdJSON"),
    ("a core on a core", CORE, "package import Resources", None),
    ("a core that imports an adapter", CORE, "import SQLiteEventLog", "import SQLiteEventLog"),
    ("a single declaration imported", CORE, "import struct Foundation.Date", "import Foundation"),
    ("an attributed import", CORE, "@preconcurrency package import Dispatch", "import Dispatch"),
    ("the edge on an adapter", EDGE, "import SQLiteEventLog", "import SQLiteEventLog"),
    ("the edge on a role", EDGE, "import Ingress", "import Ingress"),
    ("the edge on the ports", "Edge/EventLoops", "package import Ports", None),
    ("the edge on a machine", EDGE, "import TaskRouting", "import TaskRouting"),
    ("an adapter on another adapter", ADAPTER, "import InProcessHotState", "import InProcessHotState"),
    ("an adapter on a role", ADAPTER, "import Gateway", "import Gateway"),
    ("an adapter on a machine", ADAPTER, "import TaskRouting", "import TaskRouting"),
    ("an adapter on its C library", ADAPTER, "import CSQLite", None),
    ("a role on an adapter", ROLE, "import SQLiteEventLog", "import SQLiteEventLog"),
    ("a role on a role", ROLE, "import Gateway", None),
    ("a role on the server", ROLE, "import HTTPServer", None),
    ("a role on loops", ROLE, "import EventLoops", "import EventLoops"),
    ("a role on a C library", ROLE, "import CSQLite", "import CSQLite"),
    ("a role on the system", ROLE, "import Glibc", "import Glibc"),
    ("a role on the composition root", ROLE, "import Trunkline", "import Trunkline"),
    ("the composition root on an adapter", "Trunkline", "import SQLiteEventLog", None),
    ("the composition root on the command", "Trunkline", "import TrunklineCommand", "import TrunklineCommand"),
    ("the command on the composition root", "TrunklineCommand", "import Trunkline", None),
    ("the command on an adapter", "TrunklineCommand", "import SQLiteEventLog", "import SQLiteEventLog"),
    ("a test on an adapter", "/Tests/Contracts", "import SQLiteEventLog", None),
    ("a product with doubles", "Trunkline", "import PortsTesting", "import PortsTesting"),
    ("an outside package", ROLE, "import NIOCore", "import NIOCore"),
    ("a room on no floor", "Somewhere", "let a = 1", "Somewhere"),
    ("wall clock", CORE, "let now = Date()", "Date()"),
    ("unstructured task", ROLE, "Task { await run() }", "Task {"),
    ("unstructured task with a place to run", ROLE, "Task(executorPreference: loop) {", "Task {"),
    ("unstructured task kept", ROLE, "let t = Task<Void, Never> { }", "Task {"),
    ("a type called Task", CORE, "struct Task {", None),
    ("a function that returns a Task", CORE, "func find() -> Task {", None),
    ("a property that is a Task", CORE, "var first: Task { tasks[0] }", None),
    ("a value called Task", CORE, "let t = Task(id: id, record: record)", None),
    ("a child of a group", ROLE, "group.addTask { await run() }", None),
    ("detached task", ROLE, "Task.detached { }", "Task.detached"),
    ("continuous clock", ADAPTER, "let c = ContinuousClock()", "ContinuousClock"),
    ("suspending clock", CORE, "SuspendingClock.now", "SuspendingClock"),
    ("system randomness", CORE, "var g = SystemRandomNumberGenerator()", "SystemRandomNumberGenerator"),
    ("ambient random number", CORE, "let n = Int.random(in: 0..<9)", ".random("),
    ("random number of a given generator", CORE, "let n = Int.random(in: 0..<9, using: &generator)", None),
    ("identifier out of nowhere", CORE, "let id = UUID()", "UUID()"),
    ("the C clock", ADAPTER, "clock_gettime(CLOCK_REALTIME, &t)", "clock_gettime"),
    ("the old C clock", ADAPTER, "gettimeofday(&t, nil)", "gettimeofday"),
    ("sleep", ADAPTER, "usleep(10)", "usleep("),
    ("sleep of a task", ROLE, "try await Task.sleep(nanoseconds: 1)", "Task.sleep"),
    ("dispatch queue", ROLE, "DispatchQueue.global().async { }", "DispatchQueue"),
    ("the edge has the clock", EDGE, "clock_gettime(CLOCK_REALTIME, &t)", None),
    ("trap on error", EDGE, "let a = try! f()", "try!"),
    ("trap on cast", EDGE, "let a = b as! Int", "as!"),
    ("trap in a benchmark", "/Benchmarks/EdgeBench", "let a = try! f()", "try!"),
    ("trap in a test", "/Tests/JSON", "let a = try! f()", None),
    ("unchecked without proof", EDGE, "final class A: @unchecked Sendable {}", "@unchecked"),
    ("unsafe without proof", EDGE, "nonisolated(unsafe) var a = 1", "nonisolated(unsafe)"),
    ("unchecked with proof", EDGE, "// Touched on the loop's thread only.\nfinal class A: @unchecked Sendable {}", None),
    ("proof too far away", EDGE, "// Why.\n\n\n\nfinal class A: @unchecked Sendable {}", "@unchecked"),
    ("one proof for a run", EDGE, "// Why.\n" + "nonisolated(unsafe) var a = 1\n" * 6, None),
    ("only in a comment", CORE, "// Never Date() here.\n/* nor\nUUID() */", None),
    ("only in a string", CORE, 'let text = "say Date() and \\" UUID()"', None),
    ("only in a long string", CORE, 'let text = """\n  Date()\n  "quoted" UUID()\n  """', None),
    ("only in a raw string", CORE, 'let text = #"a " Date() \\"#', None),
    ("in an interpolation", CORE, 'let text = "now: \\(Date())"', "Date()"),
    ("behind a string", CORE, 'let text = "// no comment"; let now = Date()', "Date()"),
    ("allowed on the line above", CORE, "// house: allow UUID() because the test of the rule needs one\nlet id = UUID()", None),
    ("allowed on the same line", CORE, "import Glibc  // house: allow import Glibc because of sqrt", None),
    ("something else allowed", CORE, "// house: allow Date() because of nothing\nlet id = UUID()", "UUID()"),
    ("allowed without a reason", CORE, "// house: allow UUID()\nlet id = UUID()", "UUID()"),
    ("allowed and not needed", CORE, "// house: allow UUID() because it was\nlet id = 1", "house: allow UUID()"),
]


def findings(folder, code):
    """What the check says of a house that has all rooms and one file with this code, on line 2 and below."""
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        for room in ROOMS:
            place = base / "Sources" / room
            place.mkdir(parents=True)
            name = "shim.h" if room.split("/")[-1].startswith("CS") else "Empty.swift"
            (place / name).write_text("")
        place = base / folder[1:] if folder.startswith("/") else base / "Sources" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "Case.swift").write_text("\n" + code + "\n")
        house = check.House(base)
        house.check()
        return house.findings


def main():
    failed = 0
    for name, folder, code, expected in CASES:
        found = findings(folder, code)
        texts = [text for _, _, text in found]
        ok = not found if expected is None else any(text.startswith(expected + ":") for text in texts)
        if not ok:
            failed += 1
            print(f"{name}: expected {expected or 'nothing'}, found {texts or 'nothing'}")
    lines = [line for _, line, _ in findings(CORE, "/* a\n b */ let x = \"\"\"\n \\(1)\n \"\"\"\nlet id = UUID()")]
    if lines != [6]:
        failed += 1
        print(f"line numbers: expected [6], found {lines}")
    print(f"{len(CASES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
