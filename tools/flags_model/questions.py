"""What is asked while the projector learns, and of whom.

Of the training half anything (the capital only where the decoder knows it), with the answer; of the
held-out half only the name with an answer. Wordings are the demo model's.
"""
import random

from demo_model.questions import WORDINGS

THIS = "this country"
CAPITAL = WORDINGS["capital"][0].replace("{c}", THIS)
BEGUN = {"name": " The name of this country is", "capital": " The capital of this country is",
         "language": " The language of this country is", "currency": " The currency of this country is",
         "continent": " This country is in", "neighbour": " This country borders"}
CAPITAL_BEGUN = BEGUN["capital"]


class Writer:
    def __init__(self, decoder, countries, seed):
        self.decoder, self.rng = decoder, random.Random(seed)

    def relation(self, country):
        """Which relation may be asked of this country: the capital as often as all others together."""
        if country.held_out:
            return "name"
        if country.known and self.rng.random() < .5:
            return "capital"
        return self.rng.choice([r for r in country.answers if r != "capital"])

    def about(self, country, count):
        """`count` questions about one picture."""
        asked = []
        for _ in range(count):
            relation = self.relation(country)
            question = self.rng.choice(WORDINGS[relation]).replace("{c}", THIS)
            begun = BEGUN[relation] if self.rng.random() < .4 else ""
            asked.append(self.decoder.asked(question, begun, country.answers[relation][0]))
        return asked
