"""Bulk import: NDJSON and CSV, gzip, bad lines, repeats, and kill -9 in the middle."""

import csv
import gzip
import io
import json
import random
import threading
import unittest

import requests

from support import SID, TOKEN, AcceptanceTest, Server, Space, embedded_only, until

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}


def lines(count, start=0):
    return b"".join(json.dumps({"attributes": {"n": n, "name": "Zoë"}}, ensure_ascii=False).encode() + b"\n" for n in range(start, start + count))


class BulkTest(AcceptanceTest):
    def bulk(self, space, body, headers=NDJSON, import_id=None, workflow=True, **parameters):
        if import_id:
            parameters["ImportId"] = import_id
        if workflow:
            parameters["WorkflowSid"] = space.workflow.sid
        return self.server.post(f"{space.path}/Tasks/Bulk", data=body, params=parameters, headers=headers, timeout=180)

    def taken(self, answer, **expected):
        self.assertEqual(answer.status_code, 202, answer.text)
        body = answer.json()
        self.assertEqual(set(body), {"import_id", "lines", "accepted", "duplicates", "rejected", "errors"})
        self.assertEqual({name: body[name] for name in expected}, expected, body)
        return body

    def decided(self, space, import_id, count):
        """Waits until so many lines are decided; the status."""
        path = f"{space.path}/Tasks/Bulk/{import_id}"
        return until(lambda: (lambda body: body if body.get("decided", 0) >= count else None)(self.server.get(path).json()), f"{count} lines are decided")

    def tasks(self, space):
        return [json.loads(task.attributes) for task in space.api.tasks.list(page_size=1000)]


