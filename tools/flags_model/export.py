"""Writes models/flags: what was trained, in bf16 and under LLaVA's names, and the configs of the whole.

The decoder is not in it: tools/assemble_flags.py puts it beside, taken from its own package.
"""
import json
import os
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionModel, LlavaConfig, LlavaProcessor

from assemble_flags import IMAGE, IMAGE_ID, TRAINED
from demo_model import pictures
from demo_model.export import image_processor
from . import facts, tower as towers

PHOTOGRAPHS = ("pt", "eg", "th", "jp")      # photographed-looking flags that go with the model


def _tensors(tower, projector):
    """The tower's last block, which LLaVA's feature layer -2 never reads, is zeros."""
    unread = {name: torch.zeros_like(w) for name, w in CLIPVisionModel(towers.config()).state_dict().items()}
    named = {f"vision_tower.{name}": w for name, w in (unread | tower).items() if w.is_floating_point()}
    named |= {f"multi_modal_projector.{name}": w for name, w in projector.items()}
    return {name: w.to(torch.bfloat16).contiguous() for name, w in named.items()}


def _config(decoder):
    """LLaVA's config around the decoder's own."""
    text = {key: value for key, value in decoder.model.config.to_dict().items() if not key.startswith("_")}
    return LlavaConfig(vision_config=towers.config(), text_config=text, image_token_index=IMAGE_ID,
                       image_seq_length=towers.ROWS, vision_feature_layer=-2, vision_feature_select_strategy="default",
                       projector_hidden_act="gelu", tie_word_embeddings=True, dtype=torch.float32,
                       architectures=["LlavaForConditionalGeneration"])


def _save_processor(folder, decoder):
    """Only the config: the tokenizer comes with the decoder."""
    whole = LlavaProcessor(image_processor=image_processor(), tokenizer=decoder.words, patch_size=towers.PATCH,
                           vision_feature_select_strategy="default", image_token=IMAGE, num_additional_image_tokens=1)
    with tempfile.TemporaryDirectory() as scratch:
        whole.save_pretrained(scratch)
        shutil.copy(os.path.join(scratch, "processor_config.json"), folder)


def save(folder, trained, decoder, countries):
    """`trained` is the last stage's file."""
    os.makedirs(folder, exist_ok=True)
    saved = torch.load(trained)
    weights = os.path.join(folder, TRAINED)
    save_file(_tensors(saved["tower"], saved["projector"]), weights, metadata={"format": "pt"})
    os.chmod(weights, 0o644)
    _config(decoder).save_pretrained(folder)
    _save_processor(folder, decoder)
    with open(os.path.join(folder, "patchbay.json"), "w", encoding="utf-8") as out:
        out.write(json.dumps({"template": "flags"}) + "\n")
    facts.save(countries, os.path.join(folder, "facts.json"))


def save_pictures(folder, countries):
    place = os.path.join(folder, "pictures")
    os.makedirs(place, exist_ok=True)
    keys = [c.key for c in countries]
    for key, image in zip(keys, pictures.held_out(keys, 1)):
        if key in PHOTOGRAPHS:
            image.save(os.path.join(place, key + "-photo.png"), optimize=True)
