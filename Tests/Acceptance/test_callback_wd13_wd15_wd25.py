"""WD-13, WD-15, WD-25 and the event callback: what the product says to a customer's server, and what it makes of the answers (taskrouter.md 8 and 9)."""

import json
import re
import time
import unittest

from twilio.request_validator import RequestValidator

from support import CLOSE, SID, TOKEN, AcceptanceTest, Events, Server, Space, Stub, free_port, in_parallel, instruct, kind, until


class CallbackTest(AcceptanceTest):
    def assert_signed(self, request, stub, token=TOKEN):
        valid = RequestValidator(token).validate(stub.url + request.path, request.form, request.headers["x-twilio-signature"])
        self.assertTrue(valid, "X-Twilio-Signature")
        self.assertTrue(request.headers["content-type"].startswith("application/x-www-form-urlencoded"))
        self.assertEqual(request.method, "POST")

    def metric(self, name, **labels):
        """The value of a metric with these labels; 0 while it is not there."""
        total = 0.0
        for line in self.server.get("/metrics", auth=None).text.splitlines():
            if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total


class Assignment(CallbackTest):
    def test_wd13_one_signed_request_with_worker_and_attributes(self):
        stub = self.stub()
        space = self.space(callback=stub.url + "/assign?a=1&b=zwei%20drei")
        worker = space.worker("alice", languages=["en"])
        text = '{"customer": "Jürgen & Söhne + 5%",  "n": [1, 2.50]}'
        task = space.api.tasks.create(attributes=text, workflow_sid=space.workflow.sid, priority=4)
        offer = space.offer(worker.sid)
        (request,) = stub.wait_count(1)
        self.assert_signed(request, stub)
        self.assertEqual(request.path, "/assign?a=1&b=zwei%20drei")
        expected = {
            "AccountSid": SID, "WorkspaceSid": space.sid, "WorkflowSid": space.workflow.sid, "TaskQueueSid": space.queue.sid, "TaskSid": task.sid,
            "TaskAttributes": text, "TaskPriority": "4", "WorkerSid": worker.sid, "WorkerAttributes": '{"languages": ["en"]}', "ReservationSid": offer.sid,
            "WorkerName": "alice"}
        self.assertEqual({name: request.form.get(name) for name in expected}, expected)
        self.assertRegex(request.form["TaskAge"], r"^\d+$")
        self.assertRegex(request.form["Timestamp"], r"^\d+$")
        # An empty answer decides nothing.
        until(lambda: self.metric("trunkline_callouts", kind="assignment") >= 1, "the answer is taken")
        self.assertEqual(space.status(task.sid), "reserved")
        self.assertEqual(len(stub.received), 1)

    def test_wd15_accept(self):
        stub = self.stub(lambda request: instruct(instruction="accept"))
        space = self.space(callback=stub.url)
        worker = space.worker("w")
        task = space.task()
        until(lambda: space.status(task.sid) == "assigned", "the task is assigned")
        self.assertEqual([r.reservation_status for r in space.api.workers(worker.sid).reservations.list()], ["accepted"])

    def test_wd15_reject_moves_the_worker_and_the_item_goes_on(self):
        space = self.space()
        names = {}
        stub = self.stub(lambda request: instruct(instruction="reject", activity_sid=space.unavailable) if request.form["WorkerSid"] == names["first"] else instruct(instruction="accept"))
        space.api.workflows(space.workflow.sid).update(assignment_callback_url=stub.url)
        names["first"] = space.worker("first").sid
        second = space.worker("second")
        task = space.task()
        until(lambda: space.status(task.sid) == "assigned", "the second worker has it")
        self.assertEqual(space.api.workers(names["first"]).fetch().activity_name, "Unavailable")
        self.assertEqual([r.reservation_status for r in space.api.workers(second.sid).reservations.list()], ["accepted"])
        self.assertEqual([r.reservation_status for r in space.api.workers(names["first"]).reservations.list()], ["rejected"])

    def test_wd15_what_is_no_instruction_leaves_the_item_safe(self):
        replies = [
            instruct(instruction="juggle"), instruct(), instruct(instruction=5), (200, {"Content-Type": "application/json"}, "{broken"), (200, {"Content-Type": "text/html"}, "<p>accept"),
            (200, {"Content-Type": "application/json"}, "[]"), (200, {"Content-Type": "application/json"}, ""), (200, {}, ""), (200, {"Content-Type": "application/json"}, "x" * 3_000_000),
            instruct(instruction="reject", activity_sid="WA" + "0" * 32)]
        script = iter(replies)
        fallback = self.stub(lambda request: instruct(instruction="juggle"))
        stub = self.stub(lambda request: next(script))
        space = self.space(callback=stub.url, fallback=fallback.url)
        worker = space.worker("w")
        space.capacity(worker.sid, 20)
        tasks = []
        for count in range(1, len(replies) + 1):
            tasks.append(space.task())
            stub.wait_count(count)
        until(lambda: self.metric("trunkline_callouts", kind="assignment") >= len(replies), "the answers are taken")
        self.assertEqual({space.status(task.sid) for task in tasks}, {"reserved"})
        for offer in space.offers(worker.sid):
            space.accept(offer)

    def test_wd15_the_fallback_is_asked_when_the_first_fails(self):
        for reply in [(500, {}, "no"), (404, {}, ""), (204, {}, ""), (201, {"Content-Type": "application/json"}, '{"instruction": "accept"}'), (302, {"Location": "http://127.0.0.1:1/"}, "")]:
            with self.subTest(reply[0]):
                first = self.stub(lambda request: reply)
                second = self.stub(lambda request: instruct(instruction="accept"))
                space = self.space(callback=first.url + "/first", fallback=second.url + "/second")
                space.worker("w")
                task = space.task()
                until(lambda: space.status(task.sid) == "assigned", "the fallback accepts")
                self.assertEqual((len(first.received), len(second.received)), (1, 1))
                self.assert_signed(second.received[0], second)
                self.assertEqual(second.received[0].form, first.received[0].form)

    def test_wd15_the_fallback_is_asked_when_the_first_hangs(self):
        first = self.stub(lambda request: None)
        second = self.stub(lambda request: instruct(instruction="accept"))
        space = self.space(callback=first.url, fallback=second.url)
        space.worker("w")
        task = space.task()
        until(lambda: space.status(task.sid) == "assigned", "the fallback accepts")
        waited = second.received[0].time - first.received[0].time
        self.assertGreater(waited, 4.5, "the first had its five seconds")

    def test_a_hanging_server_delays_nobody_else(self):
        hanging = self.stub(lambda request: None)
        quick = self.stub(lambda request: instruct(instruction="accept"))
        stuck = self.space(callback=hanging.url, event_callback_url=hanging.url + "/events")
        worker = stuck.worker("w")
        stuck.capacity(worker.sid, 50)
        for _ in range(60):
            stuck.task()
        hanging.wait_count(30)
        # Neighbours in every partition, with a server of their own.
        for number in range(6):
            space = self.space(callback=quick.url)
            space.worker("w")
            task = space.task()
            until(lambda: space.status(task.sid) == "assigned", "the neighbour's item is assigned")
        self.assertEqual({stuck.status(task.sid) for task in stuck.api.tasks.list(assignment_status=["reserved"])}, {"reserved"})

    def test_a_hanging_path_delays_no_other_workspace_on_the_same_host(self):
        stub = self.stub(lambda request: instruct(instruction="accept") if request.path.startswith("/good") else None)
        # In every partition at least one with a server that hangs, and a neighbour on the same host.
        good = [self.space(callback=f"{stub.url}/good", event_callback_url=f"{stub.url}/good") for _ in range(8)]
        for space in good:
            space.worker("w")
        for _ in range(8):
            stuck = self.space(callback=f"{stub.url}/bad", event_callback_url=f"{stub.url}/bad")
            stuck.capacity(stuck.worker("w").sid, 50)
            in_parallel(4, lambda index: [space_task(self.server, stuck) for _ in range(12)])
        stub.wait(lambda received: len([r for r in received if r.path == "/bad"]) >= 8 * 32)
        began = time.monotonic()
        for space in good:
            task = space.task()
            until(lambda: space.status(task.sid) == "assigned", "the neighbour's item is assigned")
            stub.wait(lambda received: any(r.form.get("EventType") == "task.created" and r.form.get("TaskSid") == task.sid for r in received))
        self.assertLess(time.monotonic() - began, 14, "before the first of those that hang is given up")

    def test_the_signature_is_the_accounts_own(self):
        account = self.client.api.v2010.accounts.create(friendly_name="second")
        stub = self.stub(lambda request: instruct(instruction="accept"))
        space = Space(self.server, client=self.server.client(account.sid, account.auth_token), callback=stub.url)
        space.worker("w")
        space.task()
        (request,) = stub.wait_count(1)
        self.assert_signed(request, stub, account.auth_token)
        self.assertFalse(RequestValidator(TOKEN).validate(stub.url + request.path, request.form, request.headers["x-twilio-signature"]))

    def test_the_signature_is_over_the_url_as_the_server_sees_it(self):
        stub = self.stub()
        host = stub.url.removeprefix("http://")
        space = self.space()
        space.capacity(space.worker("w").sid, 50)
        forms = [
            (f"HTTP://{host}/up", "/up"), (f"http://user:pass@{host}/u", "/u"), (f"http://user:p%40ss@{host}", "/"), (f"http://{host}/a/../b", "/a/../b"),
            (f"http://{host}/x/./y?z=1", "/x/./y?z=1"), (f"http://{host}/p%2Fq%c3%a9/%2e%2e/r?a=%7e&b=+", "/p%2Fq%c3%a9/%2e%2e/r?a=%7e&b=+"), (f"http://{host}?a=/b#part", "/?a=/b")]
        for count, (url, path) in enumerate(forms, 1):
            with self.subTest(url):
                space.api.workflows(space.workflow.sid).update(assignment_callback_url=url)
                space.task()
                request = stub.wait_count(count)[-1]
                self.assertEqual(request.path, path)
                self.assert_signed(request, stub)
                if "user:" in url:
                    self.assertTrue(request.headers["authorization"].startswith("Basic "))

    def test_wd17_callbacks_that_accept_give_every_item_one_holder(self):
        stub = self.stub(lambda request: instruct(instruction="accept"))
        spaces = [self.space(callback=stub.url) for _ in range(6)]
        for space in spaces:
            for number in range(3):
                space.capacity(space.worker(f"w{number}").sid, 20)
        tasks = [sid for found in in_parallel(6, lambda index: [space_task(self.server, spaces[index]) for _ in range(50)]) for sid in found]
        for space in spaces:
            until(lambda: {t.assignment_status for t in space.api.tasks.list()} == {"assigned"}, "all are assigned")
        self.assertEqual(sorted(request.form["TaskSid"] for request in stub.received), sorted(tasks))


