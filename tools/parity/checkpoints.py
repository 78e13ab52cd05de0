"""Random checkpoints of LLaVA and of decoders alone, saved by HF's own `save_pretrained`, in every layout patchbay reads.

Weights are drawn at scales that make a run worth tracing: attention that is far from uniform, logits far from
flat, and every row different from every other. transformers 5 saves in one layout; the older ones are made from
it by renaming tensors and rewriting config.json, as those versions wrote them (`relayout`).
"""

import json
import math
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import (CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PhiConfig,
                          Qwen2Config, SiglipVisionConfig)

from .families import CAUSAL
from .oracle import Oracle
from .vocabularies import IMAGE, make_tokenizer

CONFIGS = {"llama": LlamaConfig, "phi": PhiConfig, "qwen2": Qwen2Config}
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


@dataclass
class Recipe:
    """One checkpoint to make. `text`, `vision` and `llava` hold what differs from the small defaults below."""
    name: str
    tokenizer: str = "normalizer"
    decoder: str = "llama"                                 # of CONFIGS
    text: dict = field(default_factory=dict)
    vision: dict | None = field(default_factory=dict)      # None: a decoder alone
    tower: type = CLIPVisionConfig
    llava: dict = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    shards: int = 1
    layout: str = "5"              # names and config as transformers "5", "4.5x", "4" or "4.28" writes them
    processor: str = "dict"        # preprocessor_config.json with "dict" or "plain" sizes, or "5": processor_config.json
    resize: dict | None = None     # the processor's size; default: shortest edge = the tower's image size
    mean: list = field(default_factory=lambda: CLIP_MEAN)
    std: list = field(default_factory=lambda: CLIP_STD)
    template: str | None = None    # written to patchbay.json
    padding: int = 0               # vocabulary rows beyond the tokenizer's tokens
    seed: int = 0


LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}

