"""Traces of the tower's and the projector's sites: hooks on HF's tower, a full forward pass of tower, projector and decoder
for every cell, and the program's grids held against it number by number."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import program
from .cases import CAPITAL
from .compare import RELATIVE, Comparison
from .generator import Generator
from .oracle import Oracle, Request, _Reader
from .prompts import mid_sentence

TOWER = {f"vision.blocks.{{l}}.hook_{site}": site for site in ("resid_pre", "attn_out", "mlp_out", "resid_post")}
PROJECTOR = "proj.hook_out"


@dataclass(frozen=True)
class TowerCase:
    name: str
    request: Request                     # its sites are the picture's side's
    blocks: int = 0

    def options(self) -> list[str]:
        return [*self.request.options(), *(["--blocks", str(self.blocks)] if self.blocks else [])]


def tower_cases(oracle: Oracle, pictures: Path) -> list[TowerCase]:
    tall = f"image:{pictures / 'tall.png'}"
    ask = replace(CAPITAL, image=str(pictures / "wide.png"), corrupt=(tall,), sites=(*TOWER, PROJECTOR))
    rows = replace(ask, sites=("vision.blocks.{l}.hook_resid_pre", "vision.blocks.{l}.hook_mlp_out"), positions="image")
    made = [
        TowerCase("tower: groups", replace(ask, group=True, positions="image,all,last", window=2)),
        TowerCase("tower: groups, noise direction", replace(ask, group=True, positions="all", direction="noise", radius=1,
                                                            image_order="shuffle:5")),
        TowerCase("tower: blocks", replace(ask, foil="Rome"), blocks=2),
        TowerCase("tower: blocks, image noise, whole answer", replace(
            ask, corrupt=("image-noise:0.7",), samples=2, seed=3, answer="New York", answer_tokens="all", window=3), blocks=2),
        TowerCase("tower: single rows", replace(rows, layers=(0, 2))),
        TowerCase("tower: single rows, another phrase too", replace(
            rows, corrupt=(tall, "swap:Rome"), positions="image", sites=(PROJECTOR,), image_order="reverse", direction="noise")),
        TowerCase("projector: row mean", replace(ask, corrupt=("image-rowmean",), sites=(PROJECTOR,), positions="image")),
    ]
    return made[:3] if oracle.only else made


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function, command that shows the program's side)."""
    if not oracle.multimodal or oracle.path != oracle.folder:
        return
    for case in tower_cases(oracle, pictures):
        yield case.name, lambda c=case: traced(oracle, c), command(oracle, case)


def command(oracle: Oracle, case: TowerCase) -> list[str]:
    return [str(program.program()), "trace", str(oracle.path), *oracle.options, *case.options(), "--json", "--quiet"]


# ---------------------------------------------------------------------------------------------------------------
# The oracle


@dataclass
class Seen:
    """A pass of the tower: its image rows in the projector's order, and its sites {site: [layer][rows, width]}."""
    rows: torch.Tensor
    sites: dict[str, list[torch.Tensor]]


@torch.no_grad()
def look(oracle: Oracle, pixels: torch.Tensor, edits: dict | None = None) -> Seen:
    """edits: {(site, layer): (rows, values)}. Hooks stand before HF's own, which keep the hidden states."""
    sites = {site: [None] * len(oracle.opened.tower_layers) for site in TOWER.values()}
    handles = [hook for l, layer in enumerate(oracle.opened.tower_layers) for hook in _hooks(layer, l, edits or {}, sites)]
    try:
        return Seen(oracle.opened.image_rows(pixels), sites)
    finally:
        for handle in handles:
            handle.remove()


def _hooks(layer: torch.nn.Module, l: int, edits: dict, sites: dict) -> list:
    def at(site, value):
        if (site, l) in edits:
            where, rows = edits[site, l]
            value = value.clone()
            value[0, where] = rows
        sites[site][l] = value[0].clone()
        return value

    def output(site):
        return lambda _, args, out: (at(site, out[0]), *out[1:]) if isinstance(out, tuple) else at(site, out)

    def enter(_, args, named):
        return ((at("resid_pre", args[0]), *args[1:]), named) if args else (args, {**named, "hidden_states": at("resid_pre", named["hidden_states"])})

    return [layer.register_forward_pre_hook(enter, prepend=True, with_kwargs=True),
            layer.self_attn.register_forward_hook(output("attn_out"), prepend=True),
            layer.mlp.register_forward_hook(output("mlp_out"), prepend=True),
            layer.register_forward_hook(output("resid_post"), prepend=True)]


def corrupted_pixels(oracle: Oracle, request: Request) -> list[torch.Tensor | None]:
    """One per sample; None where the picture's rows are made wrong behind the tower."""
    kind, _, value = next(spec for spec in request.corrupt if spec.startswith("image")).partition(":")
    pixels = oracle.pixels(request.image)
    if kind == "image":
        return [oracle.pixels(value)]
    if kind != "image-noise":
        return [None]
    generator = Generator(request.seed)
    return [pixels + torch.from_numpy(float(value) * generator.gaussians(*pixels.shape)).float() for _ in range(request.samples)]


