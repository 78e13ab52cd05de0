"""`patchbay attribute`: which requests are compared, and its estimates against autograd's, its exact cells against `trace`'s."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import program
from .attribute_oracle import Attributor, Estimated
from .compare import RELATIVE, Comparison, compare_references
from .oracle import Oracle, Request

USUAL = 10             # cells that are run where nothing is said
ROUNDED = 1e-7         # what nine digits leave of a logprob
STEPS = {"swap": (None, 3), "noise of 3 samples": (None, 2), "another image": (None, 2), "whole answer": (None, 4)}
ONCE = ("swap, noise direction", "swap-phrase, foil", "noise of 2 samples, noise direction", "another image, noise direction",
        "image noise and seeded noise", "swap and row mean", "groups", "groups, noise direction", "whole answer, image and noise",
        "raw prompt", "text: swap", "text: swap, noise direction", "text: noise of 3 samples", "text: groups", "text: whole answer")
WHOLE = ("swap", "groups, noise direction", "text: swap, noise direction")             # --exact all
HEADS = ("swap", "swap, noise direction", "noise of 3 samples", "groups", "text: whole answer")
ON_THE_WAY = ("noise of 2 samples, noise direction", "text: whole answer")             # --ig 2 too


def checks(oracle: Oracle, made: dict[str, Request]):
    """Yields (name, function that returns a Comparison, command) of the requests made that are estimated too."""
    attributor = Attributor(oracle)
    for name, request in made.items():
        if oracle.only and name != next(iter(made)):       # a file's reader, not the method, is what such a checkpoint is for
            continue
        steps = STEPS.get(name, (None,) + (2,) * (name in ON_THE_WAY)) if name in STEPS or name in ONCE or oracle.only else ()
        for count in steps:
            extra = ("--ig", str(count)) if count else ()
            extra += ("--exact", "all") if name in WHOLE and not count else ()
            yield f"attribute: {' '.join((name, *extra))}", _check(attributor, request, count, extra), command(oracle, request, *extra)
        if name in HEADS and not oracle.only:
            heads = replace(request, sites=("head_out",))
            yield f"attribute: {name}, heads", _check(attributor, heads, None, ()), command(oracle, heads)


def _check(attributor: Attributor, request: Request, steps: int | None, extra: tuple[str, ...]) -> Callable[[], Comparison]:
    return lambda: attributed(attributor, request, steps, extra)


def command(oracle: Oracle, request: Request, *extra: str) -> list[str]:
    return [str(program.program()), "attribute", str(oracle.path), *oracle.options, *request.options(), "--json", "--quiet", *extra]


def attributed(attributor: Attributor, request: Request, steps: int | None, extra: tuple[str, ...]) -> Comparison:
    oracle = attributor.oracle
    found = program.run(command(oracle, request, *extra))
    result = compare_estimates(oracle, request, attributor.estimate(request, steps), steps, found)
    if not result.problems:
        compare_exact(result, found, program.trace(oracle.path, request, *oracle.options), whole="all" in extra)
    return result


def compare_estimates(oracle: Oracle, request: Request, expected: Estimated, steps: int | None, found: dict) -> Comparison:
    result = Comparison()
    try:
        compare_references(result, oracle, request, expected.frame, found, "patchbay.attribute/1")
        result.equal("ig", found["ig"], steps)
        result.equal("sites", sorted(found["sites"]), sorted(expected.grids))
        largest = max(float(np.abs(np.array(grid) - expected.base).max()) for grid in expected.grids.values())
        for site, grid in expected.grids.items():
            grids = found["sites"][site]
            result.equal(f"{site}.restored", [tuple(pair) for pair in grids["restored"]], expected.frame.restored)
            result.equal(f"{site}.estimate's shape", np.array(grids["estimate"]).shape, np.array(grid).shape)
            for (at, one), (_, other) in zip(_cells(grids["estimate"]), _cells(grid), strict=True):
                result.cells += 1
                result.close(f"{site}.estimate{list(at)}", one, other, RELATIVE * max(1.0, largest))
                result.worst = max(result.worst, abs(one - other) / max(1.0, largest))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        result.problems.append(f"attribute.json is not of the documented form: {type(error).__name__} {error}")
    return result


def compare_exact(result: Comparison, found: dict, traced: dict, whole: bool) -> None:
    """Cells that were run are a trace's, bit for bit, and those of the largest estimates; all others have none."""
    base = found["corrupted" if found["direction"] == "denoise" else "clean"]["logprob"]
    sizes, run = [], []
    for site, grids in found["sites"].items():
        for name in set(grids) - {"estimate", "restored", "spearman"}:
            triples = zip(_cells(grids[name]), _cells(grids["prob"]), _cells(traced["sites"][site][name]), strict=True)
            for (at, value), (_, prob), (_, exact) in triples:
                if (value is None) != (prob is None):
                    result.problems.append(f"{site}.{name}{list(at)} is {value}, prob {prob}")
                elif value is not None:
                    result.equal(f"{site}.{name}{list(at)}", value, exact)
        sizes += [abs(value - base) for _, value in _cells(grids["estimate"])]
        run += [value is not None for _, value in _cells(grids["prob"])]
    sizes, run = np.array(sizes), np.array(run)
    result.equal("how many cells were run", int(run.sum()), len(run) if whole else min(USUAL, len(run)))
    result.equal("exact", found["exact"], int(run.sum()))
    if not run.all() and not sizes[run].min() >= sizes[~run].max() - ROUNDED:
        result.problems.append(f"a cell of {sizes[~run].max()} was not run, one of {sizes[run].min()} was")
    result.equal("whether there is a Spearman", "spearman" in found, bool(run.all()))
    if run.all():
        _compare_spearman(result, found, base)


def _compare_spearman(result: Comparison, found: dict, base: float) -> None:
    """From the numbers found; they have nine digits, so that small changes may tie."""
    pairs = {site: [np.array(grids[name]).ravel() - base for name in ("estimate", "logprob")] for site, grids in found["sites"].items()}
    together = [np.concatenate([pair[i] for pair in pairs.values()]) for i in (0, 1)]
    for what, value, pair in [("all", found["spearman"], together)] + [(s, found["sites"][s]["spearman"], pairs[s]) for s in pairs]:
        ranks = [_ranks(values) for values in pair]
        if any(r.std() == 0 for r in ranks):
            result.equal(f"spearman of {what}", value, None)
        else:
            result.close(f"spearman of {what}", value, float(np.corrcoef(*ranks)[0, 1]), 0.03)


def _cells(grid: list) -> list[tuple[tuple[int, ...], float | None]]:
    """[layer][cell] (of head_out [layer][cell][head]) as a list of places and values."""
    return list(np.ndenumerate(np.array(grid, dtype=object)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values have the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]
