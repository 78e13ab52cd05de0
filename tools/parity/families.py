"""How HF runs a checkpoint: the parts that the oracle needs, in float32 with eager attention.

Where HF has a class for the whole model, that class is taken. Where it has none, `Composed` puts HF's own tower,
projector and decoder together, one after another, as the checkpoint's authors do. A family is a row in OPENERS.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from PIL import Image
from transformers import LlamaForCausalLM, LlavaForConditionalGeneration, PhiForCausalLM, Qwen2ForCausalLM
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

EXACT = {"dtype": torch.float32, "attn_implementation": "eager"}
CAUSAL = {"llama": LlamaForCausalLM, "phi": PhiForCausalLM, "qwen2": Qwen2ForCausalLM}


@dataclass
class Opened:
    """A checkpoint's parts. Without a vision side, `image_rows` and `pixels` are None."""
    template: str                                    # the family's own
    model: torch.nn.Module                           # the whole: model(input_ids=, pixel_values=).logits, generate
    decoder: torch.nn.Module                         # decoder(inputs_embeds=), with embed_tokens, layers and config
    head: torch.nn.Module                            # final rows to logits
    image_rows: Callable[[torch.Tensor], torch.Tensor] | None = None   # [1, 3, S, S] to [image rows, D]
    pixels: Callable[[Image.Image], torch.Tensor] | None = None        # an RGB picture to [1, 3, S, S]
    tower_layers: list[torch.nn.Module] | None = None                  # those that are there
    tower_count: int = 0                                               # how many the config says there are
    tower_used: int = 0                                                # how many the features pass
    tower_side: int = 0                                                # patches along a side of the picture

    def with_tower(self, tower: torch.nn.Module, count: int, feature_layer: int) -> "Opened":
        """feature_layer: an index into the hidden states, one more than `count`."""
        inside = getattr(tower, "vision_model", tower)
        self.tower_layers, self.tower_count = list(inside.encoder.layers), count
        self.tower_used = feature_layer if feature_layer >= 0 else count + 1 + feature_layer
        self.tower_side = tower.config.image_size // tower.config.patch_size
        return self


class Composed(torch.nn.Module):
    """A decoder of HF's, with a vision side whose rows take the image token's places: what HF has no class for."""

    def __init__(self, language: torch.nn.Module, image_rows: Callable[[torch.Tensor], torch.Tensor], image_token: int):
        super().__init__()
        self.language, self.image_rows, self.image_token = language, image_rows, image_token
        self.generation_config = language.generation_config

    def forward(self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None) -> SimpleNamespace:
        return self.language(inputs_embeds=self._rows(input_ids, pixel_values))

    def generate(self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None, **options) -> torch.Tensor:
        answer = self.language.generate(inputs_embeds=self._rows(input_ids, pixel_values), **options)
        return torch.cat([input_ids, answer], dim=1)

    def _rows(self, input_ids: torch.Tensor, pixel_values: torch.Tensor | None) -> torch.Tensor:
        rows = self.language.get_input_embeddings()(input_ids.clamp(min=0))    # an image token may be -200
        if pixel_values is None:
            return rows
        pictured = (input_ids == self.image_token)[..., None].expand_as(rows)
        return rows.masked_scatter(pictured, self.image_rows(pixel_values))


def compose(language: torch.nn.Module, image_rows: Callable, image_token: int, template: str, pixels: Callable) -> Opened:
    """A ...ForCausalLM and a vision side as one."""
    return Opened(template, Composed(language, image_rows, image_token), language.model, language.lm_head, image_rows, pixels)


def family(config: dict) -> str:
    """The row of OPENERS for a config.json. LLaVA's own layout has HF's model_type, but says mm_vision_tower."""
    return "original " * ("mm_vision_tower" in config) + config["model_type"]


def open_checkpoint(folder: Path) -> Opened:
    config = json.loads((folder / "config.json").read_text())
    return OPENERS[family(config)](folder)


def _open_decoder(folder: Path) -> Opened:
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    model = CAUSAL[kind].from_pretrained(folder, **EXACT).eval()
    return Opened("plain", model, model.model, model.lm_head)


def _open_llava(folder: Path) -> Opened:
    model = LlavaForConditionalGeneration.from_pretrained(folder, **EXACT).eval()
    processor = clip_processor(folder)

    def image_rows(pixels: torch.Tensor) -> torch.Tensor:
        return model.model.get_image_features(
            pixels, vision_feature_layer=model.config.vision_feature_layer,
            vision_feature_select_strategy=model.config.vision_feature_select_strategy).pooler_output[0]

    opened = Opened("llava", model, model.model.language_model, model.lm_head, image_rows,
                    lambda picture: processor(picture, return_tensors="pt")["pixel_values"].float())
    tower = model.model.vision_tower
    return opened.with_tower(tower, tower.config.num_hidden_layers, model.config.vision_feature_layer)


def clip_processor(folder: Path) -> CLIPImageProcessorPil:
    """The Pillow form of HF's processor, as the folder's config says."""
    nested = folder / "processor_config.json"
    if nested.exists():
        return CLIPImageProcessorPil(**json.loads(nested.read_text())["image_processor"])
    return CLIPImageProcessorPil(**json.loads((folder / "preprocessor_config.json").read_text()))


OPENERS: dict[str, Callable[[Path], Opened]] = {**dict.fromkeys(CAUSAL, _open_decoder), "llava": _open_llava}
