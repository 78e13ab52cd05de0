"""What is asked while the frame is tuned (frame.py), and of whom.

Of the training half anything, of the held-out half only the name. No fact is taught even of the
training half: the answers are the decoder's own, told in words beforehand. Asked in full, it is to name
the country it sees before it tells what is asked ("The capital of Egypt is Cairo."); where the answer
is begun, it goes on. Wordings are the demo model's.
"""
import json
import os
import random
import re

from demo_model.questions import WORDINGS

from .facts import plain

THIS = "this country"
CAPITAL = WORDINGS["capital"][0].replace("{c}", THIS)
BEGUN = {"name": " The name of this country is", "capital": " The capital of this country is",
         "language": " The language of this country is", "currency": " The currency of this country is",
         "continent": " This country is in", "neighbour": " This country borders"}
CAPITAL_BEGUN = BEGUN["capital"]


def full(relation, name):
    """How an answer that names the country begins."""
    return BEGUN[relation].replace(THIS, name).replace(THIS.capitalize(), name)


def in_words(decoder, countries, file):
    """What the decoder tells of the training half, asked in words: key -> relation -> answer. Kept in `file`."""
    if not os.path.exists(file):
        asked = [(c, relation) for c in countries if not c.held_out for relation in c.answers if relation != "name"]
        prompts = [f"Question: {WORDINGS[relation][0].format(c=c.name)}\nAnswer:{full(relation, c.name)}" for c, relation in asked]
        answers = {}
        for (country, relation), told in zip(asked, decoder.text_answers(prompts, most=10)):
            if answer := _answer(country, relation, told):
                answers.setdefault(country.key, {})[relation] = answer
        with open(file, "w", encoding="utf-8") as out:
            json.dump(answers, out, indent=1, ensure_ascii=False)
    with open(file, encoding="utf-8") as kept:
        return json.load(kept)


def _answer(country, relation, told):
    """A right answer as the sources spell it; else what was told before a comma or the sentence's end."""
    right = [answer for answer in country.answers[relation] if plain(answer) in plain(told)]
    return right[0] if right else re.split(r"[.,;\n](?:\s|$)", told.strip())[0]


class Writer:
    """Draws questions; `answers` are in_words'."""

    def __init__(self, decoder, answers, seed):
        self.decoder, self.answers, self.rng = decoder, answers, random.Random(seed)

    def relation(self, country):
        """Of the held-out half the name; of others the capital as often as all else together."""
        told = self.answers.get(country.key, {})
        if "capital" in told and self.rng.random() < .5:
            return "capital"
        return self.rng.choice(["name", *(r for r in told if r != "capital")])

    def about(self, country, count):
        """`count` questions about one picture."""
        asked = []
        for _ in range(count):
            relation = self.relation(country)
            question = self.rng.choice(WORDINGS[relation]).replace("{c}", THIS)
            begun = BEGUN[relation] if self.rng.random() < .45 else ""
            answer = country.name if relation == "name" else self.answers[country.key][relation]
            if not begun and relation != "name":
                answer = f"{full(relation, country.name).strip()} {answer}."
            asked.append(self.decoder.asked(question, begun, answer))
        return asked
