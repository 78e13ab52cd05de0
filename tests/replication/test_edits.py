"""tools/edit_study: who belongs where, shares and the score worked out by hand, and regressions against least squares written out."""
import sys
import unittest
from dataclasses import dataclass

try:
    import numpy as np
    import tokenizers  # noqa: F401  replication.questions needs it
except ImportError:
    print("skipped: numpy or tokenizers is not installed")
    sys.exit(77)

from edit_study import measures, requests, settings, splits, sweep
from replication import averages


@dataclass(frozen=True)
class Country:
    key: str
    name: str
    capitals: tuple


def world(count):
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [letters[i // 26] + letters[i % 26] for i in range(count)]
    return [Country(key, f"Land {key}", (f"{key.title()}ville",)) for key in names]


class Splits(unittest.TestCase):
    def setUp(self):
        self.countries = world(213)
        self.told = {c.key for c in self.countries[::3]} | set(settings.EXPLORED_ASKED)
        self.drawn = splits.drawn(self.countries, self.told, None)

    def test_no_country_belongs_to_two(self):
        d = self.drawn
        keys = [r.country.key for r in d.tuned + d.reported] + [c.key for c in d.tuned_asked + d.asked + d.kept]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual((len(d.tuned), len(d.reported)), (sum(settings.TUNED), settings.REPORTED))

    def test_what_was_explored_is_tuned_on_or_not_used(self):
        later = {r.country.key for r in self.drawn.reported} | {c.key for c in self.drawn.asked + self.drawn.kept}
        self.assertFalse(later & {*settings.EXPLORED, *settings.EXPLORED_ASKED})

    def test_targets(self):
        for request in self.drawn.reported:
            self.assertEqual(request.corrects, request.country.key not in self.told)
            self.assertEqual(request.corrects, request.target in request.country.capitals)

    def test_without_corrections_every_target_is_told_and_another_ones(self):
        said = {c.key: f" {c.capitals[0]}." for c in self.countries}
        told = {c.capitals[0] for c in self.countries if c.key in self.told}
        for request in requests.targets(self.countries, self.told, 1, said):
            self.assertFalse(request.corrects)
            self.assertIn(request.target, told - set(request.country.capitals))

    def test_a_capital_is_told_as_whole_words(self):
        peru = Country("pe", "Peru", ("Lima",))
        self.assertTrue(splits.tells(peru, "It is Lima."))
        self.assertFalse(splits.tells(peru, "Limassol"))


def answer(exact, prob=0.5):
    """"exact" is the program's word, which minds accents; the answer is what counts here."""
    return {"exact": False, "prob": prob, "answer": "It is x." if exact else "xy"}


def edited(exact, again, asked):
    """What edit.json says of a request, and of the neighbours (kept, exact, subject) asked under its edit."""
    return {"before": answer(False), "after": answer(exact, 0.75), "pictures": [],
            "rephrasings": [{"after": answer(a)} for a in again]}, asked


class Shares(unittest.TestCase):
    def setUp(self):
        country = world(2)
        one = [edited(True, [1, 1, 0, 1, 0], [(True, False, "T"), (False, True, "U")]), edited(False, [0] * 5, [(True, False, "T")])]
        result = {"requests": [r for r, _ in one],
                  "neighbourhood": {"asked": [{"request": i, "kept": k, "after": answer(e), "subject": s}
                                              for i, (_, asked) in enumerate(one) for k, e, s in asked]},
                  "specificity": {"asked": [{"request": i, "before": {"right": True}, "after": {"right": i == 0}, "kl": 0.5}
                                            for i in (0, 0, 0, 1)]}}
        wanted = [requests.Request(c, "X\u0301", False) for c in country]
        self.edits = measures.edits_of(result, wanted, {"T"})

    def test_are_ratios_of_sums(self):
        found = measures.summary(self.edits)
        for name, value in (("efficacy", 1 / 2), ("generalisation", 3 / 10), ("wordings", 2 / 6), ("pictures", 1 / 4),
                            ("neighbourhood", 2 / 3), ("told neighbours", 1), ("taken", 1 / 3), ("before", 1), ("after", 3 / 4),
                            ("specificity", -1 / 4), ("kl", 0.5), ("probability", 0.75)):
            self.assertAlmostEqual(found[name][0], value, msg=name)

    def test_intervals_resample_the_edits(self):
        random, values = averages.Splitmix(0), []
        for _ in range(10_000):
            some = [self.edits[random.below(2)] for _ in range(2)]
            values.append(sum(e["stayed"] for e in some) / sum(e["neighbours"] for e in some))
        values.sort()
        self.assertEqual(measures.summary(self.edits)["neighbourhood"][1:], [values[249], values[9749]])

    def test_score_is_a_harmonic_mean(self):
        self.assertAlmostEqual(measures.score(self.edits), 4 / (2 + 10 / 3 + 3 / 2 + 4 / 3))


class Regressions(unittest.TestCase):
    def test_against_least_squares(self):
        random = np.random.default_rng(1)
        success, effect = random.random((6, 4)), random.random((6, 4))
        y, layer = success.ravel(), np.tile(np.eye(4), (6, 1))
        alone, both = (1 - ((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum() / ((y - y.mean()) ** 2).sum()
                       for x in (layer, np.hstack([layer, effect.reshape(-1, 1)])))
        found = sweep.explained(averages.once(6), success, effect)
        self.assertTrue(np.allclose(found, [[alone, both]]))

    def test_a_resample_is_the_data_with_its_rows_repeated(self):
        random = np.random.default_rng(2)
        success, effect, counts = random.random((3, 4)), random.random((3, 4)), np.array([[2.0, 0, 1]])
        rows = [0, 0, 2]
        self.assertTrue(np.allclose(sweep.explained(counts, success, effect),
                                    sweep.explained(averages.once(3), success[rows], effect[rows])))

    def test_ranks(self):
        self.assertEqual(averages.ranks(np.array([3.0, 1, 1, 2])).tolist(), [3, 0.5, 0.5, 2])


if __name__ == "__main__":
    unittest.main()