def blocks_of(side: int, size: int) -> dict[str, list[int]]:
    """Patches by the names of their squares, line by line."""
    made = {}
    for patch in range(side * side):
        made.setdefault(f"block {patch // side // size},{patch % side // size}", []).append(patch)
    return dict(sorted(made.items(), key=lambda item: item[1][0] // side // size * side + item[1][0] % side // size))


class TowerTrace:
    """All that a case's cells share."""

    def __init__(self, oracle: Oracle, case: TowerCase):
        self.oracle, self.case, self.request = oracle, case, case.request
        request, opened = case.request, oracle.opened
        self.prompt = oracle.prompt(request)
        self.clean_rows = oracle.embed(self.prompt.ids, self.prompt.image, oracle.ordered(request, oracle.features(request.image)))
        answer = oracle._answer(request, self.clean_rows)
        self.reader = _Reader(answer, mid_sentence(oracle.tokenizer, request.foil)[0] if request.foil else None)
        self.tail, self.answer = oracle.embed(answer[:-1]), answer
        self.starts = oracle._corrupt(request, self.prompt, self.clean_rows, None)
        self.pixels = corrupted_pixels(oracle, request)
        self.clean = look(oracle, oracle.pixels(request.image))
        self.wrong = [None if p is None else look(oracle, p) for p in self.pixels]
        self.class_rows = len(self.clean.sites["resid_pre"][0]) - opened.tower_side ** 2

    def window(self, layer: int, count: int) -> tuple[int, int]:
        r = self.request
        if r.radius is not None:
            return max(0, layer - r.radius), min(count - 1, layer + r.radius)
        return max(0, layer - r.window // 2), min(count, layer + (r.window + 1) // 2) - 1

    def layers(self, site: str) -> tuple[list[int], list[tuple[int, int]]]:
        count = 1 if site == PROJECTOR else self.oracle.opened.tower_count
        layers = list(range(*(self.request.layers or (0, count)))) if site != PROJECTOR else [0]
        return layers, [self.window(l, count) for l in layers]

    def cells(self, site: str) -> dict[str, list[int]]:
        """{name: rows}: of the tower, or positions of the prompt."""
        count, first = len(self.clean.sites["resid_pre"][0]), self.class_rows
        names = (self.request.positions or "all").split(",")
        if site == PROJECTOR:
            projected = self.oracle.ordered(self.request, torch.arange(len(self.prompt.image)).float()[:, None])[:, 0].long().tolist()
            skipped = count - len(projected)
            place = {patch: i for i, row in enumerate(projected) for patch in [row + skipped - first]}
            spans = {name: self.prompt.image for name in ("image", "all")}
        else:
            place = {patch: patch + first for patch in range(count - first)}
            spans = {"image": list(range(first, count)), "all": list(range(count))}
        if self.case.blocks:
            offset = self.prompt.image[0] if site == PROJECTOR else 0
            return {name: sorted(place[p] + offset for p in patches) for name, patches in
                    blocks_of(self.oracle.opened.tower_side, self.case.blocks).items()}
        if self.request.group:
            return {name: spans[name] for name in names if name in spans}
        rows = sorted({row for name in names if name in spans for row in spans[name]})
        return {str(row): [row] for row in rows}

    def cell(self, site: str, where: list[int], first: int, last: int):
        """Scores of one cell, a full pass a sample."""
        runs = []
        for sample, wrong in enumerate(self.wrong):
            denoise = self.request.direction == "denoise"
            rows = (self.starts[sample] if denoise else self.clean_rows).clone()
            if site == PROJECTOR:
                rows[where] = (self.clean_rows if denoise else self.starts[sample])[where]
            else:
                base, source = (self.pixels[sample], self.clean) if denoise else (self.oracle.pixels(self.request.image), wrong)
                used = min(last + 1, self.oracle.opened.tower_used)
                edits = {(TOWER[site], l): (where, source.sites[TOWER[site]][l][where]) for l in range(first, used)}
                rows[self.prompt.image] = self.oracle.ordered(self.request, look(self.oracle, base, edits).rows)
            runs.append(self.oracle.run(torch.cat([rows, self.tail]), len(self.answer)))
        return self.reader.scores(runs)


# ---------------------------------------------------------------------------------------------------------------
# The comparison


def traced(oracle: Oracle, case: TowerCase) -> Comparison:
    trace, found, result = TowerTrace(oracle, case), program.run(command(oracle, case)), Comparison()
    result.equal("sites", sorted(found["sites"]), sorted(case.request.sites))
    result.equal("answer", found["answer"]["ids"], trace.answer)
    result.equal("blocks", found.get("blocks"), case.blocks or None)
    result.probability("corrupted", found["corrupted"]["prob"], trace.reader.scores(
        [oracle.run(torch.cat([rows, trace.tail]), len(trace.answer)) for rows in trace.starts]).prob)
    for site in case.request.sites:
        _compare_site(result, trace, site, found["sites"][site])
    return result


def _compare_site(result: Comparison, trace: TowerTrace, site: str, found: dict) -> None:
    layers, restored = trace.layers(site)
    cells = trace.cells(site)
    result.equal(f"{site}.layers", found["layers"], layers)
    result.equal(f"{site}.restored", [tuple(pair) for pair in found["restored"]], restored)
    grouped = trace.case.blocks or trace.request.group
    result.equal(f"{site}.positions", found["positions"], list(cells.values()) if grouped else [rows[0] for rows in cells.values()])
    result.equal(f"{site}.groups", found.get("groups"), list(cells) if grouped else None)
    if result.problems:
        return
    for i, window in enumerate(restored):
        for j, (name, where) in enumerate(cells.items()):
            score, place = trace.cell(site, where, *window), f"{site}[layer {layers[i]}][{name}]"
            result.cells += 1
            result.probability(place, found["prob"][i][j], score.prob)
            result.close(f"{place}.logprob", found["logprob"][i][j], score.logprob, RELATIVE)
            if score.logit_diff is not None:
                result.close(f"{place}.logit_diff", found["logit_diff"][i][j], score.logit_diff, 1e-3)
