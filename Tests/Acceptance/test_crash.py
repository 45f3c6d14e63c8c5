"""kill -9 under load: what was accepted is there afterwards, once; what was asked again with the same key is the same."""

import json
import random
import threading
import unittest
import uuid

import requests

from support import SID, TOKEN, Events, Server, Space, in_parallel, kind, until

ROUNDS = 10
CLIENTS = 4


class KillUnderLoad(unittest.TestCase):
    def test_wd2_wd25_every_accepted_item_is_there_once_after_ten_kills(self):
        server = Server().start()
        self.addCleanup(server.close)
        spaces = [Space(server) for _ in range(3)]
        source = random.Random(11)
        accepted, doubtful = [{} for _ in spaces], []
        lock = threading.Lock()

        def client(index, stop):
            """Creates until told to stop; what got no answer is asked again with the same key once the server is back."""
            session = server.session()
            mine = []
            while not stop.is_set():
                place = index % len(spaces)
                key = str(uuid.uuid4())
                form = {"WorkflowSid": spaces[place].workflow.sid, "Attributes": json.dumps({"key": key}), "Timeout": "1209600"}
                try:
                    answer = session.post(f"{server.url}{spaces[place].path}/Tasks", form, headers={"Idempotency-Key": key}, timeout=30)
                except requests.RequestException:
                    with lock:
                        doubtful.append((place, key, form))
                    return mine
                if answer.status_code != 201:
                    self.assertEqual(answer.status_code, 503, answer.text)
                    with lock:
                        doubtful.append((place, key, form))
                    continue
                with lock:
                    accepted[place][key] = answer.json()["sid"]
            return mine

        for _ in range(ROUNDS):
            stop = threading.Event()
            before = sum(map(len, accepted))
            threads = [threading.Thread(target=client, args=(index, stop), daemon=True) for index in range(CLIENTS)]
            for thread in threads:
                thread.start()
            goal = before + source.randrange(5, 60)
            until(lambda: sum(map(len, accepted)) >= goal or doubtful and not any(t.is_alive() for t in threads), "so many are accepted")
            server.kill()
            stop.set()
            for thread in threads:
                thread.join(60)
                self.assertFalse(thread.is_alive())
            server.start()
            asked, doubtful[:] = list(doubtful), []
            for place, key, form in asked:
                answer = server.post(f"{spaces[place].path}/Tasks", form, headers={"Idempotency-Key": key})
                self.assertEqual(answer.status_code, 201, answer.text)
                accepted[place][key] = answer.json()["sid"]
        for space, known in zip(spaces, accepted):
            tasks = {task.sid: json.loads(task.attributes)["key"] for task in space.api.tasks.list(page_size=1000)}
            self.assertEqual(sorted(tasks.items()), sorted((sid, key) for key, sid in known.items()))
            # And the oldest keys still give the same answers.
            for key, sid in list(known.items())[:3]:
                form = {"WorkflowSid": space.workflow.sid, "Attributes": json.dumps({"key": key}), "Timeout": "1209600"}
                self.assertEqual(server.post(f"{space.path}/Tasks", form, headers={"Idempotency-Key": key}).json()["sid"], sid)
            events = Events(server, space.sid, beginning=True)
            events.wait(lambda all: len([e for e in all if kind(e) == "task.created"]) >= len(known))
            self.assertEqual(events.sequences(), list(range(1, len(events.events) + 1)))
            created = [e["data"]["payload"]["task_sid"] for e in events.events if kind(e) == "task.created"]
            self.assertEqual(sorted(created), sorted(tasks))
            events.close()

    def test_wd17_lives_go_on_over_kills_with_one_holder_each(self):
        server = Server().start()
        self.addCleanup(server.close)
        space = Space(server)
        workers = [space.worker(f"w{number}").sid for number in range(4)]
        source = random.Random(3)
        finished, confirmed = set(), {}
        total = 60

        def keyed(path, form, key):
            """Asks until there is an answer."""
            def ask():
                try:
                    answer = server.post(path, form, headers={"Idempotency-Key": key}, timeout=30)
                except requests.RequestException:
                    return None
                return answer if answer.status_code not in (429, 503) else None

            return until(ask, f"an answer to {path}")

        def work(index):
            if index == 0:
                for _ in range(5):
                    goal = len(finished) + source.randrange(4, 10)
                    until(lambda: len(finished) >= min(goal, total), "so many are finished", 120)
                    if len(finished) >= total:
                        return
                    server.kill()
                    server.start()
                return
            if index == 1:
                for number in range(total):
                    key = f"task-{number}"
                    confirmed[key] = keyed(f"{space.path}/Tasks", {"Attributes": json.dumps({"n": number}), "WorkflowSid": space.workflow.sid}, key).json()["sid"]
                return
            mine = workers[index - 2::2]
            while len(finished) < total:
                for sid in mine:
                    try:
                        offers = server.get(f"{space.path}/Workers/{sid}/Reservations?ReservationStatus=pending", timeout=30)
                    except requests.RequestException:
                        continue
                    if offers.status_code != 200:
                        continue
                    for offer in offers.json()["reservations"]:
                        taken = keyed(f"{space.path}/Workers/{sid}/Reservations/{offer['sid']}", {"ReservationStatus": "accepted"}, f"accept-{offer['sid']}")
                        self.assertEqual(taken.status_code, 200, taken.text)
                        done = keyed(f"{space.path}/Tasks/{offer['task_sid']}", {"AssignmentStatus": "completed"}, f"finish-{offer['task_sid']}")
                        self.assertEqual(done.status_code, 200, done.text)
                        finished.add(offer["task_sid"])

        in_parallel(4, work)
        self.assertEqual(finished, set(confirmed.values()))
        events = Events(server, space.sid, beginning=True)
        self.addCleanup(events.close)
        events.wait(lambda all: len([e for e in all if kind(e) == "task.completed"]) >= total)
        names = events.kinds()
        for name in ["task.created", "reservation.created", "reservation.accepted", "task.completed"]:
            self.assertEqual(names.count(name), total, name)
        self.assertEqual(events.sequences(), list(range(1, len(events.events) + 1)))


if __name__ == "__main__":
    unittest.main()
