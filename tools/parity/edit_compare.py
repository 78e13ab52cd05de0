"""Holds edit.json and edit.npz against the oracle's edits, number by number."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from . import program
from .compare import RELATIVE, Comparison, relative
from .edit_cases import EditCase
from .edit_measured import Measured, Pair, contains, measure, text
from .edit_oracle import Answer, Edited, Editor, Settings, Wanted, cosine, direct
from .oracle import Oracle

AFTER_ADAM = 1e-3      # of what ten steps of Adam or more led to, where RELATIVE is of all before
CLOSED_FORM = 1e-5     # of the closed form, against the direct solution in float64 from the same keys and values
FLOAT = 2.0 ** -24     # half a unit in the last place of 1
MANY = 10              # steps
SMALLEST_KL = 1e-6     # nats: what float32 logits leave of a difference of two distributions


# ---------------------------------------------------------------------------------------------------------------
# One run of the program


def command(oracle: Oracle, case: EditCase, work: Path) -> list[str]:
    return [str(program.program()), "edit", str(oracle.path), *oracle.options, *case.options(work, oracle.path.name),
            "--json", "--quiet"]


def run(oracle: Oracle, case: EditCase, work: Path, out: Path, *extra: str) -> tuple[dict, dict[str, np.ndarray]]:
    """edit.json, and edit.npz's arrays (none of fine-tuning)."""
    found = program.run([*command(oracle, case, work), *extra, "--out", str(out)])
    npz = out / "edit.npz"
    return found, dict(np.load(npz)) if npz.exists() else {}


def edited(editor: Editor, case: EditCase, work: Path) -> Comparison:
    with tempfile.TemporaryDirectory() as out:
        found, arrays = run(editor.oracle, case, work, Path(out))
    if case.settings.each_layer:
        return compare_layers(editor, case, found)
    edits = editor.edit(list(case.wanted), case.settings)
    result = compare_edit(editor.oracle, case, edits, found, arrays)
    if case.evaluation:
        asked = case.settings.key, case.evaluation, case.wanted, case.subjects
        measured = [measure(editor, wanted, subject, edit, *asked)
                    for wanted, subject, edit in zip(case.wanted, case.subjects, edits)]
        compare_measured(result, editor.oracle, measured, found)
    return result


# ---------------------------------------------------------------------------------------------------------------
# Numbers


def compare_edit(oracle: Oracle, case: EditCase, expected: list[Edited], found: dict,
                 arrays: dict[str, np.ndarray]) -> Comparison:
    result = Comparison()
    tolerance = AFTER_ADAM if case.settings.steps >= MANY else RELATIVE
    try:
        result.equal("schema", found["schema"], "patchbay.edit/1")
        result.equal("requests' number", len(found["requests"]), len(expected))
        for i, (wanted, edit, one) in enumerate(zip(case.wanted, expected, found["requests"])):
            result.equal(f"requests[{i}].target", one["target"], wanted.target)
            _compare_request(result, f"requests[{i}]", oracle, case, i, edit, one, tolerance)
        _compare_efficacy(result, oracle, case, expected, found["efficacy"])
        for name in ("seconds", "flop", "peak_rss_bytes"):
            if not found["cost"].get(name, -1) >= 0:
                result.problems.append(f"cost.{name} is {found['cost'].get(name)}")
        if case.settings.method == "multedit":
            _compare_arrays(result, case.settings, expected, arrays, tolerance)
            _compare_together(result, case.settings, expected, found.get("together"))
        else:
            result.equal("edit.npz's arrays", sorted(arrays), [])
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"edit.json or edit.npz is not of the documented form: {type(error).__name__} {error}")
    return result


def _compare_request(result: Comparison, what: str, oracle: Oracle, case: EditCase, i: int, edit: Edited, found: dict,
                     tolerance: float) -> None:
    first, end = case.settings.layers
    result.equal(f"{what}.layer", found["layer"], first if end == first + 1 else [first, end])
    if case.settings.method == "multedit":
        result.equal(f"{what}.key_position", found["key_position"], edit.position)
    result.equal(f"{what}.target_ids", found["target_ids"], edit.target)
    for name, steps in (("loss", edit.loss), ("prob", edit.probs)):
        result.equal(f"{what}.{name}'s length", len(found[name]), len(steps))
        for step, (value, expected) in enumerate(zip(found[name], steps)):
            _number(result, f"{what}.{name}[{step}]", value, expected, RELATIVE if step < MANY else tolerance)
    _number(result, f"{what}.delta_norm", found["delta_norm"], edit.moved, tolerance)
    result.equal(f"{what}.rephrasings' number", len(found["rephrasings"]), len(edit.before) - 1)
    questions = [(what, found), *((f"{what}.rephrasings[{j}]", one) for j, one in enumerate(found["rephrasings"]))]
    for request, (name, one), before, after in zip(case.wanted[i].questions, questions, edit.before, edit.after):
        if one is not found:
            result.equal(f"{name}.question", one["question"], request.question)
        _compare_answer(result, f"{name}.before", oracle, case.wanted[i].target, before, one["before"], RELATIVE)
        _compare_answer(result, f"{name}.after", oracle, case.wanted[i].target, after, one["after"], tolerance)


