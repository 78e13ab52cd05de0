#!/usr/bin/env python3
"""Speed of the commands that follow information, beside plain PyTorch hooks that do the same, on one machine, in one run.

The model and the prompt are those of trace_vs_hooks.py: a random LLaVA with SmolLM2-135M's decoder and 576 image rows. Each row of
the result is one piece of work:

    flow      contributions image > constraint and constraint > last, all layers: one pass with output_attentions and hooks on
              v_proj, then per layer the values through each head's part of o_proj, mixed by einsum
    lens      the five most likely tokens and P(answer) of resid_post, all layers and text rows: one pass with hooks on the
              layers, then the final norm and lm_head over what they kept
    knockout  the same two pairs' edges cut at each layer: a pass per layer and pair, whose attention mask a hook replaces
    heads     head_out over all layers and heads, the constraint's and the last row, swap:Paris: a pass of two prompts (clean,
              corrupted) per cell
    blocks    attn_out and mlp_out over all layers and 6 x 6 squares of the picture, image-rowmean: a pass of two prompts per cell

flow and lens are done whole, after a first time that does not count, and their numbers are compared. Of the others, whose cells
all take a full pass, a few are timed, spread over layers, and the fastest is multiplied. HF runs in the fastest of four forms, two
dtypes and two attentions, but for the first two, which need eager attention's probabilities or exact numbers: float32. Loading the
model is added once to each. patchbay computes everything in float32 and is timed as a process from start to exit, files written:
the median run. Both are told in seconds of the clock and of the processor; on a machine that others use, those of the processor
with --threads 1 are the ones to believe.

    python bench/transfer_vs_hooks.py --threads 2 [--only flow,lens] [--cells 3] [--runs 3] [--json FILE]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench")]

import torch
import transformers

from parity.oracle import Oracle, Request
from parity.program import program
from parity.prompts import mid_sentence
from trace_vs_hooks import QUESTION, _load, _model

SIDE, TOP = 6, 5
PAIRS = (("image", "constraint"), ("constraint", "last"))


def main() -> int:
    options = _options()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    path, picture = _model(options.work)
    scene = Scene.of(path, picture)
    print(f"{scene.layers} layers, {scene.rows} rows ({len(scene.text)} text), {scene.heads} heads; {options.threads} threads, "
          f"{os.cpu_count()} cores")
    result = {"threads": options.threads, "rows": scene.rows, "work": {}}
    for work in works(scene):
        if options.only and work.name not in options.only.split(","):
            continue
        hooks, patchbay = time_hooks(scene, work, options), time_patchbay(scene, work, options)
        found, said = hooks.pop("found"), patchbay.pop("said")
        patchbay["cost"] = said["cost"]
        same = f";   numbers differ by {work.differ(found, said):.1e}" if work.differ else ""
        ratio, cpu_ratio = (hooks[kind] / patchbay[kind] for kind in ("seconds", "cpu_seconds"))
        result["work"][work.name] = {"hooks": hooks, "patchbay": patchbay, "ratio": ratio, "cpu_ratio": cpu_ratio}
        how = f"{work.cells} cells, extrapolated from {hooks['cells_timed']}" if work.cells > 1 else "measured"
        print(f"{work.name:9} hooks ({hooks['form']}; {how}) {hooks['seconds']:.1f} s, {hooks['cpu_seconds']:.1f} s cpu;   "
              f"patchbay {patchbay['seconds']:.2f} s, {patchbay['cpu_seconds']:.2f} s cpu;   {ratio:.1f} x, {cpu_ratio:.1f} x cpu"
              f"{same}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", metavar="NAMES", help="some of the work, names with commas between")
    parser.add_argument("--cells", type=int, default=3, help="cells of each hook loop to time (default 3)")
    parser.add_argument("--runs", type=int, default=3, help="runs of patchbay, of which the median counts (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench", metavar="DIR")
    return parser.parse_args()


# ---------------------------------------------------------------------------------------------------------------
# What is asked


@dataclass
class Scene:
    """A prompt: its spans, and the inputs of a clean and of a swapped prompt."""
    path: Path
    request: Request
    layers: int
    heads: int
    rows: int
    spans: dict[str, list[int]]
    clean: dict                # one row
    swapped: dict              # two rows: clean, swapped
    answer: int

    @staticmethod
    def of(path: Path, picture: Path) -> "Scene":
        request = Request(QUESTION, image=str(picture), constraints=("this country",))
        oracle = Oracle(path)
        prompt, pixels = oracle.prompt(request), oracle.pixels(request.image)
        ids = torch.tensor([prompt.ids] * 2)
        ids[1, prompt.span("constraint")] = mid_sentence(oracle.tokenizer, "Paris")[0]
        rows = oracle.embed(prompt.ids, prompt.image, oracle.features(request.image))
        config = oracle.model.config.text_config
        return Scene(path, request, config.num_hidden_layers, config.num_attention_heads, len(prompt.rows),
                     {name: prompt.span(name) for name in ("image", "constraint", "last", "text")},
                     {"input_ids": ids[:1], "pixel_values": pixels},
                     {"input_ids": ids, "pixel_values": pixels.repeat(2, 1, 1, 1)},
                     int(oracle.run(rows).logits[0].argmax()))

    @property
    def text(self) -> list[int]:
        return self.spans["text"]


@dataclass
class Work:
    """A piece of work: with hooks, cell i of `cells` (1: all of it at once); and patchbay's command line."""
    name: str
    cells: int
    hooks: Callable            # (model, i)
    batch: str                 # "clean" or "swapped": what its passes take
    command: list[str]
    exact: bool = False        # needs eager attention in float32
    differ: Callable | None = None   # (what hooks found, patchbay's JSON): the largest relative difference


