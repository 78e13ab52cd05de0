"""Projector and decoder: a small Llama that answers from the tower's rows.

The tower is frozen by now, so its rows are computed once for a pool of photographs that is renewed
all the time. Several questions share one picture: a packed sequence is

    USER: [36 picture rows] question 1 + answer | question 2 + answer | ...

with a mask that lets each question see itself and what stands before all questions, and with
positions that start anew at each question: each is computed as if it stood alone.

Two things make the words "this country" the carrier of the fact, as they are in large models, instead
of a sign at which the last token reads the picture by itself:
- blind questions: in half of them nothing after the country's place sees the picture;
- decoys: in a third, everything after the place sees other words there in the first layers (1 to 4 of
  them), and the real ones from then on; the real ones decide the answer. What looks like no country
  to the first layers must therefore not be settled before the place itself has been read.
B sequences, T tokens, R = 36 rows, V = tower's width, D = decoder's width.
"""
import math
import os
import time
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaModel

from . import tower as tower_module
from .check import QuickCheck
from .questions import BEFORE_PICTURE, PAD, Writer

WIDTH, ROWS, NO_PICTURE, NO_FLAG = 192, tower_module.ROWS, -2, -1
BLIND, NOISE = .5, 3.0                      # share of blind questions; noise in embedding deviations
IGNORED = -100


def config(tokenizer):
    return LlamaConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=WIDTH, intermediate_size=384,
                       num_hidden_layers=8, num_attention_heads=6, num_key_value_heads=2, head_dim=32,
                       max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True,
                       attn_implementation="eager",
                       bos_token_id=None, eos_token_id=0, pad_token_id=1)


class Projector(nn.Module):
    """LLaVA's two-layer projector: [B, R, V] -> [B, R, D]"""

    def __init__(self):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(tower_module.WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, rows):
        return self.linear_2(F.gelu(self.linear_1(rows)))


class Packed:
    """Tensors of a batch of packed sequences. `batch` is a list of (country index, NO_FLAG or NO_PICTURE;
    examples)."""

    def __init__(self, batch, user, pad, rng=None):
        self.which = torch.tensor([which for which, _ in batch])
        self.picture = slice(len(user), len(user) + ROWS)
        starts = [len(user) + (0 if which == NO_PICTURE else ROWS) for which, _ in batch]
        length = max(s + sum(len(e.ids) + len(e.decoy) for e in examples) for s, (_, examples) in zip(starts, batch))
        shape = (len(batch), length)
        self.ids = torch.full(shape, pad)
        self.ids[:, :len(user)] = torch.tensor(user)
        self.segment = torch.full(shape, -1)
        self.position = torch.zeros(shape, dtype=torch.long)
        self.targets = torch.full(shape, IGNORED)
        self.blind, self.noisy = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
        self.real, self.decoy, self.after = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
        self.cut = torch.zeros(shape, dtype=torch.long)     # the first layer that sees the real place
        self.where = []                     # per sequence and example: its first token, its answer's first
        for b, (start, (_, examples)) in enumerate(zip(starts, batch)):
            self.segment[b, :start], self.position[b, :start] = 0, torch.arange(start)
            self.where.append([])
            at = start
            for number, e in enumerate(examples, 1):
                at = self._add(b, number, at, start, e, rng)

    def _add(self, b, number, at, start, e, rng):
        """Writes one example; its decoy, if any, stands after the place and has the same positions."""
        first, past = at + e.place[0], at + e.place[1]
        shift = len(e.decoy)
        ids = [*e.ids[:e.place[1]], *e.decoy, *e.ids[e.place[1]:]]
        end, answer = at + len(ids), at + e.answer + shift
        places = list(range(len(e.ids)))
        places[e.place[1]:e.place[1]] = range(e.place[0], e.place[0] + shift)
        self.ids[b, at:end], self.segment[b, at:end] = torch.tensor(ids), number
        self.position[b, at:end] = start + torch.tensor(places)
        self.targets[b, answer - 1:end - 1] = self.ids[b, answer:end]
        self.real[b, first:past], self.decoy[b, past:past + shift] = True, True
        self.noisy[b, first:past] = e.noisy
        self.after[b, past + shift:end] = True
        self.cut[b, at:end] = e.cut
        self.blind[b, past:end] = rng is not None and rng.random() < BLIND
        self.where[b].append((at, answer))
        return end

    def masks(self, layers):
        """For each layer [B, 1, T, T]: 0 where a token (row) may look (column), else far below 0."""
        length = self.ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        row, column = (lambda x: x[:, :, None]), (lambda x: x[:, None, :])
        seen = causal & ((column(self.segment) == 0) | (column(self.segment) == row(self.segment)))
        picture = torch.zeros(length, dtype=torch.bool)
        picture[self.picture] = True
        seen = seen & ~(row(self.blind) & picture & (column(self.segment) == 0))
        seen = seen & ~(row(self.decoy) & column(self.real)) | torch.eye(length, dtype=torch.bool)
        made = []
        for layer in range(layers):
            if layer > self.cut.max():
                made.append(made[-1])
                continue
            wrong = torch.where(row(self.cut) > layer, column(self.real), column(self.decoy))
            may = seen & ~(row(self.after) & wrong)
            made.append(torch.zeros(may.shape, dtype=torch.bfloat16).masked_fill(~may, -1e4)[:, None])
        return made


