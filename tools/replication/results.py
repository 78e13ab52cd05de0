"""From traces to numbers: curves with intervals, the claims and their verdicts, and the file that keeps them."""
import json
from dataclasses import replace

import numpy as np

from . import averages, figures, page, settings
from .samples import done, paired, sample

FILE = "tools/replication/results.json"


def write(plan, root):
    """Writes the numbers, the figures and the page of what has been traced so far."""
    (root / FILE).write_text(compact(collect(plan)), encoding="utf-8")
    found = read(root)
    figures.draw(found, root / "docs/pictures")
    (root / "docs/replication.md").write_text(page.text(found), encoding="utf-8")


def read(root):
    """The numbers as the file keeps them, so that whoever writes the page writes the same."""
    return json.loads((root / FILE).read_text(encoding="utf-8"))


def collect(plan):
    traces = done(plan)
    return {"schema": "patchbay.replication/1", "model": {"decoder": plan.program.decoder, "whole": plan.program.whole},
            "layout": settings.LAYOUT, "answers": answers(plan), "traces": cost(plan, traces),
            "problems": sorted(set(plan.problems)), "countries": countries(plan, traces),
            "curves": [c for kind in traces for c in curves(plan, kind, traces[kind])],
            "claims": [judged(plan, claim, traces) for claim in settings.CLAIMS]}


