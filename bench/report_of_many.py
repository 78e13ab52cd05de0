"""How long a report takes: a store of made-up traces, as many as are asked for, summed up.

    python3 bench/report_of_many.py [--build build] [--questions 10000] [--subjects 250] [--layers 32]

Three sites, nine classes of tokens, probabilities and their logarithms: what sweeps of traces leave, without grids. Prints seconds, with
the processor's own beside them, and the size of what was written. The standard library only; tests/report/store_of_json of the build
makes the store, which is then filled by SQL (docs/store.md).
"""
import argparse
import json
import os
import random
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

SITES = ("attn_out", "mlp_out", "resid_post")
CLASSES = ("bos", "image", "before", "constraint_first", "constraint_middle", "constraint_last", "after", "last", "control")


def make_store(path, build, questions, subjects, layers):
    about = {"method": "trace", "model": {"family": "llava", "layers": layers}, "dataset": {"rows": questions, "digest": "made up"},
             "options": {"seed": 0, "corruption": ["swap:Paris"], "direction": "denoise", "window": {"kind": "centred", "size": 1}}}
    empty = path.with_suffix(".json")
    empty.write_text(json.dumps({"about": about, "questions": []}))
    subprocess.run([build / "tests/report/store_of_json", empty, path], check=True)
    r = random.Random(0)
    curves = [json.dumps([r.random() for _ in range(layers)]) for _ in range(3000)]
    windows = [[l, l] for l in range(layers)]
    detail = json.dumps({"layers": list(range(layers)), "sites": {s: {"restored": windows} for s in SITES}})
    with sqlite3.connect(path) as db:
        for i in range(questions):
            row = json.dumps({"constraints": [{"kind": "visual" if i % 3 else "textual"}]})
            db.execute("INSERT INTO question VALUES (?,?,?,?,?,?,?,?)",
                       (i, f"q{i}", f"S{i % subjects}", None, "capital", "What is its capital?", None, row))
            db.execute("INSERT INTO result VALUES (?,?,?,?,?,?,?,?,?,?)",
                       (i, "done", None, "Lisbon", i % 2, 0.5 + r.random() / 2, r.random() * 0.4, detail, 1.0, 1e9))
            db.executemany("INSERT INTO curve VALUES (?,?,?,?)", [(i, f"{s}/{m}", c, r.choice(curves)) for s in SITES
                                                                   for m in ("prob", "logprob") for c in CLASSES])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default="build")
    parser.add_argument("--questions", type=int, default=10000)
    parser.add_argument("--subjects", type=int, default=250)
    parser.add_argument("--layers", type=int, default=32)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, out = Path(folder) / "many.db", Path(folder) / "report"
        make_store(store, o.build, o.questions, o.subjects, o.layers)
        began, before = time.perf_counter(), os.times()
        subprocess.run([o.build / "patchbay", "report", store, "--out", out], check=True)
        spent = os.times()
        processor = spent.children_user + spent.children_system - before.children_user - before.children_system
        print(f"{o.questions} questions, {o.subjects} subjects, {store.stat().st_size / 1e6:.0f} MB: "
              f"{time.perf_counter() - began:.1f} s, {processor:.1f} s of processors")
        for file in sorted(out.iterdir()):
            print(f"  {file.name:20} {file.stat().st_size / 1e6:8.2f} MB")


if __name__ == "__main__":
    main()