def _compare_answer(result: Comparison, what: str, oracle: Oracle, target: str, expected: Answer, found: dict,
                    tolerance: float) -> None:
    said = text(oracle, expected)
    _number(result, f"{what}.prob", found["prob"], expected.prob, tolerance)
    result.equal(f"{what}.answer", found["answer"].strip(), said.strip())
    result.equal(f"{what}.exact", found["exact"], contains(said, target))


def _compare_efficacy(result: Comparison, oracle: Oracle, case: EditCase, expected: list[Edited], found: dict) -> None:
    result.equal("efficacy.questions", found["questions"], len(expected))
    for when in ("before", "after"):
        answers = [getattr(edit, when)[0] for edit in expected]
        exact = [contains(text(oracle, one), wanted.target) for one, wanted in zip(answers, case.wanted)]
        prob = mean([one.prob for one in answers])
        _number(result, f"efficacy.prob.{when}", found["prob"][when]["mean"], prob, AFTER_ADAM)
        result.close(f"efficacy.exact.{when}", found["exact"][when]["mean"], mean(exact), 1e-9)


def _compare_arrays(result: Comparison, settings: Settings, expected: list[Edited], arrays: dict,
                    tolerance: float) -> None:
    """Rows of edit.npz: a request's layers stand together."""
    terms = [(request, edit, term) for request, edit in enumerate(expected) for term in edit.terms]
    result.equal("edit.npz's arrays", sorted(arrays), sorted(("key", "v0", "v", "u", "layer", "request", "together")))
    result.equal("layer", _typed(arrays["layer"]), ("int64", [term.layer for _, _, term in terms]))
    result.equal("request", _typed(arrays["request"]), ("int64", [request for request, _, _ in terms]))
    result.equal("together", _typed(arrays["together"]), ("uint8", int(settings.together)))
    for name in ("key", "v0", "v", "u"):
        result.equal(f"{name}'s type", str(arrays[name].dtype), "float32")
    for row, (request, edit, term) in enumerate(terms):
        where = f"[request {request}, layer {term.layer}]"
        near = tolerance if term is not edit.terms[0] else RELATIVE    # above edited layers, ten steps have been there
        vector(result, f"key{where}", arrays["key"][row], term.along, near)
        vector(result, f"v0{where}", arrays["v0"][row], term.v0, near)
        vector(result, f"v{where}", arrays["v"][row], term.v, tolerance)
        vector(result, f"u{where}", arrays["u"][row], term.u, tolerance)
    for group in _solved_together(terms, settings):
        if not settings.keep:                              # whose keys are not in the file
            _compare_closed_form(result, settings, [row for row, _ in group], arrays)


def _solved_together(terms: list, settings: Settings) -> list[list]:
    """The rows whose factors come from one solution: those of a layer together, or each row by itself."""
    rows = [(row, term.layer) for row, (_, _, term) in enumerate(terms)]
    if not settings.together:
        return [[row] for row in rows]
    return [[row for row in rows if row[1] == layer] for layer in range(*settings.layers)]


def _compare_closed_form(result: Comparison, settings: Settings, rows: list[int], arrays: dict) -> None:
    """The program's factors against the direct solution from the program's own keys and values. Where v - v0 is small
    beside v, float32's v says less of it than the tolerance asks."""
    key, v0, v, u = (torch.from_numpy(arrays[name][rows]).double() for name in ("key", "v0", "v", "u"))
    change = direct(key.T, (v - v0).T, settings.ridge, torch.eye(key.shape[1], dtype=torch.float64))
    blur = FLOAT * float((v.norm() + v0.norm()) / (v - v0).norm().clamp(min=1e-30))
    vector(result, f"u key^T of rows {rows}", u.T @ key, change, CLOSED_FORM + blur)


