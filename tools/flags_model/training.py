"""What the stages share: the optimizer, the loop with its schedule and checkpoints, and the pictures.

A stage's file holds its modules' weights, the optimizer's state and the step; a stage goes on from
its own file, and is left alone once it is finished. A run that was interrupted draws other pictures
from there on, so only an uninterrupted one repeats itself.
"""
import math
import os
import time

import torch

from demo_model import pictures

SIDE = pictures.SIDE


# ---- the optimizer ----

def orthogonal(matrices, rounds=5):
    """[N, a, b] with a <= b -> nearly the nearest matrices with orthonormal rows: Newton-Schulz with the
    quintic whose coefficients Jordan et al. (2024, "Muon") found to bring singular values near 1 fast."""
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are orthogonalised, for the matrices inside a transformer: fewer steps than
    AdamW takes. Matrices of one shape go through `orthogonal` together."""

    def __init__(self, matrices, lr=.02, momentum=.95, weight_decay=.01):
        super().__init__(matrices, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for p in group["params"]:
                if p.grad is not None:
                    velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                    velocity.lerp_(p.grad, 1 - group["momentum"])
                    by_shape.setdefault(p.shape, []).append((p, p.grad.lerp(velocity, group["momentum"])))
            for (rows, columns), members in by_shape.items():
                wanted = torch.stack([g.mT if rows > columns else g for _, g in members])
                for (p, _), step in zip(members, orthogonal(wanted)):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(step.mT if rows > columns else step, alpha=-group["lr"] * max(1, rows / columns) ** .5)


def optimizers(inner, others, muon, adam):
    """Muon for the matrices `inner`, AdamW for `others` (lists of parameters); muon and adam are their rates."""
    return [Muon(inner, lr=muon), torch.optim.AdamW(others, lr=adam, weight_decay=.01, betas=(.9, .98), fused=True)]


# ---- the loop ----

class Stage:
    """`for step in stage:` with rates that rise and then fall along a cosine, progress told, and the
    modules kept in `file`. The body computes a loss and calls stage.descend(loss, told values). The
    cosine ends at `schedule`; training may stop before."""

    def __init__(self, file, modules, steppers, steps, schedule=None, warm_up=60, save_every=100, tell_every=25):
        self.file, self.modules, self.steppers, self.steps = file, modules, steppers, steps
        self.schedule = schedule or steps
        self.warm_up, self.save_every, self.tell_every = warm_up, save_every, tell_every
        self.first, self.running, self.begun = 0, {}, time.time()
        self.peaks = [[group["lr"] for group in s.param_groups] for s in steppers]
        if os.path.exists(file):
            self._go_on(torch.load(file))

    def _go_on(self, saved):
        for name, module in self.modules.items():
            module.load_state_dict(saved[name])
        for stepper, state in zip(self.steppers, saved.get("steppers", [])):
            stepper.load_state_dict(state)
        self.first = saved["step"]

    @property
    def finished(self):
        return self.first >= self.steps

    def __iter__(self):
        for step in range(self.first, self.steps):
            rate = min(1, (step + 1) / self.warm_up) * (.505 + .495 * math.cos(math.pi * step / self.schedule))
            for stepper, peaks in zip(self.steppers, self.peaks):
                for group, peak in zip(stepper.param_groups, peaks):
                    group["lr"] = peak * rate
            yield step
            self._after(step + 1)

    def descend(self, loss, /, **told):
        for stepper in self.steppers:
            stepper.zero_grad()
        loss.backward()
        weights = [p for s in self.steppers for g in s.param_groups for p in g["params"] if p.grad is not None]
        torch.nn.utils.clip_grad_norm_(weights, 1.)
        for stepper in self.steppers:
            stepper.step()
        for name, value in told.items():
            value = value.item()
            self.running[name] = .95 * self.running.get(name, value) + .05 * value

    def _after(self, done):
        if done % self.tell_every == 0 or done == self.steps:
            values = "  ".join(f"{name} {value:.3f}" for name, value in self.running.items())
            print(f"{os.path.basename(self.file)} {done}  {values}  {time.time() - self.begun:.0f} s", flush=True)
        if done % self.save_every == 0 or done == self.steps:
            self._save(done)

    def _save(self, done):
        state = {name: module.state_dict() for name, module in self.modules.items()}
        if done < self.steps:
            state["steppers"] = [s.state_dict() for s in self.steppers]
        torch.save(dict(state, step=done), self.file + ".part")
        os.replace(self.file + ".part", self.file)


# ---- the pictures ----

class Album:
    """Endless training pictures. Photographs are dear to make, so a shelf of them is kept, of which
    `fresh` are replaced at every draw, and a batch is the fresh ones and others from the shelf; one
    picture in ten is a clean flag. Pixels are kept as bytes."""

    def __init__(self, countries, seed, shelf=4096, fresh=32):
        self.sources = torch.stack([pictures.source(c.key) for c in countries])
        self.clean = torch.stack([pictures.processed(pictures.clean(c.key)) for c in countries])
        self.generator = torch.Generator().manual_seed(seed)
        self.which = torch.zeros(shelf, dtype=torch.long)
        self.bytes = torch.zeros(shelf, 3, SIDE, SIDE, dtype=torch.uint8)
        self.fresh, self.size, self.next = fresh, 0, 0

    def photographs(self, which, strength=1.0):
        """which [B] country indices -> pixels [B, 3, S, S] in -1..1, never seen before"""
        return pictures.shrink(pictures.photograph(self.sources[which], self.generator, strength))

    def _renew(self, strength):
        which = torch.randint(len(self.sources), (self.fresh,), generator=self.generator)
        place = torch.arange(self.next, self.next + self.fresh) % len(self.which)
        self.bytes[place] = ((self.photographs(which, strength) + 1) * 127.5).round().byte()
        self.which[place] = which
        self.next += self.fresh
        self.size = min(self.next, len(self.which))
        return place

    def batch(self, count, strength=1.0):
        """which [B], pixels [B, 3, S, S]"""
        fresh = self._renew(strength)
        others = torch.randint(self.size, (count - len(fresh),), generator=self.generator)
        place = torch.cat([fresh, others])
        which, pixels = self.which[place], self.bytes[place].float() / 127.5 - 1
        clean = torch.rand(count, generator=self.generator) < .1
        pixels[clean] = self.clean[which[clean]]
        return which, pixels
