"""The oracle of `flow`: attention contributions from HF's own attention probabilities, values and output projection.

One forward pass with eager attention; everything after it is the definition, in float64, all pairs of rows at once.
"""

from dataclasses import dataclass

import torch

from .oracle import Oracle, Request

MEASURES = ("sum_norm", "norm_sum", "share", "relative")


@dataclass
class Layer:
    """What one layer's attention was made of."""
    attention: torch.Tensor        # [H, T, T]
    values: torch.Tensor           # [T, K d]
    resid_pre: torch.Tensor        # [T, D]
    attn_out: torch.Tensor         # [T, D]
    weight: torch.Tensor           # [D, H d]
    bias: torch.Tensor             # [D], 0 where there is none


@dataclass
class Flow:
    """From one span to one span; lists by layer."""
    sources: list[int]
    destinations: list[int]
    measures: dict[str, list[float]]
    scales: dict[str, list[float]]         # of what rounding is judged by, where a measure may be near 0
    per_position: list[list[float]]
    per_head: list[list[float]]
    remainder: float                       # largest |sum over all sources - attn_out without bias| / |attn_out|


@torch.no_grad()
def record(oracle: Oracle, request: Request) -> list[Layer]:
    prompt = oracle.prompt(request)
    rows = oracle.embed(prompt.ids, prompt.image, oracle.features(request.image) if request.image else None)
    taken = [{} for _ in oracle.layers]
    handles = [handle for layer, into in zip(oracle.layers, taken) for handle in _hooks(layer, into)]
    try:
        attentions = oracle.decoder(inputs_embeds=rows[None], use_cache=False, output_attentions=True).attentions
    finally:
        for handle in handles:
            handle.remove()
    layers = []
    for layer, into, attention in zip(oracle.layers, taken, attentions, strict=True):
        out = _output(layer)
        bias = torch.zeros(out.out_features) if out.bias is None else out.bias
        layers.append(Layer(attention[0].double(), into["values"].double(), into["resid_pre"].double(),
                            into["attn_out"].double(), out.weight.double(), bias.double()))
    return layers


def _output(layer: torch.nn.Module) -> torch.nn.Linear:
    """The output projection, which Phi calls dense."""
    return layer.self_attn.dense if hasattr(layer.self_attn, "dense") else layer.self_attn.o_proj


def _hooks(layer: torch.nn.Module, into: dict) -> list:
    def keep(name, value):
        into[name] = value[0].clone()

    return [layer.register_forward_pre_hook(lambda _, args: keep("resid_pre", args[0])),
            layer.self_attn.v_proj.register_forward_hook(lambda _, args, out: keep("values", out)),
            _output(layer).register_forward_hook(lambda _, args, out: keep("attn_out", out))]


def given(layer: Layer, destinations: list[int]) -> torch.Tensor:
    """[H, destinations, T, D]: A_h[i, j] v_h[j] W_O,h."""
    heads, width = len(layer.attention), layer.weight.shape[1]
    d = width // heads
    values = layer.values.reshape(len(layer.values), -1, d)                               # [T, K, d]
    values = values.repeat_interleave(heads // values.shape[1], dim=1)                    # [T, H, d]
    projected = torch.einsum("thd,ohd->hto", values, layer.weight.reshape(-1, heads, d))
    return layer.attention[:, destinations, :, None] * projected[:, None]


def flow(layers: list[Layer], sources: list[int], destinations: list[int]) -> Flow:
    result = Flow(sources, destinations, {name: [] for name in MEASURES}, {name: [] for name in MEASURES}, [], [], 0.0)
    for layer in layers:
        by_head = given(layer, destinations)
        attended = (layer.attn_out - layer.bias)[destinations]                            # [I, D]
        every = by_head.sum(0)                                                            # [I, T, D]
        result.remainder = max(result.remainder, float(((every.sum(1) - attended).norm(dim=-1) / attended.norm(dim=-1)).max()))
        some = every[:, sources]
        total, norms = some.sum(1), some.norm(dim=-1)
        size = attended.norm(dim=-1)
        values = {"sum_norm": norms.sum(1), "norm_sum": total.norm(dim=-1), "share": (total * attended).sum(-1) / size ** 2,
                  "relative": total.norm(dim=-1) / layer.resid_pre[destinations].norm(dim=-1)}
        scale = {"sum_norm": norms.sum(1), "norm_sum": norms.sum(1), "share": norms.sum(1) / size,
                 "relative": norms.sum(1) / layer.resid_pre[destinations].norm(dim=-1)}
        for name in MEASURES:
            result.measures[name].append(float(values[name].mean()))
            result.scales[name].append(float(scale[name].mean()))
        result.per_position.append(norms.mean(0).tolist())
        result.per_head.append(by_head[:, :, sources].norm(dim=-1).sum(-1).mean(1).tolist())
    return result
