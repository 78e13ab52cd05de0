"""Writes HF checkpoints as GGUF files: names, row order and metadata as llama.cpp's converters write them.

    files = DecoderFile(folder, kind="Q4_K")        # a folder that save_pretrained made; a decoder, or LLaVA's
    files.write(path)                               # PATH.gguf
    files.write_twin(other)                         # a folder of what that file means, in float32, for HF
    write_mmproj(VisionSide.of_llava(folder), path) # LLaVA's vision side

Names come from the gguf package's own tables. Q4_0 to Q8_0 are quantised by the package; it cannot quantise Q4_K to
Q6_K, so there blocks are drawn that mean numbers as large as the checkpoint's. Vectors stay F32, as in llama.cpp.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

Type = gguf.GGMLQuantizationType
KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "phi": gguf.MODEL_ARCH.PHI2, "qwen2": gguf.MODEL_ARCH.QWEN2}
PERMUTED = {"llama"}
DRAWN = {Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208, None)}      # where a block's f16 d and m stand
SUFFIXES = (".weight", ".bias")


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """HF's rows (head, half, pair) in the order (head, pair, half) of interleaved rotary."""
    split = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return split.swapaxes(1, 2).reshape(weight.shape)


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    split = weight.reshape(heads, weight.shape[0] // heads // 2, 2, -1)
    return split.swapaxes(1, 2).reshape(weight.shape)


class DecoderFile:
    """A decoder's tensors, encoded as one type."""

    def __init__(self, folder: Path, kind: str = "F32", fused: bool = False, tokenizer: bool = True,
                 tokenizer_from: Path | None = None, without: tuple[str, ...] = ()):
        """fused: q, k and v of a layer in one matrix, as Phi-2's first converter wrote them. tokenizer: with one, the
        folder's or tokenizer_from's. without: tensors to leave out."""
        self.folder, self.kind = Path(folder), Type[kind]
        self.fused, self.tokenizer = fused, (tokenizer_from or self.folder) if tokenizer else None
        whole = json.loads((self.folder / "config.json").read_text())
        self.config = {**whole.get("text_config", whole)}
        self.family = self.config.get("model_type", "llama")
        self.heads = self.config["num_attention_heads"]
        self.kv_heads = self.config.get("num_key_value_heads") or self.heads
        self.head_dim = self.config.get("head_dim") or self.config["hidden_size"] // self.heads
        self.rotary = {**(self.config.get("rope_scaling") or {}), **(self.config.get("rope_parameters") or {})}
        self.names = gguf.get_tensor_name_map(ARCHITECTURES[self.family], self.config["num_hidden_layers"])
        state = load_state(self.folder)
        self.tensors = {decoder_name(n): t.float().numpy() for n, t in state.items() if decoder_name(n) and n not in without}
        rng = np.random.default_rng(0)
        self.encoded = {name: self._encode(name, values, rng) for name, values in self.tensors.items()}

    def _encode(self, name: str, values: np.ndarray, rng) -> tuple[Type, np.ndarray]:
        heads = self._permuted_heads(name)
        if heads:
            values = permute(values, heads)
        kind = Type.F32 if values.ndim == 1 else self.kind
        return kind, encode(values, kind, rng)

    def _permuted_heads(self, name: str) -> int:
        if self.family not in PERMUTED or "layers" not in name:
            return 0
        return self.heads if "q_proj" in name else self.kv_heads if "k_proj" in name else 0

    # -- GGUF ---------------------------------------------------------------------------------------------------

    def write(self, path: Path) -> Path:
        arch = gguf.MODEL_ARCH_NAMES[ARCHITECTURES[self.family]]
        w = gguf.GGUFWriter(path, arch)
        self._metadata(w)
        if self.tokenizer:
            add_tokenizer(w, self.tokenizer, self.config)
        for name, (kind, data) in self._file_tensors():
            w.add_tensor(name, data, raw_dtype=kind)
        for name, values in rotary_factors(self.rotary, self.config, self.head_dim).items():
            w.add_tensor(name, values)
        return finish(w, path)

    def _file_tensors(self):
        """(name in the file, (type, data)); q, k and v joined where they are to be."""
        for name, (kind, data) in self.encoded.items():
            if self.fused and ("k_proj" in name or "v_proj" in name):
                continue
            new = self.names.get_name(name, try_suffixes=SUFFIXES)
            if self.fused and "q_proj" in name:
                parts = [self.encoded[name.replace("q_proj", p + "_proj")][1] for p in "qkv"]
                new, data = new.replace("attn_q", "attn_qkv"), np.concatenate(parts)
            yield new, (kind, data)

    def _metadata(self, w: gguf.GGUFWriter) -> None:
        c = self.config
        w.add_context_length(c["max_position_embeddings"])
        w.add_embedding_length(c["hidden_size"])
        w.add_block_count(c["num_hidden_layers"])
        w.add_feed_forward_length(c["intermediate_size"])
        w.add_head_count(self.heads)
        w.add_head_count_kv(self.kv_heads)
        w.add_file_type(0)
        if c.get("head_dim"):
            w.add_key_length(self.head_dim)
            w.add_value_length(self.head_dim)
        if self.family == "phi":
            share = self.rotary.get("partial_rotary_factor") or c.get("partial_rotary_factor") or 0.5
            w.add_layer_norm_eps(c.get("layer_norm_eps", 1e-5))
            w.add_rope_dimension_count(int(share * self.head_dim))
        else:
            w.add_layer_norm_rms_eps(c.get("rms_norm_eps", 1e-6))
            w.add_rope_dimension_count(self.head_dim)
        theta = self.rotary.get("rope_theta") or c.get("rope_theta")
        if theta:
            w.add_rope_freq_base(theta)
        if rope_type(self.rotary) == "linear":
            w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            w.add_rope_scaling_factor(self.rotary["factor"])

    # -- the same for HF ----------------------------------------------------------------------------------------

    def meant(self) -> dict[str, torch.Tensor]:
        """The tensors as the file's bits say, in HF's row order."""
        return {name: torch.from_numpy(self._meant(name, *encoded)) for name, encoded in self.encoded.items()}

    def _meant(self, name: str, kind: Type, data: np.ndarray) -> np.ndarray:
        values = gguf.quants.dequantize(data, kind).astype(np.float32)
        heads = self._permuted_heads(name)
        return np.ascontiguousarray(unpermute(values, heads) if heads else values)

    def write_twin(self, folder: Path) -> Path:
        """A decoder alone of those tensors, in float32."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.folder.glob("tokenizer*"):
            shutil.copy(file, folder)
        save_file(self.meant(), folder / "model.safetensors", metadata={"format": "pt"})
        config = {key: value for key, value in self.config.items() if key not in ("torch_dtype", "architectures")}
        (folder / "config.json").write_text(json.dumps({**config, "dtype": "float32", "model_type": self.family}, indent=2))
        return folder


def load_state(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def decoder_name(name: str) -> str | None:
    """A tensor's name in a decoder alone; None for those of the vision side and buffers."""
    if "vision_tower" in name or "projector" in name or name.endswith("inv_freq"):
        return None
    for old, new in (("language_model.lm_head.", "lm_head."), ("language_model.model.", "model."),
                     ("model.language_model.", "model.")):
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def rope_type(rotary: dict) -> str:
    return rotary.get("rope_type") or rotary.get("type") or "default"


def rotary_factors(rotary: dict, config: dict, head_dim: int) -> dict[str, np.ndarray]:
    """Llama 3's scaling as the factors that divide the frequencies, in torch's float32 like the converter's."""
    if rope_type(rotary) != "llama3":
        return {}
    theta = rotary.get("rope_theta") or config.get("rope_theta", 10000.0)
    factor, low, high = rotary["factor"], rotary["low_freq_factor"], rotary["high_freq_factor"]
    original = rotary["original_max_position_embeddings"]
    factors = []
    for frequency in 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim):
        wavelength = 2 * torch.pi / frequency
        smooth = (original / wavelength - low) / (high - low)
        between = 1 / ((1 - smooth) / factor + smooth)
        factors.append(1 if wavelength < original / high else factor if wavelength > original / low else between)
    return {"rope_freqs.weight": np.array(factors, dtype=np.float32)}


