"""The sums of tools/transfer_study, on made-up runs."""
import sys
import unittest

try:
    import numpy as np
    import tokenizers  # noqa: F401  replication.questions needs it
except ImportError:
    print("numpy and tokenizers are needed")
    sys.exit(77)

from transfer_study import results, settings

IMAGE, AROUND, HANDS_ON = settings.PAIRS


class Made(results.Sample):
    """Countries whose curves are given."""

    def __init__(self, share, relative, weight):
        self.n = len(next(iter(share.values())))
        self.share, self.relative, self.weight = share, relative, weight


def of(name, sample, pair, order="given"):
    return results.STATISTICS[name](sample, np.ones((1, sample.n)), pair, order)[0]


class Statistics(unittest.TestCase):
    def setUp(self):
        share = np.array([[0, 0.2, 0.6, 0.1], [0, 0.4, 0.4, 0.1]])
        relative = np.array([[0, -0.1, -0.8, 0.0], [0, -0.3, -0.6, 0.1]])
        weight = np.full((2, 32), 1 / 32)
        self.sample = Made({(IMAGE, "given"): share}, {IMAGE: relative}, {(IMAGE, "given"): weight})

    def test_depths(self):
        self.assertEqual(of("peak", self.sample, IMAGE), 0.5)
        self.assertEqual(of("trough", self.sample, IMAGE), 0.5)
        self.assertAlmostEqual(of("loss", self.sample, IMAGE), 0.7)

    def test_even_rows_are_not_late(self):
        self.assertAlmostEqual(of("lateness", self.sample, IMAGE), 0)

    def test_rows_that_hold_all_are(self):
        weight = np.zeros((2, 32))
        weight[:, -2:] = 0.5
        self.sample.weight[IMAGE, "given"] = weight
        self.assertAlmostEqual(of("lateness", self.sample, IMAGE), 15)

    def test_agreement_is_a_rank_correlation(self):
        share, lost = np.array([0, 0.3, 0.5, 0.1]), np.array([0, 0.2, 0.7, -0.05])
        expected = np.corrcoef([0, 2, 3, 1], [1, 2, 3, 0])[0, 1]
        self.assertTrue(np.allclose(self.sample.share[IMAGE, "given"].mean(0), share))
        self.assertTrue(np.allclose(-self.sample.relative[IMAGE].mean(0), lost))
        self.assertAlmostEqual(of("agreement", self.sample, IMAGE), expected)


class Verdicts(unittest.TestCase):
    def test_above(self):
        claim = settings.Claim("k", "", "loss", IMAGE, 0.5)
        self.assertEqual(results.verdict(claim, 0.6, 0.1, 0.9), "for")
        self.assertEqual(results.verdict(claim, 0.6, -0.1, 0.9), "undecided")
        self.assertEqual(results.verdict(claim, 0.2, 0.1, 0.4), "against")

    def test_alike(self):
        claim = settings.Claim("k", "", "peak", IMAGE, 0.1, alike=True)
        self.assertEqual(results.verdict(claim, 0.0, -0.05, 0.05), "for")
        self.assertEqual(results.verdict(claim, 0.3, 0.2, 0.4), "against")
        self.assertEqual(results.verdict(claim, 0.1, 0.0, 0.2), "undecided")


class Settings(unittest.TestCase):
    def test_late_rows(self):
        self.assertEqual([settings.late_rows(n) for n in (576, 36, 1)], [36, 3, 1])


if __name__ == "__main__":
    unittest.main()
