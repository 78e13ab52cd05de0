"""What must hold between the program's own answers: replay and plain passes, threads, memory, repetition."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from . import program
from .cases import save_noise
from .compare import Comparison, compare_ask, compare_trace, compare_twins
from .oracle import SITES, Oracle, Request

BUDGETS = tuple(f"{size}M" for size in (1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64))


def invariants(oracle: Oracle, request: Request, work: Path):
    """Yields (name, function that returns a Comparison)."""
    rows, width = len(oracle.prompt(request).span(request.corrupt_span or "constraint")), oracle.decoder.config.hidden_size
    nothing = save_noise(work / f"zero-{rows}x{width}.npy", np.zeros((1, rows, width), np.float32))
    noisy = replace(request, corrupt=(), noise_file=nothing)

    def base(*extra):
        return program.trace(oracle.path, request, *oracle.options, *extra)

    def self_patch():
        """Noise of nothing: every cell sets a run's own activations, in full forward passes."""
        return _all_clean(program.trace(oracle.path, noisy, *oracle.options, "--naive"))

    def self_patch_replayed():
        return _all_clean(program.trace(oracle.path, noisy, *oracle.options))

    def undone():
        """All changed rows restored at layer 0's resid_pre: the clean run, to the bit."""
        whole = replace(request, sites=("resid_pre",), layers=(0, 1), group=True, direction="denoise",
                        window=1, radius=None, positions=_changed(request))
        return _all_clean(program.trace(oracle.path, whole, *oracle.options))

    yield "replay = --naive", lambda: compare_twins(base("--naive"), base(), exact=False)
    yield "1 thread = 2 threads", lambda: compare_twins(base("--threads", "1"), base("--threads", "2"), exact=True)
    yield "naive: 1 thread = 2 threads", lambda: compare_twins(
        base("--threads", "1", "--naive"), base("--threads", "2", "--naive"), exact=True)
    yield "small memory = large memory", lambda: _memory(base)
    yield "run = repeated run", lambda: compare_twins(base(), base(), exact=True)
    yield "own activations (naive) change no bit", self_patch
    yield "own activations (replay) change no bit", self_patch_replayed
    yield "changed rows restored at layer 0 = clean", undone
    yield "--verify 20", lambda: _verify(base("--verify", "20"))


def _changed(request: Request) -> str:
    """The span of every row that the request's corruption changes."""
    image = any(spec.startswith("image") for spec in request.corrupt)
    text = not request.corrupt or request.noise_file or any(not spec.startswith("image") for spec in request.corrupt)
    return "all" if image and text else "image" if image else request.corrupt_span or "constraint"


def _all_clean(found: dict) -> Comparison:
    """Every cell is the clean run's score, the same number."""
    result = Comparison()
    clean = found["clean"]["prob"]
    for site, grid in found["sites"].items():
        for row in grid["prob"]:
            for value in row:
                result.cells += 1
                result.probability(site, value, clean)
                if value != clean:
                    result.problems.append(f"{site}: {value!r} instead of the clean {clean!r}")
    return result


def _memory(base) -> Comparison:
    large = base("--memory", "4G")
    for budget in BUDGETS:
        try:
            small = base("--memory", budget)
        except program.ProgramError:
            continue                                        # too small to do anything: an error of its own
        result = compare_twins(large, small, exact=True)
        waves = [found["cost"].get("waves", "?") for found in (small, large)]
        result.note += f", {budget} against 4G, {waves[0]} and {waves[1]} waves"
        return result
    return Comparison(problems=["no budget of " + ", ".join(BUDGETS) + " was enough"])


def _verify(found: dict) -> Comparison:
    result = Comparison(cells=20)
    result.equal("verify.cells", found["verify"]["cells"], 20)
    result.worst = found["verify"]["max_rel_diff"]
    if not result.worst <= 1e-4:
        result.problems.append(f"verify.max_rel_diff is {result.worst}")
    return result


def file_as_folder(oracle: Oracle, request: Request) -> Comparison:
    """The same weights from a GGUF file and from a folder: the same numbers, bit for bit. (The span of a token of spaces alone
    hangs on the tokenizer's trim_offsets, of which such a file says nothing; and a picture's token id may be another.)"""
    file, folder = program.trace(oracle.path, request, *oracle.options), program.trace(oracle.folder, request)
    for trace in (file, folder):
        trace["tokens"] = [token.get("text") for token in trace["tokens"]]
    return compare_twins(file, folder, exact=True)


def greedy(oracle: Oracle, request: Request) -> Comparison:
    """`ask` against greedy decoding by full forward passes."""
    found = program.ask(oracle.path, request, *oracle.options, "--max-tokens", "12")
    return compare_ask(oracle, oracle.ask(request, 12), found, len(oracle.prompt(request).rows))


def traced(oracle: Oracle, request: Request) -> Comparison:
    found = program.trace(oracle.path, request, *oracle.options)
    return compare_trace(oracle, request, oracle.trace(request), found)
