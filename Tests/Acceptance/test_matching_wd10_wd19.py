"""The finer rules of matching and of workflows (taskrouter.md 5 to 7), seen from outside."""

import json
import unittest

from support import AcceptanceTest, Server, Space, needs_current_client, route, until


class Order(AcceptanceTest):
    def serve(self, space, worker, count):
        """Items in the order in which one worker gets them."""
        served = []
        for _ in range(count):
            offer = space.offer(worker.sid)
            served.append(offer.task_sid)
            space.accept(offer)
            space.finish(offer.task_sid)
        return served

    def test_a_lifo_queue_serves_the_newest_and_ignores_priority(self):
        space = self.space()
        space.api.task_queues(space.queue.sid).update(task_order="LIFO")
        worker = space.worker("w", available=False)
        tasks = []
        for priority in (5, 1, 3):
            tasks.append(space.task(priority=priority).sid)
            self.server.advance(2)
        space.set_available(worker.sid)
        self.assertEqual(self.serve(space, worker, 3), tasks[::-1])

    def test_the_workspace_says_which_kind_of_queue_goes_first(self):
        for order, first in [("FIFO", "fifo"), ("LIFO", "lifo")]:
            with self.subTest(order):
                space = self.space(prioritize_queue_order=order)
                lifo = space.api.task_queues.create(friendly_name="lifo", task_order="LIFO")
                other = space.api.workflows.create(friendly_name="lifo", configuration=json.dumps({"task_routing": {"default_filter": {"queue": lifo.sid}}}))
                worker = space.worker("w", available=False)
                tasks = {"fifo": space.task(priority=9).sid, "lifo": space.task(workflow_sid=other.sid).sid}
                space.set_available(worker.sid)
                self.assertEqual(space.offer(worker.sid).task_sid, tasks[first])

    @needs_current_client
    def test_virtual_start_time_counts_as_age(self):
        space = self.space()
        worker = space.worker("w", available=False)
        newer = space.task().sid
        older = space.task(virtual_start_time="2001-02-03T04:05:06Z")
        self.assertEqual(older.virtual_start_time.year, 2001)
        space.set_available(worker.sid)
        self.assertEqual(self.serve(space, worker, 2), [older.sid, newer])

    def test_several_queues_compete_by_priority_then_age(self):
        space = self.space()
        second = space.api.task_queues.create(friendly_name="second")
        other = space.api.workflows.create(friendly_name="other", configuration=json.dumps({"task_routing": {"default_filter": {"queue": second.sid}}}))
        worker = space.worker("w", available=False)
        a = space.task().sid
        self.server.advance(2)
        b = space.task(workflow_sid=other.sid).sid
        self.server.advance(2)
        c = space.task(workflow_sid=other.sid, priority=1).sid
        space.set_available(worker.sid)
        self.assertEqual(self.serve(space, worker, 3), [c, a, b])

    def test_channel_optimized_routing_has_a_ring_of_its_own(self):
        space = self.space()
        space.api.task_channels("chat").update(channel_optimized_routing=True)
        first, second = space.worker("first"), space.worker("second")
        # `first` served last on the default channel, nobody on chat: there it is still as idle as `second`.
        for _ in range(1):
            space.task()
            offer = space.offer(first.sid)
            space.accept(offer)
            space.finish(offer.task_sid)
        self.server.advance(1)
        space.task(task_channel="chat")
        until(lambda: space.offers(first.sid) or space.offers(second.sid), "an offer")
        space.task(task_channel="chat")
        self.assertEqual(len(space.offers(first.sid)), 1)
        self.assertEqual(len(space.offers(second.sid)), 1)


