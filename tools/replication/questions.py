"""The countries, and how each is asked about in each condition: as arguments of the program."""
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from . import settings
from .averages import Splitmix
from .pictures import file_of


@dataclass(frozen=True)
class Country:
    key: str
    name: str
    capitals: tuple               # what counts as right, the usual name first
    held_out: bool
    known: bool                   # the decoder, asked in words by the model's makers, says the capital

    @property
    def usable(self):
        """The capital does not repeat the country's name, and is not the word that is swapped in."""
        name, capitals = plain(self.name), [plain(c) for c in self.capitals]
        return "paris" not in capitals and not any(name in c or c in name or c[:4] == name[:4] for c in capitals)


def plain(text):
    letters = unicodedata.normalize("NFKD", text)
    return "".join(c for c in letters if not unicodedata.combining(c)).lower()


def countries(file):
    """All of them, in the study's order: a seeded shuffle."""
    records = json.loads(Path(file).read_text(encoding="utf-8"))
    found = [Country(r["key"], r["answers"]["name"][0], tuple(r["answers"]["capital"]), r["held_out"], r["known"])
             for r in records]
    random = Splitmix(settings.SEED)
    for last in range(len(found) - 1, 0, -1):
        other = random.below(last + 1)
        found[last], found[other] = found[other], found[last]
    return found


class Questions:
    """Makes the program's arguments. `pictures`: the folder of pictures.py; `look`: which picture of a country is shown, from 0."""

    def __init__(self, model, pictures, everyone):
        self.tokenizer = Tokenizer.from_file(str(Path(model) / "tokenizer.json"))
        self.pictures, self.everyone, self.look = Path(pictures), everyone, {}

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def first_tokens(self, country):
        return {self.ids(" " + capital)[0] for capital in country.capitals}

    def right(self, country, said):
        """Do the words of a right answer follow each other in what was said?"""
        words = " ".join(split(said))
        return any(f" {' '.join(split(capital))} " in f" {words} " for capital in country.capitals)

    def words(self, country):
        """The picture's rows as words, or None where the prompt with them is not read as these tokens and then the rest."""
        ids = (self.ids(settings.LAYOUT.format(country.name)) * settings.ROWS)[:settings.ROWS]
        text = self.tokenizer.decode(ids)
        return text if self.ids(prompt_of(text)) == ids + self.ids(prompt_of("")) else None

    def other(self, country, condition):
        """The country that is given in another's place: the next one of the study's order with another capital, in words also
        with as many tokens."""
        start = self.everyone.index(country)
        for other in self.everyone[start + 1:] + self.everyone[:start]:
            if self.first_tokens(other).isdisjoint(self.first_tokens(country)) and \
                    (condition != "words" or self.words(other)):
                return other

    def picture(self, country, condition):
        return file_of(self.pictures, country.key, self.look.get(country, 0)) if condition == "visual" else None

    def asked(self, country, condition):
        """The question, as arguments."""
        if condition == "words":
            return ["--prompt", prompt_of(self.words(country))]
        given = country.name if condition == "text" else settings.PHRASE
        return ["--template", settings.TEMPLATE, "--question", settings.QUESTION.format(given),
                "--prefill", settings.PREFILL]

    def corrupted(self, country, condition, corruption):
        if corruption == "swap":
            at = ["--corrupt-span", self.spans_in_words(country)[settings.CONSTRAINT]] if condition == "words" else []
            return ["--corrupt", "swap:Paris", *at]
        other = self.other(country, condition)
        if condition == "visual":
            return ["--corrupt", f"image:{file_of(self.pictures, other.key)}"]
        return ["--corrupt", "swap-phrase:" + self.words(other).lstrip(), "--corrupt-span", f"0:{settings.ROWS}"]

    def traced(self, country, condition, part, window):
        spans = {settings.PICTURE: "image"}
        constraint = ["--constraint", country.name if condition == "text" else settings.PHRASE]
        if condition == "words":
            spans, constraint = self.spans_in_words(country), []
        return [*self.asked(country, condition), *constraint,
                *self.corrupted(country, condition, part.corruption), "--direction", part.direction,
                "--sites", ",".join(part.sites), "--window", str(window),
                "--positions", ",".join(spans.get(span, span) for span in part.spans), *["--group"] * part.grouped]

    # ---- rows ----

    def spans_in_words(self, country):
        """The spans as rows: a layout may hold the constraint's phrase too, so it is not looked for by its text."""
        rows = self.constraint_in_words(country)
        end, count = rows[-1] + 1, len(rows)
        return {settings.PICTURE: f"0:{settings.ROWS}", settings.CONSTRAINT: f"{rows[0]}:{end}",
                settings.CONTROL: f"{end}:{end + count}"}

    def constraint_in_words(self, country):
        """The rows of the phrase in the question behind the words."""
        words = self.words(country)
        prompt = self.asked(country, "words")[1]
        start = prompt.index(settings.PHRASE, len(words))
        offsets = self.tokenizer.encode(prompt, add_special_tokens=False).offsets
        return [i for i, (a, b) in enumerate(offsets) if a < b and a < start + len(settings.PHRASE) and b > start]

    def constraint_rows(self, country, condition, trace):
        return self.constraint_in_words(country) if condition == "words" else trace["constraints"][0]["positions"]


def prompt_of(words):
    return settings.WORDS_PROMPT.format(words=words, question=settings.QUESTION.format(settings.PHRASE),
                                        prefill=settings.PREFILL)


def split(text):
    """Words without case, accents and punctuation."""
    return "".join(c if c.isalnum() else " " for c in plain(text)).split()
