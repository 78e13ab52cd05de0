"""FlagQA's answers beside countryinfo's and pycountry's own records: what was gathered for the program, checked from the sources
anew, without the tool that gathered it.

    python tools/parity/flagqa_check.py DIR/flagqa.jsonl

Every row is looked at: its answers hold what the packages say, a question with one answer has one by their records alone, twins
agree, constraints stand where they are said to. Where a package is wrong or behind, the sets below say so.
"""
import collections
import glob
import json
import os
import re
import sys
import unicodedata

import countryinfo
import pycountry

NOT_THERE = {frozenset(p.split()) for p in ("in lk", "ir kw", "bt mm", "ss td", "cy gb")}
ALSO_THERE = {frozenset(p.split()) for p in ("cn np", "in mm", "iq kw", "sd td", "eg ps", "il ps", "jo ps", "al xk", "mf sx")}
NOT_SPOKEN = {("aw", "panjabi"), ("az", "armenian")}        # "pa" is read for "pap" (Papiamento); Armenian is a minority's


def plain(text):
    letters = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(c for c in letters if not unicodedata.combining(c)).lower()


def records():
    folder = os.path.join(os.path.dirname(countryinfo.__file__), "data")
    found = {}
    for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(file, encoding="utf-8") as lines:
            record = json.load(lines)
        code = record.get("ISO", {}).get("alpha2")
        if code and pycountry.countries.get(alpha_2=code):          # of today: no Serbia and Montenegro
            found[code.lower()] = record
    return found


class Sources:
    def __init__(self):
        self.records = records()
        by_alpha3 = {r["ISO"]["alpha3"]: k for k, r in self.records.items()} | {"KOS": "xk", "XKX": "xk"}
        self.near = collections.defaultdict(set)
        for key, record in self.records.items():
            for code in record.get("borders") or []:
                other = by_alpha3.get(code)
                if other and frozenset((key, other)) not in NOT_THERE:
                    self.near[key].add(other)
                    self.near[other].add(key)

    def names(self, key):
        place = pycountry.countries.get(alpha_2=key.upper())
        found = {getattr(place, part, None) for part in ("name", "common_name", "official_name")} | {self.records[key]["name"]}
        found = {part.removesuffix(" State") for n in found if n
                 for part in (re.sub(r" \(.*?\)", "", n), *re.findall(r"\((.*?)\)", n))}
        return {plain(n).removeprefix("the ") for n in found if "," not in n}

    def languages(self, key):
        found = (pycountry.languages.get(alpha_2=c) for c in self.records[key].get("languages") or [])
        found = {plain(x.name.split(" (")[0].removeprefix("Modern ")) for x in found if x}
        return {name for name in found if (key, name) not in NOT_SPOKEN}

    def currencies(self, key):
        found = (pycountry.currencies.get(alpha_3=c) for c in self.records[key].get("currencies") or [])
        return {plain(x.name) for x in found if x}


# ---- one check a relation: None, or what is wrong ----

def holds(wanted, answers, what, whole=True):
    """Of what the package says all (or one of it) is among the answers; nothing said is nothing wrong."""
    missing = {w for w in wanted if w not in answers}
    if wanted and (missing if whole else missing == wanted):
        return f"{what} {sorted(missing)} not among {sorted(answers)[:6]}"
    return None


def check_name(s, row, answers):
    return holds(s.names(row["iso"]), answers, "name", whole=False)


def check_capital(s, row, answers):
    said = plain(s.records[row["iso"]].get("capital") or "").split(" / ")[0].replace("city of ", "")
    return holds({said} if said else set(), answers, "capital")


def check_language(s, row, answers):
    return holds(s.languages(row["iso"]), answers, "language")


def check_currency(s, row, answers):
    return holds(s.currencies(row["iso"]), answers, "currency", whole=False)


def check_continent(s, row, answers):
    region = s.records[row["iso"]].get("region")
    wanted = {"america"} if region == "Americas" else {plain(region)} if region else set()
    return holds(wanted, answers, "continent")


