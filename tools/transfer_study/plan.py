"""Which countries are asked, and the runs of each: its flows in both orders of the image rows, and its cuts."""
from dataclasses import dataclass

from replication.pictures import file_of
from replication.program import ProgramError
from replication.questions import Country, split

from . import settings


@dataclass(frozen=True)
class Run:
    command: str                  # "flow", "knockout"
    order: str
    country: Country

    def __str__(self):
        return f"{self.command}, rows {self.order}, {self.country.name}"


class Plan:
    """Of one model. Only countries whose capital it tells are asked."""

    def __init__(self, model, program, everyone, pictures):
        self.model, self.program, self.everyone, self.pictures = model, program, everyone, pictures
        self.countries, self.asked, self.problems = [], 0, {}

    def begin(self, progress):
        usable = [c for c in self.everyone if c.usable]
        right = [c for c in usable if self.is_right(c)]
        self.asked, self.countries = len(usable), right[:self.model.most]
        progress(f"{self.model.name}: {len(right)} of {len(usable)} capitals are told, {len(self.countries)} followed")

    def is_right(self, country):
        said = self.program.ask(self.question(), self.picture(country))["answer"]
        return any(f" {' '.join(split(capital))} " in f" {' '.join(split(said))} " for capital in country.capitals)

    def picture(self, country):
        return file_of(self.pictures, country.key)

    def question(self):
        return ["--question", settings.QUESTION, *self.model.asked]

    def runs(self):
        for country in self.countries:
            yield Run("knockout", "given", country)
            yield from (Run("flow", order, country) for order in settings.ORDERS)

    def arguments(self, run):
        pairs = [word for source, to in settings.PAIRS for word in ("--from", source, "--to", to)]
        more = ["--per-position"] if run.command == "flow" else ["--window", str(self.model.window)]
        turned = ["--image-order", run.order] if run.order != "given" else []
        return [*self.question(), "--constraint", settings.PHRASE, *pairs, *more, *turned]

    def is_done(self, run):
        return self.program.known(run.command, self.arguments(run), self.picture(run.country))

    def do(self, run):
        """What the program says, run where it is not kept; None where it refuses, which is noted."""
        try:
            return self.program.run(run.command, self.arguments(run), self.picture(run.country))
        except ProgramError as error:
            self.problems[run] = str(error)
            return None
