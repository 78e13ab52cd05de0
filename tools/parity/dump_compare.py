"""Holds a dump's arrays against what hooks on HF's modules see, and against each other: a layer's parts make its output."""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from . import program
from .cases import CAPITAL, FOREIGN, PLAIN
from .compare import Comparison
from .oracle import SITES, Oracle, Request

SHARE = 1e-4           # of a layer's largest number at that site: the largest difference
INNER = ("head_out", "mlp_post")
TOWER = tuple(f"vision.{site}" for site in SITES)


@dataclass(frozen=True)
class DumpCase:
    name: str
    request: Request
    sites: tuple[str, ...] = (*SITES, *INNER)


def dump_cases(oracle: Oracle, pictures: Path) -> list[DumpCase]:
    text = [DumpCase("dump: text", PLAIN), DumpCase("dump: text, some rows", replace(FOREIGN, positions="1:4,last", layers=(1, 2)))]
    if not oracle.multimodal:
        return text[:1] if oracle.only else text
    ask = replace(CAPITAL, image=str(pictures / "wide.png"))
    made = [DumpCase("dump", ask),
            DumpCase("dump: the picture's side", replace(ask, positions="image", layers=(0, 1), image_order="reverse"),
                     (*TOWER, "proj.out", "resid_pre")),
            DumpCase("dump: some rows", replace(ask, positions="image,last", layers=(0, 1)), ("mlp_post", "resid_post"))]
    return made[:2] if oracle.only else [*made, text[0]]


def checks(oracle: Oracle, pictures: Path):
    """Yields (name, function that returns a Comparison, command that shows the program's side)."""
    for case in dump_cases(oracle, pictures):
        yield case.name, lambda c=case: dumped(oracle, c), command(oracle, case, "patchbay-dump")


def command(oracle: Oracle, case: DumpCase, out: str) -> list[str]:
    return [str(program.program()), "dump", str(oracle.path), *oracle.options, *case.request.options(), "--sites", ",".join(case.sites),
            "--json", "--quiet", "--out", out]


def dumped(oracle: Oracle, case: DumpCase) -> Comparison:
    result = Comparison()
    with tempfile.TemporaryDirectory() as out:
        found = program.run(command(oracle, case, out))
        try:
            result.equal("dump.json", json.loads(Path(out, "dump.json").read_text()), found)
            arrays = {name: np.load(Path(out, site["file"]), mmap_mode="r") for name, site in found["sites"].items()}
            _compare(result, oracle, case, found, arrays)
        except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
            result.problems.append(f"the dump is not of the documented form: {type(error).__name__} {error}")
    return result


def _compare(result: Comparison, oracle: Oracle, case: DumpCase, found: dict, arrays: dict[str, np.ndarray]) -> None:
    request = case.request
    prompt = oracle.prompt(request)
    features = oracle.ordered(request, oracle.features(request.image)) if request.image else None
    seen = _seen(oracle, oracle.embed(prompt.ids, prompt.image, features))
    if set(TOWER) & set(case.sites):
        seen.update(_seen_in_tower(oracle, request.image), **{"proj.out": [features]})
    layers = list(range(*(request.layers or (0, len(oracle.layers)))))
    where = prompt.span(request.positions or "all")
    result.equal("schema", found["schema"], "patchbay.dump/1")
    result.equal("sites", list(found["sites"]), list(case.sites))
    result.equal("layers", found["layers"], layers)
    result.equal("positions", found["positions"], where)
    for site in case.sites:
        if site in TOWER or site == "proj.out":             # all rows, in the layers that the features pass
            expected = torch.stack(seen[site][:len(arrays[site])]).numpy()
        else:
            expected = torch.stack([seen[site][l][where] for l in layers]).numpy()
        _compare_site(result, site, expected, arrays[site], found["sites"][site])
    if "proj.out" in case.sites:
        result.equal("the decoder's image rows", np.array_equal(arrays["proj.out"], arrays["resid_pre"]), True)
        made = arrays["vision.resid_pre"] + arrays["vision.attn_out"] + arrays["vision.mlp_out"]
        result.equal("the tower's parts", np.array_equal(made, arrays["vision.resid_post"]), True)
    if set(SITES) <= set(case.sites):
        made = arrays["resid_pre"] + arrays["attn_out"] + arrays["mlp_out"]
        result.equal("resid_pre + attn_out + mlp_out", np.array_equal(made, arrays["resid_post"]), True)
        result.equal("the next layer's resid_pre", np.array_equal(arrays["resid_pre"][1:], arrays["resid_post"][:-1]), True)


def _compare_site(result: Comparison, site: str, expected: np.ndarray, found: np.ndarray, said: dict) -> None:
    result.equal(f"{site}: type", (str(found.dtype), found.flags["C_CONTIGUOUS"]), ("float32", True))
    result.equal(f"{site}: shape", [list(found.shape), said["shape"]], [list(expected.shape)] * 2)
    result.equal(f"{site}: not finite", said["not_finite"], 0)
    for layer, (one, other) in enumerate(zip(found, expected)):
        result.cells += len(one)
        difference = float(np.abs(one - other).max() / np.abs(other).max())
        result.worst = max(result.worst, difference)
        if not difference <= SHARE:
            result.problems.append(f"{site}[{layer}] differs by {difference:.2g} of its largest number")


@torch.no_grad()
def _seen(oracle: Oracle, rows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """{site: [L][T, width]}: the residual stream's sites, and what the two output projections take."""
    inner = {site: [None] * len(oracle.layers) for site in INNER}

    def keep(site: str, layer: int):
        def hook(_, args):
            inner[site][layer] = args[0][0].clone()
        return hook

    handles = []
    for l, layer in enumerate(oracle.layers):
        heads, mlp = layer.self_attn, layer.mlp
        handles.append((heads.o_proj if hasattr(heads, "o_proj") else heads.dense).register_forward_pre_hook(keep("head_out", l)))
        handles.append((mlp.down_proj if hasattr(mlp, "down_proj") else mlp.fc2).register_forward_pre_hook(keep("mlp_post", l)))
    try:
        return {**oracle.run(rows, record=True).sites, **inner}
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _seen_in_tower(oracle: Oracle, picture: str) -> dict[str, list[torch.Tensor]]:
    """{site: [L][rows, width]} of the tower's layers, wherever HF keeps them: by hooks on every module that runs."""
    seen = {site: [] for site in TOWER}

    def before(module, args):
        if type(module).__name__.endswith("EncoderLayer"):
            seen["vision.resid_pre"].append(args[0][0].clone())

    def after(module, _, out):
        kind = type(module).__name__
        for ending, site in (("Attention", "attn_out"), ("MLP", "mlp_out"), ("EncoderLayer", "resid_post")):
            if kind.endswith(ending):
                seen[f"vision.{site}"].append((out[0] if isinstance(out, tuple) else out).reshape(-1, out[0].shape[-1]).clone())

    hooks = torch.nn.modules.module
    handles = [hooks.register_module_forward_pre_hook(before), hooks.register_module_forward_hook(after)]
    try:
        oracle._project(oracle.pixels(picture))
    finally:
        for handle in handles:
            handle.remove()
    return seen
