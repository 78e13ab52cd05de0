"""Holds one answer of the program against the oracle's, number by number."""

import math
from dataclasses import dataclass, field

import numpy as np

from .oracle import HEADS, Oracle, Request, Scores, Trace

RELATIVE = 1e-4        # of P(answer), in every cell; hence also the largest difference of its logarithm
LOGIT_SHARE = 1e-4     # of the logits' range, for differences of two logits
TOP = 5                # tokens listed beside each run
COST_FIELDS = ("seconds", "flop", "naive_flop", "cells", "cells_skipped", "peak_rss_bytes")


@dataclass
class Comparison:
    """What a comparison found: how many cells, the largest relative difference of P(answer), what is wrong."""
    cells: int = 0
    worst: float = 0.0
    problems: list[str] = field(default_factory=list)
    note: str = ""
    drift: tuple | None = None                    # bf16_compare's: the program's, and HF's

    def equal(self, what: str, found, expected) -> None:
        if found != expected:
            self.problems.append(f"{what} is {_short(found)}, expected {_short(expected)}")

    def close(self, what: str, found, expected: float, tolerance: float) -> None:
        """Within an absolute tolerance; null, NaN and other types are never close."""
        if not isinstance(found, (int, float)) or not abs(found - expected) <= tolerance:
            self.problems.append(f"{what} is {found}, expected {expected:.9g} within {tolerance:.2g}")

    def probability(self, what: str, found, expected: float) -> None:
        difference = relative(found, expected)
        self.worst = max(self.worst, difference)
        if not difference <= RELATIVE:
            self.problems.append(f"{what} is {found}, expected {expected:.9g}: relative difference {difference:.2g}")


def relative(found, expected: float) -> float:
    """|found - expected| / |expected|; infinite for what is no number."""
    if not isinstance(found, (int, float)) or math.isnan(found):
        return math.inf
    return abs(found - expected) / abs(expected) if expected else (0.0 if found == 0 else math.inf)


def compare_trace(oracle: Oracle, request: Request, expected: Trace, found: dict) -> Comparison:
    result = Comparison()
    try:
        compare_references(result, oracle, request, expected, found, "patchbay.trace/1")
        held = request.freeze and {"site": f"{request.freeze}_out", "span": request.freeze_span,
                                   "positions": expected.prompt.span(request.freeze_span)}
        result.equal("freeze", found.get("freeze"), held)
        result.equal("sites", sorted(found["sites"]), sorted(expected.grids))
        for site in expected.grids:
            _compare_grid(result, site, expected, found["sites"][site])
        if HEADS in expected.grids:
            _compare_top_heads(result, expected, request, found)
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"trace.json is not of the documented form: {type(error).__name__} {error}")
    return result


def compare_references(result: Comparison, oracle: Oracle, request: Request, expected: Trace, found: dict, schema: str) -> None:
    """All that a trace has but its grids."""
    result.equal("schema", found["schema"], schema)
    _compare_frame(result, oracle, request, expected, found)
    for name, scores, top in (("clean", expected.clean, expected.clean_top), ("corrupted", expected.corrupted, expected.corrupted_top)):
        _compare_scores(result, name, scores, found[name], expected)
        _compare_top(result, name, top, found[name]["top"])
    for name in COST_FIELDS:
        if not found["cost"].get(name, -1) >= 0:
            result.problems.append(f"cost.{name} is {found['cost'].get(name)}")


def _compare_frame(result: Comparison, oracle: Oracle, request: Request, expected: Trace, found: dict) -> None:
    """All that stands around the grids."""
    result.equal("prompt", found["prompt"], expected.prompt.text)
    result.equal("tokens", [_token(t) for t in found["tokens"]], list(_expected_tokens(expected)))
    result.equal("constraints", [c["positions"] for c in found["constraints"]], expected.prompt.constraints)
    result.equal("answer.id", found["answer"]["id"], expected.answer[0])
    result.equal("answer.ids", found["answer"]["ids"], expected.answer)
    window = ("centred", request.window) if request.radius is None else ("radius", request.radius)
    result.equal("window", (found["window"]["kind"], found["window"]["size"]), window)
    result.equal("positions", found["positions"], expected.positions)
    if request.group:
        result.equal("groups", found["groups"], request.positions.split(","))
    result.equal("layers", found["layers"], expected.layers)
    result.equal("direction", found["direction"], request.direction)
    result.equal("marks", set(found["marks"]), expected.marks)
    result.equal("model.layers", found["model"]["layers"], len(oracle.layers))
    result.equal("image", found["image"] is None, request.image is None)


