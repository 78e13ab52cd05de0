"""How far --dtype bf16 drifts from float32 over the cells of a trace, beside HF's own bfloat16.

HF's drift is that of model.to(bfloat16), with eager attention and plain hooks, cell by cell. The program's must be no
worse, in its largest and in its root mean square over all cells of all checkpoints: it rounds what products multiply, as
HF does, but keeps the residual stream, norms, softmax and logits in float32. Drift is log P(answer) less float32's, of
the same answer token. Cells of one question drift together, so that one checkpoint's are a matter of luck: HF's may be
exceeded there by half.

    python -m parity.bf16_compare MODEL [--positions SPANS] QUESTION@CONSTRAINT[@PICTURE] ...

does it for questions to a model with real weights, where float32 is the program's own (which scripts/parity holds to
HF's within 1e-4), and prints a table.
"""

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from . import program
from .cases import CAPITAL, FOREIGN, PLAIN, TWO
from .compare import Comparison
from .families import Composed
from .oracle import SITES, Oracle, Request

NAME = "bf16: drift beside HF's"
LUCK = 1.5


class RoundedOracle(Oracle):
    """As its base, all of it in bfloat16."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.model.to(torch.bfloat16)

    def pixels(self, picture: str | Path) -> torch.Tensor:
        return super().pixels(picture).to(torch.bfloat16)


@dataclass
class Drift:
    """Of some cells: the differences of log P(answer) from float32's."""
    values: np.ndarray

    @staticmethod
    def of_all(drifts: list["Drift"]) -> "Drift":
        return Drift(np.concatenate([drift.values for drift in drifts]))

    @property
    def most(self) -> float:
        return float(np.abs(self.values).max())

    @property
    def rms(self) -> float:
        return float(np.sqrt(np.mean(self.values ** 2)))


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function that returns a Comparison, command that shows the program's side)."""
    if oracle.only or oracle.path != oracle.folder or isinstance(oracle.model, Composed):
        return
    asked = [replace(PLAIN, sites=SITES), replace(FOREIGN, positions="constraint,last"), replace(PLAIN, positions="last", direction="noise")]
    if oracle.multimodal:
        asked += [replace(CAPITAL, image=str(pictures / "wide.png"), sites=SITES),
                  replace(TWO, image=str(pictures / "photo.jpg"), positions="constraint,last"),
                  replace(CAPITAL, image=str(pictures / "square.png"), positions="constraint,last", template="paper")]
    command = program.trace_command(oracle.path, asked[-1], *oracle.options, "--dtype", "bf16")
    yield NAME, lambda: drifted(oracle, asked), command


def drifted(oracle: Oracle, asked: list[Request]) -> Comparison:
    result = Comparison()
    rounded = RoundedOracle(oracle.folder)
    drifts = [_beside(result, oracle, rounded, request) for request in asked]
    result.drift = tuple(Drift.of_all(list(side)) for side in zip(*drifts))
    _compare(result, *result.drift, LUCK)
    return result


def _beside(result: Comparison, oracle: Oracle, rounded: RoundedOracle, request: Request) -> tuple[Drift, Drift]:
    """The program's drift, and HF's."""
    trace = oracle.trace(request)
    exact = log_probabilities_of(trace)
    request = replace(request, answer_id=trace.answer[0])
    found = program.trace(oracle.path, request, *oracle.options, "--dtype", "bf16")
    result.equal("model.dtype", found["model"]["dtype"], "bf16")
    return Drift(log_probabilities(found, request) - exact), Drift(log_probabilities_of(rounded.trace(request)) - exact)


def together(results: list[Comparison]) -> Comparison:
    """Of all checkpoints' comparisons that have a drift, without allowance."""
    result = Comparison()
    drifts = [found.drift for found in results if found.drift]
    if drifts:
        _compare(result, *(Drift.of_all(list(side)) for side in zip(*drifts)), 1)
    return result


def _compare(result: Comparison, ours: Drift, theirs: Drift, allowance: float) -> None:
    result.cells += len(ours.values)
    result.note = f"log P: rms {ours.rms:.1e}, most {ours.most:.1e}; HF's {theirs.rms:.1e}, {theirs.most:.1e}"
    for what, found, allowed in (("root mean square", ours.rms, theirs.rms), ("largest", ours.most, theirs.most)):
        if not found <= allowance * allowed:
            result.problems.append(f"the {what} drift is {found:.3g}, HF's is {allowed:.3g}")


def log_probabilities_of(trace) -> np.ndarray:
    """Of the clean run, the corrupted one, and all cells of the oracle's trace."""
    cells = [scores.logprob for grid in trace.grids.values() for row in grid for scores in row]
    return np.array([trace.clean.logprob, trace.corrupted.logprob, *cells])


def log_probabilities(found: dict, request: Request) -> np.ndarray:
    """The same of trace.json."""
    cells = [value for site in request.sites for row in found["sites"][site]["logprob"] for value in row]
    return np.array([found["clean"]["logprob"], found["corrupted"]["logprob"], *cells])


# -- real weights -----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m parity.bf16_compare", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("questions", nargs="+", metavar="QUESTION@CONSTRAINT[@PICTURE]")
    parser.add_argument("--positions", default="constraint,last")
    parser.add_argument("--sites", default="attn_out,mlp_out")
    parser.add_argument("--swap", default="Paris")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rounded = RoundedOracle(options.model)
    ours, theirs = [], []
    print("| question | cells | HF bfloat16: rms, largest | patchbay bf16: rms, largest |\n|---|---|---|---|")
    for text in options.questions:
        question, constraint, *picture = text.split("@")
        request = Request(question, constraints=(constraint,), image=picture[0] if picture else None,
                          corrupt=(f"swap:{options.swap}",), sites=tuple(options.sites.split(",")), positions=options.positions)
        own, hf = _of_question(rounded, request)
        _print(f"{question}{' ' + Path(picture[0]).stem if picture else ''}", own, hf)
        ours.append(own)
        theirs.append(hf)
    _print("all", Drift.of_all(ours), Drift.of_all(theirs))


def _of_question(rounded: RoundedOracle, request: Request) -> tuple[Drift, Drift]:
    found = program.trace(rounded.folder, request)
    request = replace(request, answer_id=found["answer"]["id"])
    exact = log_probabilities(found, request)
    own = log_probabilities(program.trace(rounded.folder, request, "--dtype", "bf16"), request)
    return Drift(own - exact), Drift(log_probabilities_of(rounded.trace(request)) - exact)


def _print(name: str, ours: Drift, theirs: Drift) -> None:
    print(f"| {name} | {len(ours.values)} | {theirs.rms:.4f}, {theirs.most:.4f} | {ours.rms:.4f}, {ours.most:.4f} |", flush=True)


if __name__ == "__main__":
    main()