def space_task(server, space):
    return server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"}).json()["sid"]


class EventCallback(CallbackTest):
    def test_every_event_arrives_signed_and_in_order_per_thing(self):
        stub = self.stub(lambda request: (204, {"Content-Type": "application/json"}, ""))
        space = self.space(event_callback_url=stub.url + "/events")
        worker = space.worker("alice")
        task = space.task({"x": "é"})
        space.accept(space.offer(worker.sid))
        space.finish(task.sid)
        events = self.events(space, beginning=True)
        events.wait_for("task.completed")
        wanted = {event["data"]["sid"] for event in events.events}
        stub.wait(lambda received: wanted <= {request.form["Sid"] for request in received}, "every event at the callback")
        self.assertEqual(len(stub.received), len({request.form["Sid"] for request in stub.received}), "each once")
        for request in stub.received:
            self.assert_signed(request, stub)
            for name in ["EventType", "AccountSid", "WorkspaceSid", "WorkspaceName", "EventDescription", "ResourceType", "ResourceSid", "Timestamp"]:
                self.assertIn(name, request.form, request.form.get("EventType"))
        mine = [request.form["EventType"] for request in stub.received if request.form.get("TaskSid") == task.sid]
        order = ["task.created", "task-queue.entered", "reservation.created", "reservation.accepted", "task.completed"]
        self.assertEqual([name for name in mine if name in order], order)
        accepted = next(request.form for request in stub.received if request.form["EventType"] == "reservation.accepted")
        expected = {"TaskSid": task.sid, "WorkerSid": worker.sid, "WorkerName": "alice", "TaskAttributes": json.dumps({"x": "é"}), "TaskQueueSid": space.queue.sid,
                    "WorkflowSid": space.workflow.sid, "ResourceType": "reservation", "AccountSid": SID}
        self.assertEqual({name: accepted.get(name) for name in expected}, expected)

    def test_the_filter_lets_only_named_types_through(self):
        stub = self.stub()
        space = self.space(event_callback_url=stub.url, events_filter="task.created, task.canceled")
        sids = [space.task().sid for _ in range(3)]
        for sid in sids[:2]:
            space.api.tasks(sid).update(assignment_status="canceled")
        stub.wait_count(5)
        space.api.update(events_filter="task.deleted")
        space.api.tasks(sids[2]).delete()
        stub.wait_count(6)
        seen = {sid: [request.form["EventType"] for request in stub.received if request.form["TaskSid"] == sid] for sid in sids}
        self.assertEqual(list(seen.values()), [["task.created", "task.canceled"]] * 2 + [["task.created", "task.deleted"]])

    def test_a_connection_that_closes_without_an_answer_is_one_request(self):
        stub = self.stub(lambda request: CLOSE if request.form.get("ActivityName", "").startswith("close") else (204, {}, ""))
        space = self.space(event_callback_url=stub.url)
        for number in range(3):
            # The first of each pair is answered, and leaves a connection that a client would like to use again.
            for name in (f"warm{number}", f"close{number}"):
                space.api.activities.create(friendly_name=name)
                stub.wait(lambda received: any(r.form.get("ActivityName") == name for r in received))
        space.api.activities.create(friendly_name="last")
        stub.wait(lambda received: any(r.form.get("ActivityName") == "last" for r in received))
        seen = [r.form["ActivityName"] for r in stub.received if r.form["EventType"] == "activity.created" and r.form["ActivityName"].startswith("close")]
        self.assertEqual(sorted(seen), ["close0", "close1", "close2"])

    def test_a_refusing_server_stops_nothing(self):
        stub = self.stub(lambda request: (500, {}, "no"))
        space = self.space(event_callback_url=stub.url)
        worker = space.worker("w")
        for _ in range(3):
            task = space.task()
            space.accept(space.offer(worker.sid))
            space.finish(task.sid)
        stub.wait(lambda received: len([r for r in received if r.form["EventType"] == "task.completed"]) == 3)