RECIPES = [
    Recipe("gqa-v5-f32", text={"num_key_value_heads": 2}, processor="5", padding=24),
    Recipe("mha-v4-f16", tokenizer="metaspace", layout="4", dtype=torch.float16, shards=3, processor="plain",
           text={"rope_parameters": LLAMA3_ROPE},
           vision={"image_size": 29, "patch_size": 7}, llava={"vision_feature_layer": -1}),
    Recipe("headdim-v45-bf16", tokenizer="llama3", layout="4.5x", dtype=torch.bfloat16, shards=2,
           text={"head_dim": 24, "num_key_value_heads": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
           vision={"image_size": 21, "patch_size": 3, "hidden_act": "gelu"},
           llava={"vision_feature_select_strategy": "full", "vision_feature_layer": 1},
           mean=[0.5, 0.4, 0.3], std=[0.5, 0.25, 0.2], resize={"height": 21, "width": 21}),
    Recipe("tied-v5-f16", tokenizer="qwen2", dtype=torch.float16, shards=2, template="flags",
           text={"tie_word_embeddings": True, "num_hidden_layers": 5, "num_attention_heads": 3, "hidden_size": 48,
                 "intermediate_size": 100, "num_key_value_heads": 3, "rms_norm_eps": 1e-5},
           vision={"image_size": 32, "patch_size": 16, "num_hidden_layers": 2}, resize={"shortest_edge": 40}),
    Recipe("tied-v4-bf16", tokenizer="gpt2", layout="4", dtype=torch.bfloat16, shards=3, processor="plain",
           text={"tie_word_embeddings": True, "num_key_value_heads": 2, "num_hidden_layers": 2},
           llava={"vision_feature_layer": -3}),
    Recipe("scaled-v4-f32", tokenizer="normalizer", layout="4", template="bunny",
           text={"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}},
           llava={"multimodal_projector_bias": False, "projector_hidden_act": "gelu"}),
    Recipe("siglip-qwen2-v5-bf16", tokenizer="qwen2", decoder="qwen2", tower=SiglipVisionConfig, dtype=torch.bfloat16,
           processor="5", text={"num_key_value_heads": 2, "num_hidden_layers": 2}, vision={"image_size": 26},
           llava={"vision_feature_select_strategy": "full"}),
    Recipe("llama-gqa-v5-bf16", tokenizer="digits", vision=None, dtype=torch.bfloat16,
           text={"tie_word_embeddings": True, "num_key_value_heads": 1, "num_attention_heads": 3, "hidden_size": 36,
                 "head_dim": 12}),
    Recipe("llama-bias-v4-f32", tokenizer="metaspace", vision=None, layout="4", shards=2,
           text={"attention_bias": True, "mlp_bias": True,
                 "rope_parameters": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 4.0}}),
    Recipe("llama3-rope-v4-f16", tokenizer="llama3", vision=None, layout="4", dtype=torch.float16,
           text={"num_key_value_heads": 2, "rope_parameters": LLAMA3_ROPE}),
    Recipe("vicuna-v428-f16", vision=None, layout="4.28", dtype=torch.float16, shards=2,
           text={"num_hidden_layers": 3}),
    Recipe("qwen2-tied-v5-bf16", tokenizer="qwen2", decoder="qwen2", vision=None, dtype=torch.bfloat16, padding=24,
           text={"tie_word_embeddings": True, "num_key_value_heads": 2,
                 "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
    Recipe("qwen2-v4-f32", tokenizer="qwen2", decoder="qwen2", vision=None, layout="4", shards=2,
           text={"num_key_value_heads": 1, "head_dim": 20, "num_hidden_layers": 2}),
    Recipe("phi-v4-f16", tokenizer="gpt2", decoder="phi", vision=None, layout="4", dtype=torch.float16, shards=2, padding=40,
           text={"partial_rotary_factor": 0.4, "hidden_size": 80}),                # 8 of 20, as Phi-2's 32 of 80
    Recipe("phi-tied-v5-bf16", tokenizer="gpt2", decoder="phi", vision=None, dtype=torch.bfloat16,
           text={"tie_word_embeddings": True, "num_key_value_heads": 2, "num_hidden_layers": 3,
                 "rope_parameters": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 2.0}}),
]


def oracles(work: Path) -> dict[str, Oracle]:
    """All recipes, made and opened."""
    return {recipe.name: Oracle(make_checkpoint(recipe, work)) for recipe in RECIPES}


def make_checkpoint(recipe: Recipe, folder: Path) -> Path:
    """Writes the checkpoint to folder/name and returns that path."""
    path = folder / recipe.name
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(recipe.tokenizer)
    tokenizer.save(str(path / "tokenizer.json"))
    model = _build(recipe, tokenizer)
    randomise(model, recipe.seed)
    model.to(recipe.dtype)
    model.save_pretrained(path, max_shard_size=_shard_size(model, recipe.shards))
    if recipe.layout != "5":
        relayout(path, recipe.layout)
    if recipe.vision is not None:
        _write_processor(path, recipe, model.config.vision_config.image_size)
    if recipe.template:
        _write_json(path / "patchbay.json", {"template": recipe.template})
    return path


def _build(recipe: Recipe, tokenizer: Tokenizer):
    text = CONFIGS[recipe.decoder](**{
        "vocab_size": tokenizer.get_vocab_size() + recipe.padding, "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 512, "eos_token_id": 2, **recipe.text})
    if recipe.vision is None:
        return CAUSAL[recipe.decoder](text)
    vision = recipe.tower(**{
        "hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": 24, "patch_size": 8, **recipe.vision})
    return LlavaForConditionalGeneration(LlavaConfig(
        text_config=text, vision_config=vision, image_token_index=tokenizer.token_to_id(IMAGE), **recipe.llava))


@torch.no_grad()
def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fills every parameter: matrices keep the size of what they map (x gain), norms are near 1, biases small."""
    generator = torch.Generator().manual_seed(seed)
    tied = getattr(getattr(model, "config", None), "tie_word_embeddings", False)      # a part alone has no such thing
    for name, weight in model.named_parameters():
        weight.normal_(generator=generator)
        if "norm" in name and name.endswith("weight"):
            weight.mul_(0.2).add_(1)
        elif name.endswith("bias"):
            weight.mul_(0.1)
        elif "embedding" in name or "embed_tokens" in name:
            weight.mul_(_embedding_scale(name, weight, tied))
        else:
            weight.mul_(_gain(name) / math.sqrt(weight[0].numel()))


def _embedding_scale(name: str, weight: torch.Tensor, tied: bool) -> float:
    if "patch_embedding" in name:                      # a convolution, [D, 3, patch, patch]
        return 1 / math.sqrt(weight[0].numel())
    return 2.2 / math.sqrt(weight.shape[1]) if "embed_tokens" in name and tied else 0.5


def _gain(name: str) -> float:
    """How much larger a matrix's output is than its input."""
    gains = {"q_proj": 1.5, "k_proj": 1.5, "lm_head": 2.2, "down_proj": 1.5, "fc2": 1.5, "linear_2": 0.8}
    return next((gain for part, gain in gains.items() if part in name), 1.0)


def _shard_size(model: torch.nn.Module, shards: int) -> int:
    """A max_shard_size (bytes) that makes `shards` files or a few more: shards are filled in turn."""
    sizes = [p.numel() * p.element_size() for p in model.parameters()]
    return sum(sizes) + 1 if shards == 1 else sum(sizes) // shards + max(sizes) // 2


# ---------------------------------------------------------------------------------------------------------------
# Older layouts


_RENAMES = {
    "4": [(r"^vision_tower\.", "vision_tower.vision_model."),
          (r"^lm_head\.", "language_model.lm_head.")],
    "4.5x": [(r"^vision_tower\.", "model.vision_tower.vision_model."),
             (r"^language_model\.lm_head\.", "lm_head."),
             (r"^language_model\.model\.", "model.language_model."),
             (r"^multi_modal_projector\.", "model.multi_modal_projector.")],
}


def relayout(path: Path, layout: str) -> None:
    """Rewrites a checkpoint that transformers 5 saved into the names and config of an older version."""
    config = json.loads((path / "config.json").read_text())
    if config["model_type"] == "llava":
        for shard in path.glob("*.safetensors"):
            _rewrite(shard, lambda tensors: {rename(k, layout): v for k, v in tensors.items()})
        index = path / "model.safetensors.index.json"
        if index.exists():
            state = json.loads(index.read_text())
            state["weight_map"] = {rename(k, layout): v for k, v in state["weight_map"].items()}
            _write_json(index, state)
    if layout == "4.28":
        _rewrite(next(path.glob("*.safetensors")), lambda tensors: {**tensors, **_rotary_buffers(config)})
        _write_json(path / "config.json", _llama1_config(config))
    else:
        _write_json(path / "config.json", old_config(config))


def _rewrite(file: Path, change) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}        # load_file maps the file
    save_file(change(tensors), file, metadata={"format": "pt"})


def rename(name: str, layout: str) -> str:
    for pattern, replacement in _RENAMES[layout]:
        name = re.sub(pattern, replacement, name)
    return name


def old_config(config: dict) -> dict:
    """config.json as transformers 4 wrote it: torch_dtype, rope_theta and rope_scaling, class defaults left out
    of the parts."""
    config = dict(config)
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.36.0"
    if "text_config" not in config:
        return _old_rotary(config)
    config.pop("tie_word_embeddings", None)            # stood in text_config
    config["text_config"] = _without_defaults(_old_rotary(config["text_config"]), LlamaConfig)
    config["vision_config"] = _without_defaults(config["vision_config"], CLIPVisionConfig)
    return config


def _llama1_config(config: dict) -> dict:
    """config.json as the first Llamas and Vicunas have it, before grouped queries and rotary scaling."""
    config = old_config(config)
    kept = ("architectures", "bos_token_id", "eos_token_id", "hidden_act", "hidden_size", "initializer_range",
            "intermediate_size", "max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers",
            "rms_norm_eps", "tie_word_embeddings", "torch_dtype", "use_cache", "vocab_size")
    return {key: config[key] for key in kept} | {"pad_token_id": 0, "transformers_version": "4.28.1"}


def _rotary_buffers(config: dict) -> dict:
    """The frequencies that these saved with the weights."""
    d = config["hidden_size"] // config["num_attention_heads"]
    frequencies = 1 / 10000 ** (torch.arange(0, d, 2) / d)
    return {f"model.layers.{l}.self_attn.rotary_emb.inv_freq": frequencies.clone() for l in range(config["num_hidden_layers"])}


def _old_rotary(text: dict) -> dict:
    rotary = dict(text["rope_parameters"])
    text = {key: value for key, value in text.items() if key not in ("rope_parameters", "layer_types")}
    text["rope_theta"] = rotary.pop("rope_theta")
    if "partial_rotary_factor" in rotary:
        text["partial_rotary_factor"] = rotary.pop("partial_rotary_factor")
    kind = rotary.pop("rope_type")
    text["rope_scaling"] = None
    if kind != "default":                              # "type" until 4.42, "rope_type" since
        text["rope_scaling"] = {"type" if kind == "linear" else "rope_type": kind, **rotary}
    return text


def _without_defaults(part: dict, config_class: type) -> dict:
    defaults = {**config_class().to_dict(), "rope_theta": 10000.0, "rope_scaling": None}
    return {key: value for key, value in part.items() if key == "model_type" or defaults.get(key, ...) != value}


# ---------------------------------------------------------------------------------------------------------------
# Image processors


def _write_processor(path: Path, recipe: Recipe, size: int) -> None:
    resize = recipe.resize or {"shortest_edge": size}
    common = {"do_center_crop": True, "do_normalize": True, "do_resize": True, "image_mean": recipe.mean,
              "image_std": recipe.std, "resample": 3}
    if recipe.processor == "plain":                    # before 4.22: plain numbers, no rescale keys
        _write_json(path / "preprocessor_config.json", {
            "crop_size": size, "feature_extractor_type": "CLIPFeatureExtractor", "size": size, **common})
        return
    full = {"crop_size": {"height": size, "width": size}, "do_convert_rgb": True, "do_rescale": True,
            "image_processor_type": "CLIPImageProcessor", "rescale_factor": 0.00392156862745098, "size": resize, **common}
    if recipe.processor == "dict":
        _write_json(path / "preprocessor_config.json", full)
    else:
        _write_json(path / "processor_config.json", {"image_processor": full, "processor_class": "LlavaProcessor"})


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def end_early(path: Path, folder: Path, token: int) -> Path:
    """A copy of a checkpoint in which `token` ends an answer too, as chat models' generation_config.json has it."""
    copy = folder / (path.name + "-eos")
    shutil.copytree(path, copy, dirs_exist_ok=True)
    generation = json.loads((copy / "generation_config.json").read_text())
    ends = [generation["eos_token_id"]] if "eos_token_id" in generation else []
    _write_json(copy / "generation_config.json", {**generation, "eos_token_id": [*ends, token]})
    return copy