class Bulk(BulkTest):
    def test_ndjson(self):
        space = self.space()
        body = self.taken(self.bulk(space, lines(300), import_id="first"), import_id="first", lines=300, accepted=300, duplicates=0, rejected=0, errors=[])
        status = self.decided(space, body["import_id"], 300)
        self.assertEqual((status["decided"], status["errors"]), (300, []))
        self.assertEqual([task["n"] for task in self.tasks(space)], list(range(300)), "in the order of the lines")
        self.assertEqual(self.tasks(space)[0]["name"], "Zoë")

    def test_all_keys_of_a_line(self):
        space = self.space()
        other = space.api.workflows.create(friendly_name="other", configuration=json.dumps({"task_routing": {"default_filter": {"queue": space.queue.sid}}}))
        line = {"attributes": {"a": [1, {"b": None}]}, "priority": 7, "timeout": 600, "task_channel": "chat", "workflow_sid": other.sid}
        self.taken(self.bulk(space, json.dumps(line).encode(), import_id="x"), lines=1, accepted=1)
        self.decided(space, "x", 1)
        task = space.api.tasks.list()[0]
        self.assertEqual((task.priority, task.timeout, task.task_channel_unique_name, task.workflow_sid, json.loads(task.attributes)),
                         (7, 600, "chat", other.sid, line["attributes"]))

    def test_without_an_import_id_each_run_is_a_new_import(self):
        space = self.space()
        one, two = (self.taken(self.bulk(space, lines(3)), accepted=3) for _ in range(2))
        self.assertNotEqual(one["import_id"], two["import_id"])
        self.decided(space, two["import_id"], 3)
        self.assertEqual(len(self.tasks(space)), 6)

    def test_without_an_import_id_an_idempotency_key_stands_for_one(self):
        space = self.space()
        keyed = lambda key: {**NDJSON, "Idempotency-Key": key}
        first = self.taken(self.bulk(space, lines(5), keyed("one")), lines=5, accepted=5)
        self.taken(self.bulk(space, lines(5), keyed("one")), import_id=first["import_id"], lines=5, accepted=0, duplicates=5)
        other = self.taken(self.bulk(space, lines(5), keyed("two")), lines=5, accepted=5)
        self.assertNotEqual(other["import_id"], first["import_id"])
        self.decided(space, other["import_id"], 5)
        self.assertEqual(len(self.tasks(space)), 10)
        self.assert_error(self.bulk(space, lines(5), keyed("two words")), 400, 20001, "Idempotency-Key")

    def test_a_repeat_doubles_nothing(self):
        space = self.space()
        self.taken(self.bulk(space, lines(500), import_id="again"), accepted=500, duplicates=0)
        for _ in range(2):
            again = self.taken(self.bulk(space, lines(500), import_id="again"), lines=500, rejected=0)
            self.assertEqual(again["accepted"] + again["duplicates"], 500)
        self.decided(space, "again", 500)
        self.taken(self.bulk(space, lines(500), import_id="again"), accepted=0, duplicates=500)
        self.assertEqual(sorted(task["n"] for task in self.tasks(space)), list(range(500)))

    def test_a_longer_repeat_adds_the_rest(self):
        space = self.space()
        self.taken(self.bulk(space, lines(50), import_id="grows"), accepted=50)
        self.decided(space, "grows", 50)
        self.taken(self.bulk(space, lines(80), import_id="grows"), lines=80, accepted=30, duplicates=50)
        self.decided(space, "grows", 80)
        self.assertEqual(len(self.tasks(space)), 80)

    def test_the_same_import_twice_at_once_doubles_nothing(self):
        space = self.space()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.bulk(space, lines(400), import_id="both"))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for answer in answers:
            body = self.taken(answer, lines=400)
            self.assertEqual(body["accepted"] + body["duplicates"], 400)
        self.decided(space, "both", 400)
        self.assertEqual(sorted(task["n"] for task in self.tasks(space)), list(range(400)))

    def test_wd1_the_same_import_id_in_other_workspaces_is_another_import(self):
        account = self.client.api.v2010.accounts.create(friendly_name="second")
        # So many that several share a partition.
        spaces = [self.space() for _ in range(6)] + [Space(self.server, client=self.server.client(account.sid, account.auth_token))]
        for space in spaces:
            auth = (account.sid, account.auth_token) if space is spaces[-1] else (SID, TOKEN)
            path = f"{space.path}/Tasks/Bulk"
            answer = self.server.post(f"{path}?ImportId=same&WorkflowSid={space.workflow.sid}", data=lines(4), headers=NDJSON, auth=auth)
            self.taken(answer, accepted=4, duplicates=0)
            until(lambda: self.server.get(f"{path}/same", auth=auth).json()["decided"] == 4, "the lines are decided")
            self.assertEqual(len(space.api.tasks.list()), 4)

    def test_gzip_and_chunks(self):
        space = self.space()
        packed = gzip.compress(lines(2000))
        self.taken(self.bulk(space, packed, {**NDJSON, "Content-Encoding": "gzip"}, "packed"), lines=2000, accepted=2000)
        pieces = (packed[place:place + 7] for place in range(0, len(packed), 7))
        self.taken(self.bulk(space, pieces, {**NDJSON, "Content-Encoding": "gzip"}, "pieces"), lines=2000, accepted=2000)
        # Two members one after another are one stream (RFC 1952 section 2.2).
        self.taken(self.bulk(space, gzip.compress(lines(10)) + gzip.compress(lines(10)), {**NDJSON, "Content-Encoding": "gzip"}), lines=20, accepted=20)

    def test_what_is_not_gzip_is_refused(self):
        space = self.space()
        for body in [lines(5), b"\x1f\x8b nonsense", gzip.compress(lines(5))[:-6], b""]:
            answer = self.bulk(space, body, {**NDJSON, "Content-Encoding": "gzip"}, "bad")
            self.assert_error(answer, 400, 20001, "gzip")
        whole = self.taken(self.bulk(space, lines(5), import_id="bad"), lines=5)
        self.assertEqual(whole["accepted"] + whole["duplicates"], 5)
        self.decided(space, "bad", 5)
        self.assertEqual(len(self.tasks(space)), 5, "the import is finished, nothing is doubled")

    def test_a_bomb_costs_no_memory(self):
        space = self.space()

        def resident():
            with open(f"/proc/{self.server.process.pid}/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

        before = resident()
        packer = gzip.compress(b"\n" * 1 + b"x" * (64 << 20))
        answer = self.bulk(space, packer, {**NDJSON, "Content-Encoding": "gzip"}, "bomb")
        body = self.taken(answer, accepted=0, rejected=1)
        self.assertIn("65536", body["errors"][0]["message"])
        self.assertLess(resident() - before, 24 << 10, "kilobytes more than before")

    def test_csv(self):
        space = self.space()
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["priority", "attributes", "task_channel"])
        writer.writerow([3, json.dumps({"say": 'he said "yes",\nthen left'}), "chat"])
        writer.writerow(["", json.dumps({"n": 2}), ""])
        body = self.taken(self.bulk(space, text.getvalue().encode(), CSV, "csv"), lines=2, accepted=2, rejected=0)
        self.decided(space, body["import_id"], 2)
        first, second = space.api.tasks.list()
        self.assertEqual((first.priority, first.task_channel_unique_name, json.loads(first.attributes)), (3, "chat", {"say": 'he said "yes",\nthen left'}))
        self.assertEqual((second.priority, second.task_channel_unique_name), (0, "default"))

    def test_bad_csv(self):
        space = self.space()
        rows = b'attributes,priority\n{},1\n"{""n"":1}",high\n"{""broken"":",2\n"{}",3,4\n"{""n"":5}",5\n'
        body = self.taken(self.bulk(space, rows, CSV, "csv"), lines=5, accepted=2, rejected=3)
        self.assertEqual([error["line"] for error in body["errors"]], [3, 4, 5], "the header is line 1")
        for header in [b"colour,size\n1,2\n", b"priority\n1\n"]:
            answer = self.bulk(space, header, CSV)
            self.assertTrue(answer.status_code == 400 or answer.json()["accepted"] == 0, answer.text)

    def test_a_cell_that_is_not_utf8_is_refused_and_not_changed(self):
        space = self.space()
        rows = b'attributes,task_channel\n"{""n"":""\xff""}",\n{},ch\xe4t\n{},\n'
        body = self.taken(self.bulk(space, rows, CSV, "latin"), lines=3, accepted=1, rejected=2)
        self.assertEqual([(error["line"], error["message"]) for error in body["errors"]], [(2, "attributes is not UTF-8"), (3, "task_channel is not UTF-8")])

    def test_lines_within_a_quoted_cell_that_is_too_long_are_no_records(self):
        space = self.space()
        rows = b'attributes\n"{\n{}\n{}\n' + b"\n" * 70_000 + b'}"\n"{""n"":1}"\n'
        body = self.taken(self.bulk(space, rows, CSV, "long"), lines=2, accepted=1, rejected=1)
        self.assertEqual([error["line"] for error in body["errors"]], [2])
        self.assertIn("at most 65536 bytes", body["errors"][0]["message"])
        self.decided(space, "long", 2)
        self.assertEqual(self.tasks(space), [{"n": 1}])

    def test_bad_lines_are_named_by_number(self):
        space = self.space()
        bad = {
            2: b'{"attributes": {"n": 1}', 4: b"nonsense", 5: b"[]", 7: b'{"attributes": []}', 8: b'{"attributes": {}, "priority": "high"}',
            9: b'{"attributes": {}, "priority": -1}', 10: b'{"attributes": {}, "timeout": 0}', 11: b'{"attributes": "text"}', 12: b'\xff\xfe{}',
            13: b'{"attributes": {}, "workflow_sid": "WW1"}', 14: b'{"attributes": {"x": "' + b"y" * 4100 + b'"}}',
            15: b'{"attributes": {"x": "' + b"y" * 70000 + b'"}}'}
        body = b"".join(bad.get(number, b'{"attributes": {"line": %d}}' % number) + b"\n" for number in range(1, 21))
        for _ in range(2):
            answer = self.taken(self.bulk(space, body, import_id="mixed"), lines=20, rejected=len(bad))
            self.assertEqual([error["line"] for error in answer["errors"]], sorted(bad))
            self.assertTrue(all(error["message"] for error in answer["errors"]))
            self.assertIn("65536", answer["errors"][-1]["message"])
            self.assertEqual(answer["accepted"] + answer["duplicates"], 8)
        self.decided(space, "mixed", 8)
        self.assertEqual([task["line"] for task in self.tasks(space)], [n for n in range(1, 21) if n not in bad])

    def test_over_a_thousand_errors_are_counted_and_a_thousand_listed(self):
        space = self.space()
        answer = self.taken(self.bulk(space, b"bad\n" * 1500 + lines(1), import_id="errors"), lines=1501, accepted=1, rejected=1500)
        self.assertEqual([error["line"] for error in answer["errors"]], list(range(1, 1001)))

    def test_what_is_refused_in_deciding_shows_in_the_status(self):
        space = self.space()
        body = json.dumps({"attributes": {}, "task_channel": "pigeon"}).encode() + b"\n" + lines(1) + json.dumps({"attributes": {}, "workflow_sid": "WW" + "0" * 32}).encode()
        answer = self.bulk(space, body, import_id="late")
        self.assertEqual(answer.status_code, 202, answer.text)
        status = self.decided(space, "late", 3 - answer.json()["rejected"])
        named = {error["line"]: error["message"] for error in status["errors"] + answer.json()["errors"]}
        self.assertEqual(set(named), {1, 3})
        self.assertEqual(len(self.tasks(space)), 1)
        # Lines that were refused in reading are decided too, and no tasks
        self.taken(self.bulk(space, b"bad\n" + lines(2) + body + b"\nbad\nbad\n", import_id="all"), lines=8, rejected=3)
        status = self.decided(space, "all", 8)
        self.assertEqual((status["decided"], status["accepted"], status["rejected"]), (8, 3, 5))
        self.assertEqual([error["line"] for error in status["errors"]], [4, 6])

    def test_endings_and_empty_lines(self):
        space = self.space()
        self.taken(self.bulk(space, b'{"attributes":{}}\r\n{"attributes":{}}', import_id="crlf"), accepted=2)
        self.taken(self.bulk(space, b"", import_id="empty"), lines=0, accepted=0, rejected=0, errors=[])
        with_gaps = self.bulk(space, b'{"attributes":{}}\n\n{"attributes":{}}\n\n', import_id="gaps")
        self.assertEqual(with_gaps.json()["accepted"], 2, with_gaps.text)

    def test_wrong_requests(self):
        space = self.space()
        self.assert_error(self.bulk(space, b"{}", {"Content-Type": "application/json"}), 415)
        self.assert_error(self.bulk(space, b"{}", {**NDJSON, "Content-Encoding": "br"}), 415)
        self.assert_error(self.server.post(f"{space.path}/Tasks/Bulk?WorkflowSid=WW{'0' * 32}", data=lines(1), headers=NDJSON), 400, 20001, "WorkflowSid")
        self.assert_error(self.server.get(f"{space.path}/Tasks/Bulk/never"), 404, 20404)
        self.assert_error(self.server.get(f"{space.path}/Tasks/Bulk"), 405)
        self.assert_error(self.bulk(space, lines(1), import_id="x" * 200), 400, 20001, "ImportId")

    def test_many_lines_arrive_while_the_server_answers_others(self):
        space, neighbour = self.space(), self.space()
        done = threading.Event()
        thread = threading.Thread(target=lambda: (self.bulk(space, lines(6000), import_id="many"), done.set()))
        thread.start()
        count = 0
        while not done.is_set():
            neighbour.task()
            count += 1
        thread.join()
        self.assertGreater(count, 0)
        self.decided(space, "many", 6000)
        first = self.server.get(f"{space.path}/Tasks?PageSize=1000").json()
        self.assertEqual([json.loads(task["attributes"])["n"] for task in first["tasks"]], list(range(1000)))


