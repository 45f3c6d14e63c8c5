"""Three minutes of `make chaos`: a cluster on bad days drawn from a seed, and an audit from its journal alone."""

import os
import unittest

from chaos import STARTER, Chaos
from support import HOME


@unittest.skipIf(HOME != "cluster" or not STARTER, "needs a broker and a Redis of its own")
class ThreeMinutes(unittest.TestCase):
    def test_every_answer_is_in_the_journal_exactly_once_after_three_minutes_of_bad_days(self):
        # Given a cluster under load from clients that repeat with their keys
        seed = os.environ.get("CHAOS_SEED")
        chaos = Chaos(float(os.environ.get("CHAOS_SECONDS", "180")), int(seed) if seed else None)
        # When its nodes, its broker and its Redis have bad days
        problems = chaos.run()
        # Then the journal accounts for every answer, and everything came to its end
        self.assertEqual(problems, [], f"seed {chaos.seed}: {dict(chaos.faults)}")
        self.assertGreater(sum(chaos.faults.values()), 5)


if __name__ == "__main__":
    unittest.main()
