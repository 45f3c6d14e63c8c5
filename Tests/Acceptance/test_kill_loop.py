"""A minute of `make kill-loop`: kill -9 at random moments under load, and an audit from the journal alone."""

import os
import unittest

from kill_loop import KillLoop
from support import embedded_only


@embedded_only
class Minute(unittest.TestCase):
    def test_every_answer_is_in_the_journal_exactly_once_after_a_minute_of_kills(self):
        # Given a server under load from clients that repeat with their keys
        loop = KillLoop(float(os.environ.get("KILL_LOOP_SECONDS", "60")))
        self.addCleanup(loop.server.close)
        # When it is killed at random moments for a minute
        problems = loop.run()
        # Then the journal accounts for every answer
        self.assertEqual(problems, [], f"seed {loop.seed}, {loop.kills} kills")
        self.assertGreater(loop.kills, 3)


if __name__ == "__main__":
    unittest.main()
