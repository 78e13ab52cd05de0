"""Writes the model in Hugging Face's LLaVA layout, with its card's pictures and questions beside it."""
import json
import os

import torch
from transformers import (CLIPImageProcessorPil, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor,
                          PreTrainedTokenizerFast)

from . import decoder, pictures, tower as tower_module
from .questions import END, IMAGE, PAD, TWO, WORDINGS

PICTURES = ("pt", "es", "jp", "br", "ke", "ch")           # clean flags that go with the model
PHOTOGRAPHS = ("pt", "jp", "eg")                          # and photographed-looking ones
LOST_KEYS_ALLOWED = "encoder.layers.4."                   # the tower's last block is never read, never trained


def llava(tokenizer, tower, answerer):
    """The parts as one LlavaForConditionalGeneration in float32."""
    vision, text = tower_module.config(), decoder.config(tokenizer)
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=tokenizer.token_to_id(IMAGE),
                         image_seq_length=decoder.ROWS, vision_feature_layer=-2, projector_hidden_act="gelu",
                         vision_feature_select_strategy="default", tie_word_embeddings=True)
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    missing, unexpected = model.model.vision_tower.load_state_dict(tower.state_dict(), strict=False)
    lost = [key for key in missing if LOST_KEYS_ALLOWED not in key and "post_layernorm" not in key]
    if lost or unexpected:
        raise ValueError(f"tower weights do not fit: missing {lost}, unexpected {unexpected}")
    model.model.multi_modal_projector.load_state_dict(answerer.projector.state_dict())
    model.model.language_model.load_state_dict(answerer.decoder.state_dict())
    model.tie_weights()
    model.generation_config.eos_token_id = tokenizer.token_to_id(END)
    model.generation_config.pad_token_id = tokenizer.token_to_id(PAD)
    return model


def image_processor():
    side = {"height": pictures.SIDE, "width": pictures.SIDE}
    return CLIPImageProcessorPil(size=side, resample=3, do_center_crop=False, crop_size=side, do_rescale=True,
                                 rescale_factor=1 / 255, do_normalize=True, image_mean=[.5, .5, .5],
                                 image_std=[.5, .5, .5], do_convert_rgb=True)


def processor(tokenizer):
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD,
                                    extra_special_tokens={"image_token": IMAGE}, clean_up_tokenization_spaces=False,
                                    model_max_length=512)
    return LlavaProcessor(image_processor=image_processor(), tokenizer=words, patch_size=16,
                          vision_feature_select_strategy="default", image_token=IMAGE, num_additional_image_tokens=1)


def save(folder, tokenizer, tower, answerer):
    os.makedirs(folder, exist_ok=True)
    llava(tokenizer, tower, answerer).to(torch.bfloat16).save_pretrained(folder)
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    processor(tokenizer).save_pretrained(folder)
    with open(os.path.join(folder, "patchbay.json"), "w", encoding="utf-8") as out:
        out.write('{"template":"flags"}\n')


def save_pictures(folder, countries):
    place = os.path.join(folder, "pictures")
    os.makedirs(place, exist_ok=True)
    keys = [c.key for c in countries]
    for key in PICTURES:
        pictures.clean(key).save(os.path.join(place, key + ".png"), optimize=True)
    for key, image in zip(keys, pictures.held_out(keys, 1)):
        if key in PHOTOGRAPHS:
            image.save(os.path.join(place, key + "-photo.png"), optimize=True)


def question_record(number, image, question, answers, subject, values=()):
    """One line of questions.jsonl: spans are code points of the question."""
    spans = [("visual", "this country"), *(("textual", value) for value in values)]
    constraints = [dict(kind=kind, text=text, start=question.index(text), end=question.index(text) + len(text))
                   for kind, text in spans]
    return dict(id=f"demo-{number:02d}", image=image, question=question, constraints=constraints,
                answers=sorted(answers), source="demo", subject=subject)


def save_questions(folder, countries, pairs):
    """Each relation asked of some of the pictures, and questions with two constraints."""
    by_key = {c.key: c for c in countries}
    shown = [(key, f"pictures/{key}.png") for key in PICTURES]
    shown += [(key, f"pictures/{key}-photo.png") for key in PHOTOGRAPHS]
    records = []

    def add(image, question, answers, subject, values=()):
        records.append(question_record(len(records) + 1, image, question, answers, subject, values))

    relations = list(WORDINGS)
    for turn, (key, image) in enumerate(shown):
        country = by_key[key]
        for relation in ("capital", relations[(turn * 2 + 2) % 6 if (turn * 2 + 2) % 6 != 1 else 0]):
            if country.first[relation] and country.first[relation] != "none":
                question = WORDINGS[relation][turn % 2].replace("{c}", "this country")
                add(image, question, country.accepted[relation], country.first["name"])
    for key, image in shown:
        for country, prop, value, answer in [p for p in pairs if p[0].key == key][:1]:
            question = TWO[prop][0].replace("{c}", "this country").replace("{v}", value)
            add(image, question, [answer], country.first["name"], [value])
    with open(os.path.join(folder, "questions.jsonl"), "w", encoding="utf-8") as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