# ---------------------------------------------------------------------------------------------------------------
# Types


def encode(values: np.ndarray, kind: Type, rng) -> np.ndarray:
    if kind in DRAWN:
        return draw(values, kind, rng)
    return values.astype(np.float32) if kind == Type.F32 else gguf.quants.quantize(values, kind)


def draw(values: np.ndarray, kind: Type, rng) -> np.ndarray:
    """Random blocks, scaled so that they spread as values do."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (values.size // elements, size), dtype=np.uint8)
    d, m = DRAWN[kind]

    def set_scales(scale):
        put_f16(data, d, scale)
        if m is not None:                              # in the middle between the least and the largest q
            put_f16(data, m, scale * (7.5 if kind == Type.Q4_K else 15.5))

    set_scales(1 / 1024)
    set_scales(values.std() / gguf.quants.dequantize(data, kind).std() / 1024)
    return data.reshape(values.shape[0], -1)


def put_f16(data: np.ndarray, at: int, value: float) -> None:
    data[:, at:at + 2] = np.full((len(data), 1), value, dtype=np.float16).view(np.uint8)


# ---------------------------------------------------------------------------------------------------------------
# Tokenizers


def add_tokenizer(w: gguf.GGUFWriter, folder: Path, config: dict) -> None:
    """tokenizer.json as metadata. Rows beyond its tokens are padded with unused ones, as the converters do."""
    state = json.loads((folder / "tokenizer.json").read_text())
    model, added = state["model"], {t["id"]: t for t in state["added_tokens"]}
    tokens = {**{i: t for t, i in model["vocab"].items()}, **{i: t["content"] for i, t in added.items()}}
    byte_fallback = model.get("byte_fallback")
    size = config["vocab_size"]
    texts = [tokens.get(i, f"[PAD{i}]") for i in range(size)]
    w.add_tokenizer_model("llama" if byte_fallback else "gpt2")
    w.add_tokenizer_pre("default" if byte_fallback else pre_tokenizer(state))
    w.add_token_list(texts)
    w.add_token_types([token_type(i, texts[i], i in tokens, added.get(i), model) for i in range(size)])
    merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
    if byte_fallback:                                  # SentencePiece: the better a merge, the higher its token's score
        rank = {a + b: i for i, (a, b) in enumerate(merges)}
        w.add_token_scores([-float(rank.get(t, size)) for t in texts])
        w.add_add_space_prefix(True)
    else:
        w.add_token_merges([f"{a} {b}" for a, b in merges])
    begins = template_token(state)
    w.add_add_bos_token(begins is not None)
    if begins is not None:
        w.add_bos_token_id(begins)
    if config.get("eos_token_id") is not None:
        w.add_eos_token_id(config["eos_token_id"])


def token_type(i: int, text: str, there: bool, added: dict | None, model: dict) -> gguf.TokenType:
    if not there:
        return gguf.TokenType.UNUSED
    if text == model.get("unk_token"):
        return gguf.TokenType.UNKNOWN
    if added:
        return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    if model.get("byte_fallback") and len(text) == 6 and text.startswith("<0x"):
        return gguf.TokenType.BYTE
    return gguf.TokenType.NORMAL


def template_token(state: dict) -> int | None:
    """The id of the token that the post-processor puts first."""
    post = state.get("post_processor") or {}
    for processor in post.get("processors", [post]):
        for piece in processor.get("single", []):
            if "SpecialToken" in piece:
                return processor["special_tokens"][piece["SpecialToken"]["id"]]["ids"][0]
    return None


def pre_tokenizer(state: dict) -> str:
    """llama.cpp's name of a byte-level pre-tokenizer, by what tells those of tools/parity apart."""
    text = json.dumps(state["pre_tokenizer"])
    if "{1,3}" in text:
        return "llama-bpe"
    return "smollm" if "Digits" in text else "qwen2" if "\\\\p{N}" in text else "gpt-2"


