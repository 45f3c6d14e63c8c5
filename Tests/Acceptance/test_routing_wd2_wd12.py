"""WD-2 to WD-12: items, rules, priority, workers and who gets what."""

import json
import random
import unittest

from support import AcceptanceTest, default_to, route, until


class Items(AcceptanceTest):
    def test_wd2_an_item_is_created_by_one_call(self):
        space = self.space()
        answer = self.server.post(f"{space.path}/Tasks", {"Attributes": '{"type":"billing"}', "WorkflowSid": space.workflow.sid})
        self.assertEqual(answer.status_code, 201, answer.text)
        made = answer.json()
        self.assertRegex(made["sid"], "^WT[0-9a-f]{32}$")
        self.assertEqual(made["url"], f"{self.server.url}{space.path}/Tasks/{made['sid']}")
        self.assertEqual(made["attributes"], '{"type":"billing"}')
        self.assertEqual(made["assignment_status"], "pending")
        read = self.server.get(made["url"])
        self.assertEqual(read.status_code, 200)
        self.assertEqual(read.json()["attributes"], made["attributes"])

    def test_wd3_attributes_come_back_as_posted_and_nested_fields_match(self):
        space = self.space(configuration=lambda s: route("customer.address.city == 'Zürich' AND tags HAS 'vip'", {"queue": s.queue.sid, "priority": 7}, default=s.queue.sid))
        text = '{"customer": {"address": {"city": "Zürich"}}, "tags":["vip", "né"],  "n": -1.5e3, "deep": [[1, {"ok": null}]], "emoji":"\\ud83d\\ude80🚀"}'
        task = space.api.tasks.create(attributes=text, workflow_sid=space.workflow.sid)
        self.assertEqual(space.api.tasks(task.sid).fetch().attributes, text)
        self.assertEqual(space.api.tasks(task.sid).fetch().priority, 7)

    def test_wd4_the_workflow_named_governs(self):
        space = self.space(queue="side == 'left'")
        right = space.api.task_queues.create(friendly_name="right", target_workers="side == 'right'")
        other = space.api.workflows.create(friendly_name="other", configuration=json.dumps(default_to(right.sid)))
        workers = {side: space.worker(side, side=side) for side in ["left", "right"]}
        one, two = space.task({"same": 1}), space.task({"same": 1}, workflow_sid=other.sid)
        self.assertEqual(space.offer(workers["left"].sid).task_sid, one.sid)
        self.assertEqual(space.offer(workers["right"].sid).task_sid, two.sid)

    def test_wd4_an_unknown_workflow_is_refused_and_nothing_exists(self):
        space = self.space()
        for sid in ["WW" + "0" * 32, "WW123", "nonsense"]:
            with self.refused(400, 20001, "WorkflowSid"):
                space.task(workflow_sid=sid)
        self.assertEqual(space.api.tasks.list(), [])

    def test_wd24_calls_and_tickets_share_workers_and_priorities(self):
        space = self.space()
        worker = space.worker("both", available=False)
        order = [space.task({"kind": "ticket"}, priority=1, task_channel="chat"), space.task({"kind": "call"}, priority=5, task_channel="voice"),
                 space.task({"kind": "lead"}, priority=3)]
        for channel in ["chat", "voice", "default"]:
            self.assertEqual(space.capacity(worker.sid, 1, channel).configured_capacity, 1)
        space.set_available(worker.sid)
        offers = until(lambda: (lambda found: found if len(found) == 3 else None)(space.offers(worker.sid)), "three offers, one a channel")
        self.assertEqual([offer.task_sid for offer in offers], [order[1].sid, order[2].sid, order[0].sid])


