#!/usr/bin/env python3
"""Makes full-size checkpoints with random weights, for speed and memory: the shapes, names and files of published models.

    python tools/make_full_size.py llava-1.5-7b OUT            14 GB, as fast as the disk takes them (5 s of computing)
    python tools/make_full_size.py bunny-v1.0-3b OUT --sparse  at once: holes that read as zeros, and take no space
    python tools/make_full_size.py --list

OUT/NAME is the checkpoint: config.json, bfloat16 shards with their index, a tokenizer of the vocabulary's size, a processor
config. The original layout's tower lies beside it, in OUT/clip-vit-large-patch14-336. Needs NumPy and tokenizers.

Weights are one stretch of Gaussian noise, which each matrix reads from a place of its own on; norms are 1, biases 0. Scales
(SCALES, times 1/sqrt(inputs)) keep a run's numbers those of a trained model: queries and keys are so large that attention picks
rows, and the head so large that some tokens are likely. So they run as fast as real weights, and say nothing. Holes are enough
to open a model; a trace or its plan needs weights that differ.
"""

import argparse
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

SHARD = 5_000_000_000          # bytes, as save_pretrained cuts
NOISE = 1 << 24                # elements that are drawn
SCALES = {"q_proj": 1.7, "k_proj": 1.7, "lm_head": 4.0, "embed_tokens": 32.0}   # beside 1: of matrices with these names in theirs

Tensor = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Decoder:
    kind: str
    width: int
    hidden: int
    layers: int
    heads: int
    vocabulary: int


@dataclass(frozen=True)
class Tower:
    kind: str
    width: int
    hidden: int
    layers: int
    heads: int
    image: int
    patch: int


@dataclass(frozen=True)
class Model:
    layout: str                                 # "hf", "original" or "bunny"
    decoder: Decoder
    tower: Tower


CLIP = Tower("clip", 1024, 4096, 24, 16, 336, 14)
SIGLIP = Tower("siglip", 1152, 4304, 27, 16, 384, 14)
MODELS = {
    "llava-1.5-7b": Model("hf", Decoder("llama", 4096, 11008, 32, 32, 32064), CLIP),
    "llava-1.5-13b": Model("hf", Decoder("llama", 5120, 13824, 40, 40, 32064), CLIP),
    "llava-v1.5-7b": Model("original", Decoder("llama", 4096, 11008, 32, 32, 32000), CLIP),
    "llava-v1.5-13b": Model("original", Decoder("llama", 5120, 13824, 40, 40, 32000), CLIP),
    "bunny-v1.0-3b": Model("bunny", Decoder("phi", 2560, 10240, 32, 32, 50295), SIGLIP),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=MODELS, help="the model")
    parser.add_argument("out", nargs="?", type=Path, help="the folder that takes it")
    parser.add_argument("--sparse", action="store_true", help="leave holes in place of the weights")
    parser.add_argument("--list", action="store_true", help="name the models and their sizes")
    options = parser.parse_args()
    if options.list:
        for name, model in MODELS.items():
            print(f"{name:16} {sum(np.prod(shape) for _, shape in tensors(model)) * 2 / 1e9:6.1f} GB, layout {model.layout}")
        return
    if not options.out:
        parser.error("name a model and a folder")
    make(options.name, options.out / options.name, options.sparse)


