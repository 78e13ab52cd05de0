"""Makes tests/math/golden/attention_backward.json: the gradients of attention that PyTorch's autograd finds.

    python tools/goldens/attention_backward.py

Inputs are float32; the gradients are those of torch's scaled_dot_product_attention in float64.
"""
import json
from pathlib import Path

import torch
from torch.nn import functional

GOLDEN = Path(__file__).parents[2] / "tests/math/golden"

#        keys, heads, key/value heads, head_dim, rows' positions (None: they see all)
CASES = ((1, 1, 1, 1, [0]),
         (5, 2, 2, 3, [0, 1, 2, 3, 4]),
         (9, 6, 2, 4, [1, 4, 5, 8]),
         (7, 3, 1, 8, None),
         (12, 2, 1, 33, [10, 11]))
ROWS_THAT_SEE_ALL = 5


def numbers(tensor: torch.Tensor) -> list:
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


def by_head(x: torch.Tensor, head_dim: int, repeat: int) -> torch.Tensor:
    """[rows][heads * head_dim] as [heads * repeat][rows][head_dim]"""
    return x.view(len(x), -1, head_dim).transpose(0, 1).repeat_interleave(repeat, 0)


def case(generator: torch.Generator, keys: int, heads: int, kv_heads: int, d: int, positions: list | None) -> dict:
    rows = len(positions) if positions else ROWS_THAT_SEE_ALL
    q, dz = (torch.randn(rows, heads * d, generator=generator) for _ in range(2))
    k, v = (torch.randn(keys, kv_heads * d, generator=generator) for _ in range(2))
    seen = torch.arange(keys)[None] <= torch.tensor(positions)[:, None] if positions else None
    leaves = [x.double().requires_grad_() for x in (q, k, v)]
    group = heads // kv_heads
    z = functional.scaled_dot_product_attention(by_head(leaves[0], d, 1), by_head(leaves[1], d, group),
                                                by_head(leaves[2], d, group), seen)
    z = z.transpose(0, 1).reshape(rows, heads * d)
    z.backward(dz.double())
    return {"keys": keys, "heads": heads, "kv_heads": kv_heads, "head_dim": d, "rows": rows, "positions": positions,
            **{name: numbers(x) for name, x in (("q", q), ("k", k), ("v", v), ("z", z), ("dz", dz))},
            **{name: numbers(x.grad) for name, x in zip(("dq", "dk", "dv"), leaves)}}


def main():
    generator = torch.Generator().manual_seed(1)
    cases = [case(generator, *of) for of in CASES]
    (GOLDEN / "attention_backward.json").write_text(json.dumps({"cases": cases}) + "\n")


if __name__ == "__main__":
    main()
