"""Makes tests/method/golden/intervals.json: made-up values of questions about subjects, and the intervals that
tools/replication/averages.py, which draws the same resamples with NumPy, has for them.

    python tools/goldens/intervals.py
"""
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from replication import averages, settings  # noqa: E402


def by_subject(values, subject, order):
    return np.array([sum(v for v, s in zip(values, subject) if s == name) for name in order])


def sample(random, questions, subjects, ratio):
    subject = [f"subject {int(i)}" for i in random.integers(0, subjects, questions)]
    top = np.round(random.normal(size=questions), 3).tolist()
    bottom = np.round(random.uniform(0.5, 2, questions), 3).tolist() if ratio else None
    return {"subject": subject, "top": top, "bottom": bottom}


def sums(s, order):
    top = by_subject(s["top"], s["subject"], order)
    return top, by_subject(s["bottom"] or [1.0] * len(s["top"]), s["subject"], order)


def interval(seed, statistic, n):
    settings.SEED = seed
    averages.resamples.cache_clear()
    value, low, high = averages.with_interval(statistic, n)
    return {"mean": float(value), "low": float(low), "high": float(high), "subjects": n}


def of(s, seed):
    order = list(dict.fromkeys(s["subject"]))
    top, bottom = sums(s, order)
    return interval(seed, lambda counts: (counts @ top) / (counts @ bottom), len(order))


def of_difference(a, b, seed):
    order = [name for name in dict.fromkeys(a["subject"]) if name in b["subject"]]
    (x, m), (y, n) = sums(a, order), sums(b, order)
    return interval(seed, lambda counts: (counts @ x) / (counts @ m) - (counts @ y) / (counts @ n), len(order))


def main():
    random = np.random.default_rng(7)
    cases = []
    for seed, questions, subjects, ratio in ((0, 40, 12, False), (3, 25, 9, True), (2**63 + 5, 6, 2, False), (0, 5, 1, True)):
        a, b = sample(random, questions, subjects, ratio), sample(random, questions, subjects + 3, ratio)
        cases.append({"seed": f"{seed:x}", "a": a, "b": b, "of_a": of(a, seed), "difference": of_difference(a, b, seed)})
    out = ROOT / "tests/method/golden/intervals.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"cases": cases}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
