"""Bad days of a cluster whose topics somebody deletes. Runs on the cluster home alone."""

import re
import subprocess
import unittest

from bad_days import SharedBroker, needs_starter, refusal, starter, why
from support import BINARY, KAFKA, PATIENCE, Space, until
from test_cluster import apply_topics, fresh_prefix, tasks_of


@needs_starter
class DeletedTopics(SharedBroker):
    """Somebody deletes topics under a node that serves."""

    def setUp(self):
        # Each test wants all of its topics; the class's own go to the first.
        if getattr(type(self), "used", False):
            type(self).prefix = fresh_prefix()
            apply_topics(self.prefix)
        type(self).used = True

    def delete(self, *topics):
        names = "|".join(re.escape(self.prefix + topic) for topic in topics)
        starter("tool", "topics", "--bootstrap-server", KAFKA, "--delete", "--topic", names)

    def repair(self, node, *topics):
        """Does what the node says."""

        def told():
            reason = why(node, "topics")
            return reason if reason and all(self.prefix + topic in reason for topic in topics) else None

        reason = until(told, "it names the topics", PATIENCE * 2)
        self.assertIn(reason.split(";")[0], node.log_text())
        [command] = re.findall(r"run: trunkline (topics apply [^;]*)", reason)
        done = subprocess.run([BINARY, *command.split()], capture_output=True, text=True, timeout=PATIENCE * 2)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_topic_of_commands(self):
        node = self.make()
        node.start()
        space = Space(node)
        known = {self.made(space) for _ in range(5)}
        self.delete("work.commands")
        refusal(lambda: self.create(space), "requests are refused")
        self.repair(node, "work.commands")
        node.wait_ready()
        known |= {self.made(space) for _ in range(5)}
        self.assertLessEqual(known, tasks_of(node, space.sid))
        # The ledger knows the new topic's positions by now.
        node.restart()
        known.add(self.made(space))
        self.assertLessEqual(known, tasks_of(node, space.sid))

    def test_topics_that_are_made_from_the_journal(self):
        node = self.make(name="other")
        node.start()
        space = Space(node)
        self.made(space)
        self.delete("events", "callouts")
        self.repair(node, "events", "callouts")
        node.wait_ready()
        stream = space.events()
        self.addCleanup(stream.close)
        sid = self.made(space)
        stream.wait_for("task.created", where=lambda payload: payload["task_sid"] == sid)


if __name__ == "__main__":
    unittest.main()