def compact(found):
    """One line for each entry of a list, numbers with four digits after the point."""
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    lines = []
    for key, value in rounded.items():
        shown = "[\n  " + ",\n  ".join(map(dumped, value)) + "\n ]" if isinstance(value, list) and value else dumped(value)
        lines.append(f' "{key}": {shown}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def dumped(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# ---- what there is ----

def answers(plan):
    return {c: {"asked": plan.asked[c], "right": len(right), "held_out": sum(x.held_out for x in right)}
            for c, right in plan.right.items()} | {"everywhere": len(set.intersection(*map(set, plan.right.values())))}


def cost(plan, traces):
    every = [trace for some in traces.values() for _, trace in some]
    return {"wanted": len(list(plan.jobs())), "done": len(every)} | \
        {name: sum(t["cost"][name] for t in every) for name in ("seconds", "flop", "naive_flop")}


def countries(plan, traces):
    """Per country P(capital) in the clean and the corrupted run of each condition."""
    rows = {}
    for (part, corruption, _, condition), some in traces.items():
        if (part, corruption) == ("spans", "swap"):
            for job, trace in some:
                country = job.country
                row = rows.setdefault(country.key, {"key": country.key, "name": country.name, "held_out": country.held_out})
                row[condition] = [trace["clean"]["prob"], trace["corrupted"]["prob"]]
    return [rows[key] for key in sorted(rows)]


def curves(plan, kind, traces):
    """AIE over all countries, the share recovered over those that are not weak; both per layer with intervals."""
    names = dict(zip(("part", "corruption", "direction", "condition"), kind))
    for site, window in sorted({(site, job.window) for job, trace in traces for site in trace["sites"]}):
        found = sample(plan, traces, {(site, window)})
        strong = found.strong()
        about = {**names, "site": site, "window": window, "countries": len(found.countries), "shared": len(strong.countries),
                 "held_out": sum(c.held_out for c in found.countries),
                 "clean": found.clean.mean(), "corrupted": found.corrupted.mean()}
        for key, ie in found.effect.items():
            yield {**about, "span": key[2], "aie": of_layers(averages.mean_effect, ie), **shares(strong, key)}


def shares(strong, key):
    """The share recovered per layer, and the depth at which it falls below half."""
    if not strong.countries:
        return {"recovered": None, "half_depth": None}
    effect = strong.effect[key], strong.taken
    whole = averages.recovered(averages.once(len(strong.countries)), *effect)
    return {"recovered": of_layers(averages.recovered, *effect), "half_depth": float(averages.half_depth(whole)[0])}


def of_layers(average, ie, *more):
    return listed(averages.with_interval(lambda counts: average(counts, ie, *more), len(ie)))


def listed(value):
    return {name: np.asarray(v).tolist() for name, v in zip(("mean", "low", "high"), value)}


# ---- claims ----

def share(sample, counts, claim, window):
    key = claim.site, window, claim.span
    return averages.recovered(counts, sample.effect[key], sample.taken)


def early(sample, counts, claim, window):
    return averages.over(share(sample, counts, claim, window), settings.CENTRES)


def middle(sample, counts, claim, window):
    return averages.over(share(sample, counts, claim, window), settings.MIDDLE)


STATISTICS = {
    "half_depth": lambda s, counts, claim: averages.half_depth(share(s, counts, claim, claim.window)),
    "early": lambda s, counts, claim: early(s, counts, claim, claim.window),
    "middle": lambda s, counts, claim: middle(s, counts, claim, claim.window),
    "earliness": lambda s, counts, claim: early(s, counts, claim, claim.window) - middle(s, counts, claim, claim.window),
    "gain": lambda s, counts, claim: early(s, counts, claim, claim.window) - early(s, counts, claim, 1),
}


def judged(plan, claim, traces):
    """The claim's number over all countries and over each half, and the verdict."""
    found = samples_of(plan, claim, traces)
    if None in found:
        return {"key": claim.key, "verdict": "not traced yet"}
    if len(found) == 2:
        found = paired(*found)
    held = np.array([c.held_out for c in found[0].countries], bool)
    parts = {name: measured(claim, [s.of(keep) for s in found])
             for name, keep in (("all", held | True), ("taught", ~held), ("held_out", held))}
    control = [] if claim.subtrahend else samples_of(plan, control_of(claim), traces)
    parts["control"] = measured(control_of(claim), control) if control and control[0] else None
    judgement = {"key": claim.key, **parts.pop("all"), "sides": [measured(claim, [s]) for s in found], **parts}
    return judgement | {"verdict": verdict(claim, judgement)}


def samples_of(plan, claim, traces):
    """The countries that a claim is judged by: one Sample, or two; None for what is not traced."""
    wanted = {(claim.site, w) for w in ({1, claim.window} if claim.statistic == "gain" else {claim.window})}
    kinds = [(claim.part, claim.corruption, claim.direction, c) for c in (claim.minuend, claim.subtrahend) if c]
    found = [sample(plan, traces.get(kind, []), wanted) for kind in kinds]
    return [s.strong() if s and s.strong().countries else None for s in found]


def control_of(claim):
    """The same number of control's rows."""
    return replace(claim, span=settings.CONTROL, part="control" if claim.part == "spans" else claim.part)


def measured(claim, found):
    """found: one sample, or two of the same countries, of which the difference is taken."""
    n = len(found[0].countries)
    if n < 2:
        return {"countries": n, "value": None, "low": None, "high": None}
    statistic = STATISTICS[claim.statistic]

    def of(counts):
        values = [statistic(s, counts, claim) for s in found]
        return values[0] - values[1] if len(values) == 2 else values[0]

    return {"countries": n} | dict(zip(("value", "low", "high"), map(float, averages.with_interval(of, n))))


def verdict(claim, judged):
    """As settings.Claim says it."""
    value, low, high, control = (judged[k] for k in ("value", "low", "high", "control"))
    halves = [judged[h]["value"] for h in ("taught", "held_out")]
    if value is None or None in halves:
        return "undecided"
    if claim.same:
        return "alike" if -claim.margin < low and high < claim.margin else \
            "different" if (low > 0 or high < 0) and abs(value) >= claim.margin else "undecided"
    if low > max(0, control["high"] if control else 0) and value >= claim.margin and min(halves) > 0:
        return "for"
    return "against" if high < claim.margin and max(halves) < claim.margin else "undecided"
