"""The scripts that tests and installs depend on, with doubles of the programs that they call."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSED = "✔ Test run with 7 tests in 2 suites passed after 0.1 seconds."


class Sandbox(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "bin").mkdir()
        (self.folder / "scripts").mkdir()

    def double(self, name, body):
        path = self.folder / "bin" / name
        path.write_text("#!/bin/bash\n" + body + "\n", encoding="utf-8")
        path.chmod(0o755)

    def run_script(self, name, *arguments, **environment):
        shutil.copy(ROOT / "scripts" / name, self.folder / "scripts" / name)
        env = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder)} | environment
        run = subprocess.run(["/bin/bash", self.folder / "scripts" / name, *arguments], capture_output=True, text=True, env=env)
        return run.returncode, run.stdout, run.stderr


class Testing(Sandbox):
    """scripts/test.sh never says that all is well when nothing was tested."""

    def outcome(self, output=PASSED, code=0, acceptance=None, build=0, arguments=()):
        (self.folder / "output").write_text(output + "\n", encoding="utf-8")
        self.double("swift", f'[ "$1" = build ] && exit {build}\ncat "{self.folder}/output"\nexit {code}')
        if acceptance is not None:
            script = self.folder / "Tests/Acceptance/run.sh"
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(acceptance, encoding="utf-8")
        code, out, err = self.run_script("test.sh", *arguments)
        summary = self.folder / ".build/test-summary"
        return code, (out.strip().splitlines() or [""])[-1], err, summary.read_text().strip() if summary.exists() else None

    def test_passed(self):
        code, last, _, summary = self.outcome()
        self.assertEqual((code, last, summary), (0, "7 passed, 0 failed", "7"))

    def test_skipped_ones_are_not_passed(self):
        code, last, _, summary = self.outcome('➜ Test "a" skipped.\n➜ Test "b" skipped: "no"\n' + PASSED)
        self.assertEqual((code, last, summary), (0, "5 passed, 0 failed, 2 skipped", "5"))

    def test_none_but_skipped_ones_ran(self):
        code, _, err, summary = self.outcome('➜ Test "a" skipped.\n✔ Test run with 1 test in 1 suite passed after 0.1 seconds.')
        self.assertEqual((code, summary), (1, None))
        self.assertIn("no test ran", err)

    def test_the_last_closing_line_counts(self):
        code, last, *_ = self.outcome("✔ Test run with 1 test in 0 suites passed after 0.1 seconds.\n" + PASSED)
        self.assertEqual((code, last), (0, "7 passed, 0 failed"))

    def test_no_test_ran(self):
        code, _, err, summary = self.outcome("✔ Test run with 0 tests in 0 suites passed after 0.001 seconds.")
        self.assertEqual((code, summary), (1, None))
        self.assertIn("no test ran", err)

    def test_no_test_matches(self):
        code, _, err, _ = self.outcome("✔ Test run with 0 tests in 0 suites passed after 0.001 seconds.", arguments=["Nothing"])
        self.assertEqual(code, 1)
        self.assertIn("no test matches 'Nothing'", err)

    def test_a_crash_leaves_no_closing_line(self):
        for code in [0, 1, 132]:
            got, _, err, summary = self.outcome("◇ Test run started.", code=code)
            self.assertEqual((got, summary), (1, None))
            self.assertIn("without its closing line", err)

    def test_a_failure(self):
        output = '✘ Test "a" failed after 0.1 seconds with 1 issue.\n✘ Test run with 7 tests in 2 suites failed after 0.1 seconds with 1 issue.'
        code, _, err, summary = self.outcome(output, code=1)
        self.assertEqual((code, summary), (1, None))
        self.assertIn('✘ Test "a" failed', err)

    def test_a_failure_is_one_whatever_the_exit_code(self):
        code, *_ = self.outcome("✘ Test run with 7 tests in 2 suites failed after 0.1 seconds with 1 issue.", code=0)
        self.assertEqual(code, 1)

    def test_a_broken_build(self):
        self.assertNotEqual(self.outcome(build=1)[0], 0)

    def test_acceptance_tests_are_added(self):
        code, last, _, summary = self.outcome(acceptance="echo 5 passed in 3s")
        self.assertEqual((code, last, summary), (0, "12 passed, 0 failed", "12"))

    def test_acceptance_tests_fail(self):
        self.assertEqual(self.outcome(acceptance="echo 5 passed, 1 failed; exit 1")[0], 1)

    def test_acceptance_tests_that_test_nothing(self):
        for text in ["exit 0", "echo 0 passed", "echo all fine"]:
            code, _, err, _ = self.outcome(acceptance=text)
            self.assertEqual(code, 1)
            self.assertIn("ran no test", err)

    def test_a_filter_leaves_acceptance_tests_out(self):
        self.assertEqual(self.outcome(acceptance="exit 1", arguments=["A"])[0], 0)


class Installing(Sandbox):
    """scripts/deps.sh on a system where what is missing and who asks are given."""

    def system(self, missing, user=0, offered="", sudo=False, install=0):
        self.double("swift", "exit 0")
        self.double("dpkg-query", f'for n in {missing}; do [ "${{@: -1}}" = "$n" ] && exit 1; done; echo -n installed')
        self.double("apt-get", f'echo "apt-get $*" >>"{self.folder}/calls"; [ "$1" = install ] && exit {install}; exit 0')
        self.double("apt-cache", f'for n in {offered}; do [ "$2" = "$n" ] && exit 0; done; exit 1')
        self.double("id", f"echo {user}")
        # The system's own sudo must not be found where there is none.
        for tool in ["env", "tail", "mktemp", "rm", "bash", "cat", "ls"]:
            target = shutil.which(tool)
            (self.folder / "bin" / tool).symlink_to(target)
        if sudo:
            self.double("sudo", f'echo "sudo" >>"{self.folder}/calls"; exec "$@"')

    def run_deps(self, *arguments, **environment):
        return self.run_script("deps.sh", *arguments, PATH=str(self.folder / "bin"), **environment)

    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def test_all_there_says_and_does_nothing(self):
        self.system("")
        self.assertEqual(self.run_deps("--test"), (0, "", ""))
        self.assertEqual(self.calls(), [])

    def test_what_is_missing_is_named_with_why_and_installed(self):
        self.system("libuv1-dev zlib1g-dev", offered="libuv1-dev zlib1g-dev")
        code, out, _ = self.run_deps()
        self.assertEqual(code, 0)
        self.assertIn("libuv1-dev                   event loops", out)
        self.assertIn("apt-get install -q -y --no-install-recommends libuv1-dev zlib1g-dev", self.calls())

    def test_an_alternative_is_enough(self):
        self.system("node-llhttp")
        self.assertEqual(self.run_deps(), (0, "", ""))

    def test_a_later_release_offers_another_name(self):
        self.system("node-llhttp libllhttp-dev", offered="libllhttp-dev")
        self.assertEqual(self.run_deps()[0], 0)
        self.assertIn("apt-get install -q -y --no-install-recommends libllhttp-dev", self.calls())

    def test_extras_of_tests_only_when_asked(self):
        self.system("python3-venv", offered="python3-venv")
        self.assertEqual(self.run_deps(), (0, "", ""))
        self.assertIn("python3-venv", self.run_deps("--test")[1])

    def test_without_root_it_takes_sudo(self):
        self.system("libuv1-dev", user=1000, sudo=True, offered="libuv1-dev")
        code, out, _ = self.run_deps()
        self.assertEqual(code, 0)
        self.assertIn("password", out)
        self.assertIn("sudo", self.calls())

    def test_without_root_and_sudo_it_says_what_to_do(self):
        self.system("libuv1-dev node-llhttp libllhttp-dev", user=1000)
        code, _, err = self.run_deps()
        self.assertEqual(code, 1)
        self.assertIn("apt-get update && apt-get install -y libuv1-dev node-llhttp", err)
        self.assertEqual(self.calls(), [])

    def test_without_apt_it_lists_what_is_needed(self):
        self.system("")
        (self.folder / "bin/apt-get").unlink()
        code, _, err = self.run_deps()
        self.assertEqual(code, 1)
        self.assertIn("no apt", err)
        self.assertIn("libsimdjson-dev", err)
        self.assertEqual(self.run_deps(TRUNKLINE_SKIP_DEPS="1")[0], 0)

    def test_a_failed_install_fails(self):
        self.system("libuv1-dev", offered="libuv1-dev", install=100)
        code, _, err = self.run_deps()
        self.assertNotEqual(code, 0)
        self.assertIn("failed", err)

    def test_without_swift_it_says_where_it_is(self):
        self.system("")
        (self.folder / "bin/swift").unlink()
        code, _, err = self.run_deps()
        self.assertEqual(code, 1)
        self.assertIn("swift.org", err)

    def test_an_unknown_option(self):
        self.system("")
        self.assertEqual(self.run_deps("--tests")[0], 2)


if __name__ == "__main__":
    unittest.main()
