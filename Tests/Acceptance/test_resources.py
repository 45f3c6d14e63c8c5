"""Every resource over the wire with the stock client: create, fetch, list, filters, update, delete, versions (taskrouter.md 1 and 2)."""

import datetime
import json
import re
import unittest

from support import SID, AcceptanceTest, needs_current_client, until

DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
META = {"page", "page_size", "first_page_url", "previous_page_url", "url", "next_page_url", "key"}


class Resources(AcceptanceTest):
    def check_instance(self, body, prefix, *links):
        self.assertRegex(body["sid"], f"^{prefix}[0-9a-f]{{32}}$")
        self.assertEqual(body["account_sid"], SID)
        self.assertTrue(body["url"].startswith(self.server.url), body["url"])
        self.assertEqual(self.server.get(body["url"]).json()["sid"], body["sid"])
        for name in ["date_created", "date_updated"]:
            self.assertRegex(body[name], DATE)
        self.assertLessEqual(set(links), set(body.get("links") or {}))

    def test_workspaces(self):
        made = self.server.post("/v1/Workspaces", {
            "FriendlyName": "Büro", "EventCallbackUrl": "https://example.com/e", "EventsFilter": "task.created, task.completed", "PrioritizeQueueOrder": "LIFO"})
        self.assertEqual(made.status_code, 201, made.text)
        body = made.json()
        self.check_instance(body, "WS", "activities", "statistics", "real_time_statistics", "cumulative_statistics", "task_queues", "tasks", "workers",
                            "workflows", "task_channels", "events")
        self.assertEqual((body["friendly_name"], body["event_callback_url"], body["prioritize_queue_order"], body["multi_task_enabled"]),
                         ("Büro", "https://example.com/e", "LIFO", True))
        self.assertEqual((body["default_activity_name"], body["timeout_activity_name"]), ("Offline", "Offline"))
        api = self.client.taskrouter.v1.workspaces(body["sid"])
        self.assertEqual({a.friendly_name: a.available for a in api.activities.list()}, {"Offline": False, "Unavailable": False, "Available": True})
        self.assertEqual({c.unique_name for c in api.task_channels.list()}, {"default", "voice", "sms", "chat", "video"})
        changed = api.update(friendly_name="Neu", event_callback_url="", prioritize_queue_order="FIFO")
        self.assertEqual((changed.friendly_name, changed.event_callback_url, changed.prioritize_queue_order), ("Neu", "", "FIFO"))
        unavailable = [a.sid for a in api.activities.list(friendly_name="Unavailable")][0]
        self.assertEqual(api.update(timeout_activity_sid=unavailable).timeout_activity_name, "Unavailable")
        with self.refused(400, 20001, "DefaultActivitySid"):
            api.update(default_activity_sid="WA" + "0" * 32)
        self.assertEqual([w.sid for w in self.client.taskrouter.v1.workspaces.list(friendly_name="Neu")], [body["sid"]])
        self.assertTrue(api.delete())
        with self.refused(404, 20404):
            api.fetch()
        self.assert_error(self.server.get(f"/v1/Workspaces/{body['sid']}/Tasks"), 404, 20404)

    def test_a_fifo_template_brings_a_queue_and_a_workflow(self):
        made = self.client.taskrouter.v1.workspaces.create(friendly_name="template", template="FIFO")
        api = self.client.taskrouter.v1.workspaces(made.sid)
        self.assertEqual([q.friendly_name for q in api.task_queues.list()], ["Sample Queue"])
        self.assertEqual([w.friendly_name for w in api.workflows.list()], ["Default Fifo Workflow"])
        task = api.tasks.create(attributes="{}")
        self.assertEqual(task.workflow_friendly_name, "Default Fifo Workflow", "the only workflow needs no name")

    def test_activities(self):
        space = self.space()
        made = self.server.post(f"{space.path}/Activities", {"FriendlyName": "Lunch", "Available": "false"})
        self.assertEqual(made.status_code, 201)
        self.check_instance(made.json(), "WA", "workspace")
        self.assertIs(made.json()["available"], False)
        api = space.api.activities(made.json()["sid"])
        self.assertEqual(api.update(friendly_name="Break").friendly_name, "Break")
        self.assertEqual([a.friendly_name for a in space.api.activities.list(available="true")], ["Available"])
        self.assertEqual({a.friendly_name for a in space.api.activities.list(available="false")}, {"Offline", "Unavailable", "Break"})
        self.assertEqual([a.sid for a in space.api.activities.list(friendly_name="Break")], [api.fetch().sid])
        for value in ["true", "1", "yes", "TRUE"]:
            made = self.server.post(f"{space.path}/Activities", {"FriendlyName": f"a {value}", "Available": value})
            self.assertIs(made.json()["available"], True)
        self.assertTrue(api.delete())
        with self.refused(404, 20404):
            api.fetch()

    @needs_current_client
    def test_workers(self):
        space = self.space()
        made = self.server.post(f"{space.path}/Workers", {"FriendlyName": "Zoë", "Attributes": '{"languages":["en"],"level":3}'})
        self.assertEqual(made.status_code, 201)
        body = made.json()
        self.check_instance(body, "WK", "channels", "worker_channels", "activity", "workspace", "statistics", "real_time_statistics",
                            "cumulative_statistics", "worker_statistics", "reservations")
        self.assertEqual((body["activity_name"], body["available"], body["attributes"]), ("Offline", False, '{"languages":["en"],"level":3}'))
        self.assertRegex(body["date_status_changed"], DATE)
        self.assertEqual(made.headers["ETag"], '"0"')
        other = space.worker("Bob", languages=["es"], level=1)
        names = lambda **filters: {w.friendly_name for w in space.api.workers.list(**filters)}
        self.assertEqual(names(), {"Zoë", "Bob"})
        self.assertEqual(names(available="true"), {"Bob"})
        self.assertEqual(names(available="false"), {"Zoë"})
        self.assertEqual(names(activity_name="Offline"), {"Zoë"})
        self.assertEqual(names(activity_sid=space.available), {"Bob"})
        self.assertEqual(names(friendly_name="Bob"), {"Bob"})
        self.assertEqual(names(target_workers_expression="level > 2"), {"Zoë"})
        self.assertEqual(names(target_workers_expression="languages HAS 'es'"), {"Bob"})
        self.assertEqual(names(target_workers_expression="worker.channel.voice.configured_capacity > 0"), {"Zoë", "Bob"})
        self.assertEqual(names(task_queue_name="everybody"), {"Zoë", "Bob"})
        self.assertEqual(names(task_queue_sid=space.queue.sid), {"Zoë", "Bob"})
        bad = self.server.get(f"{space.path}/Workers", params={"TargetWorkersExpression": "level >"})
        self.assert_error(bad, 400, 20001, "TargetWorkersExpression", "character 8")
        self.server.advance(2)
        space.api.workers(body["sid"]).update(activity_sid=space.available)
        ordered = [w.friendly_name for w in space.api.workers.list(ordering="DateStatusChanged:desc")]
        self.assertEqual(ordered, ["Zoë", "Bob"])
        self.assertEqual([w.friendly_name for w in space.api.workers.list(ordering="DateStatusChanged:asc")], ["Bob", "Zoë"])
        renamed = space.api.workers(other.sid).update(friendly_name="Robert")
        self.assertEqual((renamed.friendly_name, renamed.attributes), ("Robert", other.attributes))
        with self.refused(400, 20001, "WA123"):
            space.api.workers(other.sid).update(activity_sid="WA123")
        for bad in ["[]", "nonsense", '{"a":', '"text"', json.dumps({"long": "x" * 4096})]:
            with self.refused(400, 20001, "Attributes"):
                space.api.workers(other.sid).update(attributes=bad)

    def test_worker_channels(self):
        space = self.space()
        worker = space.worker("w")
        channels = space.api.workers(worker.sid).worker_channels.list()
        self.assertEqual({c.task_channel_unique_name for c in channels}, {"default", "voice", "sms", "chat", "video"})
        chat = next(c for c in channels if c.task_channel_unique_name == "chat")
        self.assertEqual((chat.configured_capacity, chat.available, chat.available_capacity_percentage, chat.assigned_tasks), (1, True, 100, 0))
        self.assertRegex(chat.sid, "^WC[0-9a-f]{32}$")
        self.assertEqual(space.api.workers(worker.sid).worker_channels(chat.sid).update(capacity=4, available=False).configured_capacity, 4)
        by_name = space.api.workers(worker.sid).worker_channels("chat").fetch()
        self.assertEqual((by_name.sid, by_name.configured_capacity, by_name.available), (chat.sid, 4, False))
        with self.refused(404):
            space.api.workers(worker.sid).worker_channels("fax").fetch()

    def test_task_channels(self):
        space = self.space()
        worker = space.worker("w")
        made = self.server.post(f"{space.path}/TaskChannels", {"FriendlyName": "Fax", "UniqueName": "fax_1", "ChannelOptimizedRouting": "true"})
        self.assertEqual(made.status_code, 201, made.text)
        self.check_instance(made.json(), "TC", "workspace")
        self.assertIs(made.json()["channel_optimized_routing"], True)
        self.assertEqual(space.api.task_channels("fax_1").fetch().sid, made.json()["sid"])
        self.assertEqual(space.api.workers(worker.sid).worker_channels("fax_1").fetch().configured_capacity, 1)
        self.assertEqual(space.api.task_channels("fax_1").update(friendly_name="Telefax").friendly_name, "Telefax")
        for bad in ["1fax", "two words", "", "fax-1"]:
            with self.refused(400, 20001, "UniqueName"):
                space.api.task_channels.create(friendly_name="x", unique_name=bad)
        with self.refused(400, 20001):
            space.api.task_channels.create(friendly_name="x", unique_name="fax_1")
        with self.refused(400, 20001, "TaskChannel"):
            space.task(task_channel="carrier_pigeon")
        self.assertTrue(space.api.task_channels("fax_1").delete())
        with self.refused(404):
            space.api.task_channels("fax_1").fetch()

    def test_task_queues(self):
        space = self.space()
        made = self.server.post(f"{space.path}/TaskQueues", {"FriendlyName": "Spanish", "TargetWorkers": "languages HAS 'es'", "MaxReservedWorkers": "2", "TaskOrder": "LIFO"})
        self.assertEqual(made.status_code, 201, made.text)
        body = made.json()
        self.check_instance(body, "WQ", "workspace", "statistics", "real_time_statistics", "cumulative_statistics", "list_statistics")
        self.assertEqual((body["max_reserved_workers"], body["task_order"], body["target_workers"]), (2, "LIFO", "languages HAS 'es'"))
        self.assertIsNone(body["assignment_activity_sid"])
        worker = space.worker("maria", languages=["es"])
        names = lambda **filters: {q.friendly_name for q in space.api.task_queues.list(**filters)}
        self.assertEqual(names(friendly_name="Spanish"), {"Spanish"})
        self.assertEqual(names(worker_sid=worker.sid), {"Spanish", "everybody"})
        self.assertEqual(names(evaluate_worker_attributes='{"languages":["fi"]}'), {"everybody"})
        space.api.task_queues.create(friendly_name="german", target_workers="lang == 'de'")
        space.api.task_queues.create(friendly_name="deep", target_workers="worker.skill.level > 2 AND lang == 'de'")
        self.assertEqual(names(evaluate_worker_attributes="lang == 'de'"), {"everybody", "german"})
        self.assertEqual(names(evaluate_worker_attributes="lang == 'de' AND worker.skill.level == 3"), {"everybody", "german", "deep"})
        self.assertEqual(names(evaluate_worker_attributes="lang == 'fr' AND n == 1"), {"everybody"})
        for bad in ["lang", "lang > 'de'", "lang == 'de' OR n == 1", "n == 1 AND n == 2", "[1]", '{"lang"', "lang == other"]:
            with self.subTest(bad):
                self.assert_error(self.server.get(f"{space.path}/TaskQueues", params={"EvaluateWorkerAttributes": bad}), 400, 20001, "equality pairs")
        changed = space.api.task_queues(body["sid"]).update(target_workers="languages HAS 'fi'", max_reserved_workers=1)
        self.assertEqual((changed.target_workers, changed.max_reserved_workers), ("languages HAS 'fi'", 1))
        self.assertEqual(names(worker_sid=worker.sid), {"everybody"})
        for field, bad in [("TargetWorkers", "languages HAS"), ("MaxReservedWorkers", "0"), ("MaxReservedWorkers", "51"), ("TaskOrder", "RANDOM"), ("MaxReservedWorkers", "two")]:
            self.assert_error(self.server.post(f"{space.path}/TaskQueues", {"FriendlyName": "bad", field: bad}), 400, 20001, field)
        self.assertTrue(space.api.task_queues(body["sid"]).delete())
        with self.refused(404):
            space.api.task_queues(body["sid"]).fetch()

    def test_a_queue_for_nobody_keeps_items_waiting(self):
        space = self.space(queue="")
        space.worker("w")
        self.assertEqual(space.task().assignment_status, "pending")
        self.assertEqual(space.queue.target_workers, "")

    def test_workflows(self):
        space = self.space()
        body = self.server.get(f"{space.path}/Workflows/{space.workflow.sid}").json()
        self.check_instance(body, "WW", "statistics", "real_time_statistics", "cumulative_statistics")
        self.assertEqual((body["task_reservation_timeout"], body["document_content_type"]), (120, "application/json"))
        changed = space.api.workflows(space.workflow.sid).update(assignment_callback_url="http://127.0.0.1:1/a", fallback_assignment_callback_url="http://127.0.0.1:1/f", task_reservation_timeout=86400)
        self.assertEqual(changed.assignment_callback_url, "http://127.0.0.1:1/a")
        self.assertEqual([w.sid for w in space.api.workflows.list(friendly_name="main")], [space.workflow.sid])
        self.assertEqual(space.api.workflows.list(friendly_name="other"), [])
        for field, bad in [("TaskReservationTimeout", "0"), ("TaskReservationTimeout", "86401"), ("TaskReservationTimeout", "soon"), ("AssignmentCallbackUrl", "not a url"), ("AssignmentCallbackUrl", "ftp://x/y")]:
            self.assert_error(self.server.post(f"{space.path}/Workflows/{space.workflow.sid}", {field: bad}), 400, 20001, field)

    def test_tasks(self):
        space = self.space()
        made = self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}", "Priority": "3", "Timeout": "600", "TaskChannel": "chat"})
        self.assertEqual(made.status_code, 201, made.text)
        body = made.json()
        self.check_instance(body, "WT", "task_queue", "workflow", "workspace", "reservations")
        self.assertRegex(made.headers["ETag"], r'^"\d+"$')
        expected = {
            "priority": 3, "timeout": 600, "task_channel_unique_name": "chat", "workflow_sid": space.workflow.sid, "workflow_friendly_name": "main",
            "task_queue_sid": space.queue.sid, "task_queue_friendly_name": "everybody", "addons": "{}", "reason": None, "routing_target": None,
            "ignore_capacity": False}
        self.assertEqual({name: body[name] for name in expected}, expected)
        self.assertEqual(body["virtual_start_time"], body["date_created"])
        self.assertIsInstance(body["age"], int)
        self.server.advance(10)
        self.assertGreaterEqual(space.api.tasks(body["sid"]).fetch().age, 10)
        for field, bad in [("Priority", "-1"), ("Priority", "high"), ("Priority", "2147483648"), ("Timeout", "0"), ("Timeout", "1209601"), ("Attributes", "[1]"),
                           ("Attributes", "{"), ("Attributes", json.dumps({"x": "y" * 4096})), ("VirtualStartTime", "2999-01-01T00:00:00Z"), ("VirtualStartTime", "yesterday"),
                           ("VirtualStartTime", "1899-01-01T00:00:00Z")]:
            with self.subTest(f"{field}={bad[:20]}"):
                answer = self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, field: bad})
                self.assert_error(answer, 400, 20001, field)
        self.assertIn("future", self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "VirtualStartTime": "2999-01-01T00:00:00Z"}).text)

    def test_virtual_start_times_before_1970(self):
        space = self.space()
        times = ["1900-01-01T00:00:00Z", "1950-06-01T12:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]
        made = []
        for time in reversed(times):
            answer = self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "VirtualStartTime": time})
            self.assertEqual((answer.status_code, answer.json()["virtual_start_time"]), (201, time))
            made.append(answer.json()["sid"])
        path, seen = f"{space.path}/Tasks?PageSize=2&Ordering=VirtualStartTime:asc", []
        while path:
            page = self.server.get(path).json()
            seen += [(task["sid"], task["virtual_start_time"]) for task in page["tasks"]]
            path = page["meta"]["next_page_url"]
        self.assertEqual(seen, list(zip(reversed(made), times)))
        changed = self.server.post(f"{space.path}/Tasks/{made[0]}", {"VirtualStartTime": "1969-01-01T00:00:00+01:00"})
        self.assertEqual((changed.status_code, changed.json()["virtual_start_time"]), (200, "1968-12-31T23:00:00Z"))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.get(f"{space.path}/Tasks/{made[-1]}").json()["virtual_start_time"], times[0])

    def test_tasks_are_found_by_their_routing_target(self):
        space = self.space()
        worker = space.worker("w")
        space.task()
        for target in [space.workflow.sid, space.queue.sid, worker.sid]:
            made = self.server.post(f"{space.path}/Tasks", {"RoutingTarget": target}).json()
            self.assertEqual(made["routing_target"], target)
            found = self.server.get(f"{space.path}/Tasks", params={"RoutingTarget": target}).json()["tasks"]
            self.assertEqual([task["sid"] for task in found], [made["sid"]])

    def test_task_filters_and_orderings(self):
        space = self.space()
        space.worker("w")
        held = space.task({"type": "support", "n": 1}, priority=2)
        sales = space.task({"type": "sales", "n": 2}, priority=5)
        plain = space.task({"type": "support", "n": 3})
        sids = lambda **filters: [t.sid for t in space.api.tasks.list(**filters)]
        self.assertEqual(sids(), [held.sid, sales.sid, plain.sid])
        self.assertEqual(sids(assignment_status=["pending"]), [sales.sid, plain.sid])
        self.assertEqual(sids(assignment_status=["pending", "reserved"]), [held.sid, sales.sid, plain.sid])
        self.assertEqual([t["sid"] for t in self.server.get(f"{space.path}/Tasks?AssignmentStatus=reserved, assigned").json()["tasks"]], [held.sid])
        self.assertEqual(sids(priority=5), [sales.sid])
        self.assertEqual(sids(evaluate_task_attributes="type == 'support' AND n > 1"), [plain.sid])
        self.assertEqual(sids(workflow_name="main"), [held.sid, sales.sid, plain.sid])
        self.assertEqual(sids(workflow_sid="WW" + "0" * 32), [])
        self.assertEqual(sids(task_queue_name="everybody", priority=0), [plain.sid])
        self.assertEqual(sids(task_queue_sid=space.queue.sid, priority=2), [held.sid])
        self.assertEqual(sids(ordering="DateCreated:desc"), [plain.sid, sales.sid, held.sid])
        self.assertEqual(sids(ordering="Priority:desc"), [sales.sid, held.sid, plain.sid])
        self.assertEqual(sids(ordering="Priority:desc,DateCreated:asc"), [sales.sid, held.sid, plain.sid])
        for bad in ["DateCreated:asc,VirtualStartTime:asc", "Age:asc", "Priority:up"]:
            self.assert_error(self.server.get(f"{space.path}/Tasks", params={"Ordering": bad}), 400, 20001, "Ordering")
        for name, bad in [("EvaluateTaskAttributes", "type =="), ("AssignmentStatus", "sleeping"), ("Priority", "x"), ("Priority", "-1"), ("Priority", "2147483648")]:
            self.assert_error(self.server.get(f"{space.path}/Tasks", params={name: bad}), 400, 20001, name)

    @needs_current_client
    def test_reservations_from_both_sides(self):
        space = self.space()
        worker = space.worker("wanda")
        task = space.task()
        offer = space.offer(worker.sid)
        self.assertEqual((offer.task_sid, offer.worker_sid, offer.worker_name), (task.sid, worker.sid, "wanda"))
        for side in [f"Tasks/{task.sid}", f"Workers/{worker.sid}"]:
            listed = self.server.get(f"{space.path}/{side}/Reservations").json()["reservations"]
            self.assertEqual([r["sid"] for r in listed], [offer.sid])
            body = self.server.get(f"{space.path}/{side}/Reservations/{offer.sid}")
            self.assertIn(f"/{side}/Reservations/", body.json()["url"])
            self.assertEqual(set(body.json()["links"]), {"task", "worker", "workspace"})
            self.assertRegex(body.headers["ETag"], r'^"\d+"$')
        self.assertEqual(space.api.tasks(task.sid).reservations.list(worker_sid="WK" + "0" * 32), [])
        self.assertEqual(space.api.tasks(task.sid).reservations.list(reservation_status="accepted"), [])
        accepted = space.api.tasks(task.sid).reservations(offer.sid).update(instruction="accept")
        self.assertEqual(accepted.reservation_status, "accepted")
        other = space.worker("other")
        with self.refused(404, 20404):
            space.api.workers(other.sid).reservations(offer.sid).fetch()

    @needs_current_client
    def test_a_worker_as_routing_target_gets_it_whatever_he_does(self):
        space = self.space()
        worker, idle = space.worker("away", available=False), space.worker("idle")
        task = space.task(routing_target=worker.sid)
        self.assertEqual(space.offer(worker.sid).task_sid, task.sid)
        self.assertEqual(space.offers(idle.sid), [])


