"""WD-16 to WD-19 and the state tables (taskrouter.md 4): finishing, capacity, time-outs, steps, patience, purge."""

import json
import random
import unittest

from support import AcceptanceTest, in_parallel, route, until


class Finishing(AcceptanceTest):
    def test_wd16_completion_frees_the_worker_for_the_next_item(self):
        space = self.space()
        worker = space.worker("w")
        first, second = space.task(), space.task()
        offer = space.offer(worker.sid)
        self.assertEqual(offer.task_sid, first.sid)
        self.assertEqual(space.accept(offer).reservation_status, "accepted")
        self.assertEqual(space.status(first.sid), "assigned")
        self.assertEqual(space.status(second.sid), "pending")
        done = space.finish(first.sid)
        self.assertEqual((done.assignment_status, done.reason), ("completed", "done"))
        self.assertEqual(space.offer(worker.sid).task_sid, second.sid)
        self.assertEqual([r.reservation_status for r in space.api.tasks(first.sid).reservations.list()], ["completed"])

    def test_wrapping_keeps_the_slot_until_completed(self):
        space = self.space()
        worker = space.worker("w")
        first, second = space.task(), space.task()
        offer = space.offer(worker.sid)
        space.accept(offer)
        self.assertEqual(space.api.tasks(first.sid).update(assignment_status="wrapping").assignment_status, "wrapping")
        self.assertEqual(space.api.workers(worker.sid).reservations(offer.sid).fetch().reservation_status, "wrapping")
        self.assertEqual(space.offers(worker.sid), [])
        space.api.workers(worker.sid).reservations(offer.sid).update(reservation_status="completed")
        self.assertEqual(space.status(first.sid), "completed")
        self.assertEqual(space.offer(worker.sid).task_sid, second.sid)

    def test_illegal_transitions_answer_with_the_known_texts(self):
        space = self.space()
        worker = space.worker("w", available=False)
        task = space.task()
        where = f"task {task.sid} in workspace {space.sid} for account"
        with self.refused(400, 20001, f"Cannot complete {where}"):
            space.finish(task.sid)
        with self.refused(400, 20001, "because it is not currently assigned."):
            space.finish(task.sid)
        with self.refused(400, 20001, f"Cannot wrap up a {where}"):
            space.api.tasks(task.sid).update(assignment_status="wrapping")
        for status in ["pending", "reserved", "assigned", "nonsense"]:
            with self.refused(400, 20001):
                space.api.tasks(task.sid).update(assignment_status=status)
        space.set_available(worker.sid)
        offer = space.offer(worker.sid)
        space.accept(offer)
        with self.refused(400, 20001, f"Cannot cancel {where}"):
            space.api.tasks(task.sid).update(assignment_status="canceled")
        with self.refused(400, 20001, f"Reservation {offer.sid} is already in state [accepted] and cannot be updated to [accepted]"):
            space.accept(offer)
        with self.refused(400, 20001, "is already in state [accepted] and cannot be updated to [rejected]"):
            space.reject(offer)
        for status in ["pending", "timeout", "canceled", "rescinded", "nonsense"]:
            with self.refused(400, 20001):
                space.api.workers(worker.sid).reservations(offer.sid).update(reservation_status=status)

    def test_cancel_ends_the_offer(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        offer = space.offer(worker.sid)
        canceled = space.api.tasks(task.sid).update(assignment_status="canceled", reason="hung up")
        self.assertEqual((canceled.assignment_status, canceled.reason), ("canceled", "hung up"))
        self.assertEqual(space.api.tasks(task.sid).reservations(offer.sid).fetch().reservation_status, "canceled")
        with self.refused(400, 20001):
            space.accept(offer)
        other = space.task()
        self.assertEqual(space.offer(worker.sid).task_sid, other.sid)

    def test_a_finished_item_is_purged_after_five_minutes(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        space.accept(space.offer(worker.sid))
        space.finish(task.sid)
        self.server.advance(290)
        self.assertEqual(space.status(task.sid), "completed")
        self.server.advance(20)
        with self.refused(404, 20404):
            space.api.tasks(task.sid).fetch()
        with self.refused(404, 20404):
            space.finish(task.sid)
        self.assertEqual(space.api.tasks.list(), [])

    def test_finished_items_block_no_deletion(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        with self.refused(400, 20001):
            space.api.workflows(space.workflow.sid).delete()
        with self.refused(400, 20001):
            space.api.task_queues(space.queue.sid).delete()
        space.accept(space.offer(worker.sid))
        space.finish(task.sid)
        space.set_available(worker.sid, False)
        self.assertTrue(space.api.workers(worker.sid).delete())
        self.assertTrue(space.api.workflows(space.workflow.sid).delete())
        self.assertTrue(space.api.task_queues(space.queue.sid).delete())

    def test_deletion_guards(self):
        space = self.space()
        worker = space.worker("w")
        with self.refused(400, 20001):
            space.api.workers(worker.sid).delete()
        with self.refused(400, 20001):
            space.api.activities(space.offline).delete()
        with self.refused(400, 20001):
            space.api.activities(space.available).delete()
        with self.refused(400, 20001):
            space.api.task_channels("default").delete()
        with self.refused(400, 20001):
            space.api.task_queues(space.queue.sid).delete()
        own = space.api.activities.create(friendly_name="Lunch", available=False)
        self.assertTrue(space.api.activities(own.sid).delete())

    def test_a_task_is_deleted_in_any_state(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        space.accept(space.offer(worker.sid))
        self.assertTrue(space.api.tasks(task.sid).delete())
        with self.refused(404, 20404):
            space.api.tasks(task.sid).fetch()
        other = space.task()
        self.assertEqual(space.offer(worker.sid).task_sid, other.sid)


class Capacity(AcceptanceTest):
    def test_wd17_one_holder_and_never_over_capacity_under_concurrency(self):
        space = self.space()
        sids = [space.worker(f"w{number}").sid for number in range(8)]
        for number, sid in enumerate(sids):
            space.capacity(sid, 1 + number % 3)
        events = self.events(space, beginning=True)
        total, clients = 120, 6
        agents = 4

        def work(index):
            client = self.server.client().taskrouter.v1.workspaces(space.sid)
            source = random.Random(index)
            if index < clients:
                return [client.tasks.create(attributes=json.dumps({"n": n}), workflow_sid=space.workflow.sid).sid for n in range(total // clients)]
            mine = sids[index - clients::agents]
            while True:
                idle = True
                for sid in mine:
                    for offer in client.workers(sid).reservations.list(reservation_status="pending"):
                        idle = False
                        if source.random() < 0.2:
                            client.workers(sid).reservations(offer.sid).update(reservation_status="rejected")
                            continue
                        client.workers(sid).reservations(offer.sid).update(reservation_status="accepted")
                        client.tasks(offer.task_sid).update(assignment_status="completed", reason="done")
                if idle and events.kinds().count("task.completed") >= total:
                    return []

        made = {sid for found in in_parallel(clients + agents, work) for sid in found}
        self.assertEqual(len(made), total)
        events.wait(lambda all: len([e for e in all if e["type"].endswith(".task.completed")]) >= total, "all completed")
        self.check_history(events.events, {sid: 1 + number % 3 for number, sid in enumerate(sids)}, made)

    def check_history(self, events, capacity, made):
        """From the events alone: who held what when."""
        holder, load, completed = {}, {sid: set() for sid in capacity}, []
        for event in events:
            payload, name = event["data"]["payload"], event["data"]["payload"]["eventtype"]
            task, worker = payload.get("task_sid"), payload.get("worker_sid")
            if name == "reservation.created":
                self.assertNotIn(task, holder, "offered while somebody has it")
                holder[task] = worker
                load[worker].add(payload["reservation_sid"])
                self.assertLessEqual(len(load[worker]), capacity[worker])
            elif name in ("reservation.rejected", "reservation.timeout", "reservation.canceled"):
                self.assertEqual(holder.pop(task), worker)
                load[worker].remove(payload["reservation_sid"])
            elif name == "reservation.completed":
                self.assertEqual(holder.pop(task), worker)
                load[worker].remove(payload["reservation_sid"])
            elif name == "task.completed":
                completed.append(task)
        self.assertEqual(sorted(completed), sorted(made))
        self.assertEqual(holder, {})

    def test_capacity_counts_and_percentages(self):
        space = self.space()
        worker = space.worker("w")
        self.assertEqual(space.capacity(worker.sid, 3).available_capacity_percentage, 100)
        tasks = [space.task() for _ in range(5)]
        offers = until(lambda: (lambda found: found if len(found) == 3 else None)(space.offers(worker.sid)), "three offers")
        channel = space.api.workers(worker.sid).worker_channels("default").fetch()
        self.assertEqual((channel.available_capacity_percentage, channel.assigned_tasks), (0, 0))
        space.accept(offers[0])
        self.assertEqual(space.api.workers(worker.sid).worker_channels("default").fetch().assigned_tasks, 1)
        space.finish(offers[0].task_sid)
        until(lambda: len(space.offers(worker.sid)) == 3, "the freed slot is used")
        lowered = space.capacity(worker.sid, 1)
        self.assertEqual(lowered.available_capacity_percentage, 0)
        self.assertEqual(len(space.offers(worker.sid)), 3, "nothing is taken away")
        self.assertEqual(space.status(tasks[4].sid), "pending")
        for bad in [-1, 51]:
            with self.refused(400, 20001, "Capacity"):
                space.capacity(worker.sid, bad)

    def test_a_paused_channel_gets_nothing(self):
        space = self.space()
        worker = space.worker("w")
        space.api.workers(worker.sid).worker_channels("default").update(available=False)
        task = space.task()
        self.assertEqual(space.offers(worker.sid), [])
        space.api.workers(worker.sid).worker_channels("default").update(available=True)
        self.assertEqual(space.offer(worker.sid).task_sid, task.sid)

    def test_several_offers_of_one_item_and_the_first_accept_wins(self):
        space = self.space()
        space.api.task_queues(space.queue.sid).update(max_reserved_workers=3)
        workers = [space.worker(f"w{n}") for n in range(3)]
        task = space.task()
        offers = [space.offer(worker.sid) for worker in workers]

        def accept(index):
            answer = self.server.post(f"{space.path}/Workers/{workers[index].sid}/Reservations/{offers[index].sid}", {"ReservationStatus": "accepted"})
            return answer.status_code

        self.assertEqual(sorted(in_parallel(3, accept)), [200, 400, 400])
        states = sorted(r.reservation_status for r in space.api.tasks(task.sid).reservations.list())
        self.assertEqual(states, ["accepted", "rescinded", "rescinded"])


class Waiting(AcceptanceTest):
    def test_wd18_an_unanswered_offer_goes_to_the_second_worker(self):
        space = self.space(reservation_timeout=30)
        first = space.worker("first")
        task = space.task()
        offer = space.offer(first.sid)
        second = space.worker("second")
        events = self.events(space)
        self.server.advance(29)
        self.assertEqual(space.api.tasks(task.sid).reservations(offer.sid).fetch().reservation_status, "pending")
        self.server.advance(2)
        self.assertEqual(space.api.tasks(task.sid).reservations(offer.sid).fetch().reservation_status, "timeout")
        self.assertEqual(events.wait_for("reservation.timeout")["data"]["payload"]["worker_sid"], first.sid)
        self.assertEqual(space.offer(second.sid).task_sid, task.sid)
        self.assertEqual(space.api.workers(first.sid).fetch().activity_name, "Offline")
        with self.refused(400, 20001, "is already in state [timeout] and cannot be updated to [accepted]"):
            space.accept(offer)
        space.accept(space.offer(second.sid))
        self.assertEqual(space.status(task.sid), "assigned")

    def test_wd18_a_refused_offer_goes_to_another(self):
        space = self.space()
        first, second = space.worker("first"), space.worker("second")
        task = space.task()
        offer = space.offer(first.sid)
        rejected = space.reject(offer, worker_activity_sid=space.unavailable)
        self.assertEqual(rejected.reservation_status, "rejected")
        self.assertEqual(space.api.workers(first.sid).fetch().activity_sid, space.unavailable)
        self.assertEqual(space.offer(second.sid).task_sid, task.sid)

    def test_wd19_waiting_changes_priority_and_pool_once(self):
        space = self.space(configuration=lambda s: route(
            "1==1", {"queue": s.queue.sid, "expression": "worker.grade == 'expert'", "priority": 1, "timeout": 30},
            {"queue": s.queue.sid, "priority": 5}))
        novice = space.worker("novice", grade="novice")
        task = space.task()
        events = self.events(space)
        self.server.advance(29)
        self.assertEqual(space.api.tasks(task.sid).fetch().priority, 1)
        self.assertEqual(space.offers(novice.sid), [])
        self.server.advance(2)
        self.assertEqual(space.api.tasks(task.sid).fetch().priority, 5)
        self.assertEqual(space.offer(novice.sid).task_sid, task.sid)
        events.wait_for("reservation.created")
        self.server.advance(60)
        self.assertEqual(events.kinds().count("task-queue.timeout"), 1)

    def test_wd19_after_the_last_step_the_item_is_canceled(self):
        space = self.space(configuration=lambda s: route("1==1", {"queue": s.queue.sid, "timeout": 10}, {"queue": s.queue.sid, "timeout": 10}, default=s.queue.sid))
        task = space.task()
        self.server.advance(19)
        self.assertEqual(space.status(task.sid), "pending")
        self.server.advance(2)
        self.assertEqual(space.status(task.sid), "canceled")

    def test_wd19_skip_if_nobody_is_there(self):
        space = self.space(configuration=lambda s: route(
            "1==1", {"queue": s.queue.sid, "expression": "worker.grade == 'expert'", "skip_if": "1==1", "timeout": 1000}, {"queue": s.queue.sid}))
        novice = space.worker("novice", grade="novice")
        task = space.task()
        self.assertEqual(space.offer(novice.sid).task_sid, task.sid)

    def test_the_life_of_an_item_ends_with_its_timeout(self):
        space = self.space()
        task = space.task(timeout=60)
        self.server.advance(59)
        self.assertEqual(space.status(task.sid), "pending")
        self.server.advance(2)
        ended = space.api.tasks(task.sid).fetch()
        self.assertEqual((ended.assignment_status, ended.reason), ("canceled", "Task TTL Exceeded"))
        worker = space.worker("w")
        offered = space.task(timeout=60)
        offer = space.offer(worker.sid)
        space.accept(offer)
        self.server.advance(120)
        self.assertEqual(space.status(offered.sid), "assigned", "the timeout ends with the assignment")

    def test_no_match_and_no_default_is_refused(self):
        space = self.space(configuration=lambda s: route("type == 'known'", {"queue": s.queue.sid}))
        with self.refused(400, 20001):
            space.task({"type": "unknown"})
        self.assertEqual(space.api.tasks.list(), [])


if __name__ == "__main__":
    unittest.main()