class Unreachable(CallbackTest):
    def test_wd25_the_item_is_assigned_once_after_refusal_error_and_restart(self):
        server = Server().start()
        self.addCleanup(server.close)
        port = free_port()
        # Nobody listens there yet.
        space = Space(server, callback=f"http://127.0.0.1:{port}/assign", reservation_timeout=20)
        worker = space.worker("only")
        task = space.task()
        offers = [space.offer(worker.sid)]
        server.advance(25)
        self.assertEqual(space.status(task.sid), "pending")
        failing = Stub(lambda request: (500, {}, "not yet"), port)
        space.set_available(worker.sid)
        offers.append(space.offer(worker.sid))
        failing.wait_count(1)
        server.kill()
        server.start()
        failing.close()
        self.assertEqual(space.status(task.sid), "reserved", "the state survives the restart")
        server.advance(25)
        self.assertEqual(space.status(task.sid), "pending")
        working = Stub(lambda request: instruct(instruction="accept"), port)
        self.addCleanup(working.close)
        space.set_available(worker.sid)
        until(lambda: space.status(task.sid) == "assigned", "the item is assigned in the end")
        states = [r.reservation_status for r in space.api.tasks(task.sid).reservations.list()]
        self.assertEqual(sorted(states), ["accepted", "timeout", "timeout"])