class Versions(AcceptanceTest):
    def test_if_match_in_every_form(self):
        space = self.space()
        worker = space.worker("w", available=False)
        for path, change in [(f"Workers/{worker.sid}", "Attributes"), (f"Tasks/{space.task().sid}", "Attributes")]:
            url = f"{space.path}/{path}"
            for number, form in enumerate(["{}", '"{}"', 'W/"{}"']):
                tag = self.server.get(url).headers["ETag"]
                version = int(json.loads(tag))
                answer = self.server.post(url, {change: json.dumps({"n": number})}, headers={"If-Match": form.format(version)})
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertEqual(int(json.loads(answer.headers["ETag"])), version + 1)
                stale = self.server.post(url, {change: '{"n":"stale"}'}, headers={"If-Match": form.format(version)})
                self.assert_error(stale, 412, 20412)
                self.assertEqual(self.server.get(url).json()["attributes"], json.dumps({"n": number}))
            self.assert_error(self.server.delete(url, headers={"If-Match": '"0"'}), 412, 20412)
            self.assertEqual(self.server.get(url).status_code, 200)
            self.assertEqual(self.server.post(url, {change: '{"n":"last write wins"}'}).status_code, 200)
            tag = self.server.get(url).headers["ETag"]
            self.assertEqual(self.server.delete(url, headers={"If-Match": tag}).status_code, 204)

    def test_a_reservation_is_accepted_only_in_the_version_seen(self):
        space = self.space()
        worker = space.worker("w")
        space.task()
        offer = space.offer(worker.sid)
        url = f"{space.path}/Workers/{worker.sid}/Reservations/{offer.sid}"
        self.assert_error(self.server.post(url, {"ReservationStatus": "accepted"}, headers={"If-Match": '"99"'}), 412, 20412)
        tag = self.server.get(url).headers["ETag"]
        self.assertEqual(self.server.post(url, {"ReservationStatus": "accepted"}, headers={"If-Match": tag}).status_code, 200)

    def test_an_offer_raises_the_workers_version(self):
        space = self.space()
        worker = space.worker("w")
        before = self.server.get(f"{space.path}/Workers/{worker.sid}").headers["ETag"]
        space.task()
        space.offer(worker.sid)
        self.assertNotEqual(self.server.get(f"{space.path}/Workers/{worker.sid}").headers["ETag"], before)


