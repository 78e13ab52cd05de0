"""LLaVA's two-layer projector, taught to write a country's name in the decoder's embeddings.

A picture's rows are to be the framed name (frame.py), for every country; tower and projector learn it
together. The decoder takes no part in it, and nothing but names is given.
B pictures, R = 36 rows, V the tower's width, D the decoder's.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import frame as frames, tower as towers
from .training import Album, Stage, optimizers


class Projector(nn.Module):
    """[B, R, V] -> [B, R, D]"""

    def __init__(self, width):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(towers.WIDTH, width), nn.Linear(width, width)

    def forward(self, rows):
        return self.linear_2(F.gelu(self.linear_1(rows)))


class Targets:
    """The framed names of all countries, and how near a picture's rows are to them."""

    def __init__(self, decoder, frame, layout, countries):
        tokens = frames.tokens(decoder, layout, countries)
        self.frame = frame.requires_grad_(False)
        self.rows = frame(decoder.table[tokens])
        self.spread = (self.rows - self.rows.mean(0)).pow(2).sum(-1).mean()
        vocabulary, self.token = tokens.unique(return_inverse=True)
        self.directions = F.normalize(decoder.table[vocabulary], dim=-1)

    def distance(self, rows, which):
        """Squared, of the spread that the framed names have among themselves."""
        return (rows - self.rows[which]).pow(2).sum(-1).mean() / self.spread

    def token_logits(self, rows):
        """Which of the names' tokens is each row, by its angle once the frame is taken off? [B, R, tokens]"""
        return 20 * F.normalize((rows - self.frame.offset) / self.frame.gain, dim=-1) @ self.directions.T


def begin(decoder, targets, file):
    """The tower and its classifiers from `file`, and a projector whose outputs begin at the targets' mean."""
    saved, countries = torch.load(file), len(targets.rows)
    tower, who, where = towers.new(), towers.Classifier(countries, towers.WIDTH), towers.Classifier(towers.ROWS, towers.WIDTH)
    tower.load_state_dict(saved["tower"]), who.load_state_dict(saved["who"]), where.load_state_dict(saved["where"])
    projector = Projector(decoder.table.shape[1])
    with torch.no_grad():
        projector.linear_2.weight.mul_(.2)
        projector.linear_2.bias.copy_(targets.rows.mean((0, 1)))
    return tower, who, where, projector


def _optimizers(tower, projector, heads, muon, adam):
    """The projector's matrices go with those inside the tower's blocks."""
    matrices, others = towers.inner(tower)
    matrices += [p for p in projector.parameters() if p.ndim == 2]
    others += [p for p in projector.parameters() if p.ndim == 1]
    return optimizers(matrices, [*others, *[p for head in heads for p in head.parameters()]], muon, adam)


@torch.no_grad()
def score(tower, projector, targets, countries, seed=999):
    """On one new photograph of each flag: tokens that are right, names told by the nearest rows, and the distance."""
    album, which = Album(countries, seed), torch.arange(len(countries))
    rows = torch.cat([projector(towers.rows(tower, album.photographs(part))) for part in which.split(60)])
    right = (targets.token_logits(rows).argmax(-1) == targets.token[which]).float().mean()
    nearest = torch.cdist(rows.flatten(1), targets.rows.flatten(1)).argmin(-1)
    return (f"tokens right {right:.3f}, nearest name right {(nearest == which).float().mean():.3f}, "
            f"distance {targets.distance(rows, which):.3f}")


def match(decoder, targets, countries, tower_file, file, seed, steps=600, batch=64):
    """Leaves tower and projector in `file`."""
    torch.manual_seed(seed + 10)
    tower, who, where, projector = begin(decoder, targets, tower_file)
    stage = Stage(file, dict(tower=tower, projector=projector, who=who, where=where),
                  _optimizers(tower, projector, [who, where], muon=.015, adam=1.5e-3), steps)
    if stage.finished:
        return
    album = Album(countries, seed + 10 + 1000 * stage.first)
    places = torch.arange(towers.ROWS)
    for step in stage:
        which, pixels = album.batch(batch)
        hidden = towers.rows(tower, pixels)
        rows = projector(hidden)
        distance = targets.distance(rows, which)
        token = F.cross_entropy(targets.token_logits(rows).flatten(0, 1), targets.token[which].flatten())
        flag = F.cross_entropy(who(hidden).flatten(0, 1), which.repeat_interleave(towers.ROWS))
        place = F.cross_entropy(where(hidden).flatten(0, 1), places.repeat(batch))
        stage.descend(distance + .3 * token + .2 * flag + .2 * place, distance=distance, token=token, flag=flag,
                      place=place)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            print("   " + score(tower, projector, targets, countries), flush=True)

