"""Live events (SSE): in order, numbered 1, 2, 3, …, without gap or repeat, from any point on, over restarts."""

import json
import unittest

import requests

from support import HOME, PATIENCE, SID, TOKEN, AcceptanceTest, Events, Server, Space, in_parallel, kind, until


class Stream(AcceptanceTest):
    def life(self, space, worker):
        task = space.task({"name": "Jürgen"})
        space.accept(space.offer(worker.sid))
        space.finish(task.sid)
        return task

    def test_a_life_in_events_from_the_beginning(self):
        space = self.space()
        worker = space.worker("w")
        task = self.life(space, worker)
        events = self.events(space, beginning=True)
        events.wait_for("task.completed")
        self.assertEqual(events.sequences(), list(range(1, len(events.events) + 1)))
        kinds = events.kinds()
        self.assertEqual(kinds[0], "workspace.created")
        for before, after in [("task.created", "workflow.entered"), ("workflow.entered", "workflow.target-matched"), ("task-queue.entered", "reservation.created"),
                              ("reservation.created", "reservation.accepted"), ("reservation.accepted", "task.completed")]:
            self.assertLess(kinds.index(before), kinds.index(after), (before, after))
        for name in ["activity.created", "task-channel.created", "task-queue.created", "workflow.created", "worker.created", "reservation.completed"]:
            self.assertIn(name, kinds)
        created = events.wait_for("reservation.created")
        self.check_event(created, space, task, worker)

    def check_event(self, event, space, task, worker):
        self.assertEqual(event["specversion"], "1.0")
        self.assertEqual(event["type"], "com.twilio.taskrouter.reservation.created")
        self.assertRegex(event["id"], "^E[VZ][0-9a-f]{32}$")
        self.assertEqual(event["datacontenttype"], "application/json")
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("TaskRouter.WDSEvent", event["dataschema"])
        data, payload = event["data"], event["data"]["payload"]
        expected = {"name": "ReservationCreated", "account_sid": SID, "level": "INFO", "group": "reservation", "product_name": "TaskRouter", "payload_type": "application/json"}
        self.assertEqual({name: data.get(name) for name in expected}, expected)
        self.assertRegex(data["sid"], "^EV[0-9a-f]{32}$")
        self.assertEqual(payload["eventtype"], "reservation.created")
        for name, value in [("task_sid", task.sid), ("worker_sid", worker.sid), ("worker_name", "w"), ("workspace_sid", space.sid), ("task_queue_sid", space.queue.sid),
                            ("workflow_sid", space.workflow.sid), ("task_attributes", json.dumps({"name": "Jürgen"}))]:
            self.assertEqual(payload[name], value, name)
        self.assertRegex(payload["reservation_sid"], "^WR")

    def test_live_from_now_without_what_was(self):
        space = self.space()
        events = self.events(space)
        task = space.task()
        created = events.wait_for("task.created")
        self.assertEqual(created["data"]["payload"]["task_sid"], task.sid)
        self.assertNotIn("workspace.created", events.kinds())
        first = events.sequences()[0]
        self.assertEqual(events.sequences(), list(range(first, first + len(events.events))))

    def test_resume_at_every_point(self):
        space = self.space()
        worker = space.worker("w")
        self.life(space, worker)
        whole = self.events(space, beginning=True)
        whole.wait_for("task.completed")
        events, ids = list(whole.events), list(whole.ids)
        self.assertEqual(len(set(ids)), len(ids))
        for place in range(0, len(ids) - 1, 4):
            resumed = self.events(space, last_id=ids[place])
            resumed.wait(lambda seen: len(seen) >= len(events) - place - 1, f"the rest behind {place}")
            self.assertEqual([e["id"] for e in resumed.events], [e["id"] for e in events[place + 1:]])
            resumed.close()
        at_the_end = self.events(space, last_id=ids[-1])
        task = space.task()
        self.assertEqual(at_the_end.wait(lambda seen: seen and seen[0])["data"]["payload"]["task_sid"], task.sid)

    def test_resume_with_the_id_of_a_live_event(self):
        space = self.space()
        live = self.events(space)
        tasks = [space.task() for _ in range(5)]
        live.wait_for("task.created", 5)
        live.wait_for("task-queue.entered", 5)
        events, ids = list(live.events), list(live.ids)
        for place in range(0, len(ids) - 1, 3):
            resumed = self.events(space, last_id=ids[place])
            resumed.wait(lambda seen: len(seen) >= len(events) - place - 1, f"the rest behind {place}")
            self.assertEqual([e["id"] for e in resumed.events], [e["id"] for e in events[place + 1:]])
            resumed.close()
        self.assertEqual(len(tasks), 5)

    def test_an_unknown_last_id_is_said_and_goes_on_from_now(self):
        space = self.space()
        for bad in ["nonsense", "0" * 32]:
            events = self.events(space, last_id=bad)
            until(lambda: events.named or events.events, "the reset")
            self.assertEqual([name for name, _ in events.named], ["stream.reset"])
            task = space.task()
            self.assertEqual(events.wait_for("task.created")["data"]["payload"]["task_sid"], task.sid)

    def test_worker_filter_and_its_sequence(self):
        space = self.space()
        alice, bob = space.worker("alice"), space.worker("bob", available=False)
        only = self.events(space, beginning=True, worker=alice.sid)
        everything = self.events(space, beginning=True)
        self.life(space, alice)
        space.set_available(alice.sid, False)
        space.set_available(bob.sid)
        self.life(space, bob)
        everything.wait_for("reservation.completed", 2)
        space.set_available(alice.sid)
        only.wait_for("worker.activity.update", 2)
        wanted = [e["id"] for e in everything.wait(lambda all: all if len([e for e in all if kind(e) == "worker.activity.update"]) >= 3 else None)
                  if e["data"]["payload"].get("worker_sid") == alice.sid or alice.sid in e["data"]["publisher_metadata"]]
        self.assertEqual([e["id"] for e in only.events], wanted)
        numbers = only.sequences()
        self.assertEqual(numbers, sorted(set(numbers)))
        resumed = self.events(space, worker=alice.sid, last_id=only.ids[1])
        resumed.wait(lambda seen: len(seen) >= len(wanted) - 2)
        self.assertEqual([e["id"] for e in resumed.events], wanted[2:])

    def test_a_workers_stream_has_what_becomes_of_the_tasks_in_its_hands(self):
        space = self.space()
        alice = space.worker("alice")
        # "From now" begins where the projector is, which may be a moment behind what is answered.
        self.events(space, worker=alice.sid, beginning=True).wait_for("worker.created")
        live = self.events(space, worker=alice.sid)
        task = space.task()
        space.api.tasks(task.sid).update(attributes='{"offered": true}')
        space.accept(space.offer(alice.sid))
        space.api.tasks(task.sid).update(priority=9)
        space.api.tasks(task.sid).update(assignment_status="wrapping")
        space.api.tasks(task.sid).update(assignment_status="completed")
        dropped = space.task()
        space.offer(alice.sid)
        space.api.tasks(dropped.sid).update(assignment_status="canceled")
        # Of a task that nobody has, and of another's.
        space.set_available(alice.sid, False)
        bob = space.worker("bob")
        space.api.tasks(space.task().sid).update(priority=1)
        space.accept(space.offer(bob.sid))
        space.set_available(alice.sid)
        wanted = [
            "reservation.created", "task.updated", "reservation.accepted", "task.updated", "reservation.wrapup", "task.wrapup", "task.completed", "reservation.completed",
            "reservation.created", "task.canceled", "reservation.canceled", "worker.activity.update", "worker.activity.update"]
        live.wait(lambda seen: len(seen) >= len(wanted))
        self.assertEqual(live.kinds(), wanted)
        stored = self.events(space, worker=alice.sid, beginning=True)
        stored.wait(lambda seen: len(seen) > len(wanted))
        self.assertEqual([e["id"] for e in stored.events[1:]], [e["id"] for e in live.events], "live and stored go by the same")
        self.assertEqual([e["data"]["sequence"] for e in stored.events[1:]], live.sequences())

    def test_a_stream_ends_with_its_worker_and_with_its_workspace(self):
        space = self.space()
        worker = space.worker("gone", available=False)
        whole, mine, other = self.events(space), self.events(space, worker=worker.sid), self.events(space, worker=space.worker("stays").sid)
        space.api.workers(worker.sid).delete()
        until(lambda: mine.ended, "the worker's stream ends")
        self.assertEqual(mine.kinds()[-1], "worker.deleted")
        space.api.activities.create(friendly_name="still")
        whole.wait_for("activity.created")
        self.assertFalse(other.ended)
        space.api.delete()
        # Also that of a worker whom nothing was ever told; sooner than a keep-alive would look.
        until(lambda: whole.ended and other.ended, "all streams of the workspace end", patience=10)
        self.assertEqual(whole.kinds()[-1], "workspace.deleted")

    def test_a_stream_ends_when_its_credentials_are_revoked(self):
        for revoke in ["token", "status"]:
            with self.subTest(revoke):
                account = self.client.api.v2010.accounts.create(friendly_name="leaving")
                old = self.server.client(account.sid, account.auth_token)
                space = Space(self.server, client=old)
                events = self.events(space, auth=(account.sid, account.auth_token))
                path = f"/2010-04-01/Accounts/{account.sid}"
                if revoke == "token":
                    fresh = self.server.post(f"{path}/AuthToken.json")
                    self.assertEqual(fresh.status_code, 200)
                    told = self.server.client(account.sid, fresh.json()["auth_token"]).taskrouter.v1.workspaces(space.sid)
                    told.activities.create(friendly_name="secret")
                else:
                    # There is nothing to be told: the next keep-alive shows it.
                    self.assertEqual(self.server.post(f"{path}.json", {"Status": "suspended"}).status_code, 200)
                until(lambda: events.ended, "the stream ends")
                if HOME == "embedded":  # elsewhere what a node knows of an account is good for half a second
                    self.assertEqual(events.kinds(), [])

    def test_bad_parameters(self):
        space = self.space()
        for query, word in [("WorkerSid=alice", "WorkerSid"), ("from=yesterday", "from")]:
            self.assert_error(self.server.get(f"{space.path}/Events/Stream?{query}"), 400, 20001, word)
        self.assert_error(self.server.post(f"{space.path}/Events/Stream"), 405)

    def test_no_gap_and_no_repeat_under_load(self):
        space = self.space()
        space.worker("w")
        readers = [self.events(space, beginning=True)]
        late = []
        total = 240

        def work(index):
            if index == 4:
                # Readers that come in the middle, from the beginning and by a last id.
                for count in (40, 90, 140):
                    readers[0].wait(lambda seen: len(seen) > count)
                    late.append((0, self.events(space, beginning=True)))
                    late.append((count, self.events(space, last_id=readers[0].ids[count - 1])))
                return
            session = self.server.session()
            for number in range(total // 4):
                answer = session.post(f"{self.server.url}{space.path}/Tasks", {"Attributes": json.dumps({"n": number}), "WorkflowSid": space.workflow.sid})
                self.assertEqual(answer.status_code, 201, answer.text)

        in_parallel(5, work)
        readers[0].wait_for("task-queue.entered", total)
        last = space.api.update(friendly_name="the end").sid
        self.assertEqual(last, space.sid)
        whole = readers[0].wait(lambda all: all if kind(all[-1]) == "workspace.updated" else None)
        self.assertEqual(readers[0].sequences(), list(range(1, len(whole) + 1)))
        for skip, reader in late:
            seen = reader.wait(lambda all: all if all and kind(all[-1]) == "workspace.updated" else None)
            self.assertEqual([e["id"] for e in seen], [e["id"] for e in whole[skip:]])


class SlowReader(AcceptanceTest):
    def test_who_does_not_read_is_cut_off_or_waits_and_comes_back_without_a_gap(self):
        space = self.space()
        slow = requests.get(f"{self.server.url}{space.path}/Events/Stream?from=beginning", auth=(SID, TOKEN), stream=True, timeout=(20, 20))
        self.addCleanup(slow.close)
        count = 2500
        body = b"".join(b'{"attributes":{"n":%d,"text":"%s"}}\n' % (n, b"x" * 1000) for n in range(count))
        self.server.post(f"{space.path}/Tasks/Bulk?ImportId=all&WorkflowSid={space.workflow.sid}", data=body, headers={"Content-Type": "application/x-ndjson"}, timeout=180)
        until(lambda: self.server.get(f"{space.path}/Tasks/Bulk/all").json()["decided"] >= count, "all are decided")
        space.api.update(friendly_name="the end")
        seen, last = [], None
        try:
            for line in slow.iter_lines(chunk_size=65536):
                if line.startswith(b"id: "):
                    coming = line[4:].decode()
                elif line.startswith(b"data: "):
                    seen.append(json.loads(line[6:]))
                    last = coming
                    if kind(seen[-1]) == "workspace.updated":
                        break
        except requests.RequestException:
            pass
        # Cut off, as a reader may be who is too slow; it comes back as often as that takes.
        while not seen or kind(seen[-1]) != "workspace.updated":
            resumed = self.events(space, last_id=last, beginning=last is None)
            with resumed.changed:
                ended = resumed.changed.wait_for(lambda: resumed.ended or resumed.events and kind(resumed.events[-1]) == "workspace.updated", PATIENCE)
                self.assertTrue(ended, "the rest of the events")
                seen += resumed.events
                last = resumed.ids[-1] if resumed.ids else last
        numbers = [event["data"]["sequence"] for event in seen]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual(sum(kind(event) == "task.created" for event in seen), count)


class OverRestarts(unittest.TestCase):
    def test_resume_across_a_restart_and_a_kill(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        seen, last = [], None
        for round, end in enumerate([server.terminate, server.kill, server.terminate]):
            reader = Events(server, space.sid, beginning=last is None, last_id=last)
            for _ in range(10):
                space.task({"round": round})
            reader.wait_for("task-queue.entered", 10)
            cut = len(reader.events) - 7
            # As if the connection had broken earlier: the rest comes again after the restart.
            seen += [(e["data"]["sequence"], e["id"]) for e in reader.events[:cut]]
            last = reader.ids[cut - 1]
            end()
            with reader.changed:
                self.assertTrue(reader.changed.wait_for(lambda: reader.ended, 30), "the stream ends with the server")
            server.start()
        reader = Events(server, space.sid, last_id=last)
        self.addCleanup(reader.close)
        reader.wait(lambda all: len(all) >= 7)
        seen += [(e["data"]["sequence"], e["id"]) for e in reader.events]
        self.assertEqual([number for number, _ in seen], list(range(1, len(seen) + 1)))
        whole = Events(server, space.sid, beginning=True)
        self.addCleanup(whole.close)
        whole.wait(lambda all: len(all) >= len(seen))
        self.assertEqual([(e["data"]["sequence"], e["id"]) for e in whole.events], seen)


if __name__ == "__main__":
    unittest.main()
