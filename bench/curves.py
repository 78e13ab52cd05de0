#!/usr/bin/env python3
"""What a trace costs as it grows: seconds against layers, rows, prompt length, questions and threads, beside its own floating-point
work at the rate of this machine's products.

The model is trace_vs_hooks.py's: a random LLaVA with SmolLM2-135M's decoder and 576 image rows. A point is the fastest of --runs
processes from start to exit. One thing is changed at a time; where nothing else is said it is a trace of attn_out and mlp_out in all
30 layers, at all text rows, under swap:Paris.

    python bench/curves.py [--dtype f32] [--runs 2] [--json FILE] [--svg docs/pictures/cost-curves.svg]
    python bench/curves.py --draw FILE.json --svg FILE.svg
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from parity.pictures import make_picture
from parity.program import program

CONSTRAINT = "this country"
QUESTION = f"What is the capital of {CONSTRAINT}?"
MORE = " Think of its cities, and of its rivers, and of its kings, before you tell the name of one."
LAYERS, TEXT_ROWS = 30, 27


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--draw", type=Path, metavar="FILE.json", help="measure nothing: draw this")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench", metavar="DIR")
    options = parser.parse_args()
    result = json.loads(options.draw.read_text()) if options.draw else Curves(options).measure()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(svg(result))
    return 0


# ---------------------------------------------------------------------------------------------------------------


class Curves:
    def __init__(self, options: argparse.Namespace):
        from trace_vs_hooks import _model
        self.options = options
        self.model, self.picture = _model(options.work)

    def measure(self) -> dict:
        layers = self.curve("layers", "layers traced", [2, 8, 15, 22, LAYERS], lambda n: ["--layers", f"0:{n}"])
        rows = self.curve("rows", "rows traced, from the last one up", [1, 4, 9, 18, TEXT_ROWS],
                          lambda n: ["--positions", f"{576 + TEXT_ROWS - n}:{576 + TEXT_ROWS}"])
        prompt = self.curve("prompt", "rows of the prompt; 2 are traced", [0, 2, 4, 8], lambda n: ["--positions", "constraint"],
                            question=lambda n: QUESTION + MORE * n, x=lambda n, trace: rows_of(trace))
        threads = self.curve("threads", "threads", [*range(1, (os.cpu_count() or 1) + 1)], lambda n: ["--threads", str(n)])
        questions = self.questions([1, 2, 4, 8])
        machine = json.loads(self.run("bench", "demo", "--json", "--quiet"))["machine"]
        return {"machine": machine, "dtype": self.options.dtype, "runs": self.options.runs, "curves": [layers, rows, prompt, questions, threads]}

    def run(self, *args: str) -> str:
        return subprocess.run([str(program()), *args], capture_output=True, text=True, check=True).stdout

    def timed(self, *args: str) -> tuple[float, str]:
        best, text = float("inf"), ""
        for _ in range(self.options.runs):
            start = time.perf_counter()
            text = self.run(*args)
            best = min(best, time.perf_counter() - start)
        return best, text

    def how(self) -> list[str]:
        dtype = ["--dtype", "bf16"] if self.options.dtype == "bf16" else []
        return ["--sites", "attn_out,mlp_out", "--quiet", *dtype]

    def curve(self, name: str, label: str, values: list[int], given, question=lambda _: QUESTION, x=lambda n, _: n) -> dict:
        points = []
        for n in values:
            more = given(n)
            if "--threads" not in more:
                more += ["--threads", str(self.options.threads)]
            seconds, text = self.timed("trace", str(self.model), "--image", str(self.picture), "--question", question(n), "--constraint",
                                       CONSTRAINT, "--json", *self.how(), *more)
            trace = json.loads(text)
            points.append({"x": x(n, trace), "seconds": seconds, "flop": trace["cost"]["flop"]})
            print(f"{name} {points[-1]['x']}: {seconds:.2f} s, {trace['cost']['flop'] / 1e9:.0f} GFLOP", flush=True)
        return {"name": name, "label": label, "points": points}

    def questions(self, counts: list[int]) -> dict:
        """Sweeps over so many questions about one picture: the paper's, each with another name in it."""
        points = []
        with tempfile.TemporaryDirectory() as folder:
            make_picture(500, 375, 1).save(Path(folder) / "picture.png")
            for n in counts:
                data, store = Path(folder) / f"{n}.jsonl", Path(folder) / f"{n}.db"
                data.write_text("".join(json.dumps(question(i)) + "\n" for i in range(n)))
                best = float("inf")
                for _ in range(self.options.runs):
                    store.unlink(missing_ok=True)
                    start = time.perf_counter()
                    self.run("sweep", str(self.model), str(data), "--method", "trace", "--include-wrong", "--store", str(store),
                             "--threads", str(self.options.threads), *self.how())
                    best = min(best, time.perf_counter() - start)
                points.append({"x": n, "seconds": best})
                print(f"questions {n}: {best:.2f} s", flush=True)
        return {"name": "questions", "label": "questions of a sweep about one picture", "points": points}


def question(i: int) -> dict:
    text = f"What is the {('capital', 'largest city', 'oldest town', 'main river')[i % 4]} of {CONSTRAINT}?" + " Now?" * (i // 4)
    start = text.index(CONSTRAINT)
    return {"id": str(i), "image": "picture.png", "question": text, "answers": ["Rome"], "source": "bench", "subject": str(i),
            "constraints": [{"kind": "visual", "text": CONSTRAINT, "start": start, "end": start + len(CONSTRAINT)}]}


def rows_of(trace: dict) -> int:
    return sum(token.get("count", 1) for token in trace["tokens"])


# ---------------------------------------------------------------------------------------------------------------
# The figure: a panel a curve, seconds from 0 up


WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 250, 210, 44, 30, 190, 130


def svg(result: dict) -> str:
    panels = [panel(curve, i) for i, curve in enumerate(result["curves"])]
    width = WIDTH * 3
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT * 2}" width="{width}" height="{HEIGHT * 2}" '
            f'font-family="sans-serif" font-size="10" fill="#222">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            + "".join(panels) + "</svg>\n")


def panel(curve: dict, i: int) -> str:
    points = curve["points"]
    right = max(p["x"] for p in points)
    left = 500 if curve["name"] == "prompt" else 0
    top = nice(max(p["seconds"] for p in points))

    def at(p):
        return (LEFT + PLOT_WIDTH * (p["x"] - left) / (right - left), TOP + PLOT_HEIGHT * (1 - p["seconds"] / top))

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points))
    out = [f'<g transform="translate({i % 3 * WIDTH},{i // 3 * HEIGHT})">',
           f'<text x="{LEFT}" y="{TOP - 12}" font-weight="bold">{curve["label"]}</text>']
    for k in range(3):
        y = TOP + PLOT_HEIGHT * (1 - k / 2)
        out += [f'<line x1="{LEFT}" x2="{LEFT + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
                f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{top * k / 2:g} s</text>']
    out.append(f'<polyline points="{line}" fill="none" stroke="#3b5b92" stroke-width="1.5"/>')
    for p in points:
        x, y = at(p)
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#3b5b92"><title>{p["x"]}: {p["seconds"]:.2f} s</title></circle>',
                f'<text x="{x:.1f}" y="{TOP + PLOT_HEIGHT + 14}" text-anchor="middle">{p["x"]}</text>']
    return "\n".join(out) + "\n</g>\n"


def nice(value: float) -> float:
    step = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return -(-value // step) * step


if __name__ == "__main__":
    sys.exit(main())
