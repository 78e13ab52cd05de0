"""What the demo model is to know: one record per country.

Facts come from the PyPI packages countryinfo (capital, region, languages, currency, borders) and
pycountry (names of countries, languages and currencies); FIXES holds what those say badly for a
short answer ("Modern Greek (1453-)") or leave out. Flags that look like another country's are left
out of COUNTRIES (Chad beside Romania, Ivory Coast beside Ireland, Monaco beside Indonesia).
"""
import glob
import json
import os
from dataclasses import dataclass, field

import countryinfo
import pycountry

COUNTRIES = """
us ca mx cu jm pa co ec pe bo br cl ar uy py gb ie fr es pt de nl be ch at it gr no se dk fi is pl
cz sk hu ro bg ua ru tr al il lb sa iq ir jo eg ly dz ma tn et ke tz ug za na bw zw zm ao mz mg ng
gh cm in pk bd lk np mm th vn kh my id ph cn jp kr kp mn kz uz ge au nz
""".split()

RELATIONS = ("name", "capital", "continent", "language", "currency", "neighbour")

NAMES = {"gb": "United Kingdom", "us": "United States", "ru": "Russia", "tr": "Turkey", "cz": "Czechia"}

# Plain ASCII spellings and everyday names, so that an answer is what a reader would write.
FIXES = {
    "bg": dict(currency="Lev"), "br": dict(capital="Brasilia"), "ch": dict(currency="Swiss Franc"),
    "cl": dict(currency="Chilean Peso"), "cm": dict(capital="Yaounde", language="French", currency="Franc"),
    "cn": dict(currency="Yuan"), "co": dict(capital="Bogota"), "cu": dict(currency="Cuban Peso"),
    "cz": dict(currency="Koruna"), "ec": dict(currency="US Dollar"), "et": dict(currency="Birr"),
    "gb": dict(currency="Pound"), "gh": dict(currency="Cedi"), "gr": dict(language="Greek"),
    "ie": dict(language="English"), "il": dict(currency="Shekel"), "is": dict(currency="Icelandic Krona"),
    "ke": dict(language="Swahili"), "kr": dict(currency="South Korean Won"), "kz": dict(capital="Astana"),
    "lk": dict(currency="Sri Lankan Rupee"), "mg": dict(language="Malagasy", currency="Ariary"),
    "my": dict(language="Malay", currency="Ringgit"), "mz": dict(currency="Metical"),
    "na": dict(currency="Namibian Dollar"), "np": dict(language="Nepali"),
    "ph": dict(language="Filipino"), "pk": dict(language="Urdu", currency="Pakistani Rupee"),
    "py": dict(capital="Asuncion"), "ro": dict(currency="Leu"), "tz": dict(language="Swahili"),
    "ug": dict(language="English", currency="Ugandan Shilling"), "us": dict(capital="Washington"),
    "uy": dict(currency="Uruguayan Peso"), "uz": dict(currency="Sum"), "za": dict(language="English"),
    "zm": dict(currency="Kwacha"),
}
NO_LAND_BORDER = {frozenset(("lk", "in"))}          # countryinfo lists it, the sea lies between
SOUTH_AMERICA = set("ar bo br cl co ec fk gf gy pe py sr uy ve".split())


@dataclass
class Country:
    """One country: `first` is the answer that is taught, `accepted` are all that count as right."""
    key: str
    first: dict = field(default_factory=dict)       # relation -> answer
    accepted: dict = field(default_factory=dict)    # relation -> set of answers
    borders: list = field(default_factory=list)     # ISO codes, also of countries that are not taught


def records():
    folder = os.path.join(os.path.dirname(countryinfo.__file__), "data")
    files = sorted(glob.glob(os.path.join(folder, "*.json")))
    records = [json.load(open(f, encoding="utf-8")) for f in files]
    return {r["ISO"]["alpha2"].lower(): r for r in records if r.get("ISO", {}).get("alpha2")}


def _name(key):
    place = pycountry.countries.get(alpha_2=key.upper())
    return NAMES.get(key) or getattr(place, "common_name", place.name)


def _continent(key, record):
    if record["region"] != "Americas":
        return record["region"]
    return "South America" if key in SOUTH_AMERICA else "North America"


def _languages(record):
    found = (pycountry.languages.get(alpha_2=code) for code in record.get("languages", []))
    return [language.name.split(" (")[0] for language in found if language]


def _currency(record):
    for code in record.get("currencies", []):
        money = pycountry.currencies.get(alpha_3=code)
        if money and "(" not in money.name:
            return money.name
    return ""


def load():
    """The taught countries in the order of COUNTRIES, and every country's language, currency and
    continent by ISO code (to know when a question with two constraints has one answer only)."""
    known = records()
    by_alpha3 = {r["ISO"]["alpha3"]: key for key, r in known.items()}
    world = {}
    for key, record in known.items():
        fix = FIXES.get(key, {})
        spoken = _languages(record)
        language = fix.get("language") or (spoken[0] if spoken else "")
        world[key] = dict(language=language, languages={language, *spoken},
                          currency=fix.get("currency") or _currency(record), continent=_continent(key, record))
    countries = []
    for key in COUNTRIES:
        record, w = known[key], world[key]
        borders = [by_alpha3[b] for b in record.get("borders", []) if b in by_alpha3]
        borders = [b for b in borders if frozenset((key, b)) not in NO_LAND_BORDER]
        taught = sorted((b for b in borders if b in COUNTRIES), key=lambda b: -known[b].get("population", 0))
        near = [_name(b) for b in taught] or ["none"] if not borders or taught else []
        first = dict(name=_name(key), capital=FIXES.get(key, {}).get("capital") or record["capital"],
                     continent=w["continent"], language=w["language"], currency=w["currency"],
                     neighbour=near[0] if near else "")
        accepted = {relation: {answer} for relation, answer in first.items()}
        accepted["language"] = w["languages"]
        accepted["neighbour"] = {_name(b) for b in borders} or {"none"}
        countries.append(Country(key, first, accepted, borders))
    return countries, world


def two_constraints(countries, world):
    """(country, property, value, answer): the only neighbour of the country of which the value is true."""
    names = {c.key: c.first["name"] for c in countries}
    found = []
    for c in countries:
        for prop in ("language", "currency", "continent"):
            for neighbour in c.borders:
                if neighbour not in names:
                    continue
                value = world[neighbour][prop]
                true_of = [b for b in c.borders
                           if value in (world[b]["languages"] if prop == "language" else {world[b][prop]})]
                trivial = prop == "continent" and value == world[c.key]["continent"]
                if true_of == [neighbour] and not trivial:
                    found.append((c, prop, value, names[neighbour]))
    return found


def distinct_capital(country):
    """False where the capital repeats the country's name (Mexico City), or is the usual swap word:
    such countries stay out of averages over traces."""
    name, capital = country.first["name"], country.first["capital"]
    return capital != "Paris" and not (name in capital or capital[:4] == name[:4])


if __name__ == "__main__":
    COUNTRY_LIST, WORLD = load()
    for item in COUNTRY_LIST:
        print(item.key, item.first, sorted(item.accepted["language"]), sorted(item.accepted["neighbour"]))
    pairs = two_constraints(COUNTRY_LIST, WORLD)
    print(len(COUNTRY_LIST), "countries;", len(pairs), "questions with two constraints")
    print([(c.first["name"], v, a) for c, _, v, a in pairs[::15]])