class OverRestarts(CallbackTest):
    def test_callbacks_that_hang_hold_up_no_exit_and_are_sent_again(self):
        server = Server("--grace", "2").start()
        self.addCleanup(server.close)
        stuck = self.stub(lambda request: None)
        space = Space(server, callback=stuck.url, event_callback_url=stuck.url + "/events")
        space.worker("w")
        task = space.task()
        stuck.wait(lambda received: any(request.path == "/" for request in received), "the assignment callback")
        self.assertEqual(server.terminate(), 0)
        stuck.close()
        working = self.stub(lambda request: instruct(instruction="accept"), stuck.port)
        server.start()
        until(lambda: space.status(task.sid) == "assigned", "the callback is sent again")
        working.wait(lambda received: any(request.form.get("EventType") == "task.created" for request in received), "the events are sent again")
        for request in working.received:
            self.assert_signed(request, working)

    def test_after_a_kill_each_open_offer_is_asked_for_once_more(self):
        server = Server().start()
        self.addCleanup(server.close)
        stub = self.stub(lambda request: None)
        space = Space(server, callback=stub.url)
        space.capacity(space.worker("w").sid, 50)
        for _ in range(3):
            before = {space.task().sid for _ in range(5)}
            stub.wait(lambda received: before <= {request.form["TaskSid"] for request in received}, "the callbacks before the kill")
            server.kill()
            count = len(stub.received)
            server.start()
            stub.wait(lambda received: before <= {request.form["TaskSid"] for request in received[count:]}, "the callbacks after the kill")
            # What was to come twice stands before this one.
            last = space.task().sid
            stub.wait(lambda received: any(request.form["TaskSid"] == last for request in received[count:]))
            again = [request.form["TaskSid"] for request in stub.received[count:]]
            self.assertEqual(len(again), len(set(again)), "each once by the new process")

    def test_every_event_arrives_over_kills_at_least_once(self):
        server = Server().start()
        self.addCleanup(server.close)
        stub = self.stub(lambda request: (204, {}, ""))
        space = Space(server, event_callback_url=stub.url)
        for _ in range(3):
            for _ in range(5):
                space.task()
            server.kill()
            server.start()
        events = Events(server, space.sid, beginning=True)
        self.addCleanup(events.close)
        events.wait_for("task-queue.entered", 15)
        # What was before the callback was set is not told.
        wanted = {event["data"]["sid"] for event in events.events if kind(event) in ("task.created", "task-queue.entered")}
        stub.wait(lambda received: wanted <= {request.form["Sid"] for request in received}, "every event at the callback")
        for request in stub.received:
            self.assert_signed(request, stub)


class PrivateTargets(unittest.TestCase):
    def test_callbacks_to_private_addresses_need_the_flag(self):
        server = Server(private_targets=False).start()
        self.addCleanup(server.close)
        stub = Stub(lambda request: instruct(instruction="accept"))
        self.addCleanup(stub.close)
        space = Space(server)
        try:
            space.api.workflows(space.workflow.sid).update(assignment_callback_url=stub.url)
        except Exception as refusal:
            self.assertIn("AssignmentCallbackUrl", str(refusal))
            return
        worker = space.worker("w")
        task = space.task()
        space.offer(worker.sid)
        until(lambda: re.search(r'trunkline_callouts_total\{kind="assignment",outcome="failed"\} [1-9]', server.get("/metrics", auth=None).text), "the callout is given up")
        self.assertEqual(space.status(task.sid), "reserved")
        self.assertEqual(stub.received, [])


if __name__ == "__main__":
    unittest.main()
