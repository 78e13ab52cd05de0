"""GGUF checkpoints: every type in every architecture, and vision sides from elsewhere (--mmproj).

HF runs what the file's bits mean: a folder of the dequantised weights in float32. The program opens the file; what it answers
must also be what it answers to that folder, bit for bit.
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file

from .checkpoints import LLAMA3_ROPE, Recipe, make_checkpoint
from .gguf_files import KINDS, DecoderFile, VisionSide, bare, below, load_state, write_mmproj
from .multimodal_files import TINY_384, Layout, make_layout
from .oracle import Oracle

TEXT, IMAGES = ("text: swap",), ("swap", "image noise")
# Rows are whole blocks: of 256 in Q4_K, Q5_K and Q6_K, of 32 in the others.
SMALL = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
LARGE = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1}
DECODERS = {
    "llama": {"tokenizer": "llama3", "text": {"num_key_value_heads": 2, "rope_parameters": LLAMA3_ROPE}},
    "qwen2": {"tokenizer": "qwen2", "text": {"num_key_value_heads": 2, "tie_word_embeddings": True}},
    "phi": {"tokenizer": "gpt2", "text": {"partial_rotary_factor": 0.5}},
}
SENTENCEPIECE = Recipe("gguf-spm-folder", vision=None, seed=40, text={
    **SMALL, "attention_bias": True, "mlp_bias": True,
    "rope_parameters": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 4.0}})

LAYOUTS = {
    "clip": Layout("clip", "llava", tokenizer="llama3", seed=41),
    "siglip": Layout("siglip", "llava", tokenizer="llama3", tower="siglip", vision=TINY_384, seed=42),
    "bunny": Layout("bunny", "bunny-phi", decoder="phi", tower="siglip", tokenizer="gpt2", vision=TINY_384, seed=43),
}


def oracles(work: Path) -> dict[str, Oracle]:
    work = work / "gguf"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    made = {f"gguf-{family}-{kind}": _decoder(work, family, kind) for family in DECODERS for kind in KINDS}
    made["gguf-spm-F32"] = _file(make_checkpoint(SENTENCEPIECE, work), work / "gguf-spm", "F32")
    made["gguf-phi-fused"] = _file(_folder(work, "phi", SMALL), work / "gguf-phi-fused", "F32", fused=True)
    return made | _vision_sides(work)


def _folder(work: Path, family: str, sizes: dict) -> Path:
    """A decoder of these sizes, made once."""
    name = f"{family}-{sizes['hidden_size']}"
    if (work / name / "config.json").exists():
        return work / name
    row = DECODERS[family]
    return make_checkpoint(Recipe(name, tokenizer=row["tokenizer"], decoder=family, vision=None, seed=39,
                                  text={**sizes, **row["text"]}), work)


def _decoder(work: Path, family: str, kind: str) -> Oracle:
    folder = _folder(work, family, LARGE if kind.endswith("_K") else SMALL)
    return _file(folder, work / f"{family}-{kind}", kind)


def _file(folder: Path, path: Path, kind: str, **how) -> Oracle:
    """PATH.gguf for the program, the folder PATH of what it means for HF."""
    file = DecoderFile(folder, kind, **how)
    return Oracle(file.write_twin(path), path=file.write(path.with_suffix(".gguf")), only=TEXT)


def _vision_sides(work: Path) -> dict[str, Oracle]:
    """A decoder's GGUF with the vision side that its LLaVA or Bunny has, from llama.cpp's file or from its folder."""
    made = {}
    for name, layout in LAYOUTS.items():
        folder, _ = make_layout(layout, work)
        without = ("lm_head.bias",) if layout.bunny else ()             # Bunny's head has none
        file = DecoderFile(work / (name + "-parts") / "decoder", tokenizer_from=folder, without=without)
        decoder = file.write(work / f"{name}.gguf")

        def opened(*options):
            return Oracle(folder, path=decoder, options=options, only=IMAGES)

        made[f"mmproj-{name}-folder"] = opened("--mmproj", str(folder))
        if not layout.bunny:                           # whose prompts are others than a file's
            for style in ("legacy", "whole"):
                file = write_mmproj(_side(work / (name + "-parts")), work / f"{name}-{style}.gguf", style)
                made[f"mmproj-{name}-{style}"] = opened("--mmproj", str(file))
    return made


def _side(parts: Path) -> VisionSide:
    """The parts that make_layout leaves."""
    projector = load_file(parts / "projector.safetensors")
    return VisionSide(json.loads((parts / "tower/config.json").read_text()), bare(load_state(parts / "tower")),
                      [below(projector, "0."), below(projector, "2.")], json.loads((parts / "processor.json").read_text()))
