"""Edits of every layer beside causal traces of the same questions: curves over layers, and how much of the variance of
edit success the trace explains beyond the choice of the layer (Hase et al. 2023)."""
import numpy as np

from replication import averages

MEASURES = ("efficacy", "generalisation", "neighbourhood")


def outcomes(result):
    """{measure or "success": [requests, layers]} of one run with --each-layer; under "right" accuracy before and after,
    and the number of questions, [3, layers]."""
    before = np.array([one["before"]["prob"] for one in result["requests"]])
    layers = result["sweep"]
    after, exact, again, kept = (np.array([[float(o[name]) for o in layer["outcomes"]] for layer in layers]).T
                                 for name in ("prob", "exact", "generalisation", "kept"))
    right = np.array([[layer["specificity"][w] for layer in layers] for w in ("before", "after", "questions")], float)
    return {"success": (after - before[:, None]) / (1 - before[:, None]), "efficacy": exact, "generalisation": again,
            "neighbourhood": kept, "right": right}


def joined(results):
    """The outcomes of several runs."""
    found = [outcomes(result) for result in results]
    return {name: np.concatenate([f[name] for f in found]) for name in ("success", *MEASURES)} | \
        {"specificity": accuracy_kept([f["right"] for f in found])}


def accuracy_kept(rights):
    """Accuracy after - before per layer, over all questions of all runs."""
    questions = sum(r[2] for r in rights)
    return sum((r[1] - r[0]) * r[2] for r in rights) / questions


def harmonic(found):
    """[requests, layers]: the harmonic mean of the three measures of each edit, 0 where one is."""
    parts = np.stack([found[name] for name in MEASURES])
    with np.errstate(divide="ignore"):
        return len(MEASURES) / (1 / parts).sum(0)


def curve(values):
    """values [requests, layers] -> {"mean", "low", "high"}"""
    found = averages.with_interval(lambda counts: averages.mean_effect(counts, values), len(values))
    return {name: np.asarray(v).tolist() for name, v in zip(("mean", "low", "high"), found)}


def explained(counts, success, effect):
    """R2 of success [n, L] on the layer alone, and with the effect [n, L] beside it: counts [B, n] -> [B, 2]. Least
    squares with an intercept for each layer and one slope."""
    n = counts.sum(1, keepdims=True)

    def within(x, y):
        """Sum over layers of the products of deviations from the layers' means."""
        return (counts @ (x * y) - (counts @ x) * (counts @ y) / n).sum(1)

    layers = success.shape[1]
    total = (counts @ success ** 2).sum(1) - (counts @ success).sum(1) ** 2 / (n[:, 0] * layers)
    left, both, spread = within(success, success), within(success, effect), within(effect, effect)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(total > 0, 1 - left / total, 0)
        more = np.where((total > 0) & (spread > 1e-12), both ** 2 / spread / total, 0)
    return np.stack([alone, alone + more], 1)


def regression(success, effect):
    """{"layer", "both", "more": [value, low, high]}, and the trace without layers; None where success never varies."""
    if np.ptp(success) == 0:
        return None

    def of(counts):
        pair = explained(counts, success, effect)
        return np.concatenate([pair, pair[:, 1:] - pair[:, :1]], 1)

    value, low, high = averages.with_interval(of, len(success))
    found = {name: [float(v[i]) for v in (value, low, high)] for i, name in enumerate(("layer", "both", "more"))}
    return found | {"trace": averages.correlation(success.ravel(), effect.ravel()) ** 2,
                    "curves": averages.rank_correlation(success.mean(0), effect.mean(0))}
