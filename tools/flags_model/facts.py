"""The countries whose flags are shown, what is true of them, and which of them are held out.

Pictures: the files of Debian's iso-flags-png-320x240. Facts: the PyPI packages countryinfo and
pycountry, with NAMES and ALSO for everyday names and for answers that are right too. A flag is to
stand for one country, so of those that fly the same picture the one with most people is kept.

Half of the countries, drawn once (seed 0), are held out: of them nothing but the name is ever
taught, so what the model says about them is what its decoder knew before.
"""
import json
import os
import random
import unicodedata
from dataclasses import asdict, dataclass, field

import pycountry

from demo_model import pictures
from demo_model.facts import SOUTH_AMERICA, records

RELATIONS = ("name", "capital", "language", "currency", "continent", "neighbour")

NAMES = {
    "ax": "Aland Islands", "bl": "Saint Barthelemy", "bn": "Brunei", "bq": "Bonaire", "cc": "Cocos Islands",
    "cd": "Democratic Republic of the Congo", "cg": "Republic of the Congo", "ci": "Ivory Coast", "cv": "Cape Verde",
    "cw": "Curacao", "cz": "Czech Republic", "fk": "Falkland Islands", "fm": "Micronesia", "gs": "South Georgia",
    "la": "Laos", "mf": "Saint Martin", "mk": "North Macedonia", "mo": "Macau", "pn": "Pitcairn Islands",
    "ps": "Palestine", "re": "Reunion", "ru": "Russia", "sh": "Saint Helena", "sx": "Sint Maarten", "sy": "Syria",
    "sz": "Swaziland", "tf": "French Southern Territories", "tl": "East Timor", "tr": "Turkey", "va": "Vatican City",
    "vg": "British Virgin Islands", "vi": "United States Virgin Islands",
}
# Other spellings of the capital, and capitals that sources disagree about.
ALSO = {
    "ag": ["saint john", "st. john"], "bi": ["gitega", "bujumbura"], "bo": ["sucre", "la paz"], "bq": ["kralendijk"],
    "br": ["brasilia"], "cm": ["yaounde"], "co": ["bogota"], "cr": ["san jose"], "eh": ["el aaiun", "laayoune"],
    "fo": ["torshavn"], "gd": ["st. george", "saint george"], "gg": ["saint peter port", "st peter port"],
    "gu": ["hagatna"], "hk": ["victoria", "hong kong"], "is": ["reykjavik"], "je": ["saint helier", "st helier"],
    "ki": ["tarawa"], "kz": ["astana", "nur-sultan"], "lk": ["colombo", "sri jayawardenepura"], "md": ["chisinau"],
    "mm": ["naypyidaw", "nay pyi taw"], "mv": ["male"], "nc": ["noumea"], "pf": ["papeete"],
    "pw": ["ngerulmud", "melekeok"], "py": ["asuncion"], "sm": ["san marino"], "st": ["sao tome"],
    "sz": ["mbabane", "lobamba"], "td": ["n'djamena", "ndjamena"], "tg": ["lome"], "to": ["nuku'alofa", "nukualofa"],
    "tz": ["dodoma"], "ua": ["kiev"], "us": ["washington"], "va": ["vatican city"], "ye": ["sana'a", "sanaa"],
}
SAME_PICTURE = 1.5      # mean difference of two flags, shrunk to 32 x 24, of 255


@dataclass
class Country:
    """One country. `answers`: per relation what counts as right, the answer that is taught first; a
    relation that the sources leave out is missing."""
    key: str
    answers: dict = field(default_factory=dict)
    held_out: bool = False
    known: bool = False     # the decoder, asked in words alone, knows the capital (find_known)

    @property
    def name(self):
        return self.answers["name"][0]

    def right(self, relation, told):
        """Does the text name a right answer? Case and accents are ignored."""
        return any(plain(answer) in plain(told) for answer in self.answers[relation])

    def plain_capital(self):
        """False where the capital repeats the country's name, or is the usual swap word."""
        capitals = [plain(c) for c in self.answers["capital"]]
        name = plain(self.name)
        return "paris" not in capitals and not any(name in c or c in name for c in capitals)


def plain(text):
    letters = unicodedata.normalize("NFKD", text)
    return "".join(c for c in letters if not unicodedata.combining(c)).lower()


def _called(found):
    """What pycountry's record is called in everyday words: "Greek", not "Modern Greek (1453-)"."""
    return found.name.split(" (")[0].removeprefix("Modern ") if found else None


def _answers(key, record, place):
    languages = [_called(pycountry.languages.get(alpha_2=code)) for code in record.get("languages", [])]
    currencies = [_called(pycountry.currencies.get(alpha_3=code)) for code in record.get("currencies", [])]
    region = record.get("region")
    continents = [region] if region else []
    if region == "Americas":
        continents = ["South America" if key in SOUTH_AMERICA else "North America", "America"]
    found = dict(name=[NAMES.get(key) or getattr(place, "common_name", place.name)],
                 capital=[record["capital"].split(" / ")[0], *ALSO.get(key, [])],
                 language=[x for x in languages if x], currency=[x for x in currencies if x], continent=continents)
    return {relation: answers for relation, answers in found.items() if answers}


def _one_country_a_picture(candidates):
    """candidates: (population, country). Keeps the most populous of those with the same picture."""
    kept, seen = [], []
    for _, country in sorted(candidates, key=lambda c: -c[0]):
        small = pictures.source(country.key, (32, 24))[:3] * 255
        if all((small - other).abs().mean() >= SAME_PICTURE for other in seen):
            kept.append(country)
            seen.append(small)
    return sorted(kept, key=lambda c: c.key)


def gather():
    """Every usable country from the packages and pictures, in the order of their ISO codes."""
    world, candidates = records(), []
    for key, record in sorted(world.items()):
        place = pycountry.countries.get(alpha_2=key.upper())
        if place and record.get("capital") and os.path.exists(pictures.flag_file(key)):
            candidates.append((record.get("population") or 0, Country(key, _answers(key, record, place))))
    named = {country.key: country.name for _, country in candidates}
    by_alpha3 = {r["ISO"]["alpha3"]: key for key, r in world.items()}
    for _, country in candidates:
        borders = [by_alpha3.get(b) for b in world[country.key].get("borders", [])]
        near = [named[b] for b in borders if b in named]
        if near:
            country.answers["neighbour"] = near
    countries = _one_country_a_picture(candidates)
    order = list(range(len(countries)))
    random.Random(0).shuffle(order)
    for i in order[:len(countries) // 2]:
        countries[i].held_out = True
    return countries


def find_known(countries, decoder):
    """Marks the countries whose capital the decoder tells when it is asked in words alone."""
    asked = ["Question: What is the capital of {0}?\nAnswer: The capital of {0} is".format(c.name) for c in countries]
    for country, told in zip(countries, decoder.text_answers(asked)):
        country.known = country.right("capital", told)


def save(countries, file):
    with open(file, "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(asdict(c), ensure_ascii=False) for c in countries) + "\n]\n")


def load(file):
    with open(file, encoding="utf-8") as lines:
        return [Country(**record) for record in json.load(lines)]
