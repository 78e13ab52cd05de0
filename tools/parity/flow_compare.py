"""Holds flow.json against the oracle's flows, number by number; and what must hold of the program's own."""

from dataclasses import dataclass, replace
from pathlib import Path

from . import program
from .cases import CAPITAL, FOREIGN, PLAIN, TWO
from .compare import RELATIVE, Comparison, relative
from .flow_oracle import MEASURES, Flow, flow, record
from .oracle import Oracle, Request

IDENTITY = 2e-5        # what float32 leaves of shares that sum to 1
SMALLEST = 1e-12       # of all sources': below it, probabilities are beyond what a float32 softmax tells apart


@dataclass(frozen=True)
class FlowCase:
    name: str
    request: Request
    pairs: tuple[tuple[str, str], ...] = ()        # none: the program's own
    layers: tuple[int, int] | None = None

    def options(self) -> list[str]:
        spans = [word for a, b in self.pairs for word in ("--from", a, "--to", b)]
        layers = ["--layers", "{}:{}".format(*self.layers)] if self.layers else []
        return [*self.request.options(), *spans, *layers]


def flow_cases(oracle: Oracle, pictures: Path) -> list[FlowCase]:
    ask = replace(CAPITAL, image=str(pictures / "wide.png"))
    text = [
        FlowCase("flow: text", PLAIN),
        FlowCase("flow: text, everything to everything", FOREIGN, (("all", "all"), ("all", "last"), ("0:3", "last"))),
    ]
    if not oracle.multimodal:
        return text[:1] if oracle.only else text
    if oracle.only:
        return [FlowCase("flow", ask)]
    two = replace(TWO, image=str(pictures / "photo.jpg"), answer="New York", answer_tokens="all")
    return [
        FlowCase("flow", ask),
        FlowCase("flow: everything to the question", ask, (("all", "question"), ("image", "question"), ("text", "question"))),
        FlowCase("flow: two constraints, whole answer", two, (("image", "constraint:0"), ("image", "constraint:1"),
                                                              ("constraint", "last"), ("constraint:0,constraint:1", "last"))),
        FlowCase("flow: inside the picture, last layers", replace(ask, prefill="The capital is", template="paper"),
                 (("image", "image"), ("2:5", "image,last")), (len(oracle.layers) - 1, len(oracle.layers))),
        text[0],
    ]


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function that returns a Comparison, command that shows the program's side)."""
    made = flow_cases(oracle, pictures)
    for case in made:
        yield case.name, lambda c=case: flown(oracle, c), command(oracle, case)
    yield f"{made[0].name}: parts add up", lambda: identities(oracle, made[0]), command(oracle, made[0])


def command(oracle: Oracle, case: FlowCase) -> list[str]:
    return [str(program.program()), "flow", str(oracle.path), *oracle.options, *case.options(), "--per-head", "--per-position",
            "--json", "--quiet"]


def flown(oracle: Oracle, case: FlowCase) -> Comparison:
    found = program.run(command(oracle, case))
    prompt = oracle.prompt(case.request)
    image = [("image", "constraint")] if prompt.image else []
    pairs = case.pairs or (*image, ("constraint", "last"))
    first, end = case.layers or (0, len(oracle.layers))
    layers = record(oracle, case.request)[first:end]
    expected = [flow(layers, prompt.span(a), prompt.span(b)) for a, b in pairs]
    result = Comparison()
    try:
        result.equal("schema", found["schema"], "patchbay.flow/1")
        result.equal("layers", found["layers"], list(range(first, end)))
        result.equal("pairs", [(f["from"], f["to"]) for f in found["flows"]], list(pairs))
        _compare_clean(result, oracle, case.request, found)
        for (a, b), one, other in zip(pairs, expected, found["flows"]):
            _compare_flow(result, f"{a} > {b}", one, other)
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"flow.json is not of the documented form: {type(error).__name__} {error}")
    return result


def _compare_clean(result: Comparison, oracle: Oracle, request: Request, found: dict) -> None:
    """P(answer) of the run that is looked at."""
    features = oracle.features(request.image) if request.image else None
    prompt = oracle.prompt(request)
    rows = oracle.embed(prompt.ids, prompt.image, features)
    answer = oracle._answer(request, rows)
    run = oracle.trace(replace(request, sites=(), corrupt=("swap:Rome",))).clean
    result.equal("answer.ids", found["answer"]["ids"], answer)
    result.probability("clean.prob", found["clean"]["prob"], run.prob)


def _compare_flow(result: Comparison, what: str, expected: Flow, found: dict) -> None:
    result.equal(f"{what}: sources", found["sources"], expected.sources)
    result.equal(f"{what}: destinations", found["destinations"], expected.destinations)
    if expected.remainder > IDENTITY:
        result.problems.append(f"{what}: the oracle's own sources leave {expected.remainder:.2g} of attn_out")
    for name in MEASURES:
        result.equal(f"{what}: {name}'s layers", len(found[name]), len(expected.measures[name]))
        for l, (value, wanted, scale) in enumerate(zip(found[name], expected.measures[name], expected.scales[name])):
            _number(result, f"{what}: {name}[{l}]", value, wanted, scale)
    for name, matrix in (("per_position", expected.per_position), ("per_head", expected.per_head)):
        result.equal(f"{what}: {name}'s shape", [len(row) for row in found[name]], [len(row) for row in matrix])
        for l, (values, row) in enumerate(zip(found[name], matrix)):
            least = SMALLEST * sum(row)
            for i, (value, wanted) in enumerate(zip(values, row)):
                _number(result, f"{what}: {name}[{l}][{i}]", value, wanted, max(wanted, least))


def _number(result: Comparison, what: str, found, expected: float, scale: float) -> None:
    """Within RELATIVE of the size that rounding is judged by: the number itself, or the parts that cancel in it."""
    result.cells += 1
    difference = relative(found, expected) if scale == expected else abs(found - expected) / scale if scale else float(found != 0)
    result.worst = max(result.worst, difference)
    if not difference <= RELATIVE:
        result.problems.append(f"{what} is {found}, expected {expected:.9g}: difference {difference:.2g}")


def identities(oracle: Oracle, case: FlowCase) -> Comparison:
    """Of the program's own numbers: all sources have a share of 1; disjoint spans' sums of norms, shares, positions and heads
    add up to those of all."""
    parts = ("0:3", "3:5,7:9", "5:7")
    rest = f"9:{len(oracle.prompt(case.request).rows)}"
    pairs = tuple((span, "last") for span in (*parts, rest, "all"))
    *some, every = program.run(command(oracle, replace(case, pairs=pairs)))["flows"]
    result = Comparison()
    for l, share in enumerate(every["share"]):
        result.cells += 4
        result.close(f"share[{l}] of all sources", share, 1, IDENTITY)
        result.close(f"shares[{l}] of parts", sum(f["share"][l] for f in some), 1, IDENTITY)
        result.close(f"sum_norm[{l}] of parts", sum(f["sum_norm"][l] for f in some), every["sum_norm"][l],
                     1e-6 * every["sum_norm"][l])
        result.close(f"per_position[{l}] of all", sum(every["per_position"][l]), every["sum_norm"][l], 1e-6 * every["sum_norm"][l])
        for h, head in enumerate(every["per_head"][l]):
            result.close(f"per_head[{l}][{h}] of parts", sum(f["per_head"][l][h] for f in some), head, 1e-5 * head)
    return result
