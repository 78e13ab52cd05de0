"""Makes tests/data/change/: adapters as peft saves them, and edits as numpy does, for the tiny checkpoints of
tests/data/model; and what HF computes with the changed weights.

    python tools/goldens/changes.py

Each folder is named after its checkpoint and holds adapter_config.json, adapter_model.safetensors (qwen2: .bin),
edit.npz (llama: compressed) and golden.json: token ids, and the last row's logits with the adapter ("lora"), with each
request's edit by itself ("edit": {"0": ...}) or with all of them together ("together"), in float32. torch/ holds the
weights of the tiny qwen2 as PyTorch's shards, with a transposed matrix, a tied head and a tensor of whole numbers.
"""
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaForCausalLM, LlavaForConditionalGeneration, PhiForCausalLM, Qwen2ForCausalLM

ROOT = Path(__file__).parents[2]
MODELS, OUT = ROOT / "tests/data/model", ROOT / "tests/data/change"
LAYERS = "model.layers", "model.language_model.layers"


@dataclass
class Change:
    """An adapter and some edits of one checkpoint. `rows` are (layer, request) of edit.npz."""
    name: str
    model: type
    down: str
    lora: dict
    rows: list
    together: bool = False
    compressed: bool = False
    dtype: torch.dtype = torch.float32
    torch_file: bool = False


CHANGES = [
    Change("llava", LlavaForConditionalGeneration, "down_proj", rows=[(1, 0), (2, 0)],
           lora={"r": 2, "lora_alpha": 4, "target_modules": r".*language_model.*\.(q_proj|down_proj)"}),
    Change("llama", LlamaForCausalLM, "down_proj", rows=[(0, 0), (1, 0), (0, 1), (1, 1)], compressed=True,
           lora={"r": 2, "lora_alpha": 3, "target_modules": "all-linear", "rank_pattern": {"layers.1.mlp.down_proj": 5},
                 "alpha_pattern": {"^model.layers.0.self_attn.k_proj": 7, "o_proj": 1.5}}),
    Change("qwen2", Qwen2ForCausalLM, "down_proj", rows=[(1, 0), (1, 1), (1, 2)], together=True, dtype=torch.bfloat16,
           torch_file=True, lora={"r": 4, "lora_alpha": 3, "use_rslora": True, "target_modules": ["k_proj", "v_proj", "up_proj"]}),
    Change("phi", PhiForCausalLM, "fc2", rows=[(3, 0)], dtype=torch.float16,
           lora={"r": 1, "lora_alpha": 2, "target_modules": ["q_proj", "dense", "fc1", "fc2", "lm_head"]}),
]


def rounded(tensor: torch.Tensor) -> list:
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


@torch.no_grad()
def last_logits(model: torch.nn.Module, ids: list) -> list:
    return rounded(model(input_ids=torch.tensor([ids])).logits[0, -1])


def open_model(change: Change) -> torch.nn.Module:
    return change.model.from_pretrained(MODELS / change.name, dtype=torch.float32, attn_implementation="eager").eval()


def make_adapter(change: Change, folder: Path) -> None:
    torch.manual_seed(11)
    adapted = get_peft_model(open_model(change), LoraConfig(**change.lora))
    for name, p in adapted.named_parameters():
        if "lora_" in name:
            p.data = (torch.randn(p.shape) * 0.3).to(change.dtype).float()
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = change.name
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    store_as(change, folder / "adapter_model.safetensors")


def store_as(change: Change, file: Path) -> None:
    """The tensors in the dtype and the kind of file that are asked for."""
    from safetensors.torch import load_file, save_file
    tensors = {name: t.to(change.dtype) for name, t in load_file(file).items()}
    file.unlink()
    if change.torch_file:
        torch.save(tensors, file.with_suffix(".bin"))
    else:
        save_file(tensors, file, metadata={"format": "pt"})
        file.chmod(0o644)


def make_edit(change: Change, folder: Path, width: int, d_model: int) -> dict:
    rng = np.random.default_rng(12)
    n = len(change.rows)
    arrays = {
        "key": rng.normal(size=(n, width)), "v0": rng.normal(size=(n, d_model)), "v": rng.normal(size=(n, d_model)),
        "u": rng.normal(size=(n, d_model)) * 0.05,
    }
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    arrays |= {"layer": np.array([row[0] for row in change.rows]), "request": np.array([row[1] for row in change.rows]),
               "together": np.uint8(change.together)}
    (np.savez_compressed if change.compressed else np.savez)(folder / "edit.npz", **arrays)
    return arrays


@torch.no_grad()
def edited_logits(change: Change, arrays: dict, ids: list, rows: list) -> list:
    model = open_model(change)
    modules = dict(model.named_modules())
    for row in rows:
        layer = int(arrays["layer"][row])
        name = next(f"{stem}.{layer}.mlp.{change.down}" for stem in LAYERS if f"{stem}.{layer}" in modules)
        modules[name].weight += torch.outer(torch.tensor(arrays["u"][row]), torch.tensor(arrays["key"][row]))
    return last_logits(model, ids)


def make(change: Change) -> None:
    folder = OUT / change.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = open_model(change)
    text = model.config.get_text_config()
    ids = [(7 * i * i + 3 * i + 5) % 400 for i in range(20)]
    make_adapter(change, folder)
    arrays = make_edit(change, folder, text.intermediate_size, text.hidden_size)
    golden = {"ids": ids, "lora": last_logits(PeftModel.from_pretrained(model, folder).eval(), ids)}
    if change.together:
        golden["together"] = edited_logits(change, arrays, ids, range(len(change.rows)))
    else:
        requests = sorted({row[1] for row in change.rows})
        golden["edit"] = {str(r): edited_logits(change, arrays, ids, [i for i, row in enumerate(change.rows) if row[1] == r])
                          for r in requests}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


def make_torch_shards() -> None:
    """What save_pretrained left before safetensors, and a little more that torch.save can write."""
    from safetensors.torch import load_file
    folder = OUT / "torch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = load_file(MODELS / "qwen2/model.safetensors")
    down = "model.layers.1.mlp.down_proj.weight"
    tensors[down] = tensors[down].t().contiguous().t()
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    tensors["model.position_ids"] = torch.arange(12).reshape(3, 4).t()
    names = sorted(tensors)
    parts = {"pytorch_model-00001-of-00002.bin": names[:20], "pytorch_model-00002-of-00002.bin": names[20:]}
    for file, part in parts.items():
        torch.save({name: tensors[name] for name in part}, folder / file)
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())},
             "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    make_torch_shards()
    for each in CHANGES:
        make(each)
