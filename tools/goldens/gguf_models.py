"""Makes tests/data/model/gguf/: the tiny checkpoints of tests/data/model as GGUF files, in the types that hold their
weights exactly (tools/parity/gguf_files.py writes them).

    python tools/goldens/gguf_models.py

llama (F32), qwen2 (BF16), phi (F16), phi-fused (q, k and v in one matrix), llava (BF16: its decoder), and llava's vision
side as mmproj-legacy (as llama.cpp's old converter leaves it), mmproj-whole (all layers) and mmproj-named (all, the
features' named).
"""
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from parity.gguf_files import DecoderFile, VisionSide, write_mmproj  # noqa: E402

MODELS = ROOT / "tests/data/model"
OUT = MODELS / "gguf"


def main():
    OUT.mkdir(exist_ok=True)
    for name, kind in (("llama", "F32"), ("qwen2", "BF16"), ("phi", "F16"), ("llava", "BF16")):
        DecoderFile(MODELS / name, kind).write(OUT / f"{name}.gguf")
    DecoderFile(MODELS / "phi", "F16", fused=True, tokenizer=False).write(OUT / "phi-fused.gguf")
    side = VisionSide.of_llava(MODELS / "llava")
    for style in ("legacy", "whole", "named"):
        write_mmproj(side, OUT / f"mmproj-{style}.gguf", style, kind="BF16")


if __name__ == "__main__":
    main()
