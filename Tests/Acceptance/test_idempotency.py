"""Idempotency-Key: the same answer however often and however parallel one asks; another body is a conflict; kept 24 hours and over restarts."""

import os
import sqlite3
import unittest
import uuid

from support import AcceptanceTest, Server, Space, embedded_only, in_parallel


class Idempotency(AcceptanceTest):
    def post(self, path, data, key):
        return self.server.post(path, data, headers={"Idempotency-Key": key})

    def test_a_repeat_gets_the_same_answer(self):
        space = self.space()
        key, data = str(uuid.uuid4()), {"Attributes": '{"n":1}', "WorkflowSid": space.workflow.sid}
        answers = [self.post(f"{space.path}/Tasks", data, key) for _ in range(3)]
        self.assertEqual([a.status_code for a in answers], [201] * 3)
        self.assertEqual(len({a.json()["sid"] for a in answers}), 1)
        self.assertEqual(len(space.api.tasks.list()), 1)

    def test_the_answer_is_the_same_whatever_became_of_it_since(self):
        space = self.space()
        worker = space.worker("w", available=False)
        made = {"Attributes": '{"n":1}', "WorkflowSid": space.workflow.sid, "Priority": "3"}
        asked = []

        def ask(path, data):
            key = str(uuid.uuid4())
            answer = self.post(path, data, key)
            self.assertLess(answer.status_code, 300, answer.text)
            asked.append((path, data, key, answer))
            return answer.json()

        task = ask(f"{space.path}/Tasks", made)
        self.assertEqual((task["priority"], task["workflow_friendly_name"]), (3, space.workflow.friendly_name))
        ask(f"{space.path}/Tasks/{task['sid']}", {"Priority": "4", "Attributes": '{"n":2}'})
        ask(f"{space.path}/Workflows/{space.workflow.sid}", {"FriendlyName": "another name"})
        ask(f"{space.path}/TaskQueues/{space.queue.sid}", {"FriendlyName": "another queue"})
        ask(f"{space.path}/Workers/{worker.sid}/Channels/default", {"Capacity": "7"})
        ask(space.path, {"FriendlyName": "another space"})
        space.set_available(worker.sid)
        offer = space.offer(worker.sid)
        ask(f"{space.path}/Workers/{worker.sid}/Reservations/{offer.sid}", {"ReservationStatus": "accepted"})
        ask(f"{space.path}/Workers/{worker.sid}", {"Attributes": '{"a":1}'})
        space.finish(task["sid"])
        space.api.update(friendly_name="a third name")
        space.api.workers(worker.sid).worker_channels("default").update(capacity=9)
        space.api.workers(worker.sid).update(friendly_name="other")
        space.api.tasks(task["sid"]).delete()
        for path, data, key, first in asked:
            again = self.post(path, data, key)
            self.assertEqual((again.status_code, again.text, again.headers.get("ETag")), (first.status_code, first.text, first.headers.get("ETag")), path)
            self.assertEqual((first.headers.get("Idempotent-Replayed"), again.headers.get("Idempotent-Replayed")), (None, "true"))

    def test_parallel_repeats_get_the_same_answer(self):
        space = self.space()
        for _ in range(5):
            key, data = str(uuid.uuid4()), {"Attributes": "{}", "WorkflowSid": space.workflow.sid}
            answers = in_parallel(8, lambda _: self.post(f"{space.path}/Tasks", data, key))
            self.assertEqual({a.status_code for a in answers}, {201}, [a.text for a in answers])
            self.assertEqual(len({a.text for a in answers}), 1)
        self.assertEqual(len(space.api.tasks.list()), 5)

    def test_another_body_is_a_conflict(self):
        space = self.space()
        key = str(uuid.uuid4())
        self.assertEqual(self.post(f"{space.path}/Tasks", {"Attributes": "{}", "WorkflowSid": space.workflow.sid}, key).status_code, 201)
        other = self.post(f"{space.path}/Tasks", {"Attributes": '{"other":1}', "WorkflowSid": space.workflow.sid}, key)
        self.assert_error(other, 409, None, "Idempotency-Key")
        elsewhere = self.post(f"{space.path}/Workers", {"FriendlyName": "w"}, key)
        self.assertEqual(elsewhere.status_code, 409)
        self.assertEqual(len(space.api.tasks.list()), 1)

    def test_a_repeated_accept_is_accepted_again_not_refused(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        offer = space.offer(worker.sid)
        url, key = f"{space.path}/Workers/{worker.sid}/Reservations/{offer.sid}", str(uuid.uuid4())
        first = self.post(url, {"ReservationStatus": "accepted"}, key)
        again = self.post(url, {"ReservationStatus": "accepted"}, key)
        self.assertEqual((first.status_code, again.status_code), (200, 200), again.text)
        self.assertEqual(again.json()["reservation_status"], "accepted")
        self.assert_error(self.server.post(url, {"ReservationStatus": "accepted"}), 400, 20001)
        space.finish(task.sid)
        self.assertEqual(self.post(url, {"ReservationStatus": "accepted"}, key).status_code, 200)

    def test_parallel_accepts_with_one_key(self):
        space = self.space()
        worker = space.worker("w")
        for _ in range(3):
            task = space.task()
            offer = space.offer(worker.sid)
            key = str(uuid.uuid4())
            answers = in_parallel(6, lambda _: self.post(f"{space.path}/Tasks/{task.sid}/Reservations/{offer.sid}", {"ReservationStatus": "accepted"}, key))
            self.assertEqual({a.status_code for a in answers}, {200}, [a.text for a in answers])
            space.finish(task.sid)

    def test_a_refusal_is_repeated_too(self):
        space = self.space()
        key = str(uuid.uuid4())
        bad = {"AssignmentStatus": "completed"}
        task = space.task()
        first = self.post(f"{space.path}/Tasks/{task.sid}", bad, key)
        self.assertEqual(first.status_code, 400)
        worker = space.worker("w")
        space.accept(space.offer(worker.sid))
        again = self.post(f"{space.path}/Tasks/{task.sid}", bad, key)
        self.assertEqual((again.status_code, again.json()["code"]), (first.status_code, first.json()["code"]))

    def test_a_workspace_and_an_account_made_twice_are_one(self):
        key = str(uuid.uuid4())
        answers = in_parallel(4, lambda _: self.post("/v1/Workspaces", {"FriendlyName": "once"}, key))
        self.assertEqual({a.status_code for a in answers}, {201}, [a.text for a in answers])
        self.assertEqual(len({a.json()["sid"] for a in answers}), 1)
        self.assertEqual(len(self.client.taskrouter.v1.workspaces.list(friendly_name="once")), 1)
        self.assertEqual(self.post("/v1/Workspaces", {"FriendlyName": "other"}, key).status_code, 409)
        key = str(uuid.uuid4())
        answers = [self.post("/2010-04-01/Accounts.json", {"FriendlyName": "once"}, key) for _ in range(3)]
        self.assertEqual({a.status_code for a in answers}, {201}, [a.text for a in answers])
        self.assertEqual(len({(a.json()["sid"], a.json()["auth_token"]) for a in answers}), 1)
        self.assertEqual([a.headers.get("Idempotent-Replayed") for a in answers], [None, "true", "true"])
        self.assertEqual(self.post("/2010-04-01/Accounts.json", {"FriendlyName": "other"}, key).status_code, 409)

    def test_parallel_creations_of_an_account_get_the_same_one(self):
        for number in range(5):
            key = str(uuid.uuid4())
            answers = in_parallel(8, lambda _: self.post("/2010-04-01/Accounts.json", {"FriendlyName": f"parallel {number}"}, key))
            self.assertEqual({a.status_code for a in answers}, {201}, [a.text for a in answers])
            self.assertEqual(len({(a.json()["sid"], a.json()["auth_token"]) for a in answers}), 1)
            self.assertEqual([a.headers.get("Idempotent-Replayed") for a in answers].count(None), 1)
            self.assertEqual(len(self.client.api.v2010.accounts.list(friendly_name=f"parallel {number}")), 1)

    def test_repeated_changes_of_an_account_are_marked(self):
        account = self.post("/2010-04-01/Accounts.json", {"FriendlyName": "to change"}, str(uuid.uuid4())).json()
        for path, data in [(f"/2010-04-01/Accounts/{account['sid']}.json", {"FriendlyName": "changed"}), (f"/2010-04-01/Accounts/{account['sid']}/AuthToken.json", {})]:
            with self.subTest(path):
                key = str(uuid.uuid4())
                answers = [self.post(path, data, key) for _ in range(2)]
                self.assertEqual([a.status_code for a in answers], [200, 200])
                self.assertEqual([a.headers.get("Idempotent-Replayed") for a in answers], [None, "true"])
                self.assertEqual(answers[0].json()["auth_token"], answers[1].json()["auth_token"])

    def test_keys_belong_to_their_account(self):
        account = self.client.api.v2010.accounts.create(friendly_name="second")
        theirs, mine = Space(self.server, client=self.server.client(account.sid, account.auth_token)), self.space()
        key, data = str(uuid.uuid4()), {"Attributes": "{}"}
        one = self.post(f"{mine.path}/Tasks", data, key)
        two = self.server.post(f"{theirs.path}/Tasks", data, headers={"Idempotency-Key": key}, auth=(account.sid, account.auth_token))
        self.assertEqual((one.status_code, two.status_code), (201, 201))
        self.assertNotEqual(one.json()["sid"], two.json()["sid"])

    def test_a_bad_key_is_refused(self):
        space = self.space()
        for key in ["two words", "x" * 256]:
            self.assert_error(self.post(f"{space.path}/Tasks", {"Attributes": "{}"}, key), 400, 20001, "Idempotency-Key")


class OverTime(unittest.TestCase):
    def test_a_key_survives_restarts_and_ends_after_a_day(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        key, data = str(uuid.uuid4()), {"Attributes": "{}", "WorkflowSid": space.workflow.sid, "Timeout": "1209600"}
        post = lambda body=data: server.post(f"{space.path}/Tasks", body, headers={"Idempotency-Key": key})
        first = post().json()["sid"]
        server.restart()
        self.assertEqual(post().json()["sid"], first)
        server.kill()
        server.start()
        self.assertEqual(post().json()["sid"], first)
        server.advance(23 * 3600)
        self.assertEqual(post().json()["sid"], first)
        self.assertEqual(post({**data, "Priority": "1"}).status_code, 409)
        server.advance(2 * 3600)
        later = post()
        self.assertEqual(later.status_code, 201)
        self.assertNotEqual(later.json()["sid"], first)

    @embedded_only
    def test_a_request_that_ended_the_process_three_times_is_refused_once_and_its_repeats_hear_the_same(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        self.assertEqual(server.terminate(), 0)
        # As three deaths in the next command of each partition would have left it.
        with open(os.path.join(server.folder, "poison-deaths"), "w") as deaths:
            deaths.writelines(f"0 {partition} {position} 3\n" for partition, position in self.next_commands(server))
        server.start()
        key, data = str(uuid.uuid4()), {"Attributes": "{}", "WorkflowSid": space.workflow.sid}
        post = lambda body=data: server.post(f"{space.path}/Tasks", body, headers={"Idempotency-Key": key})
        first = post()
        self.assertEqual((first.status_code, first.json()["code"]), (500, 20500), first.text)
        self.assertIn("three times", first.json()["message"])
        for _ in range(2):
            again = post()
            self.assertEqual((again.status_code, again.json()), (500, first.json()))
            self.assertEqual(post({**data, "Priority": "1"}).status_code, 409)
            server.restart()
        self.assertEqual(len(space.api.tasks.list()), 0)
        self.assertEqual(server.log_text().count("input rejected"), 1)
        self.assertEqual(server.post(f"{space.path}/Tasks", data).status_code, 201)

    def next_commands(self, server):
        database = sqlite3.connect(os.path.join(server.folder, "log.sqlite"))
        try:
            for table, partition in database.execute("SELECT id, number FROM partitions WHERE topic = 'work.commands'").fetchall():
                yield partition, database.execute(f"SELECT coalesce(max(\"offset\") + 1, 0) FROM p{table}").fetchone()[0]
        finally:
            database.close()


if __name__ == "__main__":
    unittest.main()