def _compare_together(result: Comparison, settings: Settings, expected: list[Edited], found: dict | None) -> None:
    """The largest cosine between two requests' keys of one layer."""
    if not settings.together:
        result.equal("together", found, None)
        return
    cosines = [cosine(a.key, b.key) for i, one in enumerate(expected) for other in expected[i + 1:]
               for a, b in zip(one.terms, other.terms)]
    result.close("together.largest_key_cosine", found["largest_key_cosine"], max(cosines), AFTER_ADAM)


def _number(result: Comparison, what: str, found, expected: float, tolerance: float) -> None:
    result.cells += 1
    difference = relative(found, expected)
    result.worst = max(result.worst, difference)
    if not difference <= tolerance:
        result.problems.append(f"{what} is {found}, expected {expected:.9g}: relative difference {difference:.2g}")


def vector(result: Comparison, what: str, found, expected: torch.Tensor, tolerance: float) -> None:
    """The difference's norm over the expected norm. Adam's first step divides each gradient by its size, so that single
    components near 0 say nothing."""
    found, expected = torch.as_tensor(found).double(), expected.double()
    result.cells += expected.numel()
    if found.shape != expected.shape:
        result.problems.append(f"{what} has the shape {list(found.shape)}, expected {list(expected.shape)}")
        return
    size = float(expected.norm())
    difference = float((found - expected).norm()) / size if size else float(found.norm())
    result.worst = max(result.worst, difference)
    if not difference <= tolerance:
        result.problems.append(f"{what} differs by {difference:.2g} of its norm {size:.4g}, allowed {tolerance:.2g}")


def mean(values: list) -> float:
    return float(np.mean(values))


def _typed(array: np.ndarray) -> tuple:
    return str(array.dtype), array.tolist()


# ---------------------------------------------------------------------------------------------------------------
# Other questions


def compare_measured(result: Comparison, oracle: Oracle, expected: list[Measured], found: dict) -> None:
    """Of each request: the other pictures of its subject, its neighbours, and the evaluation questions."""
    try:
        for i, one in enumerate(expected):
            _compare_pairs(result, f"requests[{i}].pictures", oracle, one.pictures, found["requests"][i]["pictures"])
            for name, pairs in (("neighbourhood", one.neighbours), ("specificity", one.evaluation)):
                asked = [pair for pair in (found[name] or {"asked": []})["asked"] if pair["request"] == i]
                _compare_pairs(result, f"{name} of request {i}", oracle, pairs, asked)
        near = [pair for one in expected for pair in one.neighbours]
        if near:
            _compare_means(result, "neighbourhood", found["neighbourhood"], near, {
                "kept": lambda p: p.kept, "target_change": lambda p: p.after.prob - p.before.prob,
                "key_cosine": lambda p: p.key_cosine})
        else:
            result.equal("neighbourhood", found["neighbourhood"], None)
        far = [pair for one in expected for pair in one.evaluation]
        _compare_means(result, "specificity", found["specificity"], far, {
            "before": lambda p: p.right[0], "after": lambda p: p.right[1], "kl": lambda p: p.kl})
        result.equal("specificity.gained", found["specificity"]["gained"], sum(p.right == (False, True) for p in far))
        result.equal("specificity.lost", found["specificity"]["lost"], sum(p.right == (True, False) for p in far))
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"edit.json's measures are not of the documented form: {type(error).__name__} {error}")


def _compare_pairs(result: Comparison, what: str, oracle: Oracle, expected: list[Pair], found: list[dict]) -> None:
    """Questions in any order: those that are drawn have none of their own."""
    def key(image: str | None, question: str) -> tuple:
        return (str(Path(image).resolve()) if image else "", question)

    asked = {key(one["image"], one["question"]): one for one in found}
    result.equal(f"{what}: questions", sorted(key(one["image"], one["question"]) for one in found),
                 sorted(key(one.request.image, one.request.question) for one in expected))
    for pair in expected:
        name = key(pair.request.image, pair.request.question)
        if name in asked:
            _compare_pair(result, f"{what}: {name[1]} ({Path(name[0]).name})", oracle, pair, asked[name])


def _compare_pair(result: Comparison, what: str, oracle: Oracle, expected: Pair, found: dict) -> None:
    for when, right in zip(("before", "after"), expected.right):
        answer, one = getattr(expected, when), found[when]
        result.equal(f"{what}.{when}.answer", one["answer"].strip(), text(oracle, answer).strip())
        result.equal(f"{what}.{when}: right", one["exact"] if "exact" in one else one["right"], right)
        if "prob" in one:
            tolerance = RELATIVE if when == "before" else AFTER_ADAM
            _number(result, f"{what}.{when}.prob", one["prob"], answer.prob, tolerance)
    if "kept" in found:
        result.equal(f"{what}.kept", found["kept"], expected.kept)
    if "key_cosine" in found or expected.key_cosine is not None:
        result.close(f"{what}.key_cosine", found["key_cosine"], expected.key_cosine, RELATIVE)
    if expected.kl is not None:
        result.close(f"{what}.kl", found["kl"], expected.kl, AFTER_ADAM * expected.kl + SMALLEST_KL)


