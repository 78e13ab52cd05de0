"""tools/replication's averages and verdicts: the documented generator, resamples drawn one by one, curves worked out by hand."""
import json
import sys
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)

from replication import averages, results, settings

GOLDEN = Path(__file__).resolve().parents[1] / "base/golden/random.json"


class Generator(unittest.TestCase):
    def test_draws_what_the_program_draws(self):
        streams = json.loads(GOLDEN.read_text(encoding="utf-8"))["streams"]
        for stream in streams:
            state = averages.Splitmix(int(stream["seed"], 16))
            for expected in stream["next"]:
                state.state = (state.state + averages.GAMMA) & averages.MASK
                self.assertEqual(int(averages.mixed(np.array([state.state], np.uint64))[0]), int(expected, 16))

    def test_resamples_are_drawn_one_after_another(self):
        n, random = 7, averages.Splitmix(settings.SEED)
        for counts in averages.resamples(n)[:20]:
            drawn = [random.below(n) for _ in range(n)]
            self.assertEqual([drawn.count(i) for i in range(n)], counts.tolist())


class Intervals(unittest.TestCase):
    def test_ends_are_sorted_values(self):
        values = np.arange(settings.RESAMPLES)[::-1, None]
        self.assertEqual([int(end[0]) for end in averages.interval(values)], [249, 9749])

    def test_of_a_mean(self):
        x = np.array([[1.0], [2.0], [4.0], [8.0]])
        mean, low, high = averages.with_interval(lambda counts: averages.mean_effect(counts, x), 4)
        random, means = averages.Splitmix(settings.SEED), []
        for _ in range(settings.RESAMPLES):
            means.append(sum(x[random.below(4), 0] for _ in range(4)) / 4)
        means.sort()
        self.assertEqual((mean[0], low[0], high[0]), (3.75, means[249], means[9749]))


class Curves(unittest.TestCase):
    def test_share_is_a_ratio_of_sums(self):
        ie, taken = np.array([[0.1, 0.2], [0.3, 0.0]]), np.array([0.5, 0.3])
        self.assertTrue(np.allclose(averages.recovered(averages.once(2), ie, taken), [[0.5, 0.25]]))

    def test_half_depth(self):
        curves = np.array([[1, 1, 1, 0], [1, 0.6, 0.4, 0], [1, 1, 1, 1], [0.2, 1, 0.5, 0.0]], float)
        self.assertTrue(np.allclose(averages.half_depth(curves), [2.5 / 4, 1.5 / 4, 1, 2 / 4]))


class Verdicts(unittest.TestCase):
    def judge(self, value, low, high, taught=0.5, held_out=0.5, control=None, same=False):
        claim = settings.Claim("key", "says", "early", "mlp_out", 5, "visual", None, 0.1, same=same)
        judged = {"value": value, "low": low, "high": high, "control": control and {"high": control},
                  "taught": {"value": taught}, "held_out": {"value": held_out}}
        return results.verdict(claim, judged)

    def test_for_needs_interval_margin_halves_and_control(self):
        self.assertEqual(self.judge(0.3, 0.2, 0.4), "for")
        self.assertEqual(self.judge(0.3, -0.1, 0.7), "undecided")
        self.assertEqual(self.judge(0.09, 0.05, 0.2), "undecided")
        self.assertEqual(self.judge(0.3, 0.2, 0.4, taught=-0.1), "undecided")
        self.assertEqual(self.judge(0.3, 0.2, 0.4, control=0.25), "undecided")

    def test_against_is_a_whole_interval_below_the_margin(self):
        self.assertEqual(self.judge(0.01, -0.02, 0.05, taught=-0.01, held_out=0.02), "against")
        self.assertEqual(self.judge(0.01, -0.02, 0.05, taught=0.2, held_out=-0.2), "undecided")
        self.assertEqual(self.judge(0.05, -0.02, 0.15, taught=0.0, held_out=0.0), "undecided")

    def test_alike_and_different(self):
        self.assertEqual(self.judge(0.01, -0.05, 0.06, same=True), "alike")
        self.assertEqual(self.judge(-0.3, -0.4, -0.2, same=True), "different")
        self.assertEqual(self.judge(0.2, -0.1, 0.5, same=True), "undecided")

    def test_without_both_halves_nothing_is_said(self):
        self.assertEqual(self.judge(0.3, 0.2, 0.4, held_out=None), "undecided")


if __name__ == "__main__":
    unittest.main()
