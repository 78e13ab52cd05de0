#!/usr/bin/env python3
"""Speed of `patchbay trace` beside the loop of forward hooks that it replaces, on one machine, in one run.

The model is a random LLaVA with SmolLM2-135M's decoder (30 layers, d_model 576, d_ff 1536, 9 heads over 3 of keys
and values, 49,152 tokens, tied) and 576 image rows (336 pixels, patches of 14, as CLIP ViT-L/14-336; the tower is
narrow, so that the decoder is what is measured). The work is the paper's two grids, attn_out and mlp_out over all
layers and all text rows, under the corruption swap:Paris.

(a) The hook loop, as the official script runs it: for each cell one forward pass of a batch of three (row 0 clean,
    rows 1 and 2 corrupted), hooks copy row 0's activation over the others at the cell's layers and position, and
    P(answer) is read at the end. HF's dtype and attention are those of the fastest of four trials. The whole grid
    would take hours, so a sample of cells is timed, spread over layers, positions and both sites, and multiplied:
    every cell costs a full pass, wherever it is. The fastest cell of the sample counts, so that whatever else the
    machine did meanwhile is not held against the loop. Loading the model is added once.
(b) `patchbay trace --sites attn_out,mlp_out`, the whole grid, measured as a process from start to exit: the median run.

Printed at the end: the ratio (a) / (b), and patchbay's own flop count over the least that the grid needs (`bound`).

    python bench/trace_vs_hooks.py --threads 2 [--cells 12] [--dtype f32 bf16] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import torch
import transformers
from transformers import LlavaForConditionalGeneration

from parity.checkpoints import Recipe, make_checkpoint
from parity.oracle import Oracle, Request
from parity.pictures import make_picture
from parity.program import trace_command
from parity.prompts import mid_sentence

WANTED = 100                                               # times as fast, at least
SITES = ("attn_out", "mlp_out")
QUESTION = "What is the capital of this country?"
SMOLLM2 = Recipe(
    "bench-llava-smollm2", tokenizer="digits", dtype=torch.bfloat16, template="flags",
    text={"num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9,
          "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
          "max_position_embeddings": 8192, "rope_parameters": {"rope_type": "default", "rope_theta": 100000.0}},
    vision={"image_size": 336, "patch_size": 14, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3})


def main() -> int:
    options = _options()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model, picture = _model(options.work)
    request = Request(QUESTION, image=str(picture), constraints=("this country",), sites=SITES, window=options.window)
    grid = Grid.of(model, request)
    print(f"{grid.layers} layers, {grid.rows} rows ({len(grid.text)} text), 2 sites: {grid.cells} cells; "
          f"{options.threads} threads, {os.cpu_count()} cores")
    hooks = time_hooks(model, request, grid, options)
    results = [summary(grid, hooks, time_patchbay(model, request, dtype, options), dtype, options) for dtype in options.dtype]
    if options.json:
        options.json.write_text(json.dumps(results if len(results) > 1 else results[0], indent=2) + "\n")
    return 0 if all(result["ratio"] >= WANTED and result["flop_over_bound"] <= 1.3 for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cells", type=int, default=12, help="cells of the hook loop to time (default 12)")
    parser.add_argument("--runs", type=int, default=3, help="runs of patchbay, of which the median counts (default 3)")
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--dtype", choices=("f32", "bf16"), nargs="+", default=["f32"], help="of patchbay's products (default f32); or both")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench", metavar="DIR")
    return parser.parse_args()


def _model(work: Path) -> tuple[Path, Path]:
    """The checkpoint (made once) and a picture."""
    work.mkdir(parents=True, exist_ok=True)
    picture = work / "picture.png"
    make_picture(500, 375, 1).save(picture)
    path = work / SMOLLM2.name
    if not (path / "patchbay.json").exists():              # written last
        make_checkpoint(SMOLLM2, work)
    return path, picture


# ---------------------------------------------------------------------------------------------------------------
# The work, and the least arithmetic that it takes


@dataclass
class Grid:
    """Sizes of the model and the grid. One floating-point multiplication and one addition are two flop."""
    layers: int
    rows: int                 # T, image rows included
    text: list[int]           # positions of the grid
    changed: int              # first row that the corruption changes
    first: list[int]          # window of each layer: first
    last: list[int]           # and last layer restored
    d: int
    d_attn: int               # heads x head_dim
    d_kv: int
    d_ff: int
    vocab: int
    tower_flop: int

    @staticmethod
    def of(model: Path, request: Request) -> "Grid":
        oracle = Oracle(model)
        prompt, text = oracle.prompt(request), oracle.model.config.text_config
        _, restored = oracle._windows(request)
        return Grid(text.num_hidden_layers, len(prompt.rows), prompt.span("text"), prompt.span("constraint")[0],
                    [a for a, _ in restored], [b for _, b in restored], text.hidden_size,
                    text.num_attention_heads * text.head_dim, text.num_key_value_heads * text.head_dim,
                    text.intermediate_size, text.vocab_size, _tower_flop(oracle))

    @property
    def cells(self) -> int:
        return len(SITES) * self.layers * len(self.text)

    # Per row of one layer. attention: q k^T and the weighted sum of v, over the keys up to the row's own.
    def keys_values(self) -> int:
        return 2 * 2 * self.d * self.d_kv

    def query_output(self) -> int:
        return 2 * 2 * self.d * self.d_attn

    def mlp(self) -> int:
        return 2 * 3 * self.d * self.d_ff

    def attention(self, row: int) -> int:
        return 4 * self.d_attn * (row + 1)

    def layer(self, row: int) -> int:
        return self.keys_values() + self.query_output() + self.mlp() + self.attention(row)

    def read_out(self) -> int:
        return 2 * self.d * self.vocab

    def run(self, first: int) -> int:
        """Rows first .. T-1 in every layer; in the last one, keys and values, and all else of the last row alone."""
        body = (self.layers - 1) * sum(self.layer(row) for row in range(first, self.rows))
        return body + (self.rows - 1 - first) * self.keys_values() + self.layer(self.rows - 1) + self.read_out()

    def runs(self) -> int:
        """The clean run of every row, and the corrupted run of those from the first changed one on."""
        return self.tower_flop + self.run(0) + self.run(self.changed)

    def cell(self, site: str, first: int, last: int, p: int) -> int:
        """What a cell changes: row p in the rest of its first layer; rows >= p in the layers after it, where row p
        skips what the window sets; in the model's last layer keys and values of rows >= p, all else of the last row."""
        end, bottom = self.layers - 1, self.rows - 1
        if first == end and p != bottom:
            return 0
        flop = self.mlp() if site == "attn_out" else 0
        for l in range(first + 1, self.layers):
            live = range(p, self.rows) if l < end else [bottom]
            flop += sum(self.layer(row) for row in live)
            flop += self.keys_values() * (bottom - p) if l == end else 0
            if l <= last and p in live:
                flop -= self.mlp() if site == "mlp_out" else self.query_output() + self.attention(p)
        return flop + self.read_out()

    def bound(self) -> tuple[int, int]:
        """Flop of the whole grid, and its cells that are known without running: rows before the change."""
        needed = [self.cell(site, a, b, p) for site in SITES for a, b in zip(self.first, self.last)
                  for p in self.text if p >= self.changed]
        return self.runs() + sum(needed), self.cells - sum(flop > 0 for flop in needed)