def _token(token: dict) -> tuple:
    """(first position, how many rows, id): image rows stand as one entry."""
    if "count" in token:
        return token["position"], token["count"], "image"
    return token["position"], 1, token["id"]


def _expected_tokens(expected: Trace):
    image = expected.prompt.image
    for position, row in enumerate(expected.prompt.rows):
        if not row.image:
            yield position, 1, row.id
        elif position == image[0]:
            yield position, len(image), "image"


def _compare_scores(result: Comparison, what: str, expected: Scores, found: dict, trace: Trace) -> None:
    result.probability(f"{what}.prob", found["prob"], expected.prob)
    result.close(f"{what}.logprob", found["logprob"], expected.logprob, RELATIVE)


def _compare_top(result: Comparison, what: str, expected: list, found: list) -> None:
    """The five most likely tokens; `expected` has a few more. Equally likely ones, within the tolerance, may change
    places."""
    result.equal(f"{what}.top's length", len(found), TOP)
    known = dict(expected)
    for rank, (entry, (token, prob)) in enumerate(zip(found, expected[:TOP])):
        result.probability(f"{what}.top[{rank}].prob", entry["prob"], prob)
        if entry["id"] != token and relative(known.get(entry["id"]), prob) > 2 * RELATIVE:
            result.problems.append(f"{what}.top[{rank}].id is {entry['id']}, expected {token}")


def _compare_grid(result: Comparison, site: str, expected: Trace, found: dict) -> None:
    """Every cell of a site. found: prob, logprob, logit_diff [layer][cell], restored [layer][2]."""
    result.equal(f"{site}.restored", [tuple(pair) for pair in found["restored"]], expected.restored)
    grid = expected.grids[site]
    shape = [len(row) for row in grid]
    if site == HEADS:
        found = {name: [_flat(row) for row in values] for name, values in found.items()}
    names = ["prob", "logprob"] + (["logit_diff"] if grid[0][0].logit_diff is not None else [])
    names += ["sd"] if len(grid[0][0].draws) > 1 else []
    for name in names:
        if [len(row) for row in found[name]] != shape:
            result.problems.append(f"{site}.{name} has rows of {[len(row) for row in found[name]]}, expected {shape}")
            return
    for i, row in enumerate(grid):
        for j, score in enumerate(row):
            where = f"{site}[layer {expected.layers[i]}][{expected.positions[j * len(expected.positions) // len(row)]}]"
            result.cells += 1
            result.probability(f"{where}.prob", found["prob"][i][j], score.prob)
            result.close(f"{where}.logprob", found["logprob"][i][j], score.logprob, RELATIVE)
            if "logit_diff" in names:
                result.close(f"{where}.logit_diff", found["logit_diff"][i][j], score.logit_diff, LOGIT_SHARE * expected.logit_range)
            if "sd" in names:
                result.close(f"{where}.sd", found["sd"][i][j], float(np.std(score.draws)), RELATIVE * score.prob)


def _flat(row: list) -> list:
    """A layer's numbers, whether a cell has one or one for each head."""
    return [value for cell in row for value in (cell if isinstance(cell, list) else [cell])]


def _compare_top_heads(result: Comparison, expected: Trace, request: Request, found: dict) -> None:
    """Each head once, by its strongest cell, the strongest ten: their probabilities, in order."""
    noise, cells = request.direction == "noise", len(expected.positions)
    best = []
    for row in expected.grids[HEADS]:
        heads = len(row) // cells
        best += [(min if noise else max)(row[c * heads + h].prob for c in range(cells)) for h in range(heads)]
    base = expected.clean.prob if noise else expected.corrupted.prob
    felt = [p for p in sorted(best, reverse=not noise) if abs(p - base) > 2 * RELATIVE * base and (p < base) == noise][:10]
    for rank, prob in enumerate(felt):
        result.probability(f"top_heads[{rank}].prob", found["top_heads"][rank]["prob"], prob)


