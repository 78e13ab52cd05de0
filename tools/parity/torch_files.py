"""Checkpoints as PyTorch's pytorch_model.bin: those of checkpoints.py, saved by torch.save as transformers 4 saved them.

The program opens the .bin; the oracle, HF, opens the safetensors it was made from. What the program answers must also be
what it answers to the safetensors, bit for bit.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from .checkpoints import RECIPES, make_checkpoint
from .oracle import Oracle

FEW = ("swap", "another image", "noise of 3 samples", "text: swap")


@dataclass(frozen=True)
class TorchFile:
    """A recipe of checkpoints.py, and what is special about its .bin."""
    recipe: str
    tied: bool = False         # the head is there too, a second name of the embedding's storage
    turned: bool = False       # matrices are stored transposed, as columns of a larger storage, after other numbers
    parameters: bool = False   # a dict of parameters, rather than of plain tensors
    protocol: int = 2

    @property
    def name(self) -> str:
        return "torch-" + self.recipe


FILES = [
    TorchFile("gqa-v5-f32", turned=True),
    TorchFile("mha-v4-f16", parameters=True),
    TorchFile("tied-v4-bf16", tied=True),
    TorchFile("phi-v4-f16", turned=True, protocol=4),
]


def oracles(work: Path) -> dict[str, Oracle]:
    """All of them, made and opened."""
    recipes = {recipe.name: recipe for recipe in RECIPES}
    made = {}
    for file in FILES:
        folder = make_checkpoint(recipes[file.recipe], work / "torch")      # apart: others have theirs mapped
        made[file.name] = Oracle(folder, path=write(file, folder, work / "torch" / file.name), only=FEW)
    return made


def write(file: TorchFile, folder: Path, path: Path) -> Path:
    """Writes the folder again with .bin files instead of safetensors, shard for shard."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder, path, ignore=shutil.ignore_patterns("*.safetensors*"))
    for shard in folder.glob("*.safetensors"):
        state = {name: _stored(file, tensor) for name, tensor in load_file(shard).items()}
        embedding = next((name for name in state if name.endswith("embed_tokens.weight")), None)
        if file.tied and embedding:
            state[embedding.replace("model.embed_tokens", "lm_head")] = state[embedding]
        torch.save(state, path / _renamed(shard.name), pickle_protocol=file.protocol)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        content["weight_map"] = {name: _renamed(shard) for name, shard in content["weight_map"].items()}
        (path / "pytorch_model.bin.index.json").write_text(json.dumps(content, indent=2) + "\n")
    return path


def _renamed(shard: str) -> str:
    return shard.replace("model", "pytorch_model", 1).replace(".safetensors", ".bin")


def _stored(file: TorchFile, tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, as they shall lie in the file."""
    if file.turned and tensor.dim() == 2:
        storage = torch.full((tensor.shape[1] + 3, 2 * tensor.shape[0]), 7, dtype=tensor.dtype)
        storage[3:, ::2] = tensor.t()
        tensor = storage[3:, ::2].t()
    return torch.nn.Parameter(tensor) if file.parameters else tensor
