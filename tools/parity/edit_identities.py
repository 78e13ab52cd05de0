"""The edit oracle's own identities: what must hold of it whatever patchbay answers."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from .edit_cases import EditCase, edit_cases
from .edit_compare import AFTER_ADAM, as_found, compare_edit
from .edit_oracle import Editor, by_requests, direct, weighing
from .oracle import Oracle

JITTER = 1e-7          # relative, on input rows: the size of float32's rounding


def check_checkpoint(oracle: Oracle, pictures: Path) -> int:
    """Runs all checks on one checkpoint and returns their number; a failed one is an AssertionError. One that is there
    for its files alone gets the first two."""
    editor = Editor(oracle)
    made = {case.name: case for case in edit_cases(editor, pictures)}
    strong = made["edit: clamp 4"]
    count = check_closed_form(editor, strong) + check_gradients(editor, strong)
    if oracle.only:
        return count
    pair = made["edit: two together"]
    count += check_nothing(editor, strong) + check_spread(editor, made["edit: layers"]) + check_comparison(editor, pair)
    return count + sum(check_conditioning(editor, case) for case in made.values() if case.name in (
        "edit: official preset", "edit: clamp 4", "edit: layers, two together", "edit: ft matrix"))


def check_closed_form(editor: Editor, case: EditCase) -> int:
    """With one request and with several, the factors give the minimum of |W* K + b - V|^2 + ridge |W* - W|^2, solved
    directly; as ridge goes to 0, what is put in comes out."""
    down = editor.down(case.settings.top)
    weight = down.weight.double()
    bias = down.bias.double()[:, None] if down.bias is not None else 0
    noise = torch.Generator().manual_seed(7)
    for requests, ridge in ((1, 0.01), (1, 3.0), (3, 0.01), (3, 1e-9)):
        keys = torch.randn(weight.shape[1], requests, generator=noise, dtype=torch.float64)
        values = weight @ keys + bias + torch.randn(weight.shape[0], requests, generator=noise, dtype=torch.float64)
        missing = values - bias - weight @ keys
        normal = keys @ keys.T + ridge * torch.eye(len(keys), dtype=torch.float64)
        best = torch.linalg.solve(normal, ((values - bias) @ keys.T + ridge * weight).T).T
        factors = by_requests(keys, missing, ridge, keys)
        assert _relative(weight + factors @ keys.T, best) < 1e-5
        assert _relative(weight + direct(keys, missing, ridge, torch.eye(len(keys), dtype=torch.float64)), best) < 1e-5
        if requests == 1:
            assert _relative(factors[:, 0], missing[:, 0] / (keys[:, 0] @ keys[:, 0] + ridge)) < 1e-12
        if ridge < 1e-6:
            assert _relative((weight + factors @ keys.T) @ keys + bias, values) < 1e-7
    return check_kept(weight, noise)


def check_kept(weight: torch.Tensor, noise: torch.Generator) -> int:
    """The less keep_ridge is, the less becomes of rows that are to stay, while a key still gets its value."""
    keys, kept = (torch.randn(weight.shape[1], count, generator=noise, dtype=torch.float64) for count in (1, 4))
    missing = torch.randn(weight.shape[0], 1, generator=noise, dtype=torch.float64)
    moved = []
    for keep_ridge in (1e9, 1.0, 1e-6):
        change = direct(keys, missing, 1e-6, weighing(kept, keep_ridge))
        assert _relative(change @ keys, missing) < 1e-4
        moved.append(float((change @ kept).norm()))
    assert moved[0] > moved[1] > moved[2] and moved[2] < 1e-5 * moved[0], moved
    return 1


def check_gradients(editor: Editor, case: EditCase) -> int:
    """Autograd's slope of the loss, in delta and in the matrix, is the loss's own differences'."""
    wanted, settings = case.wanted[0], case.settings
    prompt, target = editor.oracle.prompt(wanted.request), editor.target(wanted, settings)
    position, layer = prompt.span("constraint:0")[-1], settings.top
    v0 = editor.look(prompt, wanted.request, layer, position)["mlp_out"]

    def at(delta: torch.Tensor) -> torch.Tensor:
        def put(_, args, out):
            out = out.clone()
            out[0, position] = v0 + delta
            return out

        handle = editor.mlp(layer).register_forward_hook(put)
        try:
            return editor.nll(prompt, wanted.request, target).sum()
        finally:
            handle.remove()

    def with_matrix(weight: torch.Tensor) -> torch.Tensor:
        with editor.holding_downs({layer: weight}):
            return editor.nll(prompt, wanted.request, target).sum()

    delta = torch.zeros_like(v0, requires_grad=True)
    slope, = torch.autograd.grad(at(delta), delta)
    _check_slope(at, torch.zeros_like(v0), slope)
    matrix = editor.down(layer).weight
    matrix.requires_grad_(True)
    slope, = torch.autograd.grad(editor.nll(prompt, wanted.request, target).sum(), matrix)
    matrix.requires_grad_(False)
    _check_slope(with_matrix, matrix.data, slope)
    return 1