class Rules(AcceptanceTest):
    def test_wd5_workflows_are_created_read_replaced_deleted(self):
        space = self.space()
        text = json.dumps(default_to(space.queue.sid), indent=3)
        made = space.api.workflows.create(friendly_name="second", configuration=text, task_reservation_timeout=77)
        self.assertEqual(space.api.workflows(made.sid).fetch().configuration, text)
        self.assertEqual(made.task_reservation_timeout, 77)
        changed = space.api.workflows(made.sid).update(friendly_name="renamed", configuration=json.dumps(default_to(space.queue.sid, priority=4)))
        self.assertEqual(changed.friendly_name, "renamed")
        self.assertEqual(space.task(workflow_sid=made.sid).priority, 4)
        for task in space.api.tasks.list():
            task.delete()
        self.assertTrue(space.api.workflows(made.sid).delete())
        with self.refused(404, 20404):
            space.api.workflows(made.sid).fetch()

    def test_wd5_an_invalid_document_is_refused_with_the_position(self):
        space = self.space()
        queue = space.queue.sid
        bad = {
            "broken JSON": '{"task_routing": {"default_filter": {"queue": ',
            "no root": '{"filters": []}',
            "expression": json.dumps(route("tier == == 'gold'", {"queue": queue})),
            "unclosed": json.dumps(route("tier == 'gold", {"queue": queue})),
            "unknown queue": json.dumps(default_to("WQ" + "0" * 32)),
            "no queue": json.dumps(route("1==1", {"priority": 1})),
            "timeout": json.dumps(route("1==1", {"queue": queue, "timeout": -1})),
        }
        for name, text in bad.items():
            with self.subTest(name), self.refused(400, 20001, "Configuration") as refusal:
                space.api.workflows.create(friendly_name=name, configuration=text)
            if name in ("expression", "unclosed", "broken JSON"):
                self.assertRegex(str(refusal.exception), r"\b\d+\b", "the message says where")
        self.assertEqual(len(space.api.workflows.list()), 1)
        before = space.api.workflows(space.workflow.sid).fetch().configuration
        with self.refused(400):
            space.api.workflows(space.workflow.sid).update(configuration="{}")
        self.assertEqual(space.api.workflows(space.workflow.sid).fetch().configuration, before)

    def test_wd5_the_next_item_follows_the_new_rule(self):
        space = self.space()
        self.assertEqual(space.task().priority, 0)
        space.api.workflows(space.workflow.sid).update(configuration=json.dumps(default_to(space.queue.sid, priority=9)))
        self.assertEqual(space.task().priority, 9)

    def test_wd6_priority_comes_from_attributes_and_rule(self):
        gold = lambda priority: lambda s: {"task_routing": {"filters": [
            {"expression": "tier == 'gold'", "targets": [{"queue": s.queue.sid, "priority": priority}]}],
            "default_filter": {"queue": s.queue.sid, "priority": 1}}}
        space = self.space(configuration=gold(10))
        high, low = space.task({"tier": "gold"}), space.task({"tier": "iron"})
        self.assertEqual([high.priority, low.priority], [10, 1])
        space.api.tasks(low.sid).update(attributes='{"tier":"gold"}')
        self.assertEqual(space.api.tasks(low.sid).fetch().priority, 1, "attributes alone do not move an item")
        text = json.dumps(gold(20)(space))
        space.api.workflows(space.workflow.sid).update(configuration=text)
        self.assertEqual(space.api.tasks(low.sid).fetch().priority, 1, "nor does a workflow alone")
        space.api.workflows(space.workflow.sid).update(configuration=text, re_evaluate_tasks="true")
        self.assertEqual({space.api.tasks(task.sid).fetch().priority for task in (high, low)}, {20})

    def test_wd7_higher_priority_first_even_when_newer(self):
        space = self.space()
        worker = space.worker("one", available=False)
        space.task(priority=1)
        high = space.task(priority=10)
        space.set_available(worker.sid)
        self.assertEqual(space.offer(worker.sid).task_sid, high.sid)

    def test_wd7_wd8_random_arrivals_are_served_by_priority_then_age(self):
        space = self.space()
        worker = space.worker("one", available=False)
        random_source = random.Random(7)
        tasks = [(random_source.randrange(4), number) for number in range(16)]
        sids = {}
        for priority, number in tasks:
            sids[space.task({"n": number}, priority=priority).sid] = (priority, number)
        space.set_available(worker.sid)
        served = []
        for _ in tasks:
            offer = space.offer(worker.sid)
            served.append(sids[offer.task_sid])
            space.accept(offer)
            space.finish(offer.task_sid)
        self.assertEqual(served, sorted(tasks, key=lambda item: (-item[0], item[1])))

    def test_changing_the_priority_re_sorts_at_once(self):
        space = self.space()
        worker = space.worker("one", available=False)
        space.task()
        second = space.task()
        space.api.tasks(second.sid).update(priority=3)
        space.set_available(worker.sid)
        self.assertEqual(space.offer(worker.sid).task_sid, second.sid)

    def test_wd12_graded_skills_and_ordering(self):
        space = self.space(configuration=lambda s: route("1==1", {"queue": s.queue.sid, "expression": "worker.skill >= 3", "order_by": "worker.skill DESC"}))
        workers = {skill: space.worker(f"grade {skill}", skill=skill) for skill in (1, 3, 5)}
        tasks = [space.task() for _ in range(3)]
        self.assertEqual(space.offer(workers[5].sid).task_sid, tasks[0].sid)
        self.assertEqual(space.offer(workers[3].sid).task_sid, tasks[1].sid)
        self.assertEqual(space.offers(workers[1].sid), [])
        self.assertEqual(space.status(tasks[2].sid), "pending")


