"""From edit.json to numbers: what each request did, and over requests shares with bootstrap intervals.

The edited countries are resampled, each with all that was asked under its edit (replication.averages). Shares are ratios
of sums.
"""
import numpy as np

from replication import averages

from .requests import REPHRASED
from .splits import contains

# Of each: what is summed above and below the line.
SHARES = {"efficacy": ("exact", "one"), "probability": ("prob", "one"),
          "generalisation": ("again", "agains"), "wordings": ("worded", "wordings"), "pictures": ("seen", "pictures"),
          "neighbourhood": ("stayed", "neighbours"), "told neighbours": ("told_stayed", "told_neighbours"),
          "taken": ("taken", "neighbours"),
          "before": ("right_before", "questions"), "after": ("right_after", "questions"), "kl": ("kl", "questions")}


def edits_of(result, requests, told):
    """One dict of sums a request, of what SHARES names. told: names of the countries whose capital the model tells."""
    found = [edit_of(one, request) for one, request in zip(result["requests"], requests, strict=True)]
    for asked in result["neighbourhood"]["asked"]:
        edit = found[asked["request"]]
        add(edit, neighbours=1, stayed=asked["kept"], taken=contains(asked["after"]["answer"], edit["target"]))
        if asked["subject"] in told:
            add(edit, told_neighbours=1, told_stayed=asked["kept"])
    for asked in result["specificity"]["asked"]:
        add(found[asked["request"]], questions=1, right_before=asked["before"]["right"],
            right_after=asked["after"]["right"], kl=asked["kl"])
    return found


def edit_of(one, request):
    worded, seen = ([contains(q["after"]["answer"], request.target) for q in part] for part in
                    (one["rephrasings"][:len(REPHRASED)], one["rephrasings"][len(REPHRASED):] + one["pictures"]))
    sums = {name: 0 for pair in SHARES.values() for name in pair}
    return sums | {"country": request.country, "target": request.target, "corrects": request.corrects, "one": 1,
                   "exact": int(contains(one["after"]["answer"], request.target)), "prob": one["after"]["prob"], "says": one["after"]["answer"],
                   "said": one["before"]["answer"], "worded": sum(worded), "wordings": len(worded), "seen": sum(seen),
                   "pictures": len(seen), "again": sum(worded) + sum(seen), "agains": len(worded) + len(seen)}


def add(edit, **more):
    for name, value in more.items():
        edit[name] += value


def share(edits, name, counts):
    """counts [B, n] -> [B]; NaN where there is nothing below the line."""
    above, below = (counts @ np.array([float(e[part]) for e in edits]) for part in SHARES[name])
    with np.errstate(invalid="ignore"):
        return above / below


def specificity(edits, counts):
    return share(edits, "after", counts) - share(edits, "before", counts)


def summary(edits):
    """{measure: [value, low, high]}, with `requests` and `score`."""
    found = {"requests": len(edits), "score": score(edits)}
    for name in (*SHARES, "specificity"):
        statistic = specificity if name == "specificity" else lambda some, counts, name=name: share(some, name, counts)
        value, low, high = averages.with_interval(lambda counts: statistic(edits, counts), len(edits))
        found[name] = [float(x) if np.isfinite(x) else None for x in (value, low, high)]
    return found


def score(edits):
    """The harmonic mean of efficacy, generalisation, neighbourhood and accuracy after / before."""
    once = averages.once(len(edits))
    parts = [float(share(edits, name, once)[0]) for name in ("efficacy", "generalisation", "neighbourhood")]
    before, after = (float(share(edits, name, once)[0]) for name in ("before", "after"))
    parts.append(min(1.0, after / before) if before > 0 else 1.0)
    return len(parts) / sum(1 / p for p in parts) if min(parts) > 0 else 0.0