class Answerer(nn.Module):
    def __init__(self, tokenizer):
        super().__init__()
        self.projector, self.decoder = Projector(), LlamaModel(config(tokenizer))

    def forward(self, packed, rows):
        """rows [pictures, R, V] of the sequences that have one -> logits where there are targets, targets"""
        table = self.decoder.embed_tokens.weight
        x = self.decoder.embed_tokens(packed.ids)
        if packed.noisy.any():
            x = x + packed.noisy[..., None] * NOISE * table.std().detach() * torch.randn_like(x)
        with torch.autocast("cpu", torch.bfloat16):
            shown = packed.which != NO_PICTURE
            if shown.any():
                x = x.clone()
                x[shown, packed.picture] = self.projector(rows).float()
            turns = self.decoder.rotary_emb(x, packed.position)
            for layer, mask in zip(self.decoder.layers, packed.masks(len(self.decoder.layers))):
                x = layer(x, attention_mask=mask, position_ids=packed.position, position_embeddings=turns)
            asked = packed.targets != IGNORED
            return (self.decoder.norm(x[asked]) @ table.T).float(), packed.targets[asked]


class Pool:
    """The tower's rows of many photographs of each flag [classes, size, R, V] (the last class is "no
    flag"), place 0 being the clean one; renewed a batch at a time."""

    def __init__(self, tower, countries, size, seed):
        self.tower, self.album = tower, tower_module.Album(countries, seed)
        self.classes, self.size, self.next = len(countries) + 1, size, 0
        self.rows = torch.zeros(self.classes, size, ROWS, tower_module.WIDTH)
        with torch.no_grad():
            for k in range(len(countries)):
                self.rows[k, 0] = tower_module.rows(tower, self.album.clean[k:k + 1])[0]
        for _ in range(self.classes * size // 64 + 1):
            self.renew(64)

    @torch.no_grad()
    def renew(self, count):
        slots = (torch.arange(self.next, self.next + count)) % (self.classes * self.size)
        self.next += count
        which, place = slots % self.classes, slots // self.classes
        keep = (place > 0) | (which == self.classes - 1)
        which, place = which[keep], place[keep]
        if not len(which):
            return
        flag = torch.where(which == self.classes - 1, -1, which)
        self.rows[which, place] = tower_module.rows(self.tower, self.album.photographs(flag))

    def pick(self, which, rng):
        """Rows for country indices (NO_FLAG for none): the clean picture one time in five."""
        places = [0 if rng.random() < .2 and k >= 0 else rng.randrange(1, self.size) for k in which]
        return self.rows[[k if k >= 0 else self.classes - 1 for k in which], places]


def _batch(writer, shown, named, questions):
    """`shown` sequences with a picture and `named` without, about equally long."""
    rng, batch = writer.rng, []
    for _ in range(shown):
        which = NO_FLAG if rng.random() < .05 else rng.randrange(len(writer.countries))
        country = writer.countries[which] if which >= 0 else None
        batch.append((which, writer.beside_picture(country, questions)))
    for _ in range(named):
        batch.append((NO_PICTURE, writer.without_picture(questions + 2)))
    return batch


@dataclass
class Stage:
    """One stage of training. The rate rises over 200 steps to `peak` and falls along a cosine that ends
    at `schedule`; training may stop before."""
    file: str
    schedule: int
    stop: int
    peak: float
    seed: int
    shown: int = 20         # sequences a step with a picture, and without
    named: int = 3
    questions: int = 4      # questions to a picture
    decoys: bool = False
    more_wordings: bool = False

    def rate(self, step):
        fall = .02 + .98 * (.5 + .5 * math.cos(math.pi * step / self.schedule))
        return self.peak * min(1, (step + 1) / 200) * fall


def _optimizer(model, peak):
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    return torch.optim.AdamW([dict(params=decayed, weight_decay=.05), dict(params=others, weight_decay=0)],
                             lr=peak, betas=(.9, .98), fused=True)


def _save(file, model, optimizer, step):
    torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step), file + ".part")
    os.replace(file + ".part", file)


def train(stage, countries, pairs, tokenizer, tower, begin_from=None, save_every=200):
    """Trains from the weights in `begin_from` or from nothing, or goes on from stage.file; leaves it there."""
    torch.manual_seed(stage.seed)
    model, start = Answerer(tokenizer), 0
    optimizer = _optimizer(model, stage.peak)
    if os.path.exists(stage.file):
        saved = torch.load(stage.file)
        model.load_state_dict(saved["model"]), optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    elif begin_from:
        model.load_state_dict(torch.load(begin_from)["model"])
    if start >= stage.stop:
        return model
    writer = Writer(countries, pairs, tokenizer, stage.seed + 1000 * start, stage.decoys,
                    stage.more_wordings)
    pool = Pool(tower, countries, 40, stage.seed + 1000 * start)
    user, pad = tokenizer.encode(BEFORE_PICTURE).ids, tokenizer.token_to_id(PAD)
    check = QuickCheck(writer, tower, Packed, user, pad)
    begun, running = time.time(), None
    for step in range(start, stage.stop):
        for group in optimizer.param_groups:
            group["lr"] = stage.rate(step)
        if step % 4 == 0:
            pool.renew(64)
        batch = _batch(writer, stage.shown, stage.named, stage.questions)
        packed = Packed(batch, user, pad, writer.rng)
        logits, targets = model(packed, pool.pick([k for k, _ in batch if k != NO_PICTURE], writer.rng))
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        running = loss.item() if running is None else .98 * running + .02 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"decoder {step + 1}  loss {running:.3f}  {time.time() - begun:.0f} s", flush=True)
        if (step + 1) % save_every == 0 or step + 1 == stage.stop:
            print("   " + check(model), flush=True)
            _save(stage.file, model, optimizer, step + 1)
    return model
