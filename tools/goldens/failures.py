"""Makes tests/method/golden/failures.json: made-up answers right and wrong, and what NumPy and SciPy say of how well they
can be told apart: areas by comparing every pair, intervals by tools/replication/averages.py's resamples, fits by SciPy's
minimiser.

    python tools/goldens/failures.py
"""
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from replication import averages, settings  # noqa: E402

RUN = 4


def pairs(score, right):
    """[right, wrong]: 1 where the right answer's score is the larger, 1/2 of a tie."""
    a, b = score[right][:, None], score[~right][None, :]
    return (a > b) + 0.5 * (a == b)


def area(score, right):
    return float(pairs(score, right).mean()) if right.any() and not right.all() else None


def numbered(subject):
    order = {name: i for i, name in enumerate(dict.fromkeys(subject))}
    return np.array([order[name] for name in subject]), len(order)


def areas(score, right, subject, counts):
    """[B] the area in each resample: every pair weighs as often as both of its subjects were drawn."""
    won, a, b = pairs(score, right), counts[:, subject[right]], counts[:, subject[~right]]
    with np.errstate(invalid="ignore"):
        return np.einsum("bi,ij,bj->b", a, won, b, optimize=True) / (a.sum(1) * b.sum(1))


def interval(statistic, n, seed):
    settings.SEED = seed
    averages.resamples.cache_clear()
    value, low, high = averages.with_interval(statistic, n)
    return [None if np.isnan(x) else float(x) for x in (value, low, high)]


def first_half(subject, n, seed):
    random, order = averages.Splitmix(seed), list(range(n))
    for i in range(n - 1, 0, -1):
        other = random.below(i + 1)
        order[i], order[other] = order[other], order[i]
    return np.isin(subject, order[:n // 2])


def best_run(contribution, right, first):
    """(first layer, length, area) of all runs, and the index of the best."""
    layers = contribution.shape[1]
    runs = [(at, length, area(contribution[first, at:at + length].mean(1), right[first]))
            for length in range(1, RUN + 1) for at in range(layers - length + 1)]
    return runs, max(range(len(runs)), key=lambda i: (round(runs[i][2], 12), -i))


def fit(x, right):
    """Intercept and weights of standardised features, and the log odds of any others."""
    mean, sd = x.mean(0), x.std(0)
    terms = np.column_stack([np.ones(len(x)), (x - mean) / sd])
    sign = np.where(right, 1.0, -1.0)

    def loss(w):
        z = sign * (terms @ w)
        return np.logaddexp(0, -z).sum(), -(terms * (sign / (1 + np.exp(z)))[:, None]).sum(0)

    w = minimize(loss, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 1000}).x
    return w, lambda other: np.column_stack([np.ones(len(other)), (other - mean) / sd]) @ w


def made_up(random, questions, subjects, layers, strength):
    """Answers are right the more probably the larger a hidden number, which prob and some layers show with noise."""
    subject = random.integers(0, subjects, questions)
    hidden = random.normal(size=subjects)[subject] + random.normal(size=questions)
    right = hidden + random.normal(size=questions) > 0.3
    prob = np.round(1 / (1 + np.exp(-strength * hidden - random.normal(size=questions))), 2)       # with ties
    shown = strength * np.linspace(0, 1, layers)[None, :] * hidden[:, None]
    contribution = np.round(np.exp(0.3 * shown + random.normal(size=(questions, layers)) * 0.5), 3)
    relation = random.choice(["capital", "currency", None], questions)
    return [f"subject {i}" for i in subject], relation.tolist(), right, prob, contribution


def expected(subject, relation, right, prob, contribution, seed):
    number, n = numbered(subject)
    first = first_half(number, n, seed)
    runs, best = best_run(contribution, right, first)
    at, length, _ = runs[best]
    average = contribution[:, at:at + length].mean(1)
    weights, odds = fit(np.column_stack([prob, average])[first], right[first])
    both = odds(np.column_stack([prob, average]))
    scores = []

    def judge(signal, half, name):
        keep = {"all": first | True, "first": first, "second": ~first}[half]
        keep = keep & np.array([name in (None, r) for r in relation])
        who, m = numbered([s for s, k in zip(subject, keep) if k])
        y = right[keep]
        entry = {"signal": signal, "half": half, "relation": name,
                 "right": int(y.sum()), "wrong": int((~y).sum()), "subjects": m}
        if signal == "gain":
            value = interval(lambda c: areas(both[keep], y, who, c) - areas(prob[keep], y, who, c), m, seed)
        else:
            score = {"prob": prob, "contribution": average, "both": both}[signal][keep]
            value = interval(lambda c: areas(score, y, who, c), m, seed)
        scores.append(entry | {"auroc": value})

    for name in [None, *sorted({r for r in relation if r})]:
        judge("prob", "all", name)
        judge("prob", "second", name)
        if name is None:
            judge("contribution", "first", name)
        for signal in ("contribution", "both", "gain"):
            judge(signal, "second", name)
    return {"runs": [list(r) for r in runs], "chosen": best, "weights": weights.tolist(), "scores": scores}


def main():
    random = np.random.default_rng(11)
    cases = []
    for seed, *sizes in ((0, 300, 90, 6, 1.0), (5, 160, 160, 3, 0.3), (2**63 + 5, 120, 40, 8, 2.0)):
        data = made_up(random, *sizes)
        subject, relation, right, prob, contribution = data
        cases.append({"seed": f"{seed:x}", "layers": sizes[2], "subject": subject, "relation": relation,
                      "correct": right.astype(int).tolist(), "prob": prob.tolist(),
                      "contribution": contribution.ravel().tolist(), "expected": expected(*data, seed)})
    out = ROOT / "tests/method/golden/failures.json"
    out.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
