"""The requests: capitals of countries shown by their flags, each to become another city.

A country whose capital the model tells gets another country's capital as its target (a counterfactual); one whose
capital it does not tell gets the right one (a correction), if the model has words for it. Rephrasings are other wordings
about the same picture, and the same wording about other photographs of the flag.
"""
import json
from dataclasses import dataclass
from pathlib import Path

from replication.averages import Splitmix
from replication.pictures import file_of

PHRASE = "this country"
QUESTION = f"What is the capital of {PHRASE}?"
REPHRASED = (f"Which city is the capital of {PHRASE}?", f"Name the capital of {PHRASE}.",
             f"What is the capital city of {PHRASE}?")
ABOUT = {"language": f"Which language is spoken in {PHRASE}?", "continent": f"On which continent is {PHRASE}?"}
UNRELATED = ("capital", "language", "continent", "words")       # what is asked of countries that are not edited


@dataclass(frozen=True)
class Request:
    country: object                # replication.questions.Country
    target: str
    corrects: bool                 # the target is the truth, which the model does not tell


def targets(countries, right, seed, said):
    """A request for each country. right: keys of those whose capital the model tells. A counterfactual is the next
    country's of a seeded order whose capital begins unlike this one's. said: None; or what the model says of each
    country, by key: then there are no corrections, and every target is a capital that the model tells, in its words, and
    does not tell of this country."""
    order = shuffled(countries, seed)
    made = []
    for i, country in enumerate(order):
        if said is None and country.key not in right:
            made.append(Request(country, country.capitals[0], True))
            continue
        others = [o for o in order[i + 1:] + order[:i] if said is None or o.key in right and
                  said_of(o, said) not in said[country.key]]
        other = next(o for o in others if o.capitals[0][:3] != country.capitals[0][:3])
        target = other.capitals[0] if said is None else said_of(other, said)
        made.append(Request(country, target, False))
    return made


def said_of(country, said):
    return said[country.key].strip(" .")


def shuffled(items, seed):
    items, random = list(items), Splitmix(seed)
    for last in range(len(items) - 1, 0, -1):
        other = random.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def constraints(question):
    if PHRASE not in question:
        return []
    start = question.index(PHRASE)
    return [{"kind": "visual", "text": PHRASE, "start": start, "end": start + len(PHRASE)}]


class Rows:
    """Makes the lines. records: facts.json's by key; pictures: a folder; prefill: what an answer that is a capital
    begins with, or None."""

    def __init__(self, records, pictures, prefill):
        self.records, self.pictures, self.prefill = records, pictures, prefill

    def picture(self, country, look=0):
        return str(file_of(self.pictures, country.key, look).resolve())

    def asked(self, question, image, prefill):
        return {"question": question, "image": image, "prefill": prefill, "constraints": constraints(question)}

    def request(self, request, looks):
        """One line of a requests file: three other wordings, then looks - 1 other pictures."""
        country = request.country
        image = self.picture(country)
        same = [self.asked(question, image, self.prefill) for question in REPHRASED]
        seen = [self.asked(QUESTION, self.picture(country, look), self.prefill) for look in range(1, looks)]
        return {"id": country.key, **self.asked(QUESTION, image, self.prefill), "subject": country.name,
                "target": request.target, "answers": list(country.capitals), "rephrasings": same + seen}

    def question(self, country, what):
        """One line of an evaluation file, or None where its answer is not known. what: one of UNRELATED, or the question
        by which the capital is asked for."""
        answers, image, prefill = self.records[country.key]["answers"], self.picture(country), None
        if what in ABOUT:
            question, accepted = ABOUT[what], answers.get(what)
        else:
            question, accepted, prefill = what if PHRASE in what else QUESTION, answers["capital"], self.prefill
        if what == "words":
            question, image = f"What is the capital of {country.name}?", None
        name = what if what in UNRELATED else "capital"
        return accepted and {"id": f"{country.key}-{name}", **self.asked(question, image, prefill), "answers": accepted,
                             "subject": country.name}

    def questions(self, countries, whats=UNRELATED):
        """All of these questions about all of these countries."""
        rows = [self.question(country, what) for country in countries for what in whats]
        return [row for row in rows if row]

    def in_turns(self, countries, whats):
        """One question about each country: the first of these about the first, and so on around."""
        rows = [self.question(country, whats[i % len(whats)]) for i, country in enumerate(countries)]
        return [row for row in rows if row]


def write_lines(path, rows):
    Path(path).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path