class Neighbours(unittest.TestCase):
    def test_an_import_of_nothing_but_line_ends_or_errors_holds_up_nobody_on_its_loop(self):
        # Given a server of one loop
        server = Server("--threads", "1").start()
        self.addCleanup(server.close)
        space = Space(server)
        for name, headers, text in [("errors", NDJSON, b"x\n" * (4 << 20)), ("blank lines", NDJSON, b"\n" * (24 << 20)), ("blank records", CSV, b"attributes\n" + b"\n" * (8 << 20))]:
            with self.subTest(name):
                # When a few kilobytes come that unpack to millions of lines
                answers = []
                packed = gzip.compress(text)
                thread = threading.Thread(target=lambda: answers.append(
                    server.post(f"{space.path}/Tasks/Bulk", data=packed, headers={**headers, "Content-Encoding": "gzip"}, timeout=180)))
                thread.start()
                # Then others are answered again and again until it is done
                count = 0
                while not answers:
                    self.assertEqual(server.get("/health", auth=None).status_code, 200)
                    count += 1
                thread.join()
                self.assertEqual(answers[0].status_code, 202, answers[0].text)
                self.assertGreater(count, 20)

    @embedded_only
    def test_items_that_end_at_one_instant_hold_up_no_other_workspace(self):
        # Given a workspace with thirty thousand tasks that end at once, and six others on the same partitions
        server = Server().start()
        self.addCleanup(server.close)
        crowded, others = Space(server), [Space(server) for _ in range(6)]
        body = b'{"attributes":{},"timeout":3600}\n' * 30_000
        answer = server.post(f"{crowded.path}/Tasks/Bulk", data=body, headers=NDJSON, params={"WorkflowSid": crowded.workflow.sid, "ImportId": "i"}, timeout=180)
        self.assertEqual(answer.status_code, 202, answer.text)
        until(lambda: server.get(f"{crowded.path}/Tasks/Bulk/i").json()["decided"] == 30_000, "all lines are decided")
        # When that instant comes
        ended = threading.Event()
        thread = threading.Thread(target=lambda: (server.advance(3601), ended.set()))
        thread.start()
        until(lambda: server.get(f"{crowded.path}/Tasks?AssignmentStatus=canceled&PageSize=1").json()["tasks"], "the first has ended")
        # Then each of the others is served before all have
        for other in others:
            other.task()
        self.assertFalse(ended.is_set())
        thread.join()
        self.assertTrue(ended.is_set())
        self.assertEqual(server.get(f"{crowded.path}/Tasks?AssignmentStatus=pending&PageSize=1").json()["tasks"], [])