def _tower_flop(oracle: Oracle) -> int:
    """The tower's layers up to the one that is used, and the projector, once: matrices times rows, and attention of
    all rows to all rows."""
    v, model = oracle.model.config.vision_config, oracle.model.model
    used = oracle.model.config.vision_feature_layer % (v.num_hidden_layers + 1)
    rows = (v.image_size // v.patch_size) ** 2 + 1
    parts = [*model.vision_tower.encoder.layers[:used], model.multi_modal_projector, model.vision_tower.embeddings.patch_embedding]
    weights = sum(w.numel() for part in parts for w in part.parameters() if w.dim() > 1)
    return 2 * rows * weights + used * 4 * v.hidden_size * rows * rows


# ---------------------------------------------------------------------------------------------------------------
# (a) the hook loop


@contextmanager
def hooks(model, site: str, layers: range, position: int):
    """Copies row 0's output of a site over the other rows of the batch, at one position, in some layers."""
    def copy(_, args, output):
        hidden = output[0] if isinstance(output, tuple) else output
        hidden[1:, position] = hidden[0, position]

    blocks = model.model.language_model.layers
    handles = [(blocks[l].self_attn if site == "attn_out" else blocks[l].mlp).register_forward_hook(copy) for l in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def hook_cell(model, inputs: dict, answer: int, site: str, layers: range, position: int) -> float:
    """P(answer) of one cell: a forward pass of three whole prompts."""
    with hooks(model, site, layers, position):
        logits = model(**inputs, use_cache=False).logits[1:, -1]
    return logits.float().softmax(-1)[:, answer].mean().item()


def time_hooks(path: Path, request: Request, grid: Grid, options: argparse.Namespace) -> dict:
    """The fastest of HF's forms: its loading, and its fastest cell, as the official script has it and with fewer logits."""
    inputs, answer = _batch(path, request)
    trials = {}
    for dtype in (torch.float32, torch.bfloat16):
        for attention in ("eager", "sdpa"):
            model, _ = _load(path, dtype, attention)
            trials[dtype, attention] = min(_time_cells(model, inputs, answer, grid, 3))
            print(f"  hooks, {str(dtype)[6:]} {attention}: {trials[dtype, attention]:.3f} s a cell", flush=True)
    best = min(trials, key=trials.get)
    model, loading = _load(path, *best)
    seconds = _time_cells(model, inputs, answer, grid, options.cells)
    thrifty = _time_cells(model, {**inputs, "logits_to_keep": 1}, answer, grid, max(3, options.cells // 2))
    return {"dtype": str(best[0])[6:], "attention": best[1], "loading_seconds": loading, "cells_timed": len(seconds),
            "cell_seconds": min(seconds), "cell_seconds_mean": statistics.mean(seconds),
            "cell_seconds_last_logits_only": min(thrifty),
            "trials": {f"{str(dtype)[6:]} {attention}": value for (dtype, attention), value in trials.items()}}


def _load(path: Path, dtype: torch.dtype, attention: str):
    start = time.perf_counter()
    model = LlavaForConditionalGeneration.from_pretrained(path, dtype=dtype, attn_implementation=attention).eval()
    return model, time.perf_counter() - start


def _batch(path: Path, request: Request) -> tuple[dict, int]:
    """Three prompts: one clean, two with the constraint's tokens swapped; and the answer."""
    oracle = Oracle(path)
    prompt, pixels = oracle.prompt(request), oracle.pixels(request.image)
    ids = torch.tensor([prompt.ids] * 3)
    ids[1:, prompt.span("constraint")] = mid_sentence(oracle.tokenizer, "Paris")[0]
    rows = oracle.embed(prompt.ids, prompt.image, oracle.features(request.image))
    return {"input_ids": ids, "pixel_values": pixels.repeat(3, 1, 1, 1)}, int(oracle.run(rows).logits[0].argmax())


def _time_cells(model, inputs: dict, answer: int, grid: Grid, count: int) -> list[float]:
    """Seconds of `count` cells spread over the grid, after one to warm up."""
    inputs = {k: v.to(model.dtype) if torch.is_tensor(v) and v.is_floating_point() else v for k, v in inputs.items()}
    seconds = []
    for i in range(-1, count):
        share = max(i, 0) / max(count - 1, 1)
        l = round(share * (grid.layers - 1))
        position = grid.text[round(share * (len(grid.text) - 1))]
        start = time.perf_counter()
        hook_cell(model, inputs, answer, SITES[i % 2], range(grid.first[l], grid.last[l] + 1), position)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


# ---------------------------------------------------------------------------------------------------------------
# (b) patchbay, and the result


def time_patchbay(model: Path, request: Request, dtype: str, options: argparse.Namespace) -> dict:
    """The median run of the whole program, and what it says about it."""
    runs = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as out:
            command = trace_command(model, request, "--threads", str(options.threads), "--out", out,
                                    *(["--dtype", "bf16"] if dtype == "bf16" else []))
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append((time.perf_counter() - start, json.loads(done.stdout)))
            print(f"  patchbay, {dtype}: {runs[-1][0]:.2f} s", flush=True)
    seconds, trace = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
    return {"seconds": seconds, "all_seconds": [s for s, _ in runs], "cost": trace["cost"]}


def summary(grid: Grid, hooks: dict, patchbay: dict, dtype: str, options: argparse.Namespace) -> dict:
    """Prints and returns the result."""
    loop = hooks["loading_seconds"] + grid.cells * hooks["cell_seconds"]
    thrifty = hooks["loading_seconds"] + grid.cells * hooks["cell_seconds_last_logits_only"]
    bound, known = grid.bound()
    cost = patchbay["cost"]
    result = {
        "threads": options.threads, "dtype": dtype, "cells": grid.cells, "rows": grid.rows, "window": options.window,
        "hooks": {**hooks, "seconds": loop, "seconds_last_logits_only": thrifty}, "patchbay": patchbay,
        "ratio": loop / patchbay["seconds"], "ratio_last_logits_only": thrifty / patchbay["seconds"],
        "bound_flop": bound, "runs_flop": grid.runs(), "cells_known": known, "flop_over_bound": cost["flop"] / bound}
    print(f"hook loop: {hooks['dtype']} {hooks['attention']}, {hooks['cell_seconds']:.3f} s a cell (fastest of {hooks['cells_timed']}, "
          f"mean {hooks['cell_seconds_mean']:.3f}) x {grid.cells} + {hooks['loading_seconds']:.1f} s loading = {loop:.0f} s, extrapolated")
    print(f"           with logits of the last row only, as the official script does not: {thrifty:.0f} s")
    print(f"patchbay:  {dtype}, {patchbay['seconds']:.2f} s, measured; {cost['flop'] / 1e9:.1f} GFLOP, "
          f"{cost['flop'] / patchbay['seconds'] / 1e9:.0f} GFLOP/s over all; cost {json.dumps(cost)}")
    print(f"bound:     {bound / 1e9:.1f} GFLOP ({grid.runs() / 1e9:.1f} the two runs), {known} of {grid.cells} cells known without running")
    print(f"ratio:     {result['ratio']:.1f} x (last logits only {result['ratio_last_logits_only']:.1f} x); "
          f"flop / bound {result['flop_over_bound']:.3f}")
    return result


if __name__ == "__main__":
    sys.exit(main())