def works(scene: Scene) -> list[Work]:
    L, H, T, squares = scene.layers, scene.heads, len(scene.text), SIDE * SIDE
    rows = scene.spans["constraint"] + scene.spans["last"]
    return [
        Work("flow", 1, lambda model, _: hook_flow(scene, model), "clean", ["flow", "--per-head", "--per-position"], True,
             lambda found, flow: max(relative(flow["flows"][p]["sum_norm"][l], found[l, pair][0])
                                     for p, pair in enumerate(PAIRS) for l in range(L))),
        Work("lens", 1, lambda model, _: hook_lens(scene, model), "clean", ["lens", "--positions", "text", "--top", str(TOP)], True,
             lambda found, lens: max(relative(lens["answer_prob"][l][i], found[l][1][i]) for l in range(L) for i in range(T))),
        Work("knockout", L * len(PAIRS), lambda model, i: hook_knockout(scene, model, i % L, PAIRS[i // L]), "clean", ["knockout"]),
        Work("heads", L * len(rows) * H, lambda model, i: hook_head(scene, model, i // (len(rows) * H), rows[i // H % len(rows)], i % H),
             "swapped", ["trace", "--sites", "head_out", "--positions", "constraint,last"]),
        Work("blocks", 2 * L * squares, lambda model, i: hook_block(scene, model, i // 2 // squares, i // 2 % squares, i % 2), "swapped",
             ["trace", "--corrupt", "image-rowmean", "--blocks", str(SIDE), "--sites", "attn_out,mlp_out"])]


def relative(found: float, expected) -> float:
    return abs(found - float(expected)) / float(expected)


# ---------------------------------------------------------------------------------------------------------------
# The same with hooks


@contextmanager
def hooked(handles: list):
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _blocks(model) -> torch.nn.ModuleList:
    return model.model.language_model.layers


def _run(model, inputs: dict, **options):
    inputs = {name: value.to(model.dtype) if value.is_floating_point() else value for name, value in inputs.items()}
    return model(**inputs, use_cache=False, logits_to_keep=1, **options)


def _prob(scene: Scene, logits: torch.Tensor) -> float:
    return logits[-1, -1].float().softmax(-1)[scene.answer].item()


@torch.no_grad()
def hook_flow(scene: Scene, model) -> dict:
    values = {}
    handles = [layer.self_attn.v_proj.register_forward_hook(lambda _, args, out, l=l: values.__setitem__(l, out[0]))
               for l, layer in enumerate(_blocks(model))]
    with hooked(handles):
        attentions = _run(model, scene.clean, output_attentions=True).attentions
    found = {}
    for l, layer in enumerate(_blocks(model)):
        v = values[l].reshape(scene.rows, -1, layer.self_attn.head_dim)
        v = v.repeat_interleave(scene.heads // v.shape[1], dim=1).transpose(0, 1)                 # [H, T, d]
        o = layer.self_attn.o_proj.weight.reshape(-1, scene.heads, v.shape[2]).permute(1, 2, 0)   # [H, d, D]
        for pair in PAIRS:
            sources, destinations = (scene.spans[name] for name in pair)
            given = v[:, sources] @ o                                                             # [H, S, D]
            a = attentions[l][0][:, destinations][:, :, sources]                                  # [H, I, S]
            c = torch.einsum("his,hsd->isd", a, given)
            norms, total = c.norm(dim=-1), c.sum(1)
            found[l, pair] = (norms.sum(1).mean(), total.norm(dim=-1).mean(), norms.mean(0),
                              (a * given.norm(dim=-1)[:, None]).sum(-1).mean(1))
    return found


@torch.no_grad()
def hook_lens(scene: Scene, model) -> list:
    kept = []
    with hooked([layer.register_forward_hook(lambda _, args, out: kept.append(out[0, scene.text])) for layer in _blocks(model)]):
        _run(model, scene.clean)
    found = []
    for rows in kept:
        probs = model.lm_head(model.model.language_model.norm(rows)).softmax(-1)
        found.append((probs.topk(TOP), probs[:, scene.answer]))
    return found


@torch.no_grad()
def hook_knockout(scene: Scene, model, layer: int, pair: tuple[str, str]) -> float:
    mask = torch.full((scene.rows, scene.rows), float("-inf"), dtype=model.dtype).triu(1)
    sources, destinations = (torch.tensor(scene.spans[name]) for name in pair)
    mask[destinations[:, None], sources] = float("-inf")

    def cut(_, args, named):
        return args, {**named, "attention_mask": mask[None, None]}

    with hooked([_blocks(model)[layer].self_attn.register_forward_pre_hook(cut, with_kwargs=True)]):
        return _prob(scene, _run(model, scene.clean).logits)


@torch.no_grad()
def hook_head(scene: Scene, model, layer: int, position: int, head: int) -> float:
    attention = _blocks(model)[layer].self_attn
    columns = slice(head * attention.head_dim, (head + 1) * attention.head_dim)

    def copy(_, args):
        args[0][1, position, columns] = args[0][0, position, columns]

    with hooked([attention.o_proj.register_forward_pre_hook(copy)]):
        return _prob(scene, _run(model, scene.swapped).logits)


@torch.no_grad()
def hook_block(scene: Scene, model, layer: int, block: int, site: int) -> float:
    """Row 1 has the mean of the picture's rows in their place."""
    image = torch.tensor(scene.spans["image"])
    side = round(len(image) ** 0.5)
    patches = image.reshape(SIDE, side // SIDE, SIDE, side // SIDE).transpose(1, 2).reshape(SIDE * SIDE, -1)[block]
    decoder = model.model.language_model

    def corrupt(_, args, named):
        rows = named["inputs_embeds"]
        rows[1] = rows[0]
        rows[1, image] = rows[0, image].mean(0)
        return args, named

    def copy(_, args, out):
        rows = out[0] if isinstance(out, tuple) else out
        rows[1, patches] = rows[0, patches]

    part = decoder.layers[layer].mlp if site else decoder.layers[layer].self_attn
    with hooked([decoder.register_forward_pre_hook(corrupt, with_kwargs=True), part.register_forward_hook(copy)]):
        return _prob(scene, _run(model, scene.swapped).logits)


# ---------------------------------------------------------------------------------------------------------------
# Timing


_fastest: dict[str, tuple] = {}


def fastest_form(scene: Scene, batch: str) -> tuple:
    """The dtype and attention in which HF's pass over one row or two is the fastest here."""
    if batch not in _fastest:
        trials = {}
        for form in ((dtype, attention) for dtype in (torch.float32, torch.bfloat16) for attention in ("eager", "sdpa")):
            model, _ = _load(scene.path, *form)
            with torch.no_grad():
                trials[form] = min(_timed(lambda: _run(model, getattr(scene, batch)))[1] for _ in range(2))
        _fastest[batch] = min(trials, key=trials.get)
    return _fastest[batch]


def _timed(work: Callable) -> tuple[float, float]:
    """Seconds of the clock, and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def time_hooks(scene: Scene, work: Work, options: argparse.Namespace) -> dict:
    form = (torch.float32, "eager") if work.exact else fastest_form(scene, work.batch)
    loaded = []
    loading, loading_cpu = _timed(lambda: loaded.append(_load(scene.path, *form)[0]))
    model = loaded[0]
    count = max(1, min(options.cells, work.cells))
    picked = [round(i * (work.cells - 1) / max(1, count - 1)) for i in range(count)] if work.cells > 1 else [0] * count
    found = work.hooks(model, picked[0])
    times = [_timed(lambda: work.hooks(model, i)) for i in picked]
    cell, cell_cpu = (min(kind) for kind in zip(*times))
    return {"form": f"{str(form[0])[6:]} {form[1]}", "loading_seconds": loading, "cells": work.cells, "cells_timed": count,
            "cell_seconds": cell, "cell_cpu_seconds": cell_cpu, "found": found,
            "seconds": loading + work.cells * cell, "cpu_seconds": loading_cpu + work.cells * cell_cpu}


def time_patchbay(scene: Scene, work: Work, options: argparse.Namespace) -> dict:
    """The median run of the whole program, and what it says about it."""
    name, *more = work.command
    runs = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as out:
            command = [str(program()), name, str(scene.path), *scene.request.options(), *more, "--json", "--quiet",
                       "--threads", str(options.threads), "--out", out]
            start, cpu = time.perf_counter(), _children()
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{' '.join(command)}: {done.stderr}")
            runs.append((time.perf_counter() - start, _children() - cpu, json.loads(done.stdout)))
    seconds, _, said = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
    return {"seconds": seconds, "cpu_seconds": statistics.median(cpu for _, cpu, _ in runs),
            "all_seconds": [clock for clock, _, _ in runs], "said": said}


def _children() -> float:
    """Seconds of the processor that ended children have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