# ---------------------------------------------------------------------------------------------------------------
# The vision side


@dataclass
class VisionSide:
    """A tower and a projector: the tower's config and tensors (names below "vision_model."), the projector's two layers,
    the picture processor's config, and which hidden state the features are."""
    tower: dict
    state: dict[str, torch.Tensor]
    projector: list[dict[str, torch.Tensor]]
    processor: dict
    feature: int = -2

    @property
    def used(self) -> int:
        """How many layers the features go through."""
        return self.feature if self.feature >= 0 else self.tower["num_hidden_layers"] + 1 + self.feature

    @staticmethod
    def of_llava(folder: Path) -> "VisionSide":
        """Of a checkpoint in HF's layout."""
        config = json.loads((folder / "config.json").read_text())
        state = {name.removeprefix("model."): tensor for name, tensor in load_state(folder).items()}
        projector = [below(state, f"multi_modal_projector.linear_{i}.") for i in (1, 2)]
        processor = next(json.loads((folder / name).read_text())
                         for name in ("processor_config.json", "preprocessor_config.json") if (folder / name).exists())
        return VisionSide(config["vision_config"], bare(below(state, "vision_tower.")), projector,
                          processor.get("image_processor", processor), config.get("vision_feature_layer", -2))


def below(state: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def bare(state: dict) -> dict:
    """A tower's tensors without the "vision_model." that transformers up to 4 put before them."""
    return {name.removeprefix("vision_model."): tensor for name, tensor in state.items()}


def write_mmproj(side: VisionSide, path: Path, style: str = "legacy", kind: str = "F32") -> Path:
    """style "legacy": as convert_image_encoder_to_gguf.py writes it, the unused last layers left out and the MLP's matrices
    called the wrong way round; "whole": all layers, for features of the last but one; "named": all, the features' layer named."""
    legacy = style == "legacy"
    w = gguf.GGUFWriter(path, "clip")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "mlp")
    w.add_bool("clip.use_gelu", side.tower.get("hidden_act") == "gelu")
    add_tower_sizes(w, side.tower, side.used if legacy else side.tower["num_hidden_layers"])
    w.add_array("clip.vision.image_mean", [float(x) for x in side.processor["image_mean"]])
    w.add_array("clip.vision.image_std", [float(x) for x in side.processor["image_std"]])
    if legacy:
        w.add_bool("clip.has_text_encoder", False)
        w.add_bool("clip.has_llava_projector", True)
    if style == "named":
        w.add_array("clip.vision.feature_layer", [side.used])
    for i, layer in zip((0, 2), side.projector):
        for name, values in layer.items():
            add_mmproj_tensor(w, f"mm.{i}.{name}", values, Type[kind])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, side.tower["num_hidden_layers"])
    for name, values in side.state.items():
        new = mmproj_name(name, names, side.used, legacy)
        if new:
            add_mmproj_tensor(w, new, values, Type[kind])
    return finish(w, path)


