"""From runs to numbers: curves with intervals, claims and their verdicts."""
import numpy as np

from replication import averages
from replication import page as whole_page
from replication import results as traced

from . import figures, page, settings

ROWS, PEAKS = ("mean", "low", "high"), ("peak", "trough", "loss")


def write(plans, root):
    """Writes the numbers, the figures and the page of what has been run so far."""
    (root / page.FILE).write_text(traced.compact(collect(plans)), encoding="utf-8")
    figures.draw(page.read(root), root / "docs/pictures")
    (root / "docs/replication.md").write_text(whole_page.text(traced.read(root)), encoding="utf-8")


def collect(plans):
    samples = {plan.model.name: Sample(plan) for plan in plans}
    found = {"schema": "patchbay.transfer/1", "models": [about(plan, samples[plan.model.name]) for plan in plans],
             "curves": [], "rows": [], "claims": [], "problems": []}
    for plan in plans:
        sample = samples[plan.model.name]
        if sample.n >= 2:
            found["curves"] += curves(plan, sample)
            found["rows"] += rows(plan, sample)
            found["claims"] += [judged(plan, sample, claim) for claim in settings.CLAIMS]
        found["problems"] += [f"{plan.model.name}: {run}: {said}" for run, said in plan.problems.items()]
    return found


class Sample:
    """The countries of which all runs are done. share, weight: {(pair, order): [n, L], [n, rows]}; relative: {pair: [n, L]}"""

    def __init__(self, plan):
        by_country = {}
        for run in plan.runs():
            done = plan.do(run) if plan.is_done(run) else None
            if done:
                by_country.setdefault(run.country, {})[run.command, run.order] = done
        whole = {c: runs for c, runs in by_country.items() if len(runs) == 1 + len(settings.ORDERS)}
        self.countries, self.n = list(whole), len(whole)
        self.share, self.weight, self.relative = {}, {}, {}
        for i, pair in enumerate(settings.PAIRS):
            self.relative[pair] = np.array([r["knockout", "given"]["cuts"][i]["relative"] for r in whole.values()])
            for order in settings.ORDERS:
                flows = [r["flow", order]["flows"][i] for r in whole.values()]
                self.share[pair, order] = np.array([f["share"] for f in flows])
                if pair[0] == "image":
                    by_row = np.array([np.mean(f["per_position"], axis=0) for f in flows])
                    self.weight[pair, order] = by_row / by_row.sum(-1, keepdims=True)
        self.clean = np.array([r["knockout", "given"]["clean"]["prob"] for r in whole.values()])


def about(plan, sample):
    layers = sample.share[settings.PAIRS[0], "given"].shape[1] if sample.n else None
    image_rows = sample.weight[settings.PAIRS[0], "given"].shape[1] if sample.n else None
    return {"model": plan.model.name, "weights": plan.program.whole, "asked": plan.asked, "wanted": len(plan.countries),
            "countries": sample.n, "layers": layers, "rows": image_rows, "window": plan.model.window,
            "clean": float(sample.clean.mean()) if sample.n else None}


def mean(counts, values):
    return averages.mean_effect(counts, values)


def with_interval(values):
    found = averages.with_interval(lambda counts: mean(counts, values), len(values))
    return {name: np.asarray(v).tolist() for name, v in zip(ROWS, found)}


def curves(plan, sample):
    for pair in settings.PAIRS:
        name = {"model": plan.model.name, "pair": ">".join(pair)}
        yield {**name, "what": "relative", "order": "given", **with_interval(sample.relative[pair])}
        for order in settings.ORDERS:
            yield {**name, "what": "share", "order": order, **with_interval(sample.share[pair, order])}


def rows(plan, sample):
    for (pair, order), weight in sample.weight.items():
        yield {"model": plan.model.name, "pair": ">".join(pair), "order": order, **with_interval(weight)}


# ---- claims: statistics of counts [B, n] -> [B] ----

def peak(sample, counts, pair, order):
    share = mean(counts, sample.share[pair, order])
    return share.argmax(1) / share.shape[1]


def trough(sample, counts, pair, order):
    relative = mean(counts, sample.relative[pair])
    return relative.argmin(1) / relative.shape[1]


def loss(sample, counts, pair, order):
    return -mean(counts, sample.relative[pair]).min(1)


def lateness(sample, counts, pair, order):
    weight = mean(counts, sample.weight[pair, order])
    count, late = weight.shape[1], settings.late_rows(weight.shape[1])
    return weight[:, -late:].sum(1) / (late / count) - 1


def agreement(sample, counts, pair, order):
    share, lost = mean(counts, sample.share[pair, order]), -mean(counts, sample.relative[pair])
    return np.array([averages.rank_correlation(s, r) for s, r in zip(share, lost)])


STATISTICS = {"peak": peak, "trough": trough, "loss": loss, "lateness": lateness, "agreement": agreement}


def judged(plan, sample, claim):
    def of(counts):
        value = STATISTICS[claim.statistic](sample, counts, claim.pair, claim.order)
        if isinstance(claim.minus, str):
            return value - STATISTICS[claim.minus](sample, counts, claim.pair, claim.order)
        if isinstance(claim.minus, tuple):
            return value - STATISTICS[claim.statistic](sample, counts, claim.minus, claim.order)
        return value - (claim.minus or 0)

    value, low, high = map(float, averages.with_interval(of, sample.n))
    return {"model": plan.model.name, "key": claim.key, "countries": sample.n, "value": value, "low": low, "high": high,
            "verdict": verdict(claim, value, low, high)}


def verdict(claim, value, low, high):
    """As settings.Claim says it."""
    if claim.alike:
        inside, outside = -claim.margin <= low and high <= claim.margin, low > claim.margin or high < -claim.margin
        return "for" if inside else "against" if outside else "undecided"
    return "for" if low > 0 and value >= claim.margin else "against" if high < claim.margin else "undecided"
