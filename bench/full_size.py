#!/usr/bin/env python3
"""patchbay on a full-size model against this machine's own rates, and against the official procedure through Hugging Face.

    python tools/make_full_size.py llava-1.5-7b build/full
    python bench/full_size.py build/full/llava-1.5-7b --dtype bf16 --json build/full/7b.json [--parts bench,trace,hooks]

Each part is measured as it is asked for and added to the JSON file, so that they can be run one by one; ratios are made of what is there.

    bench   `patchbay bench MODEL`: rates of products, bandwidth, an answer's tokens, an edit of ten steps with before and after, and
            a trace of as many layers as take half a minute.
    trace   `patchbay trace`, the paper's two grids (attn_out, mlp_out) over all text rows under swap:Paris, as a process from start to
            exit, of all layers or of --layers; its memory beside the mapped weights (RssAnon) is looked at every 20 ms.
    hooks   one cell of the official procedure in bfloat16: a forward pass of three whole prompts (one clean, two corrupted) with a hook that
            copies the clean row; timed once, after a short prompt, and multiplied by the trace's cells. Needs room for the whole
            model in memory. Of LLaVA alone: transformers has no class of Bunny's.

The bound is the trace's own floating-point work at the rate of a layer's products of 1,024 rows, as the bench measured it in the
trace's dtype.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from parity.pictures import make_picture
from parity.program import program

QUESTION, CONSTRAINT = "What is the capital of this country?", "this country"
ROWS = 1024                     # of the products whose rate is the bound's
PARTS = ("bench", "trace", "hooks")


def main() -> int:
    options = _options()
    result = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    result.update(model=options.model.name, threads=options.threads, dtype=options.dtype)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        make_picture(500, 375, 1).save(picture)
        for part in options.parts.split(","):
            result[part] = {"bench": bench, "trace": trace, "hooks": hooks}[part](options, picture, result)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1) + "\n")
    summary(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--layers", help="a:b: trace these alone")
    parser.add_argument("--memory", default="2G", help="the trace's budget (default 2G)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def common(options: argparse.Namespace) -> list[str]:
    return ["--threads", str(options.threads), "--quiet", "--json", *(["--dtype", "bf16"] if options.dtype == "bf16" else [])]


# ---------------------------------------------------------------------------------------------------------------


def bench(options: argparse.Namespace, _picture: Path, _result: dict) -> dict:
    done = subprocess.run([program(), "bench", options.model, *common(options)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def trace(options: argparse.Namespace, picture: Path, _result: dict) -> dict:
    with tempfile.TemporaryDirectory() as out:
        command = [str(program()), "trace", str(options.model), "--image", str(picture), "--question", QUESTION, "--constraint", CONSTRAINT,
                   "--sites", "attn_out,mlp_out", "--memory", options.memory, "--out", out, *common(options),
                   *(["--layers", options.layers] if options.layers else [])]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        peak = Peak(process.pid)
        text, _ = process.communicate()
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"exit code {process.returncode}: {command}")
    done = json.loads(text)
    return {"seconds": seconds, "anonymous_bytes": peak.stop(), "cost": done["cost"], "layers": len(done["layers"]),
            "rows": sum(t.get("count", 1) for t in done["tokens"]), "text_rows": len(done["positions"]), "memory": options.memory,
            "tokens": [[t.get("count", 1), t.get("id")] for t in done["tokens"]],   # of the picture's rows there is no id
            "constraint": done["constraints"][0]["positions"]}


class Peak(threading.Thread):
    """The most anonymous memory that a process has, looked at now and then."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.status, self.most, self.ended = Path(f"/proc/{pid}/status"), 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            try:
                lines = self.status.read_text().splitlines()
            except OSError:
                return
            for line in lines:
                if line.startswith("RssAnon:"):
                    self.most = max(self.most, int(line.split()[1]) * 1024)

    def stop(self) -> int:
        self.ended.set()
        self.join()
        return self.most


