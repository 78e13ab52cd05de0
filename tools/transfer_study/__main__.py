"""How the picture reaches the answer: flows and cuts of many countries, on the flags model and on the demo model.

    scripts/transfer-study [--models flags demo] [--work build-replication/transfer]

runs what settings.py lists, with build/patchbay, and writes tools/transfer_study/results.json, docs/pictures/transfer.svg and
a section of docs/replication.md. Every run is kept in --work: stopped, the study goes on where it was.
"""
import argparse
import sys
from pathlib import Path

from replication import pictures
from replication.program import Program, each
from replication.questions import countries

from . import results, settings
from .plan import Plan

ROOT = Path(__file__).resolve().parents[2]


def main():
    options = read_options()
    everyone = countries(ROOT / "models/flags/facts.json")
    shown = pictures.ready(options.pictures, sorted(c.key for c in everyone))
    plans = []
    for model in settings.MODELS:
        if model.name in options.models:
            program = Program(options.program, ROOT / model.path, options.work / model.name)
            plans.append(Plan(model, program, everyone, shown))
            plans[-1].begin(progress)
            if not options.only_write:
                run(plans[-1], options.jobs)
    results.write(plans, ROOT)
    return 0


def run(plan, jobs):
    waiting = [one for one in plan.runs() if not plan.is_done(one)]
    each(plan.do, waiting, jobs)
    for one, said in plan.problems.items():
        progress(f"{one}: {said}")
    progress(f"{plan.model.name}: {len(waiting)} runs done")


def progress(line):
    print(f"transfer: {line}", file=sys.stderr, flush=True)


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/transfer-study", description=__doc__.split("\n")[0])
    names = [model.name for model in settings.MODELS]
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--pictures", type=Path, default=ROOT / "build-replication/pictures",
                        help="of each country KEY.png [drawn there]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/patchbay")
    parser.add_argument("--work", type=Path, default=ROOT / "build-replication/transfer", help="where runs are kept")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of one thread each [2]")
    parser.add_argument("--only-write", action="store_true", help="run nothing, write what is known")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
