"""Checkpoints in the layouts that HF has no class for: LLaVA as its authors save it, and Bunny.

HF makes and saves the parts: a tower, a decoder, each by its own class. From their tensors, renamed, comes the checkpoint that
the program opens; the oracle runs the parts themselves, one after another, as LLaVA's and Bunny's code does. What it
needs to know of them stands in the checkpoint's parity.json, which the program does not look at.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (AutoConfig, CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModel, GenerationConfig, LlamaConfig,
                          LlamaForCausalLM, PhiConfig, PhiForCausalLM, Qwen2Config, Qwen2ForCausalLM, SiglipConfig,
                          SiglipModel, SiglipVisionConfig, SiglipVisionModel)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from .checkpoints import randomise
from .families import EXACT, OPENERS, Opened, compose
from .oracle import Oracle
from .vocabularies import make_tokenizer

IMAGE_TOKEN = -200
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
DECODERS = {"llama": (LlamaConfig, LlamaForCausalLM), "phi": (PhiConfig, PhiForCausalLM),
            "qwen2": (Qwen2Config, Qwen2ForCausalLM)}


@dataclass(frozen=True)
class Tower:
    """One of HF's kinds of tower: its classes alone and with a text side, and its processor."""
    config: type
    model: type
    whole_config: type
    whole: type
    processor: type


TOWERS = {"clip": Tower(CLIPVisionConfig, CLIPVisionModel, CLIPConfig, CLIPModel, CLIPImageProcessorPil),
          "siglip": Tower(SiglipVisionConfig, SiglipVisionModel, SiglipConfig, SiglipModel, SiglipImageProcessorPil)}


@dataclass
class Layout:
    """One checkpoint to make. `text`, `vision` and `config` hold what differs from the small defaults below."""
    name: str
    model_type: str
    decoder: str = "llama"
    tower: str = "clip"
    tokenizer: str = "normalizer"
    text: dict = field(default_factory=dict)
    vision: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)     # keys of config.json; None: left out
    place: str = "inside"          # of the tower: "inside"; "option" (--vision-tower) or "named" (by config.json): apart
    sizes: str = "config"          # of a tower inside: in "config" (vision_config) or the "named" folder
    prefix: str = "vision_model."  # of the tower's names
    tower_file: str = "safetensors"                # of a tower apart: or "bin", or "whole" (with its text side)
    cut: bool = False              # a tower inside without its last layer and head, as Bunny's training code saves it
    processor: bool = True         # a preprocessor_config.json beside the tower, or the tower's own defaults
    projector: str = "mlp2x_gelu"
    dtype: torch.dtype = torch.float32
    every_case: bool = False       # or only a few, where the parts have been through all of them
    seed: int = 0

    @property
    def bunny(self) -> bool:
        return self.model_type.startswith("bunny")


ORIGINAL = {"mm_vision_select_layer": -2, "mm_vision_select_feature": "patch", "mm_use_im_start_end": False,
            "mm_use_im_patch_token": False, "mm_resampler_type": None, "image_aspect_ratio": "pad"}
TINY_384 = {"image_size": 27, "patch_size": 4, "hidden_size": 36, "num_attention_heads": 4, "intermediate_size": 50}

LAYOUTS = [
    Layout("original-option-f32", "llava", place="option", every_case=True, seed=11),
    Layout("original-inside-f16", "llava_llama", tokenizer="metaspace", dtype=torch.float16, sizes="named",
           config={"image_aspect_ratio": None}, text={"num_key_value_heads": 2}, seed=12),
    Layout("original-named-bf16", "llava", place="named", prefix="", dtype=torch.bfloat16, projector="linear", seed=13,
           config={"mm_vision_select_feature": "cls_patch", "mm_vision_select_layer": -1}),
    Layout("original-whole-f32", "llava", place="option", tower_file="whole", tokenizer="llama3", seed=14,
           vision={"hidden_act": "gelu", "layer_norm_eps": 1e-3}),
    Layout("original-bin-f16", "llava", place="option", tower_file="bin", dtype=torch.float16, seed=15),
    Layout("original-siglip-f32", "llava", place="option", tower="siglip", tower_file="whole", vision=TINY_384, seed=16),
    Layout("bunny-phi-f16", "bunny-phi", decoder="phi", tower="siglip", tokenizer="gpt2", dtype=torch.float16, every_case=True,
           text={"partial_rotary_factor": 0.4, "hidden_size": 80}, vision=TINY_384, processor=False, seed=17),
    Layout("bunny-qwen-f32", "bunny-qwen", decoder="qwen2", tower="siglip", tokenizer="qwen2", place="option", every_case=True,
           text={"num_key_value_heads": 2}, prefix="", vision=TINY_384, seed=18),
    Layout("bunny-qwen2-bf16", "bunny-qwen2", decoder="qwen2", tower="siglip", tokenizer="qwen2", dtype=torch.bfloat16,
           text={"tie_word_embeddings": True, "num_key_value_heads": 4}, cut=True, config={"image_aspect_ratio": "square"}, seed=19),
    Layout("bunny-llama-bf16", "bunny-llama", tower="siglip", tokenizer="llama3", dtype=torch.bfloat16, place="named",
           tower_file="bin", text={"num_key_value_heads": 1}, seed=20),
]


