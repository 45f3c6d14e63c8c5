"""Deleting a workspace full of items answers at once and delays no neighbour."""

import statistics
import time
import unittest

from support import AcceptanceTest, Server, Space, until

COUNT = 5000


class Deletion(AcceptanceTest):
    def neighbours(self):
        """Workspaces, so many that every partition has one."""
        return [self.space() for _ in range(8)]

    def latency(self, space):
        began = time.monotonic()
        answer = self.server.post(f"{space.path}/Tasks", {"WorkflowSid": space.workflow.sid, "Attributes": "{}"})
        self.assertEqual(answer.status_code, 201, answer.text)
        return time.monotonic() - began

    def test_a_workspace_of_5000_items_goes_at_once(self):
        neighbours = self.neighbours()
        space = self.space()
        worker = space.worker("w")
        body = b"".join(b'{"attributes":{"n":%d}}\n' % number for number in range(COUNT))
        answer = self.server.post(f"{space.path}/Tasks/Bulk?ImportId=all&WorkflowSid={space.workflow.sid}", data=body, headers={"Content-Type": "application/x-ndjson"}, timeout=180)
        self.assertEqual(answer.json()["accepted"], COUNT, answer.text)
        until(lambda: self.server.get(f"{space.path}/Tasks/Bulk/all").json()["decided"] >= COUNT, "all are decided")
        self.assertEqual(space.offer(worker.sid).worker_name, "w")
        usual = statistics.median(self.latency(neighbour) for neighbour in neighbours * 2)
        # Compared with an empty one and not with a number of seconds alone: the machine may be busy.
        empty = self.space()
        began = time.monotonic()
        self.assertTrue(empty.api.delete())
        small = time.monotonic() - began
        began = time.monotonic()
        self.assertTrue(space.api.delete())
        took = time.monotonic() - began
        after = [self.latency(neighbour) for neighbour in neighbours * 3]
        self.assertLess(took, max(2.0, 20 * small), f"the deletion's answer; of an empty one: {small:.3f} s")
        self.assertLess(statistics.median(after), max(0.5, 10 * usual), f"neighbours after; usual: {usual:.3f} s")
        self.assertLess(max(after), max(2.0, 40 * usual), f"the slowest neighbour; usual: {usual:.3f} s")
        for path in ["", "/Tasks", "/Workers", f"/Workflows/{space.workflow.sid}", "/Events/Stream"]:
            self.assert_error(self.server.get(space.path + path), 404, 20404)
        self.assert_error(self.server.post(f"{space.path}/Tasks", {"Attributes": "{}"}), 404, 20404)
        self.assertNotIn(space.sid, [w.sid for w in self.client.taskrouter.v1.workspaces.list()])
        self.server.restart()
        self.assert_error(self.server.get(space.path), 404, 20404)
        self.assertNotIn(space.sid, [w.sid for w in self.client.taskrouter.v1.workspaces.list()])
        self.assertEqual(len(neighbours[0].api.tasks.list()), 5)

    def test_kill_in_the_middle_of_a_deletion(self):
        server = Server().start()
        self.addCleanup(server.close)
        neighbour = Space(server)
        kept = neighbour.task().sid
        for attempt in range(3):
            space = Space(server)
            space.worker("w")
            body = b'{"attributes":{}}\n' * 1500
            server.post(f"{space.path}/Tasks/Bulk?ImportId=all&WorkflowSid={space.workflow.sid}", data=body, headers={"Content-Type": "application/x-ndjson"}, timeout=180)
            until(lambda: server.get(f"{space.path}/Tasks/Bulk/all").json()["decided"] >= 1500, "all are decided")
            self.assertTrue(space.api.delete())
            for _ in range(attempt):
                neighbour.task()
            server.kill()
            server.start()
            self.assert_error(server.get(space.path), 404, 20404)
            self.assert_error(server.get(f"{space.path}/Tasks"), 404, 20404)
            self.assertNotIn(space.sid, [w.sid for w in server.client().taskrouter.v1.workspaces.list()])
            self.assertEqual(neighbour.status(kept), "pending")
        self.assertEqual(len(neighbour.api.tasks.list()), 4)
        server.advance(60)
        self.assertEqual(server.terminate(), 0)
        server.start()
        self.assertEqual(len(neighbour.api.tasks.list()), 4)

    def test_a_deleted_workspace_in_use_takes_its_offers_along(self):
        space = self.space()
        worker = space.worker("w")
        task = space.task()
        space.offer(worker.sid)
        events = self.events(space)
        self.assertTrue(space.api.delete())
        events.wait_for("workspace.deleted")
        self.assert_error(self.server.delete(space.path), 404, 20404)
        self.assert_error(self.server.get(f"{space.path}/Tasks/{task.sid}"), 404, 20404)
        self.server.advance(600)
        self.assertEqual(self.server.get("/ready", auth=None).status_code, 200)


if __name__ == "__main__":
    unittest.main()
