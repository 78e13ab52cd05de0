"""The paper's study of any model over any data set, in one command.

    scripts/replicate MODEL DATASET [--out replicate] [--limit 100]

sweeps what settings.py lists, with build/patchbay, into stores in --out, makes their reports, and writes README.md and
results.json there: for each claim what the paper found and what is found here. Stopped, the same command goes on where it was;
--minutes begins no sweep after so long, --only-write takes what is there. --docs writes the section of docs/replication.md that
tells of it, for the study of the model that this project ships.
"""
import argparse
import csv
import json
import sys
import time
from pathlib import Path

from . import document, page, questions, settings, statistics
from .program import Program, say

ROOT = Path(__file__).resolve().parents[2]


def main():
    options = read_options()
    program = Program(options.program, options.model, options)
    parts = questions.parts(options.dataset)
    folder = options.out / "questions"
    files = questions.write(parts, folder)
    layers = program.layers()
    plan = settings.sweeps(layers, phrase(parts["textual"]), target(parts["edits"]))
    end = time.monotonic() + 60 * options.minutes
    if not options.only_write and sweep(program, settings.ASKED, files, options, end):
        files |= questions.write(questions.right_of(parts, right(options)), folder)
        sweep(program, plan, files, options, end)
    plan = [*settings.ASKED, *plan]
    made = make_reports(program, plan, options)
    found = collect(program, parts, layers, options) | {"reports": made}
    document.write(options.out / "results.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    document.write(options.out / "README.md", page.text(found))
    if options.docs:
        document.publish(found, options.out, ROOT)
    say(f"see {options.out}/README.md")
    return 0


def phrase(textual):
    """The counterfactual phrase: the row's own, where rows bring one."""
    return "@swap" if textual and all(isinstance(row.get("swap"), str) for row in textual) else "@other"


def target(edits):
    """What edits write: the row's own target, else another question's answer."""
    return () if edits and all(row.get("target") for row in edits) else ("--target", "@other")


def store_of(options, name):
    return options.out / "stores" / f"{name}.db"


def right(options):
    """By part, the questions that are answered rightly."""
    stores = {one.part: store_of(options, one.name) for one in settings.ASKED}
    return {part: statistics.Store(path).right() if path.exists() else set() for part, path in stores.items()}


def sweep(program, plan, files, options, end):
    """Whether all that could be begun came to their end."""
    (options.out / "stores").mkdir(parents=True, exist_ok=True)
    well = True
    for one in plan:
        if one.part not in files:
            program.problems.append(f"{one.name}: there are no such questions")
        elif time.monotonic() >= end:
            program.problems.append(f"{one.name}: not begun, the time was up")
            well = False
        else:
            well &= program.sweep(one, files[one.part], store_of(options, one.name))
    return well


def make_reports(program, plan, options):
    """The names of those that are there."""
    there = [one.name for one in plan if store_of(options, one.name).exists()]
    made = []
    for name, stores, contrast in settings.reports(there):
        stores = [s for s in stores if s in there]
        if stores and (not contrast or len(stores) == 2) and \
                program.report(name, [store_of(options, s) for s in stores], contrast, options.out / "reports" / name):
            made.append(name)
    return made


def collect(program, parts, layers, options):
    names = {n for claim in settings.CLAIMS for n in (claim.a, claim.b) if n}
    stores = {n: statistics.Store(store_of(options, n)) for n in sorted(names) if store_of(options, n).exists()}
    claims = []
    for claim in settings.CLAIMS:
        say(f"claim {claim.key}")
        claims.append(statistics.judge(claim, stores))
    return {"schema": "patchbay.replicate/1", "model": options.model.name or str(options.model), "layers": layers,
            "dataset": options.dataset.name, "questions": {name: len(rows) for name, rows in parts.items()}, "ask_limit": options.ask_limit,
            "limit": options.limit, "grid_limit": options.grid_limit, "edit_limit": options.edit_limit, "seed": options.seed,
            "claims": claims, "answers": answers(options),
            "figures": [[f.report, f.file] for f in settings.FIGURES if (options.out / "reports" / f.report / f.file).exists()],
            "edits": edits(options.out / "reports/edits/edit.csv"), "problems": program.problems}


def answers(options):
    """By part, by relation: [asked, right]."""
    stores = ((one.part, store_of(options, one.name)) for one in settings.ASKED)
    return {part: {relation or "": counts for relation, counts in statistics.Store(path).answered().items()}
            for part, path in stores if path.exists()}


def edits(path):
    """A row of edit.csv each method, layer and metric of the table: [mean, low, high], None where there is no interval."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{"method": row["method"], "layer": row["layer"], "metric": row["metric"], "edits": int(row["questions"]),
                 "value": [float(row[end]) if row[end] else None for end in ("mean", "low", "high")]}
                for row in csv.DictReader(file) if row["metric"] in settings.EDIT_METRICS]


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/replicate", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="a checkpoint's folder, a GGUF file, or demo")
    parser.add_argument("dataset", type=Path, help="a file of questions; requests.jsonl beside it, where it is, holds those of edits")
    parser.add_argument("--out", type=Path, default=Path("replicate"), help="stores, reports, README.md [replicate]")
    parser.add_argument("--limit", type=int, default=100, help="questions of each other sweep; 0: all [100]")
    parser.add_argument("--ask-limit", type=int, default=1000, help="questions asked to find those that are answered rightly, and flows [1000]")
    parser.add_argument("--grid-limit", type=int, default=30, help="the same of full grids, which cost many times what others do [30]")
    parser.add_argument("--edit-limit", type=int, default=40, help="the same of edits [40]")
    parser.add_argument("--seed", type=int, default=settings.SEED)
    parser.add_argument("--jobs", type=int, default=1, help="MPI ranks, by mpirun [1: none]")
    parser.add_argument("--threads", type=int, help="of each run [all]")
    parser.add_argument("--template", help="of the questions [the model's own]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/patchbay")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no sweep after so many [no end]")
    parser.add_argument("--only-write", action="store_true", help="sweep nothing, report what is there")
    parser.add_argument("--docs", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