FEW = ("swap", "another image", "image noise", "text: swap")

# ---------------------------------------------------------------------------------------------------------------
# Making


def oracles(work: Path) -> dict[str, Oracle]:
    """All layouts, made and opened."""
    made = {}
    for layout in LAYOUTS:
        path, options = make_layout(layout, work)
        made[layout.name] = Oracle(path, options=options, only=() if layout.every_case else FEW)
    return made


def make_layout(layout: Layout, work: Path) -> tuple[Path, tuple[str, ...]]:
    """Writes the checkpoint to work/name; returns that path, and the options that it is opened with."""
    path, parts = work / layout.name, work / (layout.name + "-parts")
    for folder in (path, parts):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    tokenizer = make_tokenizer(layout.tokenizer, image=False)
    tokenizer.save(str(path / "tokenizer.json"))
    language, tower = _language(layout, tokenizer.get_vocab_size()), _tower(layout)
    projector = _projector(layout, tower.config.hidden_size, language.config.hidden_size)
    for module, seed in ((language, 0), (tower, 100), (projector, 200)):
        randomise(module, layout.seed + seed)
        module.to(layout.dtype)
    language.save_pretrained(parts / "decoder")
    tower.save_pretrained(parts / "tower")
    save_file(projector.state_dict(), parts / "projector.safetensors")
    tensors = {**language.state_dict(), **{f"model.mm_projector.{k}": v for k, v in projector.state_dict().items()}}
    if language.config.tie_word_embeddings:
        del tensors["lm_head.weight"]
    if layout.bunny and layout.decoder == "phi":                       # Bunny's head has none
        del tensors["lm_head.bias"]
    home, options = _place_tower(layout, tower, tensors, path)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(parts / "decoder/generation_config.json", path)
    processor = _processor(layout.tower, tower.config.image_size)
    for file in [parts / "processor.json"] + [home / "preprocessor_config.json"] * layout.processor:
        _write(file, processor)
    _write(path / "config.json", _config(layout, language, tower))
    _write(path / "parity.json", {"parts": str(parts), "tower": layout.tower})
    return path, options


def _language(layout: Layout, vocabulary: int):
    config, model = DECODERS[layout.decoder]
    return model(config(**{"vocab_size": vocabulary, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
                           "num_attention_heads": 4, "max_position_embeddings": 512, **layout.text}))


def _tower(layout: Layout):
    """The tower; for "whole" the model that it is a part of is made with it, and thrown away when it is placed."""
    return TOWERS[layout.tower].model(TOWERS[layout.tower].config(**{
        "hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 24,
        "patch_size": 8, **layout.vision}))


def _projector(layout: Layout, width: int, d_model: int) -> torch.nn.Module:
    projector = torch.nn.Linear(width, d_model)
    if layout.projector == "mlp2x_gelu":
        projector = torch.nn.Sequential(projector, torch.nn.GELU(), torch.nn.Linear(d_model, d_model))
    return projector


def _place_tower(layout: Layout, tower, tensors: dict, path: Path) -> tuple[Path, tuple[str, ...]]:
    """Adds the tower's tensors to the model's, or writes a folder for it. Returns the folder that it is in, and the
    options that name it."""
    named = {layout.prefix + k: v for k, v in tower.state_dict().items()}
    if layout.place == "inside":
        last = f"encoder.layers.{tower.config.num_hidden_layers - 1}."
        tensors.update({"model.vision_tower.vision_tower." + k: v for k, v in named.items()
                        if not layout.cut or not (last in k or "head." in k)})
        if layout.sizes == "named":
            tower.config.save_pretrained(path / "tower")
        return path, ()
    folder = path / "tower" if layout.place == "named" else path.with_name(path.name + "-tower")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if layout.tower_file == "whole":
        _save_whole(layout, tower, folder)
    else:
        tower.config.save_pretrained(folder)
        if layout.tower_file == "bin":
            torch.save(named, folder / "pytorch_model.bin")
        else:
            save_file(named, folder / "model.safetensors", metadata={"format": "pt"})
    return folder, () if layout.place == "named" else ("--vision-tower", str(folder))


