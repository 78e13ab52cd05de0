"""Quick checks while the decoder trains: shares of answers that greedy generation would give exactly
(every token of the answer most likely, given those before it), and what the swap leaves."""
import random
from collections import defaultdict

import torch

from . import tower as tower_module
from .facts import RELATIONS, distinct_capital
from .questions import TWO, WORDINGS


class QuickCheck:
    """Fixed questions beside clean flags and beside one photograph of each, made once."""

    def __init__(self, writer, tower, packed, user, pad, seed=4321, pairs_per_flag=4):
        self.writer = writer
        state, writer.rng = writer.rng, random.Random(seed)
        countries, this = writer.countries, writer.encode(" this country")
        names, batch = [], []
        for k, country in enumerate(countries):
            asked = [("swap", writer.example(WORDINGS["capital"][0], [writer.paris] * 2, country.first["capital"], True)),
                     ("kept", writer.example(WORDINGS["capital"][0], this, country.first["capital"], True))]
            for relation in RELATIONS:
                if country.first[relation]:
                    wording = writer.rng.choice(WORDINGS[relation])
                    asked.append((relation, writer.example(wording, this, country.first[relation], True)))
            for pair in writer.by_country[country.key][:pairs_per_flag]:
                wording = writer.rng.choice(TWO[pair[1]])
                asked.append(("two", writer.example(wording, this, pair[3], True, pair[2])))
            asked += [("named", writer.named(True)) for _ in range(3)]
            asked += [("unknown", writer.unanswerable(True)) for _ in range(3)]
            names.append([name for name, _ in asked])
            batch.append((k, [example for _, example in asked]))
        writer.rng = state
        self.names, self.packs = names, [packed(batch[i:i + 30], user, pad) for i in range(0, len(batch), 30)]
        album = tower_module.Album(countries, seed)
        every = torch.arange(len(countries))
        with torch.no_grad():
            self.rows = {"clean": tower_module.rows(tower, album.clean),
                         "photo": tower_module.rows(tower, album.photographs(every))}

    @torch.no_grad()
    def __call__(self, model):
        told = []
        for kind, rows in self.rows.items():
            right, chance = self._scores(model, rows)
            told.append(kind + " " + " ".join(f"{name} {100 * sum(r) / len(r):.0f}" for name, r in right.items()))
            told.append(f"P(capital) {chance['kept']:.3f}, swapped {chance['swap']:.4f}")
        return "; ".join(told)

    def _scores(self, model, rows):
        right, chance, done = defaultdict(list), defaultdict(list), 0
        for pack in self.packs:
            logits, targets = model(pack, rows[done:done + len(pack.ids)])
            hit, probability = logits.argmax(-1) == targets, logits.softmax(-1)
            at = 0
            for b, places in enumerate(pack.where):
                for number, _ in enumerate(places):
                    name = self.names[done + b][number]
                    length = int(((pack.segment[b] == number + 1) & (pack.targets[b] >= 0)).sum())
                    if name not in ("swap", "kept"):
                        right[name].append(bool(hit[at:at + length].all()))
                    elif distinct_capital(self.writer.countries[done + b]):
                        chance[name].append(probability[at, targets[at]].item())
                    at += length
            done += len(pack.ids)
        return right, {name: sum(values) / len(values) for name, values in chance.items()}