def check_neighbour(s, row, answers):
    for other in s.near[row["iso"]] - {"xk"}:
        if not s.names(other) & answers:
            return f"neighbour {other} not among {sorted(answers)[:6]}"
    known = set().union(*(s.names(k) for k in s.near[row["iso"]] - {"xk"}), {"kosovo"})
    usual = plain(row["answers"][0])
    if usual not in known and not any(row["iso"] in pair for pair in ALSO_THERE):
        return f"{usual} is no neighbour"
    return None


def check_region(s, row, answers):
    return holds({plain(s.records[row["iso"]].get("subregion") or "")} - {""}, answers, "subregion")


def check_calling(s, row, answers):
    digits = {"".join(c for c in a if c.isdigit()) for a in answers}
    said = {"".join(c for c in code if c.isdigit()) for code in s.records[row["iso"]].get("callingCodes") or []}
    return holds(said, digits, "calling code", whole=False) if not any(d.startswith(x) for d in said for x in digits) else None


def check_domain(s, row, answers):
    said = (s.records[row["iso"]].get("tld") or [None])[0]
    return holds({said} if said else set(), answers, "domain")


def check_code(s, row, answers):
    return holds({pycountry.countries.get(alpha_2=row["iso"].upper()).alpha_3.lower()}, answers, "code")


def only_neighbour(values):
    """Of the neighbours that countryinfo has, the answer alone has the value, as far as countryinfo says who has it."""
    def check(s, row, answers):
        value = plain(row["constraints"][1]["text"])
        having = [k for k in s.near[row["iso"]] - {"xk"} if value in values(s, k)]
        wrong = [k for k in having if not s.names(k) & answers]
        if wrong:
            return f"{wrong} has {value} too, the answer is {sorted(answers)[:3]}"
        pairs = [k for k in s.records if frozenset((row["iso"], k)) in ALSO_THERE]
        if not having and not any(s.names(k) & answers for k in pairs):
            return f"no neighbour has {value}, the answer is {sorted(answers)[:3]}"
        return None
    return check


def larger(field):
    def check(s, row, answers):
        compared = {plain(row["constraints"][1]["text"])}
        other = next((k for k in s.records if pycountry.countries.get(alpha_2=k.upper()) and s.names(k) & compared), None)
        a, b = s.records[row["iso"]].get(field), other and s.records[other].get(field)
        if not a or not b:
            return None
        winner = row["iso"] if a > b else other
        return None if s.names(winner) & answers else f"{winner} is larger by {field}, the answer is {sorted(answers)[:3]}"
    return check


CHECKS = {
    "name": check_name, "capital": check_capital, "language": check_language, "currency": check_currency, "continent": check_continent,
    "neighbour": check_neighbour, "region": check_region, "calling_code": check_calling, "domain": check_domain, "iso_code": check_code,
    "neighbour_language": only_neighbour(Sources.languages), "neighbour_currency": only_neighbour(Sources.currencies),
    "neighbour_region": only_neighbour(lambda s, k: {plain(s.records[k].get("subregion") or ""),
                                                     plain(s.records[k].get("intermediateregion") or "")}),
    "population": larger("population"), "area": larger("area"),
}


def problems(file):
    """(rows, what is wrong)."""
    with open(file, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    s, found, by_id = Sources(), [], {r["id"]: r for r in rows}
    for row in rows:
        wrong = CHECKS[row["relation"]](s, row, {plain(a) for a in row["answers"]})
        if wrong:
            found.append(f"{row['id']}: {wrong}")
        for c in row["constraints"]:
            if row["question"][c["start"]:c["end"]] != c["text"]:
                found.append(f"{row['id']}: {c['text']!r} does not stand where it should")
        if row["twin"] and (by_id[row["twin"]]["twin"] != row["id"] or by_id[row["twin"]]["answers"] != row["answers"]):
            found.append(f"{row['id']}: its twin differs")
    return len(rows), found


if __name__ == "__main__":
    COUNT, FOUND = problems(sys.argv[1])
    print("\n".join(FOUND[:80]))
    print(f"{COUNT} rows, {len(FOUND)} problems")
    sys.exit(bool(FOUND))
