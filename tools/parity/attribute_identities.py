"""What must hold of the oracle of estimates by itself: along the way from one run to the other its gradients account for the whole
difference, small changes are estimated well, and a comparison finds what is wrong."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch

from .attribute_compare import compare_estimates
from .attribute_oracle import Attributor, Pair
from .compare import as_json
from .oracle import Oracle, Request

QUESTION = "What is the capital of this country?"


def check_checkpoint(oracle: Oracle, pictures: Path) -> int:
    """How many checks were run; a failed one is an AssertionError."""
    if len(oracle.layers) == 1:
        return 0
    request = Request(QUESTION, constraints=("this country",), image=str(pictures / "wide.png") if oracle.multimodal else None,
                      sites=("resid_pre", "attn_out", "mlp_out", "resid_post"))
    attributor = Attributor(oracle)
    return check_whole_way(attributor, request) + check_small_change(attributor, request) + check_found(attributor, request)


def check_whole_way(attributor: Attributor, request: Request) -> int:
    """All rows of layer 0's input, averaged along a short way: the whole difference. resid_post of a layer is resid_pre of the next."""
    frame = attributor.oracle.trace(replace(request, sites=()))
    pair = _nearer(attributor, attributor.pairs(request, frame)[0], 0.2)
    products = attributor._products(pair, frame.answer, request.sites, 16)
    difference = _logprob(attributor, pair.source_rows, frame.answer) - _logprob(attributor, pair.rows, frame.answer)
    assert abs(products["resid_pre"][0].sum().item() - difference) < 0.02 * abs(difference) + 1e-4, (products, difference)
    for l in range(1, len(attributor.oracle.layers)):
        assert torch.allclose(products["resid_pre"][l], products["resid_post"][l - 1], rtol=1e-4, atol=1e-6)
    return 2


def check_small_change(attributor: Attributor, request: Request) -> int:
    """The first-order estimate of a hundredth of the change, site by site, against full passes with hooks."""
    oracle = attributor.oracle
    frame = oracle.trace(replace(request, sites=()))
    pair = _nearer(attributor, attributor.pairs(request, frame)[0], 0.01)
    products = attributor._products(pair, frame.answer, request.sites, None)
    base = _logprob(attributor, pair.rows, frame.answer)
    where = frame.prompt.span("constraint") + [frame.prompt.last]
    pairs = []
    for site in request.sites:
        for l in range(len(oracle.layers)):
            run = oracle.run(pair.rows, edits={(site, l): (where, pair.source[site][l][where])})
            pairs.append((products[site][l][where].sum().item(), run.score(frame.answer) - base))
    largest = max(abs(exact) for _, exact in pairs)
    for estimate, exact in pairs:
        assert abs(estimate - exact) < 0.1 * largest + 2e-5, (estimate, exact, largest)
    return 1


def check_found(attributor: Attributor, request: Request) -> int:
    """The comparison passes what is right, and finds what is wrong."""
    oracle, request = attributor.oracle, replace(request, positions="constraint,last", sites=("mlp_out",))
    expected = attributor.estimate(request)
    right = as_json(oracle, request, expected.frame) | {"schema": "patchbay.attribute/1", "ig": None}
    right["sites"] = {"mlp_out": {"estimate": expected.grids["mlp_out"], "restored": [list(pair) for pair in expected.frame.restored]}}
    assert not compare_estimates(oracle, request, expected, None, right).problems
    for change in (lambda w: w["sites"]["mlp_out"]["estimate"][0].__setitem__(0, expected.base + 1),
                   lambda w: w["sites"]["mlp_out"]["estimate"].pop(), lambda w: w["sites"]["mlp_out"]["estimate"][0].__setitem__(0, None),
                   lambda w: w.__setitem__("ig", 2), lambda w: w.__setitem__("schema", "patchbay.trace/1")):
        wrong = deepcopy(right)
        change(wrong)
        assert compare_estimates(oracle, request, expected, None, wrong).problems
    return 1


def _nearer(attributor: Attributor, pair: Pair, share: float) -> Pair:
    """The same pair with its source moved towards it."""
    rows = pair.rows + share * (pair.source_rows - pair.rows)
    return Pair(pair.rows, pair.sites, rows, attributor.oracle.run(rows, record=True).sites)


def _logprob(attributor: Attributor, rows: torch.Tensor, answer: list[int]) -> float:
    return attributor.oracle.run(rows, len(answer)).score(answer)