class Steps(AcceptanceTest):
    def test_a_known_worker_gets_it_then_everybody(self):
        for key, value in [("known_worker_sid", lambda w: w.sid), ("known_worker_friendly_name", lambda w: w.friendly_name)]:
            with self.subTest(key):
                space = self.space(configuration=lambda s: route("1==1", {"queue": s.queue.sid, key: "task.agent", "timeout": 20}, {"queue": s.queue.sid}))
                known, other = space.worker("known", available=False), space.worker("other")
                task = space.task({"agent": value(known)})
                self.assertEqual(space.offers(other.sid), [])
                space.set_available(known.sid)
                offer = space.offer(known.sid)
                self.assertEqual(offer.task_sid, task.sid)
                space.reject(offer, worker_activity_sid=space.offline)
                self.assertEqual(space.offers(other.sid), [])
                self.server.advance(21)
                self.assertEqual(space.offer(other.sid).task_sid, task.sid)

    def test_the_second_step_ends_by_the_age_of_the_item(self):
        space = self.space(configuration=lambda s: route(
            "1==1", {"queue": s.queue.sid, "expression": "worker.step == 1", "timeout": 10}, {"queue": s.queue.sid, "expression": "worker.step == 2", "timeout": 10},
            {"queue": s.queue.sid, "expression": "worker.step == 3"}))
        third = space.worker("third", step=3)
        task = space.task()
        for seconds, found in [(9, False), (2, False), (8, False), (2, True)]:
            self.server.advance(seconds)
            self.assertEqual(bool(space.offers(third.sid)), found, f"after {seconds} more seconds")
        self.assertEqual(space.offer(third.sid).task_sid, task.sid)

    def test_left_by_time_goes_to_the_next_matching_filter_not_to_the_default(self):
        space = self.space(configuration=lambda s: {"task_routing": {"filters": [
            {"expression": "1==1", "targets": [{"queue": s.queue.sid, "timeout": 10}]},
            {"expression": "vip == true", "targets": [{"queue": s.queue.sid, "priority": 8}]}], "default_filter": {"queue": s.queue.sid, "priority": 3}}})
        vip, plain = space.task({"vip": True}), space.task()
        self.server.advance(11)
        self.assertEqual((space.status(vip.sid), space.api.tasks(vip.sid).fetch().priority), ("pending", 8))
        self.assertEqual(space.status(plain.sid), "canceled")

    def test_left_by_skip_goes_to_the_default(self):
        space = self.space(configuration=lambda s: route("1==1", {"queue": s.queue.sid, "skip_if": "workers.available == 0", "priority": 1}, default=s.queue.sid))
        task = space.task()
        self.assertEqual(space.status(task.sid), "pending")
        events = self.events(space, beginning=True)
        events.wait_for("task-queue.entered")
        worker = space.worker("w")
        self.assertEqual(space.offer(worker.sid).task_sid, task.sid)

    def test_a_queue_is_entered_and_left_in_events(self):
        space = self.space()
        second = space.api.task_queues.create(friendly_name="second")
        space.api.workflows(space.workflow.sid).update(configuration=json.dumps(route("1==1", {"queue": space.queue.sid, "timeout": 5}, {"queue": second.sid})))
        events = self.events(space)
        task = space.task()
        self.server.advance(6)
        moved = events.wait_for("task-queue.moved")["data"]["payload"]
        self.assertEqual(moved["task_sid"], task.sid)
        self.assertEqual(space.api.tasks(task.sid).fetch().task_queue_friendly_name, "second")
        entered = events.wait_for("task-queue.entered", 2)["data"]["payload"]
        self.assertEqual(entered["task_queue_name"], "second")

    def test_the_same_worker_is_offered_again_after_a_bare_reject(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        first = space.offer(worker.sid)
        space.reject(first)
        again = space.offer(worker.sid)
        self.assertEqual((again.task_sid, again.sid != first.sid), (task.sid, True))

    def test_every_timed_out_worker_goes_to_the_timeout_activity(self):
        space = self.space(reservation_timeout=10)
        space.api.task_queues(space.queue.sid).update(max_reserved_workers=2)
        space.api.update(timeout_activity_sid=space.unavailable)
        workers = [space.worker(f"w{n}") for n in range(3)]
        task = space.task()
        offered = [w for w in workers if space.offers(w.sid)]
        self.assertEqual(len(offered), 2)
        self.server.advance(11)
        for worker in offered:
            self.assertEqual(space.api.workers(worker.sid).fetch().activity_name, "Unavailable")
        (third,) = [w for w in workers if w not in offered]
        self.assertEqual(space.offer(third.sid).task_sid, task.sid)

    def test_changing_a_queues_expression_matches_at_once(self):
        space = self.space(queue="team == 'a'")
        worker = space.worker("w", team="b")
        task = space.task()
        space.api.task_queues(space.queue.sid).update(target_workers="team IN ['a', 'b']")
        self.assertEqual(space.offer(worker.sid).task_sid, task.sid)

    def test_expressions_over_the_wire(self):
        space = self.space()
        table = [
            ("n >= 2 AND n < 4", True), ("n == 3 OR missing == 1", True), ("missing != 1", True), ("missing == null", True), ("n > 'x'", False), ("tags HAS 'a'", True),
            ("tags HAS 'z'", False), ("name CONTAINS 'örg'", True), ("name IN ['Jörg', 'x']", True), ("name NOT IN ['y']", True), ("name = 'jörg'", False), ("deep.list[1] == 2", True),
            ("(n == 1 OR n == 3) and name == \"Jörg\"", True), ("tags == 'a'", False), ("flag == true", True), ("1==1", True), ("1==0", False)]
        task = space.task({"n": 3, "tags": ["a", "b"], "name": "Jörg", "deep": {"list": [1, 2]}, "flag": True})
        for expression, expected in table:
            with self.subTest(expression):
                answer = self.server.get(f"{space.path}/Tasks", params={"EvaluateTaskAttributes": expression})
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertEqual([t["sid"] for t in answer.json()["tasks"]], [task.sid] if expected else [])

    def test_single_tasking_holds_one_item_over_all_channels(self):
        made = self.client.taskrouter.v1.workspaces.create(friendly_name="single", multi_task_enabled=False)
        api = self.client.taskrouter.v1.workspaces(made.sid)
        with self.refused(400, 20001, "ReservationActivitySid"):
            api.task_queues.create(friendly_name="bare")
        busy = api.activities.create(friendly_name="Busy", available=False).sid
        reserved = api.activities.create(friendly_name="Reserved", available=False).sid
        queue = api.task_queues.create(friendly_name="q", reservation_activity_sid=reserved, assignment_activity_sid=busy)
        workflow = api.workflows.create(friendly_name="f", configuration=json.dumps({"task_routing": {"default_filter": {"queue": queue.sid}}}))
        available = api.activities.list(friendly_name="Available")[0].sid
        worker = api.workers.create(friendly_name="w", activity_sid=available)
        tasks = [api.tasks.create(workflow_sid=workflow.sid, attributes="{}", task_channel=channel) for channel in ("voice", "chat")]
        offers = api.workers(worker.sid).reservations.list(reservation_status="pending")
        self.assertEqual([offer.task_sid for offer in offers], [tasks[0].sid])
        self.assertEqual(api.workers(worker.sid).fetch().activity_name, "Reserved")
        api.workers(worker.sid).reservations(offers[0].sid).update(reservation_status="accepted")
        self.assertEqual(api.workers(worker.sid).fetch().activity_name, "Busy")
        self.assertEqual(api.tasks(tasks[1].sid).fetch().assignment_status, "pending")


class Settings(unittest.TestCase):
    def test_the_number_of_offers_is_limited(self):
        server = Server("--max-assignments", "3", "--purge-after", "3600").start()
        self.addCleanup(server.close)
        space = Space(server)
        worker = space.worker("w")
        task = space.task()
        for _ in range(3):
            space.reject(space.offer(worker.sid))
        ended = until(lambda: (lambda t: t if t.assignment_status == "canceled" else None)(space.api.tasks(task.sid).fetch()), "the item is canceled")
        self.assertIn("assignment count", ended.reason)
        server.advance(3500)
        self.assertEqual(space.status(task.sid), "canceled", "kept as long as --purge-after says")


if __name__ == "__main__":
    unittest.main()
