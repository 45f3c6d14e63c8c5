"""The architecture check finds what it is for, and nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-architecture.py"


def check(files):
    """Exit code and what was found in a house of these files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder, "Sources", path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, SCRIPT, "--root", folder], capture_output=True, text=True)
        return run.returncode, run.stderr


BASE = {
    "Core/Resources/A.swift": "struct A {}\n",
    "Edge/Loops/A.swift": "import Glibc\nimport Resources\n",
    "Adapters/Log/A.swift": "import Loops\npackage import Resources\n",
    "Roles/Runner/A.swift": "import Resources\n",
    "Trunkline/A.swift": "import Log\nimport Runner\n",
    "TrunklineCommand/A.swift": "import Trunkline\n",
}


class Arrows(unittest.TestCase):
    def finds(self, path, text, what):
        code, found = check(BASE | {path: text})
        self.assertEqual(code, 1, found)
        self.assertIn(what, found)
        self.assertIn(path, found)

    def test_the_house_as_it_should_be_is_clean(self):
        self.assertEqual(check(BASE), (0, ""))

    def test_a_core_imports_only_cores(self):
        self.finds("Core/Routing/B.swift", "import Resources\nimport Loops\n", "Routing (Core) must not import Loops (Edge)")

    def test_a_core_has_no_foundation_and_no_locks(self):
        for module in ["Foundation", "Glibc", "Dispatch", "Synchronization"]:
            self.finds("Core/Routing/B.swift", f"internal import {module}\n", f"must not import {module}")

    def test_a_role_knows_no_adapter(self):
        for form in ["import Log", "@testable import Log", "package import Log", "private import struct Log.Writer"]:
            self.finds("Roles/Gateway/B.swift", form + "\n", "must not import Log (Adapters)")

    def test_only_the_composition_root_knows_adapters(self):
        self.finds("TrunklineCommand/B.swift", "import Log\n", "must not import the adapter Log")

    def test_nothing_imports_the_composition_root(self):
        self.finds("Roles/Gateway/B.swift", "import Trunkline\n", "must not import the composition root")

    def test_the_edge_knows_no_role(self):
        self.finds("Edge/Server/B.swift", "import Runner\n", "must not import Runner (Roles)")

    def test_a_folder_on_no_floor_is_found(self):
        code, found = check(BASE | {"Helpers/B.swift": ""})
        self.assertEqual(code, 1)
        self.assertIn("Helpers", found)

    def test_a_c_module_is_wrapped_once(self):
        code, found = check(BASE | {"Edge/CThing/module.modulemap": "", "Edge/One/A.swift": "import CThing\n", "Edge/Two/A.swift": "import CThing\n"})
        self.assertEqual(code, 1)
        self.assertIn("CThing", found)

    def test_an_empty_house_is_not_clean(self):
        self.assertEqual(check({"Core/Resources/x.txt": ""})[0], 2)


class Bans(unittest.TestCase):
    BANNED = [
        "let now = Date()", "Task { await x() }", "Task(priority: .high) { }", "Task(executorPreference: loop) { }", "Task.detached { }",
        "try await Task.sleep(for: .seconds(1))", "let t = DispatchTime.now()", "ContinuousClock().now", "SystemRandomNumberGenerator()",
        "Int.random(in: 0...1)", "a.shuffled()", "UUID()", "clock_gettime(CLOCK_REALTIME, &t)", "gettimeofday(&t, nil)", "sleep(1)", "usleep(10)",
        "let x = try! f()", "let y = x as! Int",
    ]
    ALLOWED = [
        "Task(id: 1)", "func task() -> Task {", "group.addTask { await x() }", "operation == .createTask {", "timer.sleep(milliseconds: 1)",
        "// Date() would be wrong", 'let text = "Date() and UUID()"', 'let text = #"sleep(1) "Date()" "#', "try? f()", "x as? Int", "sleep()",
        "/* UUID() */",
    ]

    def test_ambient_things_are_found_on_every_floor_below_the_root(self):
        paths = ["Core/Resources/B.swift", "Roles/Runner/B.swift", "Adapters/Log/B.swift"]
        code, found = check(BASE | {path: "\n".join(self.BANNED) for path in paths})
        self.assertEqual(code, 1)
        for path in paths:
            for number, line in enumerate(self.BANNED, 1):
                self.assertIn(f"{path}:{number}:", found, line)

    def test_what_only_looks_like_it_is_left_alone(self):
        self.assertEqual(check(BASE | {"Core/Resources/B.swift": "\n".join(self.ALLOWED)}), (0, ""))

    def test_text_over_several_lines_is_no_code(self):
        self.assertEqual(check(BASE | {"Core/Resources/B.swift": 'let a = """\n  Date()\n  import Loops\n  """\n'}), (0, ""))

    def test_a_comment_allows_one_thing_with_a_reason(self):
        line = "// house: allow UUID() because the test says so\nlet a = UUID()\n"
        self.assertEqual(check(BASE | {"Core/Resources/B.swift": line}), (0, ""))
        for wrong in ["// house: allow UUID()\nlet a = UUID()\n", "// house: allow Date() because x\nlet a = UUID()\n", line + "\nlet b = UUID()\n"]:
            self.assertEqual(check(BASE | {"Core/Resources/B.swift": wrong})[0], 1)

    def test_the_edge_and_the_root_may_look_at_the_clock_but_force_nothing(self):
        for path in ["Edge/Loops/B.swift", "Trunkline/B.swift"]:
            self.assertEqual(check(BASE | {path: "let now = Date()\n"}), (0, ""))
            self.assertEqual(check(BASE | {path: "let x = try! f()\n"})[0], 1)


if __name__ == "__main__":
    unittest.main()