def _save_whole(layout: Layout, tower, folder: Path) -> None:
    kind = TOWERS[layout.tower]
    text = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}
    whole = kind.whole(kind.whole_config(text_config=text, vision_config=tower.config.to_dict()))
    whole.vision_model.load_state_dict(tower.state_dict())
    whole.to(layout.dtype).save_pretrained(folder)


def _config(layout: Layout, language, tower) -> dict:
    config = {**language.config.to_dict(), **({} if layout.bunny else ORIGINAL), "model_type": layout.model_type,
              "mm_projector_type": layout.projector, "mm_hidden_size": tower.config.hidden_size, "use_mm_proj": True,
              "image_aspect_ratio": "pad", "mm_vision_tower": "google/a-tower-of-its-own"}
    if layout.place == "named" or layout.sizes == "named":
        config["mm_vision_tower"] = "tower"
    if layout.place == "inside" and layout.sizes == "config":
        config["vision_config"] = tower.config.to_diff_dict() if layout.tower == "siglip" else tower.config.to_dict()
    config.update(layout.config)
    return {key: value for key, value in config.items() if value is not None}


def _processor(tower: str, size: int) -> dict:
    """What towers are published with: CLIP in an older form with plain numbers, SigLIP."""
    if tower == "clip":
        return {"crop_size": size, "do_center_crop": True, "do_normalize": True, "do_resize": True, "image_mean": MEAN,
                "image_std": STD, "resample": 3, "size": size, "feature_extractor_type": "CLIPFeatureExtractor"}
    return {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
            "image_processor_type": "SiglipImageProcessor", "resample": 3, "rescale_factor": 1 / 255,
            "size": {"height": size, "width": size}}


def _write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, default=str) + "\n")


# ---------------------------------------------------------------------------------------------------------------
# Opening, for the oracle


def open_layout(folder: Path) -> Opened:
    config = json.loads((folder / "config.json").read_text())
    made = json.loads((folder / "parity.json").read_text())
    parts = Path(made["parts"])
    kind = AutoConfig.from_pretrained(parts / "decoder").model_type
    language = DECODERS[kind][1].from_pretrained(parts / "decoder", **EXACT).eval()
    language.generation_config = GenerationConfig.from_pretrained(folder)
    bunny = config["model_type"].startswith("bunny")
    if bunny and kind == "phi":
        language.lm_head.bias.data.zero_()
    tower = TOWERS[made["tower"]].model.from_pretrained(parts / "tower", **EXACT).eval()
    projector, count = _open_projector(config, parts, tower.config.hidden_size), len(tower.encoder.layers)
    features = _bunny_features(tower) if bunny else _llava_features(tower, config, made["tower"])
    processor = TOWERS[made["tower"]].processor(**_sized(json.loads((parts / "processor.json").read_text())))
    pad = config.get("image_aspect_ratio") == "pad"

    def pixels(picture: Image.Image) -> torch.Tensor:
        square = expand_to_square(picture, processor.image_mean) if pad else picture
        return processor(square, return_tensors="pt")["pixel_values"].float()

    opened = compose(language, lambda values: projector(features(values))[0], IMAGE_TOKEN, "bunny" if bunny else "llava", pixels)
    return opened.with_tower(tower, count, -2 if bunny else config["mm_vision_select_layer"])


def _open_projector(config: dict, parts: Path, width: int) -> torch.nn.Module:
    projector = _projector(Layout("", "", projector=config["mm_projector_type"]), width, config["hidden_size"])
    projector.load_state_dict(load_file(parts / "projector.safetensors"))
    return projector.float()


def _bunny_features(tower):
    """Bunny's SigLipVisionTower: the last layer is deleted, then the last hidden state taken."""
    del tower.encoder.layers[-1:]
    return lambda pixels: tower(pixels, output_hidden_states=True).hidden_states[-1]


def _llava_features(tower, config: dict, kind: str):
    """LLaVA's CLIPVisionTower.feature_select; a SigLIP has no class row to drop."""
    first = 1 if config["mm_vision_select_feature"] == "patch" and kind == "clip" else 0
    return lambda pixels: tower(pixels, output_hidden_states=True).hidden_states[config["mm_vision_select_layer"]][:, first:]


def _sized(values: dict) -> dict:
    """Plain numbers as transformers 4 read them."""
    if isinstance(values["size"], int):
        side = values["size"]
        values = {**values, "size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}
    return {key: value for key, value in values.items() if not key.endswith("_type")}


def expand_to_square(picture: Image.Image, mean: list[float]) -> Image.Image:
    """The picture in the middle of a square of the mean colour."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), tuple(int(x * 255) for x in mean))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


OPENERS.update(dict.fromkeys((f"original {layout.model_type}" for layout in LAYOUTS), open_layout))
