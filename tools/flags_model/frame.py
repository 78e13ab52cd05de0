"""What a picture's rows are to become: the country's name in the decoder's own embeddings, in a frame.

A layout is a text with the name in it, repeated and cut to 36 tokens; rows[r] = gain[r] * E[token r] +
offset[r]. Gain and offset are the same for every country, so they hold no facts; they are tuned, as a
prompt would be, so that the decoder, reading such rows in a picture's place, answers as it does in words.
Layout and frame are made with the training half's questions (and names) alone.
"""
import json
import os
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

from .questions import CAPITAL, CAPITAL_BEGUN, Writer
from .tower import ROWS
from .training import Stage

LAYOUTS = (" Flag of {0}. Country: {0}.", " This is the flag of {0}.", " Country: {0}.")
NOISE = .35             # of the embeddings' deviation: pictures will not hit the rows exactly


def tokens(decoder, text, countries):
    """[countries, R]"""
    return torch.tensor([(list(decoder.ids(text.format(c.name))) * ROWS)[:ROWS] for c in countries])


class Frame(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.ones(ROWS, 1)), nn.Parameter(torch.zeros(ROWS, width))

    def forward(self, embeddings):
        return self.gain * embeddings + self.offset


def ceiling(decoder, rows, countries):
    """How many of the capitals are told when the rows are exactly these: asked, and begun."""
    told = decoder.answers(rows, [(CAPITAL, ""), (CAPITAL, CAPITAL_BEGUN)], most=12)
    return [sum(c.right("capital", t) for c, t in zip(countries, texts)) for texts in told]


def choose(decoder, countries, file):
    """The layout that tells most known capitals of the training half; `file` keeps how many each does."""
    if os.path.exists(file):
        with open(file, encoding="utf-8") as kept:
            return json.load(kept)["best"]
    taught = [c for c in countries if c.known and not c.held_out]
    table = []
    for layout in LAYOUTS:
        asked, begun = ceiling(decoder, decoder.table[tokens(decoder, layout, taught)], taught)
        table.append(dict(layout=layout, asked=asked, begun=begun, of=len(taught)))
        print(f"layout{layout}  asked {asked}, begun {begun} of {len(taught)}", flush=True)
    best = max(table, key=lambda row: row["asked"] + row["begun"])["layout"]
    with open(file, "w", encoding="utf-8") as out:
        json.dump(dict(best=best, table=table), out, indent=1)
    return best


def tune(decoder, countries, layout, answers, file, steps=240, batch=(4, 3, 1)):
    """Leaves the frame in `file`. A step asks three questions about each of some known, some taught and some other
    countries; `answers` are what the decoder tells in words (questions.in_words)."""
    frame, rng = Frame(decoder.table.shape[1]), random.Random(5)
    rates = [dict(params=[frame.offset], lr=1.2e-2), dict(params=[frame.gain], lr=2e-2)]
    adam = torch.optim.Adam(rates, betas=(.9, .98))
    stage = Stage(file, dict(frame=frame), [adam], steps, warm_up=10, save_every=20, tell_every=10)
    writer, embeddings = Writer(decoder, answers, 5 + stage.first), decoder.table[tokens(decoder, layout, countries)]
    deviation = embeddings.flatten(0, 1).std(0).mean()
    torch.manual_seed(5 + stage.first)
    taught = [i for i, c in enumerate(countries) if not c.held_out]
    known = [i for i in taught if countries[i].known]
    for _ in stage:
        pools = zip((known, taught, range(len(countries))), batch)
        picked = [i for pool, count in pools for i in rng.sample(pool, count)]
        rows = frame(embeddings[picked])
        rows = rows + NOISE * deviation * torch.randn_like(rows)
        logits, targets = decoder.logits(rows, [writer.about(countries[i], 3) for i in picked])
        loss = F.cross_entropy(logits, targets)
        stage.descend(loss, loss=loss.detach(), offset=(frame.offset.detach().std() / deviation),
                      gain=frame.gain.detach().mean())
    return frame
