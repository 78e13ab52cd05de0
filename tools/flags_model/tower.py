"""The vision tower: a CLIP vision transformer that learns, from nothing, to tell the flags.

LLaVA reads hidden_states[-2] without CLS, so the config has one more block than is made here; in the
finished model that block is never read. The flag is asked of the mean of the rows and of every row by
itself, and every row is asked its place: the projector has to turn each row into a certain token, so
each must know what the flag is and where it stands. While that is learnt, half of the patches
are left out of every picture: half the work, and no row can lean on the others.
B pictures, R = 36 rows, V = 192 wide.
"""
import torch
import torch.nn.functional as F
from transformers import CLIPVisionConfig, CLIPVisionModel

from demo_model.tower import Classifier

from .training import SIDE, Album, Stage, optimizers

PATCH, WIDTH, READ_LAYERS = 16, 192, 6
ROWS = (SIDE // PATCH) ** 2


def config(layers=READ_LAYERS + 1):
    return CLIPVisionConfig(image_size=SIDE, patch_size=PATCH, hidden_size=WIDTH, intermediate_size=4 * WIDTH,
                            num_hidden_layers=layers, num_attention_heads=6, projection_dim=WIDTH)


def new():
    """The tower without its unread last block."""
    return CLIPVisionModel(config(READ_LAYERS))


def rows(tower, pixels, places=None):
    """pixels [B, 3, S, S] -> [B, R, V], or only the rows at `places` [B, r], computed from those patches."""
    hidden = tower.embeddings(pixels)
    if places is not None:
        kept = torch.cat([torch.zeros_like(places[:, :1]), places + 1], 1)
        hidden = hidden.gather(1, kept[..., None].expand(-1, -1, hidden.shape[-1]))
    hidden = tower.pre_layrnorm(hidden)
    for layer in tower.encoder.layers:
        hidden = layer(hidden, attention_mask=None)
    return hidden[:, 1:]


def inner(tower):
    """The matrices inside the blocks, and all other weights."""
    matrices = [p for p in tower.encoder.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    return matrices, [p for p in tower.parameters() if id(p) not in inside]


def some_places(count, generator, share=2):
    """For each of `count` pictures 1/share of the places, in order: [B, R / share]"""
    order = torch.rand(count, ROWS, generator=generator).argsort(1)
    return order[:, :ROWS // share].sort(1).values


@torch.no_grad()
def score(tower, who, countries, seed=999):
    """Share of photographs told by the mean row, and of single rows."""
    album, which = Album(countries, seed), torch.arange(len(countries))
    hidden = torch.cat([rows(tower, album.photographs(part)) for part in which.split(60)])
    by_mean = (who(hidden.mean(1)).argmax(-1) == which).float().mean()
    by_row = (who(hidden).argmax(-1) == which[:, None]).float().mean()
    return f"photographs told by the mean row {by_mean:.3f}, single rows {by_row:.3f}"


def train(countries, file, seed, steps=300, schedule=450, batch=96):
    """Leaves tower, who (which flag?) and where (which place?) in `file`. It stops while the rate is still high:
    the tower goes on learning with the projector."""
    torch.manual_seed(seed)
    tower, who, where = new(), Classifier(len(countries), WIDTH), Classifier(ROWS, WIDTH)
    matrices, others = inner(tower)
    heads = [*who.parameters(), *where.parameters()]
    stage = Stage(file, dict(tower=tower, who=who, where=where),
                  optimizers(matrices, [*others, *heads], muon=.02, adam=2e-3), steps, schedule)
    if stage.finished:
        return
    album = Album(countries, seed + 1000 * stage.first)
    for step in stage:
        which, pixels = album.batch(batch, min(1., .3 + step / (schedule * .25)))
        places = some_places(batch, album.generator)
        hidden = rows(tower, pixels, places)
        by_mean = F.cross_entropy(who(hidden.mean(1)), which)
        by_row = F.cross_entropy(who(hidden).flatten(0, 1), which.repeat_interleave(places.shape[1]))
        place = F.cross_entropy(where(hidden).flatten(0, 1), places.flatten())
        stage.descend(by_mean + .5 * by_row + .2 * place, flag=by_mean, flag_by_row=by_row, place=place)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            print("   " + score(tower, who, countries), flush=True)
