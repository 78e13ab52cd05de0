"""Which countries the model gets right in which condition, and which traces that makes."""
from collections import Counter
from dataclasses import dataclass

from . import settings
from .program import ProgramError, each
from .questions import Country


@dataclass(frozen=True)
class Job:
    part: settings.Part
    window: int
    condition: str
    country: Country

    def __str__(self):
        return f"{self.part.name}, {self.part.corruption}, window {self.window}, {self.condition}, {self.country.name}"


class Plan:
    def __init__(self, program, questions, conditions=settings.CONDITIONS):
        self.program, self.questions, self.conditions = program, questions, conditions
        self.asked, self.right, self.problems = Counter(), {}, []

    # ---- who is right ----

    def find_right(self, jobs, progress):
        """Fills `right`: per condition the countries whose answer begins with the capital's first token and says it. With a
        picture or words in its place only those are asked about whose capital the decoder says in words."""
        able = [c for c in self.questions.everyone if c.usable]
        for condition in sorted({"text", *self.conditions}):       # text before visual and words
            if condition == "words":
                able = [c for c in able if self.questions.words(c)]
            verdicts = each(lambda c: self.is_right_at_all(c, condition), able, jobs)
            self.asked[condition] = len(able)
            self.right[condition] = [c for c, right in zip(able, verdicts) if right]
            progress(f"{condition}: {len(self.right[condition])} of {len(able)} countries right")
            if condition == "text":
                able = [c for c in able if c.known or c in self.right["text"]]

    def is_right_at_all(self, country, condition):
        """With a picture: of the photographs, at one, which is the one that is shown from now on."""
        if condition != "visual":
            return self.is_right(country, condition)
        for self.questions.look[country] in range(settings.LOOKS):
            if self.is_right(country, condition):
                return True
        return False

    def is_right(self, country, condition):
        first = self.ask(country, condition, 1)["answer_ids"]
        return bool(first) and first[0] in self.questions.first_tokens(country) and \
            self.questions.right(country, self.ask(country, condition, settings.ANSWER_TOKENS)["answer"])

    def ask(self, country, condition, tokens):
        return self.program.ask([*self.questions.asked(country, condition), "--max-tokens", str(tokens)],
                                self.questions.picture(country, condition))

    # ---- what is traced ----

    def chosen(self, condition, most):
        """The countries of a part: those right in most conditions first, so that as many as can be are in pairs."""
        rights = [set(self.right[c]) for c in self.right]
        return sorted(self.right.get(condition, []), key=lambda c: -sum(c in r for r in rights))[:most]

    def jobs(self):
        """All traces, in the order in which they are wanted: country by country within a part and window."""
        for part in settings.PARTS:
            for window in part.windows:
                columns = {c: self.chosen(c, part.most) for c in part.conditions}
                for turn in range(part.most):
                    yield from (Job(part, window, c, column[turn]) for c, column in columns.items() if turn < len(column))

    def arguments(self, job):
        return (self.questions.traced(job.country, job.condition, job.part, job.window),
                self.questions.picture(job.country, job.condition))

    def is_done(self, job):
        return self.program.known("trace", *self.arguments(job))

    def do(self, job):
        """The job's trace, run where it is not kept; None where the program refuses, which is noted."""
        try:
            return self.program.trace(*self.arguments(job))
        except ProgramError as error:
            self.problems.append(f"{job}: {error}")
            return None
