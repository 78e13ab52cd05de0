"""The runs that the settings ask for, and what hangs on others: the reported runs of a method take its best trial."""
from dataclasses import dataclass, field

from replication.program import ProgramError

from . import settings
from .measures import edits_of, score
from .requests import QUESTION, Rows, UNRELATED
from .splits import drawn, tells


@dataclass(frozen=True)
class Run:
    """One run of `patchbay edit`, or with `country` of `patchbay trace`. about: what of the study it belongs to."""
    model: str
    about: tuple
    arguments: tuple
    files: dict = field(hash=False, default_factory=dict)
    country: object = None

    def __str__(self):
        return ", ".join(map(str, (self.model, *self.about)))


class Plan:
    """Of one model."""

    def __init__(self, model, runs, everyone, records, pictures):
        self.model, self.runs, self.everyone, self.problems = model, runs, everyone, {}
        self.rows = Rows(records, pictures, model.prefill)
        self.splits = None

    def begin(self, progress):
        """Asks the question of every country: who belongs where hangs on it."""
        self.answers = {}
        usable = [c for c in self.everyone if c.usable]
        for country in usable:
            self.answers[country.key] = self.runs.ask(self.asked(), self.rows.picture(country))["answer"]
        told = {c.key for c in usable if tells(c, self.answers[c.key])}
        self.splits = drawn(usable, told, None if self.model.corrections else self.answers)
        progress(f"{self.model.name}: the capitals of {len(told)} of {len(usable)} countries are told; "
                 f"{len(self.splits.reported)} requests to report")

    def asked(self):
        return ["--question", QUESTION, *(["--prefill", self.model.prefill] if self.model.prefill else [])]

    # ---- one run ----

    def is_done(self, run):
        if run.country:
            return self.runs.known("trace", run.arguments, self.rows.picture(run.country))
        return self.runs.edit_is_known(run.arguments, run.files)

    def do(self, run):
        """What the program says, run where it is not kept; None where it refuses, which is noted."""
        try:
            if run.country:
                return self.runs.trace(run.arguments, self.rows.picture(run.country))
            return self.runs.edit(run.arguments, run.files)
        except ProgramError as error:
            self.problems[run] = str(error)
            return None

    def known(self, run):
        return self.do(run) if self.is_done(run) else None

    # ---- runs of edits ----

    def edited(self, about, trial, requests, asked, more=()):
        files = {"--requests": [self.rows.request(r, settings.LOOKS) for r in requests], "--eval": asked}
        if trial.keep:
            files["--keep"] = self.kept(trial.keep)
        return Run(self.model.name, about, (*trial.arguments.split(), *more), files)

    def kept(self, which):
        kept, words = self.splits.kept, settings.KEPT_WORDINGS
        if which == "mixed":
            return self.rows.in_turns(kept, [words[w] if isinstance(w, int) else w for w in settings.KEPT_MIXED])
        count = {"capitals": settings.KEPT_CAPITALS, "brief": settings.KEPT_BRIEF}[which]
        return self.rows.questions(kept[:count], words[:1])

    def trials(self, method):
        return [self.edited(("trials", method, i), trial, self.splits.tuned, self.brief())
                for i, trial in enumerate(self.model.trials[method])]

    def chosen(self, method):
        """The index of the trial with the best score; None until all are done. A method of one trial has no choice."""
        trials = self.model.trials[method]
        if len(trials) == 1:
            return 0
        found = [self.known(run) for run in self.trials(method)]
        if not all(found):
            return None
        scores = [score(edits_of(result, self.splits.tuned, self.told_names())) for result in found]
        return scores.index(max(scores))

    def reports(self, method):
        """The chosen trial on the requests that are reported, some at a time."""
        chosen = self.chosen(method)
        if chosen is None:
            return []
        asked = self.rows.questions(self.splits.asked)
        return [self.edited(("reports", method, first), self.model.trials[method][chosen], requests, asked)
                for first, requests in chunks(self.splits.reported, settings.CHUNK)]

    def tradeoffs(self, method):
        """The chosen trial with the option that turns its strength at other values."""
        chosen = self.chosen(method)
        if chosen is None:
            return []
        trial, (option, values) = self.model.trials[method][chosen], settings.STRENGTHS[method]
        if option == "--epsilon":
            values = [float(f"{v * trial.value(option):.4g}") for v in values]
        return [self.edited(("tradeoffs", method, value), trial.changed(option, value), self.splits.tuned, self.brief())
                for value in values]

    def brief(self):
        """One question about each country that trials are asked."""
        return self.rows.in_turns(self.splits.tuned_asked, UNRELATED)

    def swept(self):
        return (self.splits.tuned + self.splits.reported)[:settings.SWEPT]

    def sweeps(self, name):
        sweep = next(s for s in self.model.sweeps if s.name == name)
        more = ("--each-layer", "--neighbours", str(settings.SWEEP_NEIGHBOURS))
        return [self.edited(("sweeps", name, first), sweep.trial, requests, self.brief(), more)
                for first, requests in chunks(self.swept(), settings.SWEEP_CHUNK)]

    def traces(self):
        spans = list(dict.fromkeys(s.span for s in self.model.sweeps))
        return [Run(self.model.name, ("traces", site, request.country.name),
                    (*self.asked(), "--constraint", "this country", "--sites", site, "--window", str(window),
                     "--positions", ",".join(spans), "--group"), country=request.country)
                for request in self.swept() for site, window in settings.TRACED]

    def told_names(self):
        return {c.name for c in self.everyone if c.key in self.splits.told}


def chunks(items, size):
    return [(first, items[first:first + size]) for first in range(0, len(items), size)]


def wanted(plans):
    """All runs in the settings' order; what hangs on trials comes once they are done."""
    for name, what, which in settings.ORDER:
        plan = plans.get(name)
        if plan and what == "traces":
            yield from ((plan, run) for run in plan.traces())
        elif plan:
            for one in which:
                yield from ((plan, run) for run in getattr(plan, what)(one))
