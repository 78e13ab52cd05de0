"""Makes tests/data/model/: tiny random checkpoints as HF saves them, and what HF computes with them.

    python tools/goldens/models.py [NAME ...]

llava/ is a LLaVA (grouped heads, bfloat16, the newest names), bunny/ a Bunny (Phi, SigLIP with its unused parts, float16); the
others are decoders alone: llama/ (tied, float32, llama3 rotary scaling), qwen2/ (bfloat16), phi/ (float16, 6 of each head's
16 elements rotated). golden.json in each holds HF's logits and the picture's rows, in float32 with eager attention. The
checkpoints and their tokenizers are those of tools/parity, made smaller.
"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from parity.checkpoints import Recipe, make_checkpoint  # noqa: E402
from parity.families import Opened, open_checkpoint  # noqa: E402
from parity.multimodal_files import Layout, make_layout, open_layout  # noqa: E402

OUT = ROOT / "tests/data/model"
RECIPES = [
    Recipe("llava", dtype=torch.bfloat16, processor="5", padding=4, seed=3,
           text={"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
                 "num_key_value_heads": 2, "max_position_embeddings": 64},
           vision={"hidden_size": 20, "intermediate_size": 24, "num_attention_heads": 4, "image_size": 15, "patch_size": 5}),
    Recipe("llama", tokenizer="qwen2", vision=None, seed=4,
           text={"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2,
                 "num_key_value_heads": 1, "tie_word_embeddings": True, "max_position_embeddings": 128,
                 "rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
                                     "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}),
    Recipe("qwen2", tokenizer="qwen2", decoder="qwen2", vision=None, dtype=torch.bfloat16, seed=5,
           text={"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 3, "num_attention_heads": 4,
                 "num_key_value_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 128,
                 "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
    Recipe("phi", tokenizer="gpt2", decoder="phi", vision=None, dtype=torch.float16, seed=6, padding=3,
           text={"hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 4, "num_attention_heads": 2,
                 "max_position_embeddings": 128, "partial_rotary_factor": 0.4}),
]

BUNNY = Layout("bunny", "bunny-phi", decoder="phi", tower="siglip", tokenizer="gpt2", dtype=torch.float16, seed=7,
               text={"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2,
                     "max_position_embeddings": 96, "partial_rotary_factor": 0.4},
               vision={"hidden_size": 36, "intermediate_size": 44, "num_hidden_layers": 3, "num_attention_heads": 2,
                       "image_size": 13, "patch_size": 4})


def rounded(tensor: torch.Tensor) -> list:
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


def image_rows(model, pixels: torch.Tensor, layer: int, strategy: str) -> torch.Tensor:
    """[rows, D]: what the decoder gets. The features are chosen here, as LLaVA's get_image_features does."""
    states = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states
    features = states[layer][:, 1:] if strategy == "default" else states[layer]
    return model.model.multi_modal_projector(features)[0]


@torch.no_grad()
def llava_golden(path: Path) -> dict:
    model = LlavaForConditionalGeneration.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    pixels = picture(model.config.vision_config.image_size)
    golden = {"pixels": rounded(pixels), "rows": {}}
    for layer in (-1, -2, 0, 2):
        for strategy in ("default", "full"):
            golden["rows"][f"{layer} {strategy}"] = rounded(image_rows(model, pixels, layer, strategy)[[0, -1]])
    rows = image_rows(model, pixels, -2, "default")
    return {**golden, **pictured_golden(model.model.language_model, model.lm_head, rows)}


@torch.no_grad()
def bunny_golden(opened: Opened, size: int) -> dict:
    rows = opened.image_rows(picture(size))
    return {"pixels": rounded(picture(size)), "rows": rounded(rows[[0, -1]]),
            **pictured_golden(opened.decoder, opened.head, rows)}


def picture(size: int) -> torch.Tensor:
    return torch.linspace(-2, 2, 3 * size * size).reshape(1, 3, size, size).sin()


def pictured_golden(decoder, head, rows: torch.Tensor) -> dict:
    """A picture's rows between the second and the third token."""
    ids = [1, 300, 301, 302, 303, 304]
    text = decoder.embed_tokens(torch.tensor(ids))
    return {"ids": ids, **decoder_golden(decoder, head, torch.cat([text[:2], rows, text[2:]]))}


@torch.no_grad()
def decoder_alone_golden(path: Path) -> dict:
    opened = open_checkpoint(path)
    ids = [(7 * i * i + 3 * i + 5) % 400 for i in range(48)]
    return {"ids": ids, **decoder_golden(opened.decoder, opened.head, opened.decoder.embed_tokens(torch.tensor(ids)))}


def decoder_golden(decoder, head, rows: torch.Tensor) -> dict:
    """Inputs and outputs of the blocks at the last row, and the last row's logits."""
    states = decoder(inputs_embeds=rows[None], output_hidden_states=True, use_cache=False)
    return {"length": len(rows), "resid": [rounded(state[0, -1]) for state in states.hidden_states[:-1]],
            "logits": rounded(head(states.last_hidden_state[0, -1]))}


def make_bunny() -> None:
    shutil.rmtree(OUT / BUNNY.name, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        path, _ = make_layout(BUNNY, Path(work))
        golden = bunny_golden(open_layout(path), BUNNY.vision["image_size"])
        (path / "parity.json").unlink()
        shutil.copytree(path, OUT / BUNNY.name)
    (OUT / BUNNY.name / "golden.json").write_text(json.dumps(golden) + "\n")


def main():
    if BUNNY.name in sys.argv[1:] or len(sys.argv) == 1:
        make_bunny()
    for recipe in (r for r in RECIPES if r.name in sys.argv[1:] or len(sys.argv) == 1):
        shutil.rmtree(OUT / recipe.name, ignore_errors=True)
        path = make_checkpoint(recipe, OUT)
        golden = llava_golden(path) if recipe.vision is not None else decoder_alone_golden(path)
        (path / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
