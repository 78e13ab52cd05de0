"""From runs to numbers: the file that keeps them, the figures, and the section of the page."""
import numpy as np

from replication import page as whole_page
from replication import results as traced

from . import figures, measures, page, settings, sweep


def write(plans, root):
    """Writes the numbers, the figures and the page of what has been run so far."""
    (root / page.FILE).write_text(traced.compact(collect(plans)), encoding="utf-8")
    figures.draw(page.read(root), root / "docs/pictures")
    (root / "docs/replication.md").write_text(whole_page.text(traced.read(root)), encoding="utf-8")


def collect(plans):
    """Flat lists, one entry a line of the file."""
    found = {"schema": "patchbay.edits/1", "models": [about(plan) for plan in plans.values()],
             "trials": [], "reports": [], "tradeoffs": [], "sweeps": [], "edits": []}
    for plan in plans.values():
        for method in plan.model.trials:
            found["trials"] += trials(plan, method)
            done = reported(plan, method)
            if done:
                found["reports"].append(report(plan, method, done))
                found["edits"] += [listed(plan, method, edit) for edit in done]
            found["tradeoffs"] += tradeoffs(plan, method) if method in settings.STRENGTHS else []
        found["sweeps"] += [s for s in (swept(plan, one) for one in plan.model.sweeps) if s]
    return found | {"problems": sorted(f"{run}: {said}" for plan in plans.values() for run, said in plan.problems.items())}


def about(plan):
    splits = plan.splits
    keys = {"tuned": [r.country.key for r in splits.tuned], "tuned_asked": [c.key for c in splits.tuned_asked],
            "asked": [c.key for c in splits.asked], "kept": [c.key for c in splits.kept],
            "reported": [r.country.key for r in splits.reported]}
    return {"model": plan.model.name, "weights": plan.runs.whole, "countries": len(plan.answers),
            "told": len(splits.told), "corrections": sum(r.corrects for r in splits.reported), **keys}


# ---- edits ----

def of(plan, run, requests):
    """The sums of each request of a run, [] where it is not done."""
    result = plan.known(run)
    return measures.edits_of(result, requests, plan.told_names()) if result else []


def trials(plan, method):
    if method == "official":
        return []
    chosen = plan.chosen(method)
    return [{"model": plan.model.name, "method": method, "arguments": trial.line, "chosen": i == chosen,
             **measures.summary(edits)}
            for i, (trial, run) in enumerate(zip(plan.model.trials[method], plan.trials(method)))
            for edits in [of(plan, run, plan.splits.tuned)] if edits]


def reported(plan, method):
    """The sums of all reported requests that are done."""
    return [edit for run in plan.reports(method)
            for edit in of(plan, run, plan.splits.reported[run.about[2]:run.about[2] + settings.CHUNK])]


def report(plan, method, edits):
    parts = {"corrections": [e for e in edits if e["corrects"]],
             "counterfactuals": [e for e in edits if not e["corrects"]]}
    trial = plan.model.trials[method][plan.chosen(method)]
    return {"model": plan.model.name, "method": method, "arguments": trial.line,
            "wanted": len(plan.splits.reported), **measures.summary(edits),
            "parts": {name: measures.summary(some) for name, some in parts.items() if some}}


def listed(plan, method, edit):
    """One reported edit: [above, below] of each share."""
    shares = {name: [edit[part] for part in pair] for name, pair in measures.SHARES.items()}
    return {"model": plan.model.name, "method": method, "country": edit["country"].key, "target": edit["target"],
            "said": edit["said"], "says": edit["says"], **shares}


def tradeoffs(plan, method):
    option = settings.STRENGTHS[method][0]
    about = {"model": plan.model.name, "method": method, "option": option}
    return [{**about, "value": f"{run.about[2]:g}", **measures.summary(edits)}
            for run in plan.tradeoffs(method) for edits in [of(plan, run, plan.splits.tuned)] if edits]


# ---- layers ----

def swept(plan, one):
    """A sweep's curves, the traces' of the same questions, and what the trace explains; None where nothing is done."""
    results = {run.about[2]: plan.known(run) for run in plan.sweeps(one.name)}
    done = [first for first, result in results.items() if result]
    if not done:
        return None
    requests = [r for first in done for r in plan.swept()[first:first + settings.SWEEP_CHUNK]]
    found = sweep.joined([results[first] for first in done])
    found["score"] = sweep.harmonic(found)
    traces = [beside(plan, one, site, window, requests, found) for site, window in settings.TRACED]
    return {"model": plan.model.name, "sweep": one.name, "arguments": one.trial.line, "span": one.span,
            "requests": len(requests), "wanted": len(plan.swept()),
            "curves": {name: sweep.curve(found[name]) for name in ("success", "score", *sweep.MEASURES)},
            "specificity": found["specificity"].tolist(), "best": int(found["score"].mean(0).argmax()),
            "traces": [t for t in traces if t]}


def beside(plan, one, site, window, requests, found):
    """The traces of these requests' questions at one site, and regressions of success and score on them."""
    runs = {(run.about[1], run.about[2]): run for run in plan.traces()}
    traces = [plan.known(runs[site, r.country.name]) for r in requests]
    if not all(traces):
        return None
    effect = np.array([effects(trace, site, one.span) for trace in traces])
    return {"site": site, "window": window, "effect": sweep.curve(effect), "best": int(effect.mean(0).argmax()),
            "taken": float(np.mean([t["clean"]["prob"] - t["corrupted"]["prob"] for t in traces])),
            "explained": {n: sweep.regression(found[n], effect) for n in ("success", *sweep.MEASURES, "score")}}


def effects(trace, site, span):
    """[layers]: patched - corrupted with the span's rows restored."""
    prob = np.array(trace["sites"][site]["prob"])
    return prob[:, trace["groups"].index(span)] - trace["corrupted"]["prob"]