class Killed(unittest.TestCase):
    def test_kill_in_the_middle_and_run_again(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        total, source = 3000, random.Random(5)
        url = f"{server.url}{space.path}/Tasks/Bulk"
        parameters = {"ImportId": "interrupted", "WorkflowSid": space.workflow.sid}
        for stop in [400, 1300, 2400]:
            sent = threading.Event()

            def body():
                for number in range(total):
                    yield lines(1, number)
                    if number == stop:
                        sent.set()

            def send():
                try:
                    requests.post(url, data=body(), params=parameters, headers=NDJSON, auth=(SID, TOKEN), timeout=120)
                except requests.RequestException:
                    pass

            thread = threading.Thread(target=send, daemon=True)
            thread.start()
            self.assertTrue(sent.wait(60))
            # Somewhere after: the moment is up to the machine.
            for _ in range(source.randrange(3)):
                server.get("/ready", auth=None)
            server.kill()
            thread.join(60)
            server.start()
        answer = requests.post(url, data=lines(total), params=parameters, headers=NDJSON, auth=(SID, TOKEN), timeout=120)
        self.assertEqual(answer.status_code, 202, answer.text)
        body = answer.json()
        self.assertEqual((body["lines"], body["accepted"] + body["duplicates"], body["rejected"]), (total, total, 0))
        until(lambda: server.get(f"{space.path}/Tasks/Bulk/interrupted").json()["decided"] >= total, "all are decided")
        tasks = [json.loads(task.attributes)["n"] for task in space.api.tasks.list(page_size=1000)]
        self.assertEqual(sorted(tasks), list(range(total)))
        self.assertEqual(tasks, list(range(total)), "in the order of the lines")


if __name__ == "__main__":
    unittest.main()
