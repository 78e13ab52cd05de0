"""The paper's first result, replicated: which layers bring a constraint back, in visual and in textual questions.

    scripts/replication [--model models/flags/assembled] [--work build-replication]

asks and traces what settings.py lists, with build/patchbay, and writes tools/replication/results.json, the figures
docs/pictures/replication-*.svg and docs/replication.md. Every run of the program is kept in --work, so that a study that was
stopped, or cut short by --minutes, goes on where it was; --only-write takes what is there.
"""
import argparse
import sys
import time
from pathlib import Path

from . import pictures, results, settings
from .plan import Plan
from .program import Program, each
from .questions import Questions, countries

ROOT = Path(__file__).resolve().parents[2]


def main():
    options = read_options()
    everyone = countries(options.countries)
    program = Program(options.program, options.model, options.work)
    shown = pictures.ready(options.pictures or options.work / "pictures", sorted(c.key for c in everyone))
    plan = Plan(program, Questions(options.model, shown, everyone), options.conditions)
    plan.find_right(options.jobs, progress)
    if not options.only_write:
        run(plan, options)
    if options.write:
        results.write(plan, ROOT)
    return 0


def run(plan, options):
    """Does what is not done yet, the most important first, until the time is up."""
    end = time.monotonic() + 60 * options.minutes
    waiting = [job for job in plan.jobs() if not plan.is_done(job)]
    seconds, done = time.monotonic(), 0

    def one(job):
        nonlocal done
        if time.monotonic() < end:
            plan.do(job)
            done += 1
            rate = (time.monotonic() - seconds) / done
            progress(f"{done} of {len(waiting)} traces, {rate:.1f} s each: {job}")

    each(one, waiting, options.jobs)
    progress(f"{len(waiting) - done} traces are left" if done < len(waiting) else "all traces are done")


def progress(line):
    print(f"replication: {line}", file=sys.stderr, flush=True)


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/replication", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models/flags/assembled", help="the checkpoint [models/flags/assembled]")
    parser.add_argument("--countries", type=Path, default=ROOT / "models/flags/facts.json",
                        help="what is true of the countries [models/flags/facts.json]")
    parser.add_argument("--pictures", type=Path, help="of each country KEY.png [drawn into the work folder]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/patchbay")
    parser.add_argument("--work", type=Path, default=ROOT / "build-replication", help="where runs are kept")
    parser.add_argument("--conditions", nargs="+", choices=settings.CONDITIONS, default=settings.CONDITIONS)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, of one thread each [2]")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no trace after so many [no end]")
    parser.add_argument("--only-write", action="store_true", help="trace nothing, write what is known")
    parser.add_argument("--no-write", dest="write", action="store_false", help="trace only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
