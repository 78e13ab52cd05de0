#!/usr/bin/env python3
"""What a question takes in `patchbay sweep` beside a command of its own, on one machine, in one run.

The rows are traced (or what --method says) one by one, each in a process from start to exit, and by one sweep, from start to exit,
into a new store. Compared is the processor time of all threads, which a busy machine changes little, and wall time. The sweep also
asks each question for its greedy answer, which single commands do not, and keeps its results; these print theirs and write no files.

    python3 bench/sweep_vs_single.py PROGRAM MODEL DATASET [--method trace|flow|knockout] [--limit N] [--threads 1] [--runs 3]
        [--json FILE] [-- OPTIONS]

OPTIONS are the method's, given to both ("--positions last --group"). In a text that ends in @FIELD ("--corrupt image:@swap_image")
that is the row's field of that name. Needs Python's standard library only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measured(work):
    """Processor and wall seconds of the processes that work() runs."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


def run(*args):
    subprocess.run([str(arg) for arg in args], stdout=subprocess.DEVNULL, check=True)


def filled_in(option, row, folder):
    """The option of one row: a sweep does so by itself."""
    text, at, field = option.partition("@")
    if not at:
        return option
    return text + str(folder / row[field] if text == "image:" else row[field])


def run_all(args, rows):
    for row in rows:
        given = ["--question", row["question"], "--json", "--quiet", "--threads", args.threads]
        given += [filled_in(option, row, args.dataset.parent) for option in args.options]
        for constraint in row.get("constraints", []):
            given += ["--constraint", constraint["text"]]
        if row.get("image"):
            given += ["--image", args.dataset.parent / row["image"]]
        if row.get("prefill"):
            given += ["--prefill", row["prefill"]]
        run(args.program, args.method, args.model, *given)


def sweep_all(args, store):
    run(args.program, "sweep", args.model, args.dataset, "--method", args.method, "--include-wrong", "--store", store, "--quiet",
        "--limit", args.limit, "--threads", args.threads, *args.options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--method", choices=("trace", "flow", "knockout"), default="trace")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:end])
    args.options = sys.argv[end + 1:]
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    rows = [json.loads(line) for line in args.dataset.read_text().splitlines()[:args.limit]]
    single, swept = [], []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.runs):
            single.append(measured(lambda: run_all(args, rows)))
            swept.append(measured(lambda: sweep_all(args, Path(folder) / f"{i}.db")))
    result = {"method": args.method, "questions": len(rows), "pictures": len({row.get("image") for row in rows}), "threads": args.threads}
    for k, what in enumerate(("processor", "wall")):
        a, b = (min(run[k] for run in runs) / len(rows) for runs in (single, swept))
        result[what] = {"single": a, "sweep": b, "ratio": b / a}
        print(f"{what} seconds a question: {a:.3f} by itself, {b:.3f} in the sweep, {b / a:.2f} of it")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