def hooks(options: argparse.Namespace, _picture: Path, result: dict) -> dict:
    """One cell: row 0's attention output of a middle layer copied over rows 1 and 2 at the last constraint row."""
    kind = json.loads((options.model / "config.json").read_text())["model_type"]
    if kind != "llava":
        raise SystemExit(f"hooks: transformers has no class for a {kind}; ask for --parts bench,trace")
    import torch
    import transformers
    from transformers import LlavaForConditionalGeneration
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    model = LlavaForConditionalGeneration.from_pretrained(options.model, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    loading = time.perf_counter() - start
    picture = model.config.image_token_index
    ids = [i for count, token in result["trace"]["tokens"] for i in [picture if token is None else token] * count]
    position, size = result["trace"]["constraint"][-1], model.config.vision_config.image_size
    batch = torch.tensor([ids] * 3)
    batch[1:, result["trace"]["constraint"]] = 100
    layers = model.model.language_model.layers

    def copy(_, _args, output):
        hidden = output[0] if isinstance(output, tuple) else output
        hidden[1:, position] = hidden[0, position]

    with torch.no_grad():
        model.model.language_model(input_ids=batch[:, -8:], use_cache=False)
        handle = layers[len(layers) // 2].self_attn.register_forward_hook(copy)
        start = time.perf_counter()
        model(input_ids=batch, pixel_values=torch.randn(3, 3, size, size, dtype=torch.bfloat16), use_cache=False)
        seconds = time.perf_counter() - start
        handle.remove()
    return {"dtype": "bfloat16", "attention": "sdpa", "loading_seconds": loading, "cell_seconds": seconds, "rows": len(ids)}


# ---------------------------------------------------------------------------------------------------------------


def rate(measured: dict, dtype: str, rows: int) -> float:
    """flop a second of a layer's products: those of the model's own shapes, all in turn (the gated half of an MLP twice)."""
    shapes = [p for p in measured["products"] if p["m"] == rows and p["dtype"] == dtype and not (p["n"] == p["k"] == 1024)]
    widest = max(p["n"] for p in shapes)
    work = [(p["n"] * p["k"] * (2 if p["n"] == widest else 4 if p["n"] == p["k"] else 1), p["gflops"] * 1e9) for p in shapes]
    return sum(size for size, _ in work) / sum(size / each for size, each in work)


def summary(result: dict) -> None:
    """Prints, and adds, the ratios."""
    ratios = result["ratios"] = {}
    measured, traced, hooked = result.get("bench"), result.get("trace"), result.get("hooks")
    if measured:
        phases = {p["name"]: p for p in measured["phases"]}
        speed = rate(measured, result["dtype"], ROWS)
        reading = measured["bandwidth_gb_s"] * 1e9
        print(f"{result['dtype']} products of {ROWS} rows {speed / 1e9:.0f} GFLOP/s, reading {reading / 1e9:.1f} GB/s")
        if "tokens" in phases:
            ratios["tokens_bandwidth_share"] = phases["tokens"]["bytes"] / phases["tokens"]["seconds"] / reading
        edit = phases["edit"]
        ratios["edit_over_bound"] = edit["seconds"] / (edit["flop"] / speed + edit["bytes"] / reading)
        ratios["bench_trace_over_bound"] = phases["trace"]["seconds"] / (phases["trace"]["flop"] / speed)
        if traced:
            ratios["trace_over_bound"] = traced["seconds"] / (traced["cost"]["flop"] / speed)
    if traced:
        ratios["anonymous_gb"] = traced["anonymous_bytes"] / 1e9
        print(f"trace: {traced['seconds']:.1f} s, {traced['cost']['cells']} cells over {traced['layers']} layers and "
              f"{traced['text_rows']} of {traced['rows']} rows, {traced['cost']['flop'] / 1e12:.1f} TFLOP")
    if traced and hooked:
        loop = hooked["loading_seconds"] + traced["cost"]["cells"] * hooked["cell_seconds"]
        ratios["hooks_over_trace"] = loop / traced["seconds"]
        print(f"official procedure: {hooked['cell_seconds']:.1f} s a cell, {loop / 3600:.1f} hours, extrapolated from one cell")
    for name, value in ratios.items():
        print(f"{name:24} {value:.3f}")


if __name__ == "__main__":
    sys.exit(main())
