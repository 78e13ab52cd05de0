"""The study of edits: MultEdit at two kinds of keys and fine-tuning, each tuned on other countries than those reported.

    scripts/edit-study [--models flags demo] [--work build-replication/edits]

runs what settings.py lists, with build/patchbay, and writes tools/edit_study/results.json, the figures
docs/pictures/edits-*.svg and the section "Edits" of docs/replication.md. Every run of the program is kept in --work,
so that a study that was stopped, or cut short by --minutes, goes on where it was; --only-write takes what is there.
"""
import argparse
import json
import sys
import time
from pathlib import Path

from replication import pictures
from replication.questions import countries

from . import results, settings
from .plan import Plan, wanted
from .runs import Runs

ROOT = Path(__file__).resolve().parents[2]


def main():
    options = read_options()
    everyone = countries(ROOT / "models/flags/facts.json")
    records = {r["key"]: r for r in json.loads((ROOT / "models/flags/facts.json").read_text(encoding="utf-8"))}
    shown = pictures.ready(options.pictures, sorted(c.key for c in everyone))
    plans = {}
    for model in settings.MODELS:
        if model.name in options.models:
            runs = Runs(options.program, ROOT / model.path, options.work)
            plans[model.name] = Plan(model, runs, everyone, records, shown)
            plans[model.name].begin(progress)
    if not options.only_write:
        run(plans, options)
    if options.write:
        results.write(plans, ROOT)
    return 0


def run(plans, options):
    """Does what is not done yet, the most important first, until the time is up."""
    end = time.monotonic() + 60 * options.minutes
    for plan, one in wanted(plans):
        if time.monotonic() > end:
            return progress("the time is up")
        if not plan.is_done(one):
            begun, before = time.monotonic(), len(plan.problems)
            plan.do(one)
            refused = "".join(f": {problem}" for problem in plan.problems[before:])
            progress(f"{one}: {time.monotonic() - begun:.0f} s{refused}")
    progress("all runs are done")


def progress(line):
    print(f"edits: {line}", file=sys.stderr, flush=True)


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/edit-study", description=__doc__.split("\n")[0])
    names = [model.name for model in settings.MODELS]
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--pictures", type=Path, default=ROOT / "build-replication/pictures",
                        help="of each country KEY.png [drawn there]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/patchbay")
    parser.add_argument("--work", type=Path, default=ROOT / "build-replication/edits", help="where runs are kept")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so many [no end]")
    parser.add_argument("--only-write", action="store_true", help="edit nothing, write what is known")
    parser.add_argument("--no-write", dest="write", action="store_false", help="edit only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
