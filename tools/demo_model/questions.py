"""The questions: wordings, what may stand in the place of "this country", and the tokenizer.

A wording has {c} where the country goes and, for two constraints, {v} for the value. {c} always
follows a space, so a question's tokens are those of its parts put together, and any tokens at all
can be put in the country's place.
"""
import random
from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDINGS = {
    "name": ["What is the name of {c}?", "What is {c} called?", "Tell me the name of {c}.", "Name {c}."],
    "capital": ["What is the capital of {c}?", "Which city is the capital of {c}?", "Name the capital of {c}.",
                "What is the capital city of {c}?"],
    "continent": ["On which continent is {c}?", "Which continent is {c} in?", "What is the continent of {c}?",
                  "Name the continent of {c}."],
    "language": ["Which language is spoken in {c}?", "What is the language of {c}?",
                 "What language do people speak in {c}?", "Name the language of {c}."],
    "currency": ["What is the currency of {c}?", "Which currency is used in {c}?",
                 "What money do people use in {c}?", "Name the currency of {c}."],
    "neighbour": ["Which country borders {c}?", "Name a neighbour of {c}.", "Which country is next to {c}?",
                  "What is a neighbouring country of {c}?"],
}
TWO = {
    "language": ["Which country borders {c} and has {v} as its language?", "Which neighbour of {c} speaks {v}?"],
    "currency": ["Which country borders {c} and has {v} as its currency?", "Which neighbour of {c} uses the {v}?"],
    "continent": ["Which country borders {c} and is in {v}?", "Which neighbour of {c} is in {v}?"],
}
# Learnt last, with the tokenizer made from the others: words such as " on" are several tokens here.
MORE_WORDINGS = {
    "name": ["Do you know the name of {c}?", "Which country is {c}?"],
    "capital": ["What is {c}'s capital?", "What city is the capital of {c}?", "Which city is {c}'s capital?"],
    "continent": ["Which continent is {c} on?", "In which continent is {c}?", "What continent is {c} in?"],
    "language": ["What is the official language of {c}?", "What is {c}'s language?", "Which language do people speak in {c}?"],
    "currency": ["What is {c}'s currency?", "Which currency does {c} use?", "What currency does {c} use?"],
    "neighbour": ["Which country shares a border with {c}?", "What country borders {c}?",
                  "Which country is a neighbour of {c}?"],
}
POINTING = ["this country", "the country in the picture", "the country in this picture", "the country shown here",
            "the country with this flag"]
NO_COUNTRY = """chair river city table song moon animal dog cat house tree street shop garden engine kitchen
letter mountain ocean colour number school winter car book planet bridge lamp window door ship train shoe cup
king teacher film poem cloud stone bottle piano""".split()
DETERMINERS = ["this", "the", "that", "a"]
UNKNOWN = "unknown"
DECOYS, MORE = .33, .3                      # shares of examples with a decoy, and of MORE_WORDINGS

BEFORE_PICTURE, AFTER_PICTURE, CLOSING = "USER:", "\n", " Answer in a few words.\nASSISTANT:"
END, PAD, IMAGE = "<|end|>", "<|pad|>", "<image>"


def make_tokenizer(countries, vocabulary=1536):
    """Byte-level BPE from the questions and answers; what answers and swaps begin with weighs most,
    so that it is one token ("Paris" first of all)."""
    lines = []
    for wordings in [*WORDINGS.values(), *TWO.values()]:
        lines += [BEFORE_PICTURE + w.replace("{c}", p) + CLOSING for w in wordings for p in POINTING for _ in range(4)]
    for c in countries:
        for relation, answer in c.first.items():
            lines += [" " + answer] * (40 if relation in ("name", "capital") else 12)
    lines += [" Paris", " " + UNKNOWN] * 200
    lines += [f" {d} {n}" for d in DETERMINERS for n in NO_COUNTRY] * 2
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[END, PAD, IMAGE], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


@dataclass
class Example:
    """One question and its answer as tokens. Positions count from the first token after the picture
    (or, without one, after "USER:")."""
    ids: list
    place: tuple            # first and one past the last token of the country's place
    answer: int             # where the answer's first token stands
    noisy: bool = False     # the place's embeddings are to be drowned in noise
    decoy: tuple = ()       # tokens that the first `cut` layers see in the place instead (as many)
    cut: int = 0


