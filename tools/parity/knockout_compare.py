"""Holds knockout.json against the oracle's curves, point by point; and what must hold of the oracle and the program alone."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import program
from .cases import CAPITAL, FOREIGN, PLAIN, TWO
from .compare import RELATIVE, Comparison
from .knockout_oracle import Edges, knockout, probabilities
from .oracle import Oracle, Request

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KnockoutCase:
    name: str
    request: Request                     # its window and layers are the knockout's
    pairs: Pairs = ()                    # none: the program's own
    together: bool = False

    def options(self) -> list[str]:
        spans = [word for a, b in self.pairs for word in ("--from", a, "--to", b)]
        return [*self.request.options(), *spans, *(["--together"] if self.together else [])]


def knockout_cases(oracle: Oracle, pictures: Path) -> list[KnockoutCase]:
    ask, layers = replace(CAPITAL, image=str(pictures / "wide.png")), len(oracle.layers)
    text = [
        KnockoutCase("knockout: text", replace(PLAIN, window=3)),
        KnockoutCase("knockout: text, several", replace(FOREIGN, radius=1),
                     (("constraint", "last"), ("0:3", "3:12"), ("2:9", "4:12"), ("1:9", "9:15,last"))),
    ]
    if not oracle.multimodal:
        return text[:1] if oracle.only else text
    if oracle.only:
        return [KnockoutCase("knockout", replace(ask, window=2))]
    two = replace(TWO, image=str(pictures / "photo.jpg"), answer="New York", answer_tokens="all", radius=1)
    three = (("image", "constraint"), ("image", "last"), ("constraint", "last"))
    return [
        KnockoutCase("knockout", ask),
        KnockoutCase("knockout: three pairs, windows", replace(ask, window=3, prefill="The capital is"), three),
        KnockoutCase("knockout: three pairs together", replace(ask, radius=1, template="paper"), three, together=True),
        KnockoutCase("knockout: two constraints, whole answer", two, (
            ("image", "constraint:0"), ("image", "constraint:1"), ("constraint:0,constraint:1", "last"))),
        KnockoutCase("knockout: inside the picture, last layers",
                     replace(ask, window=99, layers=(layers - 1, layers), image_order="reverse"),
                     (("4:9", "image"), ("image", "text"), ("image", "image,last"))),
        text[0],
    ]


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function, command that shows the program's side)."""
    made = knockout_cases(oracle, pictures)
    for case in made:
        yield case.name, lambda c=case: cut(oracle, c), command(oracle, case)
    yield f"{made[-1].name}: naive, twice", lambda: identities(oracle, made[-1]), command(oracle, made[-1], "--naive")


def command(oracle: Oracle, case: KnockoutCase, *more: str) -> list[str]:
    return [str(program.program()), "knockout", str(oracle.path), *oracle.options, *case.options(), "--json", "--quiet", *more]


def edges_of(oracle: Oracle, case: KnockoutCase) -> tuple[Pairs, list[Edges]]:
    """The pairs, and each curve's edges."""
    prompt = oracle.prompt(case.request)
    pairs = case.pairs or (*([("image", "constraint")] if prompt.image else []), ("constraint", "last"))
    edges = [(prompt.span(a), prompt.span(b)) for a, b in pairs]
    return pairs, [edges] if case.together else [[edge] for edge in edges]


def cut(oracle: Oracle, case: KnockoutCase) -> Comparison:
    pairs, curves = edges_of(oracle, case)
    expected = knockout(oracle, case.request, curves)
    found = program.run(command(oracle, case, "--verify", "3"))
    names = [(",".join(a for a, _ in pairs), ",".join(b for _, b in pairs))] if case.together else list(pairs)
    result = Comparison()
    try:
        result.equal("schema", found["schema"], "patchbay.knockout/1")
        result.equal("answer.ids", found["answer"]["ids"], expected.answer)
        result.equal("layers", found["layers"], expected.layers)
        result.equal("cut_layers", [tuple(pair) for pair in found["cut_layers"]], expected.windows)
        result.equal("pairs", [(c["from"], c["to"]) for c in found["cuts"]], names)
        result.probability("clean.prob", found["clean"]["prob"], math.exp(expected.clean))
        result.equal("clean.top[0]", found["clean"]["top"][0]["id"], expected.top[0][0])
        result.close("verify", found["verify"]["max_rel_diff"], 0, RELATIVE)
        for name, curve, one in zip(names, expected.curves, found["cuts"], strict=True):
            _compare_curve(result, " > ".join(name), curve, one, expected.clean)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        result.problems.append(f"knockout.json is not of the documented form: {type(error).__name__} {error}")
    return result


def _compare_curve(result: Comparison, what: str, expected: list[float], found: dict, clean: float) -> None:
    for name in ("prob", "logprob", "relative"):
        result.equal(f"{what}: {name}'s layers", len(found[name]), len(expected))
    for l, logprob in enumerate(expected):
        result.cells += 1
        result.probability(f"{what}: prob[{l}]", found["prob"][l], math.exp(logprob))
        result.close(f"{what}: logprob[{l}]", found["logprob"][l], logprob, RELATIVE)
        ratio = math.exp(logprob - clean)
        result.close(f"{what}: relative[{l}]", found["relative"][l], ratio - 1, 2 * RELATIVE * ratio)


def identities(oracle: Oracle, case: KnockoutCase) -> Comparison:
    """Of the program's own numbers: its naive form gives the same to the bit, and so do a pair cut twice and a pair beside
    others."""
    result = Comparison()
    one, naive = (program.run(command(oracle, case, *more)) for more in ((), ("--naive",)))
    pairs, _ = edges_of(oracle, case)
    twice = program.run(command(oracle, replace(case, pairs=(pairs[-1],) * 2, together=True)))
    for name in ("prob", "logprob", "relative"):
        for a, b in zip(one["cuts"], naive["cuts"], strict=True):
            result.cells += len(a[name])
            result.equal(f"{name} of the naive form", b[name], a[name])
        result.equal(f"{name} of a pair cut twice", twice["cuts"][0][name], one["cuts"][-1][name])
    return result


def check_oracle(oracle: Oracle, pictures: Path) -> int:
    """The oracle's own: a cut of nothing changes no bit; cut edges have no share, and each row's shares still sum to 1, as they
    were but for one factor."""
    case = knockout_cases(oracle, pictures)[0]
    _, curves = edges_of(oracle, case)
    request, edges = case.request, curves[0]
    nothing = knockout(oracle, replace(request, window=1, radius=None), [[([], edges[0][1])]])
    assert all(point == nothing.clean for point in nothing.curves[0]), "a cut of nothing changes the run"
    was, now = probabilities(oracle, request, [], 0), probabilities(oracle, request, edges, 0)
    sources, destinations = edges[0]
    assert now[:, destinations][:, :, sources].abs().max() == 0, "cut edges have a share"
    kept = was.clone()
    kept[:, torch.tensor(destinations)[:, None], torch.tensor(sources)] = 0
    assert torch.allclose(now, kept / kept.sum(-1, keepdim=True), atol=1e-6), "the rest is not what it was, renormalised"
    return 3
