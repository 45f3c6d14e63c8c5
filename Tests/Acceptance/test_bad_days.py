"""The embedded home on bad days: damaged files, folders without permission, full disks; backups, and coming back from them."""

import ctypes
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import tarfile
import tempfile
import threading
import unittest
import uuid

import requests

from support import BINARY, PATIENCE, SID, TOKEN, Server, Space, embedded_only, in_parallel, until
from test_commands import trunkline

LOG = "log.sqlite"
DERIVED = "derived.sqlite"


class BadDay(unittest.TestCase):
    def folder(self):
        place = tempfile.mkdtemp(prefix="trunkline-bad-day-")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        return place

    def server(self, folder=None, **arguments):
        server = Server(folder=folder or self.folder(), **arguments)
        self.addCleanup(server.close)
        return server

    def served(self, tasks=5):
        """A stopped folder with some tasks: the folder, the workspace's SID, the tasks' SIDs."""
        server = self.server().start()
        space = Space(server)
        sids = {space.task({"n": number}).sid for number in range(tasks)}
        self.assertEqual(server.terminate(), 0, server.log_tail())
        return server.folder, space.sid, sids

    def tasks(self, server, workspace):
        return {task.sid for task in server.client().taskrouter.v1.workspaces(workspace).tasks.list(page_size=1000)}

    def picture(self, server, space, tasks):
        """What the API shows of a workspace and of some tasks in it, but for what follows from the time and the address."""

        def plain(value):
            if isinstance(value, dict):
                return {name: plain(part) for name, part in value.items() if name not in ("url", "links", "meta", "age")}
            return [plain(part) for part in value] if isinstance(value, list) else value

        paths = ["", "/Workers", "/TaskQueues", "/Workflows", "/Activities", "/TaskChannels"]
        paths += [f"/Tasks/{sid}{part}" for sid in tasks for part in ("", "/Reservations")]
        return {path: plain(server.get(f"{space.path}{path}").json()) for path in paths}

    def refuses(self, folder, *words, before_exec=None):
        """`serve` ends by itself, says so in these words, and changes nothing that is called log.sqlite."""
        path = os.path.join(folder, LOG)
        before = content(path)
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE")}
        done = subprocess.run(
            [BINARY, "serve", "--data-dir", folder, "--http", "127.0.0.1:0"], capture_output=True, text=True, timeout=PATIENCE * 2, env=env,
            stdin=subprocess.DEVNULL, preexec_fn=before_exec)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertGreater(done.returncode, 0, f"ended by a signal: {done.stderr}")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(content(path), before)
        return done.stderr


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def overwrite(path, content, at=0):
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        file.write(content)