def make(name: str, path: Path, sparse: bool) -> None:
    model = MODELS[name]
    write_weights(path, tensors(model), sparse)
    write_json(path / "config.json", config(model))
    write_json(path / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    (path / "tokenizer.json").write_text(tokenizer(model))
    home = path
    if model.layout == "original":
        home = path.with_name("clip-vit-large-patch14-336")
        write_weights(home, list(tower(model.tower, "vision_model.")), sparse)
        write_json(home / "config.json", {"model_type": "clip_vision_model", **tower_config(model.tower)})
    write_json(home / "preprocessor_config.json", processor(model.tower))


# ---------------------------------------------------------------------------------------------------------------
# Names and shapes


def tensors(model: Model) -> list[Tensor]:
    """All tensors of the checkpoint itself."""
    d, width = model.decoder, model.tower.width
    if model.layout == "hf":
        listed = [*llama(d, "language_model.model.", "language_model.lm_head."), *tower(model.tower, "vision_tower.vision_model."),
                  *linear("multi_modal_projector.linear_1", d.width, width),
                  *linear("multi_modal_projector.linear_2", d.width, d.width)]
    else:
        listed = [*(phi if d.kind == "phi" else llama)(d, "model.", "lm_head."),
                  *linear("model.mm_projector.0", d.width, width), *linear("model.mm_projector.2", d.width, d.width)]
        if model.layout == "bunny":
            listed += tower(model.tower, "model.vision_tower.vision_tower.vision_model.")
    return listed


def linear(name: str, rows: int, columns: int, bias: bool = True) -> Iterator[Tensor]:
    yield name + ".weight", (rows, columns)
    if bias:
        yield name + ".bias", (rows,)


def norm(name: str, width: int) -> Iterator[Tensor]:
    yield name + ".weight", (width,)
    yield name + ".bias", (width,)


def llama(d: Decoder, prefix: str, head: str) -> Iterator[Tensor]:
    yield prefix + "embed_tokens.weight", (d.vocabulary, d.width)
    for layer in range(d.layers):
        at = f"{prefix}layers.{layer}."
        yield at + "input_layernorm.weight", (d.width,)
        for part in "qkvo":
            yield f"{at}self_attn.{part}_proj.weight", (d.width, d.width)
        yield at + "post_attention_layernorm.weight", (d.width,)
        for part, shape in (("gate", (d.hidden, d.width)), ("up", (d.hidden, d.width)), ("down", (d.width, d.hidden))):
            yield f"{at}mlp.{part}_proj.weight", shape
    yield prefix + "norm.weight", (d.width,)
    yield head + "weight", (d.vocabulary, d.width)


def phi(d: Decoder, prefix: str, head: str) -> Iterator[Tensor]:
    """Bunny's: its head has no bias."""
    yield prefix + "embed_tokens.weight", (d.vocabulary, d.width)
    for layer in range(d.layers):
        at = f"{prefix}layers.{layer}."
        yield from norm(at + "input_layernorm", d.width)
        for part in ("q_proj", "k_proj", "v_proj", "dense"):
            yield from linear(f"{at}self_attn.{part}", d.width, d.width)
        yield from linear(at + "mlp.fc1", d.hidden, d.width)
        yield from linear(at + "mlp.fc2", d.width, d.hidden)
    yield from norm(prefix + "final_layernorm", d.width)
    yield head + "weight", (d.vocabulary, d.width)


def tower(t: Tower, prefix: str) -> Iterator[Tensor]:
    patches = (t.image // t.patch) ** 2
    if t.kind == "clip":
        yield prefix + "embeddings.class_embedding", (t.width,)
    yield prefix + "embeddings.patch_embedding.weight", (t.width, 3, t.patch, t.patch)
    if t.kind == "siglip":
        yield prefix + "embeddings.patch_embedding.bias", (t.width,)
    yield prefix + "embeddings.position_embedding.weight", (patches + (t.kind == "clip"), t.width)
    if t.kind == "clip":
        yield from norm(prefix + "pre_layrnorm", t.width)
    for layer in range(t.layers):
        at = f"{prefix}encoder.layers.{layer}."
        yield from norm(at + "layer_norm1", t.width)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{at}self_attn.{part}", t.width, t.width)
        yield from norm(at + "layer_norm2", t.width)
        yield from linear(at + "mlp.fc1", t.hidden, t.width)
        yield from linear(at + "mlp.fc2", t.width, t.hidden)
    yield from norm(prefix + "post_layernorm", t.width)
    if t.kind == "siglip":
        yield from pooling_head(t, prefix + "head.")


def pooling_head(t: Tower, prefix: str) -> Iterator[Tensor]:
    yield prefix + "probe", (1, 1, t.width)
    yield prefix + "attention.in_proj_weight", (3 * t.width, t.width)
    yield prefix + "attention.in_proj_bias", (3 * t.width,)
    yield from linear(prefix + "attention.out_proj", t.width, t.width)
    yield from norm(prefix + "layernorm", t.width)
    yield from linear(prefix + "mlp.fc1", t.hidden, t.width)
    yield from linear(prefix + "mlp.fc2", t.width, t.hidden)


# ---------------------------------------------------------------------------------------------------------------
# Weights


def write_weights(path: Path, listed: list[Tensor], sparse: bool) -> None:
    """Shards of at most SHARD bytes, each tensor whole, and their index."""
    path.mkdir(parents=True, exist_ok=True)
    shards = [[]]
    for tensor in listed:
        if shards[-1] and sum(size(t) for t in shards[-1]) + size(tensor) > SHARD:
            shards.append([])
        shards[-1].append(tensor)
    noise = None if sparse else gaussian_noise()
    index = {}
    for i, shard in enumerate(shards):
        name = "model.safetensors" if len(shards) == 1 else f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(path / name, shard, noise)
        index.update({tensor_name: name for tensor_name, _ in shard})
    if len(shards) > 1:
        total = sum(map(size, listed))
        write_json(path / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})


def size(tensor: Tensor) -> int:
    return 2 * int(np.prod(tensor[1]))


def write_shard(path: Path, shard: list[Tensor], noise: np.ndarray | None) -> None:
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shard:
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size((name, shape))]}
        at += size((name, shape))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if noise is None:
            file.truncate(8 + len(text) + at)
        else:
            for name, shape in shard:
                write_tensor(file, name, shape, noise)