def add_tower_sizes(w: gguf.GGUFWriter, tower: dict, layers: int) -> None:
    w.add_uint32("clip.vision.image_size", tower["image_size"])
    w.add_uint32("clip.vision.patch_size", tower["patch_size"])
    w.add_uint32("clip.vision.embedding_length", tower["hidden_size"])
    w.add_uint32("clip.vision.feed_forward_length", tower["intermediate_size"])
    w.add_uint32("clip.vision.projection_dim", tower.get("projection_dim", 0))
    w.add_uint32("clip.vision.attention.head_count", tower["num_attention_heads"])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", tower.get("layer_norm_eps", 1e-5))
    w.add_uint32("clip.vision.block_count", layers)


def mmproj_name(name: str, names: gguf.TensorNameMap, used: int, legacy: bool) -> str | None:
    """A tower tensor's name in the file; None for those that are left out."""
    if "position_ids" in name or "post_layernorm" in name or name.startswith("head."):
        return None
    new = names.get_name("vision_tower.vision_model." + name, try_suffixes=SUFFIXES)
    layer = int(new.split(".")[2]) if ".blk." in new else 0
    if legacy and layer >= used:
        return None
    return new.replace("ffn_up", "ffn_x").replace("ffn_down", "ffn_up").replace("ffn_x", "ffn_down") if legacy else new


def add_mmproj_tensor(w: gguf.GGUFWriter, name: str, tensor: torch.Tensor, kind: Type) -> None:
    values = np.ascontiguousarray(tensor.float().numpy())
    kind = Type.F32 if values.ndim == 1 or "position" in name else kind
    w.add_tensor(name, values if kind == Type.F32 else gguf.quants.quantize(values, kind), raw_dtype=kind)


def finish(w: gguf.GGUFWriter, path: Path) -> Path:
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path