class Paging(AcceptanceTest):
    def walk(self, url, key):
        """Every page forwards, then back from the last one."""
        pages = []
        while url:
            answer = self.server.get(url)
            self.assertEqual(answer.status_code, 200, answer.text)
            body = answer.json()
            self.assertEqual(set(body), {key, "meta"})
            self.assertEqual(set(body["meta"]), META)
            self.assertEqual(body["meta"]["key"], key)
            for name in ["url", "first_page_url"]:
                self.assertTrue(body["meta"][name].startswith(self.server.url + "/v1/"))
            pages.append(body)
            url = body["meta"]["next_page_url"]
        self.assertIsNone(pages[0]["meta"]["previous_page_url"])
        for place in range(len(pages) - 1, 0, -1):
            back = self.server.get(pages[place]["meta"]["previous_page_url"]).json()
            self.assertEqual([i["sid"] for i in back[key]], [i["sid"] for i in pages[place - 1][key]])
            self.assertEqual(back["meta"]["page"], place - 1)
        return [item["sid"] for page in pages for item in page[key]]

    def test_every_list_is_paged_both_ways(self):
        space = self.space()
        for number in range(7):
            space.worker(f"w{number}", available=False)
            space.task({"n": number}, priority=number % 3)
            space.api.activities.create(friendly_name=f"a{number}")
            queue = space.api.task_queues.create(friendly_name=f"q{number}")
            space.api.workflows.create(friendly_name=f"f{number}", configuration=json.dumps({"task_routing": {"default_filter": {"queue": queue.sid}}}))
        for segment, key, count in [("Workers", "workers", 7), ("Tasks", "tasks", 7), ("Activities", "activities", 10), ("TaskQueues", "task_queues", 8),
                                    ("Workflows", "workflows", 8), ("TaskChannels", "channels", 5)]:
            for size in [1, 2, 3, 50]:
                with self.subTest(f"{segment} by {size}"):
                    sids = self.walk(f"{space.path}/{segment}?PageSize={size}", key)
                    self.assertEqual(len(sids), count)
                    self.assertEqual(len(set(sids)), count)
        for ordering in ["Priority:desc", "Priority:asc", "DateCreated:desc", "VirtualStartTime:asc"]:
            with self.subTest(ordering):
                self.assertEqual(len(set(self.walk(f"{space.path}/Tasks?PageSize=2&Ordering={ordering}", "tasks"))), 7)
        filtered = self.walk(f"{space.path}/Tasks?PageSize=1&Priority=1", "tasks")
        self.assertEqual(len(filtered), 2)
        self.assertEqual(len(self.walk(f"{space.path}/Workers?PageSize=3&Ordering=DateStatusChanged:asc", "workers")), 7)
        self.assertEqual(len(self.walk("/v1/Workspaces?PageSize=1", "workspaces")), len(self.client.taskrouter.v1.workspaces.list()))
        self.assertEqual([t.sid for t in space.api.tasks.list(page_size=2)], [t.sid for t in space.api.tasks.list()])

    def started(self, space, priority, day):
        """A task that counts from a day, by its sid; posted, as the distribution's client knows no such parameter."""
        answer = self.server.post(f"{space.path}/Tasks", data={"WorkflowSid": space.workflow.sid, "Priority": priority, "VirtualStartTime": f"{day}T00:00:00Z"})
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["sid"]

    def test_tasks_are_ordered_by_two_keys(self):
        space = self.space()
        started = {"a": "2020-01-06", "b": "2020-01-01", "c": "2020-01-05", "d": "2020-01-02", "e": "2020-01-03", "f": "2020-01-04"}
        names = {}
        for name, priority in [("a", 2), ("b", 1), ("c", 2), ("d", 1), ("e", 2), ("f", 1)]:
            names[self.started(space, priority, started[name])] = name
        for ordering, order in [
            ("Priority:desc", "acebdf"), ("Priority:asc", "bdface"), ("Priority:desc,DateCreated:asc", "acebdf"), ("Priority:asc,DateCreated:desc", "fdbeca"),
            ("Priority:desc,DateCreated:desc", "ecafdb"), ("Priority:asc,VirtualStartTime:asc", "bdfeca"), ("Priority:asc,VirtualStartTime:desc", "fdbace"),
            ("Priority:desc,VirtualStartTime:asc", "ecabdf"), ("Priority:desc,VirtualStartTime:desc", "acefdb"), ("VirtualStartTime:desc,Priority:asc", "acfedb"),
            ("DateCreated:desc,Priority:asc", "fedcba"),
        ]:
            for size in [1, 2, 4, 50]:
                with self.subTest(f"{ordering} by {size}"):
                    sids = self.walk(f"{space.path}/Tasks?PageSize={size}&Ordering={ordering}", "tasks")
                    self.assertEqual("".join(names[sid] for sid in sids), order)
        filtered = self.walk(f"{space.path}/Tasks?PageSize=1&Priority=2&Ordering=Priority:asc,VirtualStartTime:asc", "tasks")
        self.assertEqual("".join(names[sid] for sid in filtered), "eca")

    def test_tasks_of_one_virtual_start_are_ordered_by_priority(self):
        space = self.space()
        names = {self.started(space, priority, "2020-01-01"): priority for priority in [2, 5, 1, 5, 3]}
        for direction, order in [("asc", [1, 2, 3, 5, 5]), ("desc", [5, 5, 3, 2, 1])]:
            sids = self.walk(f"{space.path}/Tasks?PageSize=2&Ordering=VirtualStartTime:asc,Priority:{direction}", "tasks")
            self.assertEqual([names[sid] for sid in sids], order)

    def test_reservations_are_paged(self):
        space = self.space()
        worker = space.worker("w")
        space.capacity(worker.sid, 7)
        for _ in range(7):
            space.task()
        until(lambda: len(space.offers(worker.sid)) == 7, "seven offers")
        self.assertEqual(len(self.walk(f"{space.path}/Workers/{worker.sid}/Reservations?PageSize=3&ReservationStatus=pending", "reservations")), 7)

    def test_pages_hold_together_while_the_list_grows_and_shrinks(self):
        space = self.space()
        sids = [space.task({"n": n}).sid for n in range(6)]
        first = self.server.get(f"{space.path}/Tasks?PageSize=3").json()
        space.api.tasks(sids[2]).delete()
        added = space.task().sid
        rest = self.server.get(first["meta"]["next_page_url"]).json()
        seen = [t["sid"] for t in first["tasks"]] + [t["sid"] for t in rest["tasks"]]
        self.assertEqual(seen, sids)
        last = self.server.get(rest["meta"]["next_page_url"]).json()
        self.assertEqual([t["sid"] for t in last["tasks"]], [added])

    def test_bad_page_parameters_are_refused(self):
        space = self.space()
        for query, word in [("PageSize=0", "PageSize"), ("PageSize=1001", "PageSize"), ("PageSize=ten", "PageSize"), ("Page=-1", "Page"), ("PageToken=PAxyz", "PageToken"), ("PageToken=%00", "PageToken")]:
            self.assert_error(self.server.get(f"{space.path}/Tasks?{query}"), 400, 20001, word)
        self.assert_error(self.server.get(f"{space.path}/Tasks?Page=3"), 400, 40153)

    def test_filters_stay_in_the_urls_of_a_page(self):
        space = self.space()
        for _ in range(3):
            space.task(priority=4)
        meta = self.server.get(f"{space.path}/Tasks?PageSize=1&Priority=4&AssignmentStatus=pending").json()["meta"]
        for name in ["url", "first_page_url", "next_page_url"]:
            self.assertIn("Priority=4", meta[name])
            self.assertIn("AssignmentStatus=pending", meta[name])


if __name__ == "__main__":
    unittest.main()
