"""Holds lens.json against HF's final norm and head, applied to what hooks see; and what must hold of the program's own."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import program
from .cases import CAPITAL, FOREIGN, PLAIN
from .compare import Comparison
from .oracle import SITES, Oracle, Request


@dataclass(frozen=True)
class LensCase:
    name: str
    request: Request
    site: str | None = None                        # none: the program's own, resid_post
    top: int | None = None

    def options(self) -> list[str]:
        site = ["--site", self.site] if self.site else []
        return [*self.request.options(), *site, *(["--top", str(self.top)] if self.top else [])]


def lens_cases(oracle: Oracle, pictures: Path) -> list[LensCase]:
    ask = replace(CAPITAL, image=str(pictures / "wide.png"))
    text = [LensCase("lens: text", PLAIN),
            *[LensCase(f"lens: text, {site}", replace(FOREIGN, positions="all"), site, 3) for site in SITES[:3]]]
    if not oracle.multimodal:
        return text[:1] if oracle.only else text
    if oracle.only:
        return [LensCase("lens", ask)]
    whole = replace(ask, answer="New York", answer_tokens="all", layers=(1, len(oracle.layers)))
    return [
        LensCase("lens", ask),
        LensCase("lens: of the picture", replace(ask, positions="all", image_order="reverse"), "resid_post", 8),
        *[LensCase(f"lens: {site}", replace(ask, positions="image,constraint,last", prefill="The capital is"), site) for site in SITES[:3]],
        LensCase("lens: whole answer", whole, top=1),
        text[0],
    ]


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function that returns a Comparison, command that shows the program's side)."""
    for case in lens_cases(oracle, pictures):
        yield case.name, lambda c=case: looked(oracle, c), command(oracle, case)


def command(oracle: Oracle, case: LensCase) -> list[str]:
    return [str(program.program()), "lens", str(oracle.path), *oracle.options, *case.options(), "--json", "--quiet"]


def looked(oracle: Oracle, case: LensCase) -> Comparison:
    found = program.run(command(oracle, case))
    result = Comparison()
    try:
        _compare(result, oracle, case, found)
    except (KeyError, IndexError, TypeError) as error:
        result.problems.append(f"lens.json is not of the documented form: {type(error).__name__} {error}")
    return result


@torch.no_grad()
def _compare(result: Comparison, oracle: Oracle, case: LensCase, found: dict) -> None:
    request, site = case.request, case.site or "resid_post"
    prompt = oracle.prompt(request)
    features = oracle.ordered(request, oracle.features(request.image)) if request.image else None
    rows = oracle.embed(prompt.ids, prompt.image, features)
    answer = oracle._answer(request, rows)
    run = oracle.run(rows, record=True)
    layers = list(range(*(request.layers or (0, len(oracle.layers)))))
    where = prompt.span(request.positions or "text")
    result.equal("schema", found["schema"], "patchbay.lens/1")
    result.equal("site", found["site"], site)
    result.equal("layers", found["layers"], layers)
    result.equal("positions", found["positions"], where)
    result.equal("answer.ids", found["answer"]["ids"], answer)
    if len(answer) == 1:
        result.probability("clean.prob", found["clean"]["prob"], run.logprobs[0][answer[0]].exp().item())
    norm = oracle.decoder.norm if hasattr(oracle.decoder, "norm") else oracle.decoder.final_layernorm
    for i, layer in enumerate(layers):
        logits = oracle.opened.head(norm(run.sites[site][layer][where]))
        prob = logits.double().softmax(-1)
        for k, position in enumerate(where):
            _cell(result, f"layer {layer}, position {position}", prob[k], answer[0], case.top or 5, found["top"][i][k],
                  found["answer_prob"][i][k])
    if site == "resid_post" and layers[-1] == len(oracle.layers) - 1 and where[-1] == len(prompt.rows) - 1:
        _same(result, found, len(answer))


def _cell(result: Comparison, what: str, prob: torch.Tensor, answer: int, count: int, top: list[dict], answer_prob) -> None:
    """Each token's probability, and that no others are more likely: near ties may stand in either order."""
    result.cells += 1
    result.probability(f"{what}: P(answer)", answer_prob, prob[answer].item())
    result.equal(f"{what}: tokens", len({t["id"] for t in top}), min(count, len(prob)))
    for token, best in zip(top, prob.topk(len(top)).values.tolist()):
        result.probability(f"{what}: P({token['id']})", token["prob"], prob[token["id"]].item())
        result.probability(f"{what}: rank", token["prob"], best)


def _same(result: Comparison, found: dict, tokens: int) -> None:
    """At the last layer and row it is the model's own end: the very numbers of the clean run."""
    cell = found["top"][-1][-1]
    result.equal("the last cell", cell[:5], found["clean"]["top"][:len(cell)])
    if tokens == 1:
        result.equal("the last cell's P(answer)", found["answer_prob"][-1][-1], found["clean"]["prob"])
