"""Makes tests/math/golden/math.json: norms, rotary embedding and activations as PyTorch and transformers compute them,
and the gradients of norms and activations that PyTorch's autograd finds.

    python tools/goldens/elementwise.py

Inputs are float32; norms and rotary rows are what float32 modules give, activations and all gradients what float64 ones
do.
"""
import json
import math
from pathlib import Path

import torch
from torch.nn import functional
from transformers import LlamaConfig
from transformers.activations import ACT2FN
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding, apply_rotary_pos_emb

GOLDEN = Path(__file__).parents[2] / "tests/math/golden"
ACTIVATIONS = ("silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu")


def numbers(tensor: torch.Tensor) -> list:
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


def norms(generator: torch.Generator) -> list:
    cases = []
    for d, eps, scale, shift in ((1, 1e-5, 1, 0), (7, 1e-6, 3, 0), (16, 1e-5, 1, 10), (37, 1e-6, 1e-3, 0), (64, 1e-5, 100, 30)):
        x = torch.randn(2, d, generator=generator) * scale + shift
        w, b = torch.randn(d, generator=generator) + 1, torch.randn(d, generator=generator)
        rms = LlamaRMSNorm(d, eps)
        rms.weight.data = w
        cases.append({"d": d, "eps": eps, "x": numbers(x), "w": numbers(w), "b": numbers(b), "rms": numbers(rms(x)),
                      "layer": numbers(functional.layer_norm(x.double(), (d,), w.double(), b.double(), eps))})
    return cases


def rotary(generator: torch.Generator) -> list:
    """Rows of heads of `d` elements, of which the first `rotated` are turned, as in Phi."""
    cases = []
    for heads, d, theta, rotated in ((1, 2, 10000.0, 2), (2, 6, 10000.0, 6), (3, 16, 500000.0, 16), (1, 34, 1000.0, 34),
                                     (3, 10, 10000.0, 4)):
        config = LlamaConfig(hidden_size=heads * rotated, num_attention_heads=heads, head_dim=rotated,
                             rope_parameters={"rope_type": "default", "rope_theta": theta})
        embedding = LlamaRotaryEmbedding(config)
        positions = [0, 1, 77, 4095]
        q = torch.randn(1, heads, len(positions), d, generator=generator)
        cosine, sine = embedding(q, torch.tensor([positions]))
        turned, _ = apply_rotary_pos_emb(q[..., :rotated], q[..., :rotated], cosine, sine)
        turned = torch.cat([turned, q[..., rotated:]], dim=-1)
        cases.append({"heads": heads, "d": d, "frequency": numbers(embedding.inv_freq), "positions": positions,
                      "x": numbers(q[0].transpose(0, 1)), "y": numbers(turned[0].transpose(0, 1))})
    return cases


def activations() -> dict:
    points = [x * s for x in (1e-8, 1e-3, 0.1, 0.5, 1.0, 1.7, math.pi, 5.0, 8.0, 12.0, 20.0, 50.0, 87.0, 100.0) for s in (1, -1)]
    x = torch.tensor([0.0] + points, dtype=torch.float32)
    return {"x": numbers(x), **{name: numbers(ACT2FN[name](x.double())) for name in ACTIVATIONS},
            "slopes": activation_slopes(x)}


def with_gradients(module, *tensors: torch.Tensor, dy: torch.Tensor) -> list:
    """The gradients of module(*tensors) in float64."""
    leaves = [x.detach().double().requires_grad_() for x in tensors]
    with torch.enable_grad():
        module(*leaves).backward(dy.double())
    return [numbers(leaf.grad) for leaf in leaves]


def norm_gradients(generator: torch.Generator) -> list:
    """Three rows each: their weights' gradients are sums."""
    cases = []
    for d, eps, scale, shift in ((3, 1e-2, 1, 0), (7, 1e-6, 3, 0), (16, 1e-5, 1, 10), (37, 1e-6, 1e-3, 0),
                                 (64, 1e-5, 100, 30)):
        x = torch.randn(3, d, generator=generator) * scale + shift
        w, b = torch.randn(d, generator=generator) + 1, torch.randn(d, generator=generator)
        dy = torch.randn(3, d, generator=generator)
        rms = with_gradients(lambda x, w: functional.rms_norm(x, (d,), w, eps), x, w, dy=dy)
        layer = with_gradients(lambda x, w, b: functional.layer_norm(x, (d,), w, b, eps), x, w, b, dy=dy)
        cases.append({"d": d, "eps": eps, "x": numbers(x), "w": numbers(w), "dy": numbers(dy),
                      "rms": dict(zip(("dx", "dw"), rms)), "layer": dict(zip(("dx", "dw", "db"), layer))})
    return cases


def activation_slopes(x: torch.Tensor) -> dict:
    return {name: with_gradients(ACT2FN[name], x, dy=torch.ones_like(x))[0] for name in ACTIVATIONS}


@torch.no_grad()
def main():
    generator = torch.Generator().manual_seed(1)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    golden = {"norms": norms(generator), "rotary": rotary(generator), "activations": activations(),
              "norm_gradients": norm_gradients(generator)}
    (GOLDEN / "math.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
