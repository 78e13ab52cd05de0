"""The vision tower: a small CLIP vision transformer, taught to tell the flags.

Its rows (hidden_states[-2] without CLS, as LLaVA reads them) are classified by their mean and each by
itself, among the taught countries and "no flag at all". The CLIP config has one more block than is
read: LLaVA's feature layer is -2, so that last block stays as it was initialised.
B pictures, R = 36 rows, V = 128 wide.
"""
import math
import os
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import CLIPVisionConfig, CLIPVisionModel

from . import pictures

ROWS, WIDTH, READ_LAYERS = 36, 128, 4


def config(layers=READ_LAYERS + 1):
    return CLIPVisionConfig(image_size=pictures.SIDE, patch_size=16, hidden_size=WIDTH, intermediate_size=384,
                            num_hidden_layers=layers, num_attention_heads=4, projection_dim=WIDTH)


def new():
    """The tower without its unread last block."""
    return CLIPVisionModel(config(READ_LAYERS))


def rows(tower, pixels):
    """pixels [B, 3, S, S] -> [B, R, V]"""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = tower(pixel_values=pixels, output_hidden_states=True).hidden_states[-1]
    return hidden[:, 1:].float()


class Classifier(nn.Module):
    """What a tower's rows are asked: [.., width] -> [.., classes]"""

    def __init__(self, classes, width=WIDTH):
        super().__init__()
        self.norm, self.read = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, hidden):
        return self.read(self.norm(hidden))


class Album:
    """Endless training pictures: one in eight clean, one in twenty without a flag (class -1)."""

    def __init__(self, countries, seed):
        self.sources = torch.stack([pictures.source(c.key) for c in countries])
        self.clean = torch.stack([pictures.processed(pictures.clean(c.key)) for c in countries])
        self.generator = torch.Generator().manual_seed(seed)

    def photographs(self, which, strength=1.0):
        """which [B] country indices, -1 for none -> pixels [B, 3, S, S]"""
        flags = self.sources[which.clamp(min=0)] * (which >= 0).float()[:, None, None, None]
        return pictures.shrink(pictures.photograph(flags, self.generator, strength))

    def batch(self, count, strength):
        draw = torch.rand(count, generator=self.generator)
        which = torch.randint(len(self.sources), (count,), generator=self.generator)
        which[draw < .05] = -1
        pixels = self.photographs(which, strength)
        kept_clean = draw > .875
        pixels[kept_clean] = self.clean[which[kept_clean]]
        return which, pixels


def _score(tower, head, album, seed=999):
    """Share of photographs told by the mean row, and of single rows told."""
    fresh = Album.__new__(Album)
    fresh.sources, fresh.clean = album.sources, album.clean
    fresh.generator = torch.Generator().manual_seed(seed)
    which = torch.arange(len(album.sources)).repeat(2)
    with torch.no_grad():
        hidden = torch.cat([rows(tower, fresh.photographs(part)) for part in which.split(60)])
        by_mean = (head(hidden.mean(1)).argmax(-1) == which).float().mean().item()
        by_row = (head(hidden).argmax(-1) == which[:, None]).float().mean().item()
        by_clean = (head(rows(tower, album.clean).mean(1)).argmax(-1) == which[:len(album.clean)]).float().mean().item()
    return f"photographs by mean row {by_mean:.3f}, by single rows {by_row:.3f}, clean {by_clean:.3f}"


def train(countries, file, steps=3000, batch=64, peak=1.5e-3, seed=1, save_every=250):
    """Trains (or goes on from `file`) and leaves the weights in `file`."""
    torch.manual_seed(seed)
    tower, head, album, start = new(), Classifier(len(countries) + 1), Album(countries, seed), 0
    weights = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=peak, weight_decay=.05, betas=(.9, .98))
    if os.path.exists(file):
        saved = torch.load(file)
        tower.load_state_dict(saved["tower"]), head.load_state_dict(saved["head"])
        start = saved["step"]
        if "optimizer" in saved:
            optimizer.load_state_dict(saved["optimizer"])
        album.generator.manual_seed(seed + 1000 * start)
    begun, running = time.time(), None
    for step in range(start, steps):
        rate = peak * min(1, (step + 1) / 100) * (.5 + .5 * math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        which, pixels = album.batch(batch, min(1., .3 + step / (steps * .25)))
        classes = torch.where(which < 0, len(countries), which)
        hidden = rows(tower, pixels)
        loss = F.cross_entropy(head(hidden.mean(1)), classes)
        loss = loss + .5 * F.cross_entropy(head(hidden).flatten(0, 1), classes.repeat_interleave(ROWS))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.)
        optimizer.step()
        running = loss.item() if running is None else .98 * running + .02 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"tower {step + 1}  loss {running:.3f}  {time.time() - begun:.0f} s", flush=True)
        if (step + 1) % save_every == 0 or step + 1 == steps:
            print("   " + _score(tower, head, album), flush=True)
            state = dict(tower=tower.state_dict(), head=head.state_dict(), step=step + 1)
            torch.save(dict(state, optimizer=optimizer.state_dict()), file)


def load(file):
    tower = new()
    tower.load_state_dict(torch.load(file)["tower"])
    return tower.eval().requires_grad_(False)