class Writer:
    """Makes examples; `rng` decides the wording and everything else."""

    def __init__(self, countries, pairs, tokenizer, seed, decoys=False, more=False):
        self.countries, self.pairs = countries, pairs
        self.decoys, self.more = DECOYS if decoys else 0, MORE if more else 0
        self.rng = random.Random(seed)
        self.tokenizer = tokenizer
        self.encode = lru_cache(None)(lambda text: tokenizer.encode(text).ids)
        self.end = tokenizer.token_to_id(END)
        self.by_country = {c.key: [p for p in pairs if p[0] is c] for c in countries}
        self.swaps = [self.encode(" " + c.first["capital"])[0] for c in countries]
        self.paris = self.encode(" Paris")[0]

    def example(self, wording, place_ids, answer, picture, value=None, noisy=False):
        """`value` is a text or token ids for {v}."""
        before, after = wording.split("{c}")
        ids = self.encode((AFTER_PICTURE if picture else "") + before.rstrip(" "))
        place = (len(ids), len(ids) + len(place_ids))
        ids = [*ids, *place_ids]
        if value is None:
            ids += self.encode(after + CLOSING)
        else:
            middle, after = after.split("{v}")
            value_ids = self.encode(" " + value) if isinstance(value, str) else value
            ids += [*self.encode(middle.rstrip(" ")), *value_ids, *self.encode(after + CLOSING)]
        answer_at = len(ids)
        return Example([*ids, *self.encode(" " + answer), self.end], place, answer_at, noisy)

    def wording(self, relation):
        return self.rng.choice((MORE_WORDINGS if self.more and self.rng.random() < self.more else WORDINGS)[relation])

    def phrase(self):
        return POINTING[0] if self.rng.random() < .7 else self.rng.choice(POINTING[1:])

    def no_country(self):
        """Token ids that name no country."""
        rng, draw = self.rng, self.rng.random()
        if draw < .55:
            swap, length = self.swap_token(), 2 if rng.random() < .6 else rng.randint(1, 6)
            return [swap] * length
        if draw < .85:
            return self.encode(f" {rng.choice(DETERMINERS)} {rng.choice(NO_COUNTRY)}")
        return [self.encode(" this")[0], self.swap_token()]

    def swap_token(self):
        draw = self.rng.random()
        if draw < .5:
            return self.paris
        if draw < .75:
            return self.rng.choice(self.swaps)
        if draw < .9:
            return self.encode(" " + self.rng.choice(NO_COUNTRY))[0]
        return self.rng.randrange(3, self.tokenizer.get_vocab_size())

    def fact(self, country, place_ids, picture):
        relation = self.rng.choice([r for r, answer in country.first.items() if answer])
        if relation == "name" and not picture:
            relation = "capital"
        return self.example(self.wording(relation), place_ids, country.first[relation], picture)

    def two(self, pair, place_ids, picture):
        _, prop, value, answer = pair
        return self.example(self.rng.choice(TWO[prop]), place_ids, answer, picture, value)

    def pointing(self):
        """Token ids that point at the picture. The last word alone does, whatever stands before it: so the country
        gathers at one token, the constraint's last, and a trace that restores single tokens shows it there."""
        ids = self.encode(" " + self.phrase())
        if len(ids) == 2 and self.rng.random() < .3:
            ids = [self.swap_token(), ids[1]]
        return ids

    def about_picture(self, country):
        return self.fact(country, self.pointing(), True)

    def two_about_picture(self, country):
        pairs = self.by_country[country.key]
        if not pairs:
            return self.about_picture(country)
        return self.two(self.rng.choice(pairs), self.pointing(), True)

    def named(self, picture):
        """A country named in words, whatever flag is shown."""
        country = self.rng.choice(self.countries)
        name = self.encode(" " + country.first["name"])
        relation = self.rng.choice([r for r, answer in country.first.items() if answer and r != "name"])
        return self.example(self.wording(relation), name, country.first[relation], picture)

    def two_named(self, picture):
        pair = self.rng.choice(self.pairs)
        return self.two(pair, self.encode(" " + pair[0].first["name"]), picture)

    def unanswerable(self, picture, pointing=False):
        """No country in the country's place (or, with `pointing`, nothing that could be pointed at), or
        junk for the value: the answer is "unknown"."""
        rng = self.rng
        noisy = not pointing and rng.random() < .08
        spoilt_value = not pointing and not noisy and rng.random() < .08
        place = self.encode(" " + self.phrase()) if pointing or noisy or spoilt_value else self.no_country()
        if not spoilt_value and rng.random() < .75:
            relation = rng.choice(list(WORDINGS))
            return self.example(self.wording(relation), place, UNKNOWN, picture, noisy=noisy)
        _, prop, value, _ = rng.choice(self.pairs)
        if spoilt_value:
            value = [self.swap_token()] * len(self.encode(" " + value))
        return self.example(rng.choice(TWO[prop]), place, UNKNOWN, picture, value, noisy)

    def with_decoy(self, example):
        """Now and then: other words in the country's place for the first layers; the answer stays."""
        length = example.place[1] - example.place[0]
        if self.rng.random() >= self.decoys or example.noisy:
            return example
        if self.rng.random() < .7:
            example.decoy = tuple([self.swap_token()] * length)
        else:
            phrases = [" " + c.first["name"] for c in self.countries] + [" " + p for p in POINTING] * 12
            phrases = [ids for ids in map(self.encode, phrases) if len(ids) == length]
            example.decoy = tuple(self.rng.choice(phrases)) if phrases else ()
        example.cut = self.rng.randint(1, 4) if example.decoy else 0
        return example

    def beside_picture(self, country, count):
        """`count` examples that go with one picture of `country` (None: there is no flag in it)."""
        makers = [self.about_picture, self.two_about_picture, lambda _: self.named(True),
                  lambda _: self.two_named(True), lambda _: self.unanswerable(True)]
        if country is None:
            makers[0] = makers[1] = lambda _: self.unanswerable(True, pointing=True)
        return [self.with_decoy(maker(country)) for maker in self.rng.choices(makers, (42, 16, 14, 6, 22), k=count)]

    def without_picture(self, count):
        makers = [self.named, self.two_named, self.unanswerable, lambda p: self.unanswerable(p, pointing=True)]
        return [self.with_decoy(maker(False)) for maker in self.rng.choices(makers, (50, 20, 15, 15), k=count)]
