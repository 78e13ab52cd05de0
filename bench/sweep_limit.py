#!/usr/bin/env python3
"""What a sweep of traces takes, against its own floating-point work at the rate of this machine's products.

    python3 bench/sweep_limit.py MODEL DATASET [--limit 64] [--dtype f32] [--threads N] [--json FILE]

One process from start to exit into a new store: attn_out and mlp_out in all layers, at all rows of the text, of every question asked
(rightly answered or not). `patchbay bench MODEL` measures the rates before and after it; the better ones count. Rows of the data set are
taken evenly, every n-th, so that --limit of them stand for all. Printed are seconds a question, the ratio to (flop / rate of products of
ROWS rows of the model's shapes), and what a thousand questions would take. The flop are those of the traces alone: the greedy answers that a
sweep asks for, and its store, are in the time, not in the work. Needs Python's standard library only.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from full_size import ROWS, program, rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--limit", type=int, default=64)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    how = ["--threads", str(options.threads), "--quiet", *(["--dtype", "bf16"] if options.dtype == "bf16" else [])]
    with tempfile.TemporaryDirectory() as folder:
        data, store = Path(folder) / "questions.jsonl", Path(folder) / "results.db"
        pictures = choose(options, data)
        speed = products(options, how)
        start = time.perf_counter()
        run("sweep", options.model, data, "--method", "trace", "--sites", "attn_out,mlp_out", "--positions", "text", "--include-wrong",
            "--store", store, *how)
        seconds = time.perf_counter() - start
        speed = max(speed, products(options, how))
        questions, flop = sqlite3.connect(store).execute("select count(*), sum(flop) from result where status = 'done'").fetchone()
    result = {"questions": questions, "pictures": pictures, "seconds": seconds, "flop": flop, "gflops": speed / 1e9,
              "over_bound": seconds / (flop / speed), "minutes_of_a_thousand": seconds / questions * 1000 / 60}
    for name, value in result.items():
        print(f"{name:24} {value:.6g}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def choose(options: argparse.Namespace, to: Path) -> int:
    """Writes the rows, their pictures where they lie; returns how many pictures there are."""
    rows = [json.loads(line) for line in options.dataset.read_text(encoding="utf-8-sig").splitlines()]
    rows = [row for row in rows if row.get("image")]
    rows = rows[::max(1, len(rows) // options.limit)][:options.limit]
    for row in rows:
        row["image"] = str(options.dataset.resolve().parent / row["image"])
    to.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len({row["image"] for row in rows})


def products(options: argparse.Namespace, how: list[str]) -> float:
    return rate(json.loads(run("bench", options.model, "--json", *how)), options.dtype, ROWS)


def run(*args) -> str:
    return subprocess.run([str(program()), *map(str, args)], stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
