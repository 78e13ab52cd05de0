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
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
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
    """Does what is not done yet, the most important first, some at a time, until the time is up. What hangs on trials
    shows up once they are done, so what is wanted is asked anew after each run."""
    end, begun = time.monotonic() + 60 * options.minutes, set()
    with ThreadPoolExecutor(options.jobs) as pool:
        running = set()
        while True:
            ready = ((plan, one) for plan, one in wanted(plans) if one not in begun and not plan.is_done(one))
            while len(running) < options.jobs and time.monotonic() < end and (next_one := next(ready, None)):
                begun.add(next_one[1])
                running.add(pool.submit(do, *next_one))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for job in done:
                job.result()                    # raises what ended the program
    progress("the time is up" if time.monotonic() > end else "all runs are done")


def do(plan, one):
    begun = time.monotonic()
    plan.do(one)
    refused = plan.problems.get(one)
    progress(f"{one}: {time.monotonic() - begun:.0f} s" + (f": {refused}" if refused else ""))


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
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of one thread each [2]")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so many [no end]")
    parser.add_argument("--only-write", action="store_true", help="edit nothing, write what is known")
    parser.add_argument("--no-write", dest="write", action="store_false", help="edit only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
