"""The requests: capitals of countries shown by their flags, each to become another city, as files that `patchbay edit` reads.

A country whose capital the model tells gets another country's capital as its target (a counterfactual); one whose capital it
does not tell gets the right one (a correction). Rephrasings are other wordings about the same picture, and the same wording
about other photographs of the flag.
"""
import json
from dataclasses import dataclass
from pathlib import Path

from replication.averages import Splitmix
from replication.pictures import file_of

PHRASE = "this country"
PREFILL = "The capital city is"
QUESTION = f"What is the capital of {PHRASE}?"
REPHRASED = (f"Which city is the capital of {PHRASE}?", f"Name the capital of {PHRASE}.", f"What is the capital city of {PHRASE}?")
UNRELATED = {"capital": (QUESTION, PREFILL), "language": (f"Which language is spoken in {PHRASE}?", None),
             "continent": (f"On which continent is {PHRASE}?", None)}


@dataclass(frozen=True)
class Request:
    country: object                # replication.questions.Country
    target: str
    corrects: bool                 # the target is the truth, which the model does not tell


def targets(countries, right, seed):
    """A request for each country. right: keys of those whose capital the model tells. A counterfactual is the next country's of
    a seeded order whose capital begins unlike this one's."""
    order = shuffled(countries, seed)
    made = []
    for i, country in enumerate(order):
        if country.key not in right:
            made.append(Request(country, country.capitals[0], True))
            continue
        others = order[i + 1:] + order[:i]
        other = next(o for o in others if o.capitals[0][:3] != country.capitals[0][:3])
        made.append(Request(country, other.capitals[0], False))
    return made


def shuffled(items, seed):
    items, random = list(items), Splitmix(seed)
    for last in range(len(items) - 1, 0, -1):
        other = random.below(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def constraints(question):
    start = question.index(PHRASE)
    return [{"kind": "visual", "text": PHRASE, "start": start, "end": start + len(PHRASE)}]


def request_row(request, pictures, looks):
    """One line of a requests file."""
    key = request.country.key
    image = str(file_of(pictures, key).resolve())
    same = [{"question": q, "image": image, "prefill": PREFILL, "constraints": constraints(q)} for q in REPHRASED]
    seen = [{"question": QUESTION, "image": str(file_of(pictures, key, look).resolve()), "prefill": PREFILL,
             "constraints": constraints(QUESTION)} for look in range(1, looks)]
    return {"id": key, "image": image, "question": QUESTION, "prefill": PREFILL, "constraints": constraints(QUESTION),
            "subject": request.country.name, "target": request.target, "answers": list(request.country.capitals),
            "rephrasings": same + seen}


def question_rows(countries, records, pictures):
    """Lines of an evaluation file: each country's capital, language and continent, asked about its flag, and its capital in words."""
    rows = []
    for country in countries:
        answers = records[country.key]["answers"]
        for relation, (question, prefill) in UNRELATED.items():
            if relation in answers:
                rows.append({"id": f"{country.key}-{relation}", "image": str(file_of(pictures, country.key).resolve()),
                             "question": question, "prefill": prefill, "constraints": constraints(question),
                             "answers": answers[relation], "subject": country.name})
        rows.append({"id": f"{country.key}-words", "image": None, "question": f"What is the capital of {country.name}?",
                     "prefill": PREFILL, "constraints": [], "answers": answers["capital"], "subject": country.name})
    return rows


def write_lines(path, rows):
    Path(path).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path