class Workers(AcceptanceTest):
    def test_wd9_each_change_of_a_worker_counts_at_once(self):
        space = self.space(queue="language == 'es'")
        task = space.task()
        worker = space.worker("w", language="en")
        self.assertEqual(space.status(task.sid), "pending")
        space.api.workers(worker.sid).update(attributes='{"language":"es"}')
        offer = space.offer(worker.sid)
        space.reject(offer, worker_activity_sid=space.offline)
        self.assertEqual(space.api.workers(worker.sid).fetch().activity_name, "Offline")
        self.assertEqual(space.status(task.sid), "pending")
        space.set_available(worker.sid)
        offer = space.offer(worker.sid)
        with self.refused(400, 20001):
            space.api.workers(worker.sid).delete()
        space.reject(offer, worker_activity_sid=space.offline)
        self.assertTrue(space.api.workers(worker.sid).delete())
        with self.refused(404, 20404):
            space.api.workers(worker.sid).fetch()
        other = space.worker("w", language="es")
        self.assertEqual(space.offer(other.sid).task_sid, task.sid)

    def test_wd10_only_a_fitting_worker_is_offered(self):
        space = self.space(configuration=lambda s: route("1==1", {"queue": s.queue.sid, "expression": "worker.languages HAS task.language"}))
        english, spanish = space.worker("e", languages=["en"]), space.worker("s", languages=["en", "es"])
        one = space.task({"language": "es"})
        self.assertEqual(space.offer(spanish.sid).task_sid, one.sid)
        nobody = space.task({"language": "fi"})
        self.assertEqual(space.status(nobody.sid), "pending")
        self.assertEqual(space.offers(english.sid), [])

    def test_wd11_availability_gates_selection(self):
        space = self.space()
        worker = space.worker("w", available=False)
        task = space.task()
        self.server.advance(600)
        self.assertEqual(space.api.tasks(task.sid).reservations.list(), [])
        space.set_available(worker.sid)
        self.assertEqual(space.offer(worker.sid).task_sid, task.sid)

    def test_wd11_pending_offers_hold_a_worker_available_unless_told(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        space.offer(worker.sid)
        with self.refused(400, 20001, "pending reservations"):
            space.set_available(worker.sid, False)
        space.api.workers(worker.sid).update(activity_sid=space.offline, reject_pending_reservations=True)
        self.assertEqual([r.reservation_status for r in space.api.tasks(task.sid).reservations.list()], ["rejected"])
        self.assertEqual(space.status(task.sid), "pending")

    def test_wd14_names_are_unique_in_a_workspace(self):
        space, other = self.space(), self.space()
        worker = space.worker("alice")
        self.assertEqual(worker.friendly_name, "alice")
        for name in ["alice", "ALICE"]:
            with self.refused(400, 20001, "FriendlyName"):
                space.worker(name)
        self.assertEqual(other.worker("alice").friendly_name, "alice")
        self.assertEqual([w.sid for w in space.api.workers.list(friendly_name="alice")], [worker.sid])
        with self.refused(400):
            space.worker("x" * 65)

    def test_longest_idle_worker_first(self):
        space = self.space()
        workers = [space.worker(f"w{number}") for number in range(3)]
        served = []
        for _ in range(6):
            space.task()
            offers = [offer for worker in workers for offer in space.offers(worker.sid)]
            self.assertEqual(len(offers), 1)
            served.append(offers[0].worker_name)
            space.accept(offers[0])
            space.finish(offers[0].task_sid)
            self.server.advance(1)
        self.assertEqual(served, ["w0", "w1", "w2"] * 2)


if __name__ == "__main__":
    unittest.main()