def compare_ask(oracle: Oracle, expected: tuple, found: dict, prompt_tokens: int) -> Comparison:
    """A greedy answer: ids, text, and the most likely first tokens."""
    ids, top = expected
    result = Comparison(cells=len(ids))
    try:
        result.equal("schema", found["schema"], "patchbay.ask/1")
        result.equal("prompt_tokens", found["prompt_tokens"], prompt_tokens)
        result.equal("answer_ids", found["answer_ids"], ids)
        result.equal("answer", found["answer"].strip(), oracle.tokenizer.decode(ids).strip())
        _compare_top(result, "ask", top, found["top"])
        for entry in found["top"]:
            result.close("top.logprob", entry["logprob"], math.log(entry["prob"]), RELATIVE)
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"ask's JSON is not of the documented form: {type(error).__name__} {error}")
    return result


def compare_twins(first: dict, second: dict, exact: bool) -> Comparison:
    """Two of the program's own answers to one request. Exact: every number the same; otherwise P(answer) within
    the tolerance, and the note says whether it was bit for bit after all."""
    result = Comparison()
    same = True
    for site in first["sites"]:
        for name in ("prob", "logprob", "logit_diff", "sd"):
            for left, right in zip(first["sites"][site].get(name, []), second["sites"][site].get(name, []), strict=True):
                same &= left == right
                for a, b in zip(_flat(left), _flat(right), strict=True):
                    if name == "prob":
                        result.cells += 1
                        result.probability(site, b, a)
    rest = ("tokens", "answer", "clean", "corrupted", "positions", "layers", "marks")
    same &= all(first[key] == second[key] for key in rest)
    result.note = "bit for bit" if same else "not bit for bit"
    if exact and not same:
        result.problems.append(f"numbers differ, at most by {result.worst:.2g}")
    return result


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."


def as_json(oracle: Oracle, request: Request, trace: Trace) -> dict:
    """The oracle's trace in trace.json's form: what a perfect program prints (a test of the comparison itself)."""
    def run(scores: Scores, top: list) -> dict:
        return {"prob": scores.prob, "logprob": scores.logprob, "top": [{"id": token, "prob": prob} for token, prob in top[:TOP]]}

    def grid(scores: list[list[Scores]]) -> dict:
        return {"restored": [list(pair) for pair in trace.restored], **{
            name: [[read(score) for score in row] for row in scores] for name, read in {
                "prob": lambda s: s.prob, "logprob": lambda s: s.logprob, "logit_diff": lambda s: s.logit_diff,
                "sd": lambda s: float(np.std(s.draws))}.items()}}

    tokens = [{"position": first, "id": token, "text": "", "span": ""} if count == 1 and token != "image" else
              {"position": first, "count": count, "span": "image"} for first, count, token in _expected_tokens(trace)]
    size = request.window if request.radius is None else request.radius
    return {
        "schema": "patchbay.trace/1", "model": {"layers": len(oracle.layers)}, "image": request.image,
        "prompt": trace.prompt.text, "tokens": tokens,
        "constraints": [{"positions": positions} for positions in trace.prompt.constraints],
        "answer": {"id": trace.answer[0], "ids": trace.answer},
        "window": {"kind": "centred" if request.radius is None else "radius", "size": size},
        "positions": trace.positions, "groups": (request.positions or "").split(","), "layers": trace.layers,
        "direction": request.direction, "marks": sorted(trace.marks),
        "clean": run(trace.clean, trace.clean_top), "corrupted": run(trace.corrupted, trace.corrupted_top),
        "sites": {site: grid(scores) for site, scores in trace.grids.items()}, "cost": dict.fromkeys(COST_FIELDS, 0)}