@torch.no_grad()
def _check_slope(function, start: torch.Tensor, slope: torch.Tensor) -> None:
    """Along the slope itself: central differences of two widths, put together so that the third derivative drops
    out."""
    direction = slope / slope.norm()
    width = min(0.3, 0.02 / float(slope.norm()))            # far enough for the loss's float32 to tell

    def difference(h: float) -> float:
        return float(function(start + h * direction).double() - function(start - h * direction).double()) / (2 * h)

    measured = (4 * difference(width) - difference(2 * width)) / 3
    assert abs(measured / float(slope.norm()) - 1) < 5e-3, (measured, float(slope.norm()))


def check_nothing(editor: Editor, case: EditCase) -> int:
    """No step, or no room for one, changes no bit."""
    for settings in (replace(case.settings, steps=0), replace(case.settings, clamp=0.0)):
        edited, = editor.edit(list(case.wanted), settings)
        assert not edited.delta.any() and not edited.terms[0].u.any()
        assert torch.equal(edited.weights[f"layers.{settings.top}.down"], editor.down(settings.top).weight)
        assert [answer.prob for answer in edited.after] == [answer.prob for answer in edited.before]
    return 1


def check_spread(editor: Editor, case: EditCase) -> int:
    """With next to no ridge, the residual after the last edited layer is what delta asked for, whatever the layers
    below did to it."""
    edited, = editor.edit(list(case.wanted), replace(case.settings, ridge=1e-4))
    request = case.wanted[0].request
    prompt, top = editor.oracle.prompt(request), case.settings.top
    goal = editor.look(prompt, request, top, edited.position)["resid_post"] + edited.delta
    with editor.holding_edit(edited):
        reached = editor.look(prompt, request, top, edited.position)["resid_post"]
    assert len(edited.terms) == case.settings.layers[1] - case.settings.layers[0]
    assert _relative(reached, goal) < 1e-4, _relative(reached, goal)
    return 1


def check_conditioning(editor: Editor, case: EditCase) -> int:
    """Rounding-sized noise on every input row moves no result by a third of what the comparison allows."""
    plain = EditCase(case.name, tuple(replace(wanted, rephrasings=()) for wanted in case.wanted), case.settings)
    exact, noisy = (Editor(editor.oracle, jitter, answer_tokens=1).edit(list(plain.wanted), plain.settings)
                    for jitter in (0.0, JITTER))
    for a, b in zip(exact, noisy):
        assert max(abs(x / y - 1) for x, y in zip(b.loss, a.loss)) < 1e-4 / 3, case.name
        assert abs(b.after[0].prob / a.after[0].prob - 1) < AFTER_ADAM / 3, case.name
        for x, y in zip(b.terms, a.terms):
            assert _relative(x.u, y.u) < AFTER_ADAM / 3, (case.name, _relative(x.u, y.u))
        if not a.terms:
            for name, weight in a.weights.items():
                start = editor.down(case.settings.top).weight
                assert _relative(b.weights[name] - start, weight - start) < AFTER_ADAM / 3, case.name
    return 1


def check_comparison(editor: Editor, case: EditCase) -> int:
    """The comparison passes what is right, and finds each thing made wrong."""
    edits = editor.edit(list(case.wanted), case.settings)
    found, arrays = as_found(editor.oracle, case, edits)
    right = compare_edit(editor.oracle, case, edits, found, arrays).problems
    assert not right, right

    def spoil(change) -> bool:
        wrong, wrong_arrays = deepcopy(found), {name: array.copy() for name, array in arrays.items()}
        change(wrong, wrong_arrays)
        return len(compare_edit(editor.oracle, case, edits, wrong, wrong_arrays).problems) > 0

    assert spoil(lambda f, a: f["requests"].pop())
    assert spoil(lambda f, a: f["requests"][0]["loss"].__setitem__(3, edits[0].loss[3] * 1.0002))
    assert spoil(lambda f, a: f["requests"][0]["loss"].pop())
    assert spoil(lambda f, a: f["requests"][1].__setitem__("delta_norm", None))
    assert spoil(lambda f, a: f["requests"][1].__setitem__("key_position", edits[1].position - 1))
    assert spoil(lambda f, a: f["requests"][0]["after"].__setitem__("prob", edits[0].before[0].prob))
    assert spoil(lambda f, a: f["requests"][0]["rephrasings"][0]["before"].__setitem__("answer", "another"))
    assert spoil(lambda f, a: f.__setitem__("together", None))
    assert spoil(lambda f, a: a.pop("u"))
    assert spoil(lambda f, a: a["u"].__imul__(1.002))
    assert spoil(lambda f, a: a["u"].__imul__(1.00004))                # within Adam's tolerance, but no solution
    assert spoil(lambda f, a: a["key"][0].__imul__(1.0002))
    assert spoil(lambda f, a: a["v"].__setitem__(0, a["v0"][0]))
    assert spoil(lambda f, a: a["layer"].__iadd__(1))
    assert spoil(lambda f, a: a.__setitem__("together", np.uint8(0)))
    return 1


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm().clamp(min=1e-30))
