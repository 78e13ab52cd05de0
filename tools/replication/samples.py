"""What the traces of a study say, as arrays: one row a country."""
from dataclasses import dataclass

import numpy as np

from . import settings


@dataclass
class Sample:
    """The countries traced in one way (a part, a corruption, a direction, a condition).
    taken[n] = clean - corrupted; effect[site, window, span][n, L]: what restoring brings back (denoise) or spoils (noise)."""
    countries: list
    clean: np.ndarray
    corrupted: np.ndarray
    effect: dict

    @property
    def taken(self):
        return self.clean - self.corrupted

    def of(self, keep):
        """The same of some countries: keep[n], true or false."""
        keep = np.asarray(keep, bool)
        return Sample([c for c, k in zip(self.countries, keep) if k], self.clean[keep], self.corrupted[keep],
                      {k: v[keep] for k, v in self.effect.items()})

    def strong(self):
        """Without those of which the corruption takes hardly anything: no share of that can be given."""
        return self.of(self.taken >= settings.WEAK)


def paired(a, b):
    """Both, cut to the countries that both have."""
    both = [c for c in a.countries if c in set(b.countries)]
    return _in_order(a, both), _in_order(b, both)


def _in_order(sample, countries):
    at = {c: i for i, c in enumerate(sample.countries)}
    index = [at[c] for c in countries]
    return Sample(countries, sample.clean[index], sample.corrupted[index],
                  {k: v[index] for k, v in sample.effect.items()})


def done(plan):
    """{(part, corruption, direction, condition): [(job, trace)]} of all traces that are kept."""
    found = {}
    for job in plan.jobs():
        trace = plan.do(job) if plan.is_done(job) else None
        if trace:
            found.setdefault((job.part.name, job.part.corruption, job.part.direction, job.condition), []).append((job, trace))
    return found


def sample(plan, traces, wanted):
    """The Sample of the countries for which all `wanted`, a set of (site, window), are among `traces`; or None."""
    by_country = {}
    for job, trace in traces:
        if wanted & {(site, job.window) for site in trace["sites"]}:
            by_country.setdefault(job.country, []).append((job, trace))
    rows = {}
    for country, runs in by_country.items():
        effect = {k: v for job, trace in runs for k, v in effects(plan, job, trace).items() if k[:2] in wanted}
        if {k[:2] for k in effect} == wanted:
            rows[country] = runs[0][1], effect
    if not rows:
        return None
    firsts, spread = zip(*rows.values())
    return Sample(list(rows), *(np.array([t[run]["prob"] for t in firsts]) for run in ("clean", "corrupted")),
                  {k: np.array([e[k] for e in spread]) for k in spread[0] if all(k in e for e in spread)})


def effects(plan, job, trace):
    """{(site, window, span or class): [L]} of one trace."""
    clean, corrupted = trace["clean"]["prob"], trace["corrupted"]["prob"]
    found = {}
    for site, values in trace["sites"].items():
        prob = np.array(values["prob"])
        effect = prob - corrupted if job.part.direction == "denoise" else clean - prob
        for span, columns in columns_of(plan, job, trace).items():
            found[site, job.window, span] = effect[:, columns].mean(1)
    return found


def columns_of(plan, job, trace):
    """Which columns of a trace belong to which span (restored as a whole: one each) or token class (row by row)."""
    if job.part.grouped:
        return {span: [i] for i, span in enumerate(job.part.spans)}
    at = {p: i for i, p in enumerate(trace["positions"])}
    classes = token_classes(plan, job, trace)
    return {name: [at[p] for p in positions] for name, positions in classes.items()
            if positions and all(p in at for p in positions)}


def token_classes(plan, job, trace):
    """The classes of docs/replication.md as positions."""
    constraint = plan.questions.constraint_rows(job.country, job.condition, trace)
    end = sum(t.get("count", 1) for t in trace["tokens"])
    picture = range(settings.ROWS) if job.condition != "text" else range(0)
    first, after = constraint[0], constraint[-1] + 1
    return {"picture": list(picture), "before": [p for p in range(len(picture), first)],
            "constraint_first": constraint[:1] if len(constraint) > 1 else [], "constraint_middle": constraint[1:-1],
            "constraint_last": constraint[-1:], "control": list(range(after, after + len(constraint))),
            "after": list(range(after, end - 1)), "last": [end - 1]}
