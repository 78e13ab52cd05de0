"""Makes tests/checkpoint/golden/: small checkpoints written by the safetensors package, and what PyTorch reads in them.

    python tools/goldens/checkpoint.py

  single/   one file: tensors of each dtype that patchbay computes with, one of another, an empty and a scalar one,
            with the same values in f32 as PyTorch widens them (NAME.f32)
  sharded/  the same tensors in two shards with an index, as save_pretrained leaves them
  dtypes.json  checksums of all 65,536 f16 and bf16 numbers widened by PyTorch (NaNs as 0x7fc00000)
"""
import json
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).parents[2] / "tests/checkpoint/golden"


def all_widened(dtype):
    """Every 16-bit pattern as dtype, widened to f32, as bits."""
    halves = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)
    bits = halves.float().view(torch.int32).clone()
    bits[torch.isnan(halves)] = 0x7FC00000
    return bits


def tensors():
    torch.manual_seed(0)
    base = torch.randn(5, 7) * 10 ** torch.linspace(-8, 4, 35).reshape(5, 7)
    out = {
        "a.f32": base,
        "b.f16": base.half(),
        "c.bf16": base.bfloat16(),
        "d.i64": torch.arange(6).reshape(2, 3),
        "e.empty": torch.zeros(0, 4),
        "f.scalar": torch.tensor(2.5),
        "g.conv": torch.randn(2, 3, 1, 2).half(),
        "h.deep": torch.zeros(1, 1, 2, 1, 1),
    }
    for name in ("b.f16", "c.bf16", "g.conv"):
        out[name + ".f32"] = out[name].float()
    return out


def main():
    (GOLDEN / "single").mkdir(parents=True, exist_ok=True)
    (GOLDEN / "sharded").mkdir(exist_ok=True)
    whole = tensors()
    save_file(whole, GOLDEN / "single/model.safetensors", metadata={"format": "pt"})

    names = sorted(whole)
    parts = {"model-00001-of-00002.safetensors": names[:5], "model-00002-of-00002.safetensors": names[5:]}
    for file, part in parts.items():
        save_file({n: whole[n] for n in part}, GOLDEN / "sharded" / file, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": sum(t.numel() * t.element_size() for t in whole.values())},
        "weight_map": {n: file for file, part in parts.items() for n in part},
    }
    (GOLDEN / "sharded/model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")

    sums = {}
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        bits = all_widened(dtype)
        sums[name + "_crc32"] = zlib.crc32(bits.numpy().tobytes())
    for file in GOLDEN.glob("*/*.safetensors"):
        file.chmod(0o644)
    (GOLDEN / "dtypes.json").write_text(json.dumps(sums, indent=2) + "\n")


if __name__ == "__main__":
    main()