def gaussian_noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(NOISE, dtype=np.float32)


def write_tensor(file, name: str, shape: tuple[int, ...], noise: np.ndarray) -> None:
    left = int(np.prod(shape))
    if len(shape) == 1:                                                  # a norm or a bias
        file.write(as_bfloat16(np.full(left, float("norm" in name and name.endswith("weight")), np.float32)))
        return
    scale = next((scale for part, scale in SCALES.items() if part in name), 1.0)
    block = as_bfloat16(noise * np.float32(scale / np.sqrt(np.prod(shape[1:]))))
    at = zlib.crc32(name.encode()) % NOISE       # matrices of one size must differ: where queries are keys, rows see themselves alone
    while left > 0:
        take = min(left, NOISE - at)
        file.write(block[2 * at:2 * (at + take)])
        left, at = left - take, 0


def as_bfloat16(values: np.ndarray) -> memoryview:
    """The upper halves: rounded towards zero, which noise does not mind."""
    return memoryview(np.ascontiguousarray(values.view(np.uint16)[1::2])).cast("B")


# ---------------------------------------------------------------------------------------------------------------
# Small files


def config(model: Model) -> dict:
    d = model.decoder
    sizes = {"hidden_size": d.width, "intermediate_size": d.hidden, "num_hidden_layers": d.layers, "num_attention_heads": d.heads,
             "num_key_value_heads": d.heads, "vocab_size": d.vocabulary, "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}
    llama_sizes = {**sizes, "model_type": "llama", "rms_norm_eps": 1e-5}
    mm = {"mm_hidden_size": model.tower.width, "mm_projector_type": "mlp2x_gelu", "image_aspect_ratio": "pad", "use_mm_proj": True}
    if model.layout == "hf":
        return {"model_type": "llava", "text_config": llama_sizes, "image_token_index": 32000, "vision_feature_layer": -2,
                "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "torch_dtype": "bfloat16",
                "vision_config": {"model_type": "clip_vision_model", **tower_config(model.tower)}}
    if model.layout == "original":
        return {**llama_sizes, **mm, "model_type": "llava", "mm_vision_tower": "openai/clip-vit-large-patch14-336",
                "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch", "mm_use_im_start_end": False}
    return {**sizes, **mm, "model_type": "bunny-phi", "mm_vision_tower": "google/siglip-so400m-patch14-384",
            "partial_rotary_factor": 0.4, "max_position_embeddings": 2048}


def tower_config(t: Tower) -> dict:
    return {"hidden_size": t.width, "intermediate_size": t.hidden, "num_hidden_layers": t.layers, "num_attention_heads": t.heads,
            "image_size": t.image, "patch_size": t.patch}


def processor(t: Tower) -> dict:
    if t.kind == "siglip":
        return {"image_processor_type": "SiglipImageProcessor", "size": {"height": t.image, "width": t.image}, "resample": 3,
                "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": t.image}, "resample": 3,
            "crop_size": {"height": t.image, "width": t.image}}


def tokenizer(model: Model) -> str:
    """A small tokenizer of the family's kind, its vocabulary filled up with pieces that nothing makes."""
    from parity.vocabularies import make_tokenizer
    kind, filled = ("gpt2", 50257) if model.decoder.kind == "phi" else ("normalizer", 32000)
    state = json.loads(make_tokenizer(kind, image=False).to_str())
    vocabulary = state["model"]["vocab"]
    vocabulary.update({f"\u2047{i}": i for i in range(len(vocabulary), filled)})
    if model.layout == "hf":
        state["added_tokens"].append({"id": 32000, "content": "<image>", "single_word": False, "lstrip": False, "rstrip": False,
                                      "normalized": False, "special": True})
    return json.dumps(state, ensure_ascii=False)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