def _compare_means(result: Comparison, what: str, found: dict, pairs: list[Pair], read: dict) -> None:
    result.equal(f"{what}.questions", found["questions"], len(pairs))
    for name, value in read.items():
        values = [value(pair) for pair in pairs]
        result.close(f"{what}.{name}", found[name], mean(values), AFTER_ADAM * mean(np.abs(values)) + SMALLEST_KL)


def compare_layers(editor: Editor, case: EditCase, found: dict) -> Comparison:
    """Each layer of the range edited by itself."""
    result, layers = Comparison(), list(range(*case.settings.layers))
    try:
        result.equal("sweep's layers", [one["layer"] for one in found["sweep"]], layers)
        for layer, at in zip(layers, found["sweep"]):
            edits = editor.edit(list(case.wanted), replace(case.settings, layers=(layer, layer + 1), each_layer=False))
            for i, (wanted, edit, one) in enumerate(zip(case.wanted, edits, at["outcomes"])):
                what = f"layer {layer}, request {i}"
                _number(result, f"{what}: prob", one["prob"], edit.after[0].prob, AFTER_ADAM)
                _number(result, f"{what}: delta_norm", one["delta_norm"], edit.moved, AFTER_ADAM)
                right = [contains(text(editor.oracle, answer), wanted.target) for answer in edit.after]
                result.equal(f"{what}: exact", one["exact"], right[0])
                result.equal(f"{what}: generalisation", one["generalisation"], mean(right[1:]) if right[1:] else None)
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"edit.json is not of the documented form: {type(error).__name__} {error}")
    return result


# ---------------------------------------------------------------------------------------------------------------
# The comparison's own test


def as_found(oracle: Oracle, case: EditCase, edits: list[Edited]) -> tuple[dict, dict[str, np.ndarray]]:
    """The oracle's edits in the form of edit.json and edit.npz: what a perfect program writes (a test of the comparison
    itself)."""
    def answer(wanted: Wanted, one: Answer) -> dict:
        return {"prob": one.prob, "answer": text(oracle, one), "exact": exact(wanted, one)}

    def exact(wanted: Wanted, one: Answer) -> bool:
        return contains(text(oracle, one), wanted.target)

    def success(read) -> dict:
        return {when: {"mean": mean([read(wanted, getattr(edit, when)[0]) for wanted, edit in zip(case.wanted, edits)])}
                for when in ("before", "after")}

    def request(wanted, edit: Edited) -> dict:
        first, end = case.settings.layers
        pairs = [{"before": answer(wanted, before), "after": answer(wanted, after)}
                 for before, after in zip(edit.before, edit.after)]
        return {"target": wanted.target, "target_ids": edit.target, **pairs[0], "loss": edit.loss, "prob": edit.probs,
                "layer": first if end == first + 1 else [first, end], "key_position": edit.position,
                "delta_norm": edit.moved,
                "rephrasings": [{"question": other.question, **pair}
                                for other, pair in zip(wanted.rephrasings, pairs[1:])]}

    found = {"schema": "patchbay.edit/1", "requests": [request(*pair) for pair in zip(case.wanted, edits)],
             "together": None, "neighbourhood": None, "specificity": None,
             "efficacy": {"questions": len(edits), "prob": success(lambda _, one: one.prob), "exact": success(exact)},
             "cost": dict.fromkeys(("seconds", "flop", "peak_rss_bytes"), 0)}
    terms = [(i, term) for i, edit in enumerate(edits) for term in edit.terms]
    if not terms:
        return found, {}
    if case.settings.together:
        keys = [[term.key for term in edit.terms] for edit in edits]
        found["together"] = {"largest_key_cosine": max(cosine(a, b) for i, one in enumerate(keys) for other in keys[:i]
                                                       for a, b in zip(one, other))}
    arrays = {name: torch.stack([getattr(term, field) for _, term in terms]).float().numpy()
              for name, field in (("key", "along"), ("v0", "v0"), ("v", "v"), ("u", "u"))}
    return found, {**arrays, "layer": np.array([term.layer for _, term in terms]),
                   "request": np.array([i for i, _ in terms]), "together": np.uint8(case.settings.together)}
