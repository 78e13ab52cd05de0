"""python -m parity: makes the checkpoints, checks the oracle, then the program against it. scripts/parity runs it."""

import argparse
import multiprocessing
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers

from . import (attribute_compare, attribute_identities, bf16_compare, checkpoints, dump_compare, edit_compare, edit_identities,
               flagqa_check, flow_compare, gguf_models, identities, invariants, knockout_compare, lens_compare, multimodal_files, program,
               sentencepiece_check, torch_files, tower_compare)
from .cases import CAPITAL, FOREIGN, PLAIN, cases
from .checkpoints import end_early
from .compare import Comparison
from .edit_cases import edit_cases
from .edit_kept import Kept
from .edit_oracle import Editor
from .oracle import Oracle, Request
from .pictures import make_pictures

FLAGS = "/usr/share/iso-flags-png-320x240"
MAKERS = (checkpoints, multimodal_files, gguf_models, torch_files)        # modules with oracles(work) -> {name: Oracle}, a checkpoint each


@dataclass
class Line:
    """One line of the report."""
    checkpoint: str
    case: str
    result: Comparison
    seconds: float


def main() -> int:
    options = _options()
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))        # the program's
    os.environ["OMP_WAIT_POLICY"] = "passive"
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    options.work.mkdir(parents=True, exist_ok=True)
    pictures = make_pictures(options.work / "pictures")
    oracles = {name: oracle for module in MAKERS for name, oracle in module.oracles(options.work).items()}
    count = identities.check_shared(next(iter(oracles.values())))
    count += sum(_for_each(_identities, oracles, pictures, options))
    print(f"oracle: {count} identities hold", flush=True)
    if options.identities:
        return 0
    if not program.program().exists():
        print(f"{program.program()} is not there: build it with scripts/test, or name it in PATCHBAY", file=sys.stderr)
        return 1
    lines = sum(_for_each(_checkpoint, oracles, pictures, options), []) + _tokenizers(options) + _flagqa(options)
    lines += _drift_of_all(lines)
    if options.markdown:
        options.markdown.write_text(_markdown(lines))
    failed = sum(bool(line.result.problems) for line in lines)
    print(f"{len(lines) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/parity", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose 'checkpoint case' contains this")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the results as Markdown tables")
    parser.add_argument("--work", type=Path, default=program.ROOT / "build" / "parity", metavar="DIR",
                        help="where checkpoints and pictures are made (default build/parity)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="checkpoints compared at a time (default: one a core)")
    parser.add_argument("--identities", action="store_true", help="check the oracle alone")
    return parser.parse_args()


def _for_each(work, oracles: dict[str, Oracle], pictures: Path, options: argparse.Namespace) -> list:
    """work(name, oracle, pictures, options) of every checkpoint, `options.jobs` at a time, each in a process of its own.
    The children have what is loaded here; torch's threads would not survive the fork, so there is only one."""
    if options.jobs == 1:
        return [work(name, oracle, pictures, options) for name, oracle in oracles.items()]
    with multiprocessing.get_context("fork").Pool(options.jobs, _share, (work, oracles, pictures, options)) as pool:
        return list(pool.imap(_of_checkpoint, oracles))


def _share(*shared) -> None:
    global _shared
    _shared = shared


def _of_checkpoint(name: str):
    work, oracles, pictures, options = _shared
    return work(name, oracles[name], pictures, options)


def _identities(name: str, oracle: Oracle, pictures: Path, options: argparse.Namespace) -> int:
    return (identities.check_checkpoint(oracle, pictures) + edit_identities.check_checkpoint(oracle, pictures)
            + attribute_identities.check_checkpoint(oracle, pictures) + knockout_compare.check_oracle(oracle, pictures))


def _checkpoint(name: str, oracle: Oracle, pictures: Path, options: argparse.Namespace) -> list[Line]:
    """Runs all of one checkpoint's cases, printing as it goes."""
    lines = []
    for case, check, command in _checks(oracle, pictures, options.work):
        if options.only not in f"{name} {case}":
            continue
        start = time.monotonic()
        try:
            result = check()
        except program.ProgramError as error:
            result = Comparison(problems=[str(error)])
        line = Line(name, case, result, time.monotonic() - start)
        _print(line, command)
        lines.append(line)
    return lines


def _checks(oracle: Oracle, pictures: Path, work: Path):
    """Yields (name, function, command that shows the program's side) of everything asked of one checkpoint."""
    made = {case.name: case.request for case in cases(oracle, pictures, work)}
    for name, request in made.items():
        yield name, lambda r=request: invariants.traced(oracle, r), _shown(oracle, request)
        if oracle.path != oracle.folder:
            yield f"{name}: file = folder", lambda r=request: invariants.file_as_folder(oracle, r), _shown(oracle, request)
    chosen = ("swap", "another image and noise", "whole answer") if oracle.multimodal else ("text: swap", "text: noise of 3 samples")
    for name in chosen if not oracle.only else ():
        for what, check in invariants.invariants(oracle, made[name], work):
            yield f"{name}: {what}", check, _shown(oracle, made[name])
    yield from attribute_compare.checks(oracle, made)
    yield from flow_compare.checks(oracle, pictures)
    yield from lens_compare.checks(oracle, pictures)
    yield from dump_compare.checks(oracle, pictures)
    yield from knockout_compare.checks(oracle, pictures)
    yield from tower_compare.checks(oracle, pictures)
    yield from bf16_compare.checks(oracle, pictures)
    yield from _questions(oracle, pictures, work)
    yield from _edits(oracle, pictures, work)


def _shown(oracle: Oracle, request: Request) -> list[str]:
    return program.trace_command(oracle.path, request, *oracle.options)


def _questions(oracle: Oracle, pictures: Path, work: Path):
    """`ask`, with and without a picture, and stopping at EOS."""
    asked = [PLAIN, replace(FOREIGN, template=None)]
    if oracle.multimodal:
        asked += [replace(CAPITAL, image=str(pictures / "tall.png"))]
    for request in asked:
        name = "ask: " + ("picture" if request.image else request.question[:20])
        yield name, lambda r=request: invariants.greedy(oracle, r), ["patchbay", "ask", str(oracle.path), *oracle.options, request.question]
    if oracle.path != oracle.folder:                       # a file that says itself what ends an answer
        return

    def stops(request=asked[-1]):
        ids, _ = oracle.ask(request, 12)
        return invariants.greedy(Oracle(end_early(oracle.folder, work, ids[3]), options=oracle.options), request)

    yield "ask: stops at EOS", stops, ["patchbay", "ask", str(work / (oracle.folder.name + "-eos")), asked[-1].question]


def _edits(oracle: Oracle, pictures: Path, work: Path):
    """`edit`, and what its results are saved as."""
    editor = Editor(oracle)
    for case in edit_cases(editor, pictures):
        command = edit_compare.command(oracle, case, work)
        yield case.name, lambda c=case: edit_compare.edited(editor, c, work), command
        if case.kept:
            for what, check in Kept(editor, case, work).checks():
                yield f"{case.name}: {what}", check, command


def _tokenizers(options: argparse.Namespace) -> list[Line]:
    """A share of the tokenizers' own comparison: cells are strings."""
    lines = []
    tokenize = str(program.program().parent / "tests" / "text" / "tokenize_lines")
    case = "strings as tokens"
    for name in sentencepiece_check.NAMES:
        if options.only not in f"{name} {case}":
            continue
        start = time.monotonic()
        compared, _, problems = sentencepiece_check.differences(tokenize, name, 2000, seed=2)
        line = Line(name, case, Comparison(cells=compared, problems=problems), time.monotonic() - start)
        _print(line, [tokenize, name])
        lines.append(line)
    return lines


def _flagqa(options: argparse.Namespace) -> list[Line]:
    """FlagQA's answers beside the packages' own records: cells are questions."""
    name, case, folder = "flagqa", "answers beside countryinfo and pycountry", options.work / "flagqa"
    if options.only not in f"{name} {case}":
        return []
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    command = [str(program.program()), "dataset", "generate", "flagqa", "--flags", FLAGS, "--out", str(folder), "--quiet", "--json"]
    try:
        program.run(command)
        count, problems = flagqa_check.problems(folder / "flagqa.jsonl")
    except program.ProgramError as error:
        count, problems = 0, [str(error)]
    line = Line(name, case, Comparison(cells=count, problems=problems), time.monotonic() - start)
    _print(line, command)
    return [line]


def _drift_of_all(lines: list[Line]) -> list[Line]:
    """bf16's drift over the cells of all checkpoints."""
    result = bf16_compare.together([line.result for line in lines])
    if not result.cells:
        return []
    line = Line("all checkpoints", bf16_compare.NAME, result, 0.0)
    _print(line, [])
    return [line]


def _print(line: Line, command: list[str]) -> None:
    verdict = "FAIL" if line.result.problems else "ok"
    note = f"  {line.result.note}" if line.result.note else ""
    told = [f"{verdict:4} {line.checkpoint:20} {line.case:52} {line.result.cells:5} cells  max rel {line.result.worst:.1e}"
            f"  {line.seconds:5.1f} s{note}"]
    told += [f"       {problem}" for problem in line.result.problems[:5]]
    if len(line.result.problems) > 5:
        told.append(f"       ... and {len(line.result.problems) - 5} more")
    if line.result.problems:
        told.append(f"       {program.shown(command)}")
    print("\n".join(told), flush=True)                       # at once: others print too


def _markdown(lines: list[Line]) -> str:
    """A table for docs: one row per case, cells and the largest difference over all checkpoints."""
    rows = ["| case | checkpoints | cells | largest relative difference of P(answer) | failed | |",
            "|---|---|---|---|---|---|"]
    for case in dict.fromkeys(line.case for line in lines):
        same = [line for line in lines if line.case == case]
        notes = sorted({line.result.note for line in same} - {""})
        rows.append(f"| {case} | {len(same)} | {sum(line.result.cells for line in same)} "
                    f"| {max(line.result.worst for line in same):.1e} "
                    f"| {sum(bool(line.result.problems) for line in same)} | {'; '.join(notes)} |")
    failed = sum(bool(line.result.problems) for line in lines)
    rows += ["", f"{len(lines) - failed} passed, {failed} failed; {sum(line.result.cells for line in lines)} cells."]
    return "\n".join(rows) + "\n"


sys.exit(main())