@embedded_only
class DamagedFiles(BadDay):
    def test_a_log_that_is_no_log_is_refused_and_never_begun_anew(self):
        folder, _, _ = self.served()
        path = os.path.join(folder, LOG)
        whole = content(path)

        def strange(place):
            os.unlink(place)
            with sqlite3.connect(place) as other:
                other.execute("CREATE TABLE somebody (id)")
            other.close()

        def newer(place):
            with sqlite3.connect(place) as ours:
                ours.execute("PRAGMA user_version=99")
            ours.close()

        cases = {
            "truncated": (lambda: os.truncate(path, len(whole) // 2), ["damaged", "trunkline restore", "trunkline doctor"]),
            "truncated within a page": (lambda: os.truncate(path, 5000), ["damaged", "trunkline restore"]),
            "head overwritten": (lambda: overwrite(path, b"\xee" * 100), ["damaged", "trunkline restore"]),
            "middle overwritten": (lambda: overwrite(path, b"\xee" * 8192, len(whole) // 2 // 4096 * 4096), ["damaged", "trunkline restore"]),
            "not SQLite": (lambda: write(path, b"hello, this is a text\n" * 300), ["damaged", "trunkline restore"]),
            "empty": (lambda: write(path, b""), ["damaged", "it is empty"]),
            "another product's": (lambda: strange(path), ["not an event log of this product"]),
            "newer": (lambda: newer(path), ["later release", "schema 99", "restore"]),
        }
        for name, (damage, words) in cases.items():
            with self.subTest(name):
                for end in ("-wal", "-shm"):
                    if os.path.exists(path + end):
                        os.unlink(path + end)
                write(path, whole)
                damage()
                self.refuses(folder, path, *words)
                looked = trunkline("doctor", "--data-dir", folder, "--http", "127.0.0.1:0")
                self.assertEqual(looked.returncode, 1, looked.stdout)
                self.assertIn("BAD  log", looked.stdout)

    def test_a_log_that_is_gone_is_missed(self):
        folder, _, _ = self.served()
        os.rename(os.path.join(folder, LOG), os.path.join(folder, "elsewhere"))
        self.refuses(folder, os.path.join(folder, LOG), "is missing", "trunkline restore")
        self.assertFalse(os.path.exists(os.path.join(folder, LOG)))
        self.assertIn("log.sqlite is missing", trunkline("doctor", "--data-dir", folder, "--http", "127.0.0.1:0").stdout)

    def test_the_second_file_is_looked_at_as_the_first_is(self):
        folder, workspace, sids = self.served()
        path = os.path.join(folder, DERIVED)
        whole = content(path)

        def refused(*words):
            before = content(path)
            self.refuses(folder, path, *words)
            self.assertEqual(content(path), before)
            self.assertEqual(trunkline("doctor", "--data-dir", folder, "--http", "127.0.0.1:0").returncode, 1)

        os.unlink(path)
        refused("is missing", "trunkline restore")
        for damage in (whole[: len(whole) // 2], b"\xee" * 100 + whole[100:], b""):
            write(path, damage)
            refused("damaged", "trunkline restore")
        write(path, whole)
        self.assertEqual(self.tasks(self.server(folder).start(), workspace), sids)

    def test_a_write_ahead_log_without_its_file_is_no_new_beginning(self):
        folder = self.folder()
        write(os.path.join(folder, LOG + "-wal"), b"frames")
        self.refuses(folder, LOG, "is missing", "trunkline restore")
        self.assertFalse(os.path.exists(os.path.join(folder, LOG)))

    def test_a_truncated_write_ahead_log_loses_its_end_and_nothing_before_it(self):
        # Given a server that was killed, so that the last commits stand in the write-ahead log alone
        server = self.server().start()
        space = Space(server)
        first = space.task().sid
        server.restart()
        for number in range(20):
            space.task({"n": number})
        server.kill()
        wal = os.path.join(server.folder, LOG + "-wal")
        size = os.path.getsize(wal)
        self.assertGreater(size, 0)
        # When its end is cut off in the middle of a frame
        os.truncate(wal, size - 5000)
        # Then the server starts with what stands before, and goes on
        server.start()
        self.assertIn(first, self.tasks(server, space.sid))
        more = space.task().sid
        server.restart()
        self.assertLessEqual({first, more}, self.tasks(server, space.sid))

    def test_a_write_ahead_log_of_rubbish_counts_for_nothing(self):
        folder, workspace, sids = self.served()
        write(os.path.join(folder, LOG + "-wal"), os.urandom(40_000))
        server = self.server(folder).start()
        self.assertEqual(self.tasks(server, workspace), sids)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def fill_disk(path):
    """A file that takes whatever room there is."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, b"\0" * 4096)
    except OSError:
        pass
    finally:
        os.close(file)


def as_anybody():
    """Root passes by permissions; without these two capabilities it does not."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (1, 2):
            libc.prctl(24, capability, 0, 0, 0)


@embedded_only
class DamagedSmallFiles(BadDay):
    def test_an_account_file_that_says_nothing_makes_no_second_account(self):
        # Given a folder with its own account
        folder = os.path.join(self.folder(), "data")
        server = self.server(folder, environment={"TRUNKLINE_ACCOUNT_SID": "", "TRUNKLINE_AUTH_TOKEN": ""})
        server.spawn()
        account = os.path.join(folder, "account")
        until(lambda: os.path.exists(account) and content(account).count(b"=") == 2, "the account is kept")
        self.assertEqual(server.terminate(), 0)
        kept = content(account)
        # When the file is emptied or overwritten, then the server refuses to start, names it and leaves it alone
        for text in [b"", b"nonsense\n", b"TRUNKLINE_ACCOUNT_SID=AC1\nTRUNKLINE_AUTH_TOKEN=x\n", b"\xff\xfe", kept.splitlines()[0]]:
            with self.subTest(text):
                write(account, text)
                self.refuses(folder, account, "put it back", "account list --show-tokens")
                self.assertEqual(content(account), text)
        # With the account given, the file is not needed; put back, it counts as before.
        sid, token = (line.split(b"=")[1].decode() for line in kept.splitlines())
        with_preset = self.server(folder, environment={"TRUNKLINE_ACCOUNT_SID": sid, "TRUNKLINE_AUTH_TOKEN": token}).spawn()
        until(lambda: content(account) == kept, "the file is written again")
        self.assertEqual(with_preset.terminate(), 0)

    def test_a_dev_clock_file_that_is_no_time_is_refused(self):
        folder, _, _ = self.served()
        clock = os.path.join(folder, "dev-clock")
        for text in [b"", b"soon", b"-5", b"99999999999999999"]:
            with self.subTest(text):
                write(clock, text)
                self.refuses(folder, clock, "no time", "remove it")
                self.assertIn(clock, trunkline("doctor", "--data-dir", folder, "--http", "127.0.0.1:0").stdout)
                self.assertEqual(content(clock), text)


@embedded_only
class Permissions(BadDay):
    def test_what_may_not_be_written_or_read_is_named(self):
        folder, workspace, sids = self.served()
        cases = {
            "folder read-only": ("", 0o500, ["lock"]),
            "lock read-only": ("trunkline.lock", 0o400, ["trunkline.lock", "Permission denied"]),
            "log read-only": (LOG, 0o400, [LOG]),
            "log unreadable": (LOG, 0o000, [LOG, "ermission"]),
            "second file read-only": (DERIVED, 0o400, [DERIVED]),
            "evidence read-only": ("poison-page", 0o400, ["poison-page", "ermission"]),
        }
        for name, (file, mode, words) in cases.items():
            with self.subTest(name):
                path = os.path.join(folder, file) if file else folder
                usual = stat.S_IMODE(os.stat(path).st_mode)
                lock = os.path.join(folder, "trunkline.lock")
                # A lock that is there already would be opened for writing all the same.
                if not file:
                    os.unlink(lock)
                os.chmod(path, mode)
                try:
                    self.refuses(folder, folder, *words, before_exec=as_anybody)
                finally:
                    os.chmod(path, usual)
                    write(lock, b"")
        server = self.server(folder).start()
        self.assertEqual(self.tasks(server, workspace), sids)

    def test_the_journal_of_a_folder_that_may_not_be_written_is_told_in_words(self):
        folder, _, _ = self.served()
        os.chmod(folder, 0o500)
        self.addCleanup(os.chmod, folder, 0o700)
        done = subprocess.run(
            [BINARY, "journal", "show", "--data-dir", folder], capture_output=True, text=True, timeout=PATIENCE, preexec_fn=as_anybody)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"{folder} may be read but not written by this user", done.stderr)

    def test_a_folder_that_cannot_be_made_is_named(self):
        parent = self.folder()
        os.chmod(parent, 0o500)
        self.addCleanup(os.chmod, parent, 0o700)
        self.refuses(os.path.join(parent, "data"), os.path.join(parent, "data"), "ermission denied", before_exec=as_anybody)
        place = os.path.join(self.folder(), "file")
        write(place, b"")
        self.refuses(place, place, "cannot be used")


@embedded_only
class Backups(BadDay):
    def test_a_running_server_is_copied_and_every_accepted_task_of_before_is_there(self):
        # Given a server at work, and one account beside the first
        server = self.server().start()
        space = Space(server)
        worker = space.worker("agent", languages=["en"])
        held = [space.task({"languages": "en", "n": number}).sid for number in range(2)]
        first = space.offer(worker.sid)
        space.accept(first)
        space.finish(first.task_sid)
        space.accept(space.offer(worker.sid))
        accepted, stop = [], threading.Event()

        def client():
            session = server.session()
            while not stop.is_set():
                answer = session.post(f"{server.url}{space.path}/Tasks", {"Attributes": "{}", "WorkflowSid": space.workflow.sid}, timeout=60)
                if answer.status_code == 201:
                    accepted.append(answer.json()["sid"])

        threads = [threading.Thread(target=client, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        self.addCleanup(stop.set)
        until(lambda: len(accepted) >= 50, "50 tasks")
        # When it is copied while the clients go on
        before, pictured = set(accepted), self.picture(server, space, held)
        file = os.path.join(self.folder(), "monday.sqlite")
        done = trunkline("backup", file, "--data-dir", server.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        until(lambda: len(accepted) > len(before), "more tasks after the backup")
        stop.set()
        for thread in threads:
            thread.join(PATIENCE * 2)
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(file)), ["monday.sqlite"], "one file, nothing beside it")
        # Then the restored folder has all of before, and nothing that was never accepted
        place = os.path.join(self.folder(), "restored")
        back = trunkline("restore", file, "--data-dir", place)
        self.assertEqual(back.returncode, 0, back.stderr)
        kept = content(os.path.join(place, "account")).decode()
        self.assertIn(SID, kept)
        self.assertIn(TOKEN, kept)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(place, "account")).st_mode), 0o600)
        # Without a preset account: the folder's own
        restored = self.server(place, environment={"TRUNKLINE_ACCOUNT_SID": "", "TRUNKLINE_AUTH_TOKEN": ""}).start()
        self.assertLessEqual(before, self.tasks(restored, space.sid))
        # With what was accepted and finished, workers, queues, workflows as they were
        self.assertEqual(self.picture(restored, space, held), pictured)
        # And goes on working
        more = restored.post(f"{space.path}/Tasks", {"Attributes": "{}", "WorkflowSid": space.workflow.sid})
        self.assertEqual(more.status_code, 201, more.text)
        # A request that was recorded and not decided yet when it was copied is decided again, before what comes after it, and its task gets a SID of its own: one for each client at most.
        found = self.tasks(restored, space.sid)
        self.assertLessEqual(before | {more.json()["sid"]}, found)
        self.assertLessEqual(len(found - self.tasks(server, space.sid) - {more.json()["sid"]}), len(threads))
        restored.restart()
        self.assertEqual(self.tasks(restored, space.sid), found)

    def test_a_stopped_folder_is_copied_and_a_copy_may_be_put_in_place_by_hand(self):
        folder, workspace, sids = self.served()
        file = os.path.join(self.folder(), "copy.sqlite")
        self.assertEqual(trunkline("backup", file, "--data-dir", folder).returncode, 0)
        place = self.folder()
        shutil.copy(file, os.path.join(place, LOG))
        server = self.server(place).start()
        self.assertEqual(self.tasks(server, workspace), sids)
        # A backup of what was restored so is a backup as any.
        again = os.path.join(self.folder(), "again.sqlite")
        self.assertEqual(trunkline("backup", again, "--data-dir", place).returncode, 0)
        self.assertEqual(trunkline("restore", again, "--data-dir", os.path.join(self.folder(), "new")).returncode, 0)

    def test_nothing_that_is_there_is_overwritten(self):
        folder, _, _ = self.served()
        file = os.path.join(self.folder(), "copy.sqlite")
        write(file, b"mine")

        def fails(*arguments, word):
            done = trunkline(*arguments)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(word, done.stderr)

        fails("backup", file, "--data-dir", folder, word="--force")
        self.assertEqual(content(file), b"mine")
        self.assertEqual(trunkline("backup", file, "--data-dir", folder, "--force").returncode, 0)
        self.assertEqual(trunkline("doctor", "--data-dir", folder, "--http", "127.0.0.1:0").returncode, 0)
        before = content(os.path.join(folder, LOG))
        for name in (LOG, "copy"):
            fails("backup", os.path.join(folder, name), "--data-dir", folder, "--force", word="data folder")
        fails("backup", os.path.join(self.folder(), "a", "b"), "--data-dir", folder, word="could not be written")
        fails("backup", os.path.join(self.folder(), "a"), "--data-dir", os.path.join(folder, "nowhere"), word="nowhere")
        fails("restore", file, "--data-dir", folder, word="has a log already")
        fails("restore", os.path.join(folder, "nothing"), "--data-dir", os.path.join(self.folder(), "new"), word="nothing")
        self.assertEqual(content(os.path.join(folder, LOG)), before)
        # What is no backup, or a damaged one, makes no folder that could be served.
        for name, rubbish in [("text", b"text" * 2000), ("half", content(file)[:20_000]), ("empty", b"")]:
            with self.subTest(name):
                bad, place = os.path.join(self.folder(), name), os.path.join(self.folder(), "new")
                write(bad, rubbish)
                fails("restore", bad, "--data-dir", place, word=bad)
                self.assertFalse(os.path.exists(os.path.join(place, LOG)))

    def test_a_damaged_folder_gives_no_backup(self):
        folder, _, _ = self.served()
        path = os.path.join(folder, LOG)
        overwrite(path, b"\xee" * 8192, os.path.getsize(path) // 2 // 4096 * 4096)
        file = os.path.join(self.folder(), "copy.sqlite")
        done = trunkline("backup", file, "--data-dir", folder)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(LOG, done.stderr)
        self.assertEqual(os.listdir(os.path.dirname(file)), [])

    def test_help_shows_how(self):
        for command in ("backup", "restore"):
            done = trunkline(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"trunkline {command} /mnt", done.stdout)


@embedded_only
class EarlierReleases(BadDay):
    """Folders as earlier releases left them, killed in the middle of their work (fixtures/make_embedded.py makes one)."""

    def test_every_fixture_is_served_and_goes_on(self):
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
        archives = sorted(name for name in os.listdir(place) if name.startswith("embedded-") and name.endswith(".tar.gz"))
        self.assertTrue(archives)
        for archive in archives:
            with self.subTest(archive):
                # Given
                folder = self.folder()
                with tarfile.open(os.path.join(place, archive)) as packed:
                    packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
                self.goes_on(os.path.join(folder, "data"))

    def goes_on(self, folder):
        with open(os.path.join(folder, "described.json")) as file:
            described = json.load(file)
        # When this release serves it, with the account that is in it
        server = self.server(folder, environment={"TRUNKLINE_ACCOUNT_SID": "", "TRUNKLINE_AUTH_TOKEN": ""}).start()
        client = server.client(described["account"], described["token"])
        for kept in described["workspaces"]:
            space = client.taskrouter.v1.workspaces(kept["sid"])
            # Then every task is there as it was
            found = {task.sid: {"status": task.assignment_status, "attributes": json.loads(task.attributes), "priority": task.priority}
                     for task in space.tasks.list(page_size=1000)}
            self.assertEqual(found, kept["tasks"])
            # And the keys of before are known
            again = server.post(f"/v1/Workspaces/{kept['sid']}/Tasks", kept["key"]["form"], headers={"Idempotency-Key": kept["key"]["key"]})
            self.assertEqual(again.json()["sid"], kept["key"]["sid"])
            # And work goes on: what is held is finished, what waits comes next, until nothing is left
            left = {sid for sid, task in kept["tasks"].items() if task["status"] not in ("completed", "canceled")}
            left.add(space.tasks.create(attributes='{"n": "new"}', workflow_sid=kept["workflow"]).sid)

            def work():
                for worker in kept["workers"]:
                    for offer in space.workers(worker).reservations.list():
                        if offer.task_sid not in left or offer.reservation_status not in ("pending", "accepted"):
                            continue
                        if offer.reservation_status == "pending":
                            space.workers(worker).reservations(offer.sid).update(reservation_status="accepted")
                        space.tasks(offer.task_sid).update(assignment_status="completed", reason="done")
                        left.discard(offer.task_sid)
                return not left

            until(work, "all work is done")
        server.restart()
        for kept in described["workspaces"]:
            states = {task.assignment_status for task in client.taskrouter.v1.workspaces(kept["sid"]).tasks.list(page_size=1000)}
            self.assertLessEqual(states, {"completed", "canceled"})


@embedded_only
class FullDisk(BadDay):
    def small_disk(self, megabytes):
        place = self.folder()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", place], capture_output=True, text=True)
        if mounted.returncode != 0:
            print(f"SKIPPED: a full disk: a small file system cannot be mounted here ({mounted.stderr.strip()})", flush=True)
            self.skipTest(f"mount is not permitted: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=True)
        return place

    def test_new_work_is_refused_nothing_is_lost_and_it_goes_on_by_itself(self):
        # Given a server on a small disk
        place = self.small_disk(12)
        server = self.server(os.path.join(place, "data")).start()
        space = Space(server)
        accepted, refusals, doubtful = {}, [], {}
        text = "x" * 3000

        def create(key):
            form = {"Attributes": '{"k": "%s"}' % (key + text), "WorkflowSid": space.workflow.sid, "Timeout": "1209600"}
            return server.post(f"{space.path}/Tasks", form, headers={"Idempotency-Key": key})

        for _ in range(3):
            key = str(uuid.uuid4())
            accepted[key] = create(key).json()["sid"]
        # When somebody else fills it
        ballast = os.path.join(place, "ballast")
        fill_disk(ballast)

        def fill(_):
            """Until new work is refused because of the disk."""
            while True:
                key = str(uuid.uuid4())
                answer = create(key)
                if answer.status_code == 201:
                    accepted[key] = answer.json()["sid"]
                    continue
                self.assertEqual(answer.status_code, 503, answer.text)
                self.assertIn("Retry-After", answer.headers)
                self.assertEqual(answer.json()["code"], 20503)
                if "disk is full" in answer.json()["message"]:
                    refusals.append(key)
                    return
                doubtful[key] = answer.text

        in_parallel(3, fill)
        # Then it says so, goes on living, and what is there can be read
        until(lambda: "disk" in server.get("/ready").json().get("not_ready", []), "/ready names the disk")
        self.assertEqual(server.get("/ready").status_code, 503)
        self.assertEqual(server.get("/health").status_code, 200)
        self.assertIn("the log cannot be used", server.log_text())
        sid = next(iter(accepted.values()))
        self.assertEqual(server.get(f"{space.path}/Tasks/{sid}").status_code, 200)
        # Also killed and started again on the full disk, unless it says why it cannot
        server.kill()
        server.spawn()

        def lives_or_says_why():
            if server.process.poll() is not None:
                return "ended"
            try:
                return requests.get(server.url + "/health", timeout=10).ok
            except requests.RequestException:
                return False

        if until(lives_or_says_why, "it starts or ends") == "ended":
            self.assertGreater(server.process.returncode, 0, server.log_tail())
            self.assertIn("free space", server.log_tail())
            os.truncate(ballast, 0)
            server.spawn()
        # When there is room again, nobody has to do anything
        os.truncate(ballast, 0)
        server.wait_ready()
        for key in [*refusals, *doubtful]:
            answer = until(lambda: (lambda answer: answer if answer.status_code == 201 else None)(create(key)), "it is taken now")
            accepted[key] = answer.json()["sid"]
        # Then all that was accepted is there, once
        listed = space.api.tasks.list(page_size=1000)
        self.assertEqual(sorted(task.sid for task in listed), sorted(accepted.values()))
        server.restart()
        self.assertEqual(self.tasks(server, space.sid), set(accepted.values()))

    def test_a_server_that_is_never_stopped_recovers_and_its_work_goes_on(self):
        place = self.small_disk(12)
        server = self.server(os.path.join(place, "data")).start()
        space = Space(server)
        worker = space.worker("ann")
        task = space.task()
        offer = space.offer(worker.sid)
        ballast = os.path.join(place, "ballast")
        fill_disk(ballast)

        def refused():
            answer = server.post(f"{space.path}/Tasks", {"Attributes": '{"t": "%s"}' % ("x" * 3900), "WorkflowSid": space.workflow.sid})
            return answer.status_code == 503 and "disk is full" in answer.json()["message"]

        until(refused, "new work is refused", PATIENCE * 2)
        until(lambda: "disk" in server.get("/ready").json().get("not_ready", []), "/ready names the disk")
        os.truncate(ballast, 0)
        server.wait_ready()
        until(lambda: "the log can be used again" in server.log_text(), "it says that it is well again")
        space.accept(offer)
        space.finish(task.sid)
        self.assertEqual(space.status(task.sid), "completed")

    def test_a_backup_without_room_leaves_nothing(self):
        folder, _, _ = self.served(20)
        place = self.small_disk(1)
        with open(os.path.join(place, "ballast"), "wb") as file:
            file.write(b"\0" * 950_000)
        done = trunkline("backup", os.path.join(place, "copy.sqlite"), "--data-dir", folder)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("could not be written", done.stderr)
        self.assertEqual(os.listdir(place), ["ballast"])


if __name__ == "__main__":
    unittest.main()
