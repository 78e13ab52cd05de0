"""Makes tests/data/model/NAME/gradients.json: gradients of log P(tokens at the last two rows), as PyTorch's autograd has them.

    python tools/goldens/gradients.py

The runs are those of golden.json (tools/goldens/models.py), in float32 with eager attention. Per layer: the gradients of
resid_pre, head_out, attn_out and mlp_out at two rows, and of every weight: its norm, and one element in 37. Weights are named from
"layers." on, as in the file.
"""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from models import OUT, open_checkpoint, picture, rounded  # noqa: E402

TOKENS = (7, 12)                 # whose log-probabilities the rows before the last and the last are to give
STEP = 37
SITES = ("resid_pre", "head_out", "attn_out", "mlp_out")


def input_rows(path: Path, opened) -> torch.Tensor:
    golden = json.loads((path / "golden.json").read_text())
    rows = opened.decoder.embed_tokens(torch.tensor(golden["ids"]))
    if opened.image_rows is None:
        return rows
    with torch.no_grad():
        shown = opened.image_rows(picture(opened.model.config.vision_config.image_size))
    return torch.cat([rows[:2], shown, rows[2:]])


def kept(store: dict, name: str):
    """A hook that keeps a module's output, and its gradient."""
    def hook(module, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        output.retain_grad()
        store[name] = output
    return hook


def entered(store: dict, name: str):
    """A hook that keeps a module's input, and its gradient."""
    def hook(module, inputs):
        inputs[0].retain_grad()
        store[name] = inputs[0]
    return hook


def gradients(path: Path) -> dict:
    opened = open_checkpoint(path)
    rows = input_rows(path, opened).detach().requires_grad_()
    sites = {}
    for i, layer in enumerate(opened.decoder.layers):
        layer.register_forward_pre_hook(entered(sites, (i, "resid_pre")))
        project = getattr(layer.self_attn, "o_proj", None) or layer.self_attn.dense
        project.register_forward_pre_hook(entered(sites, (i, "head_out")))
        layer.self_attn.register_forward_hook(kept(sites, (i, "attn_out")))
        layer.mlp.register_forward_hook(kept(sites, (i, "mlp_out")))
    final = opened.decoder(inputs_embeds=rows[None], use_cache=False).last_hidden_state
    logprobs = opened.head(final[0, -2:]).log_softmax(-1)
    score = logprobs[0, TOKENS[0]] + logprobs[1, TOKENS[1]]
    score.backward()
    at = [3, len(rows) - 2]
    weights = {f"layers.{name.split('layers.')[-1]}": p.grad for name, p in opened.decoder.named_parameters()
               if "layers." in name}
    norm = getattr(opened.decoder, "norm", None) or opened.decoder.final_layernorm
    weights |= {"end." + name: p.grad for name, p in norm.named_parameters()}
    if opened.head.bias is not None:
        weights["head.bias"] = opened.head.bias.grad
    weights["head"] = opened.head.weight.grad
    return {"tokens": TOKENS, "score": float(score), "rows": at,
            "sites": [{name: [rounded(sites[i, name].grad[0, p]) for p in at] for name in SITES}
                      for i in range(len(opened.decoder.layers))],
            "weights": {name: {"norm": float(g.norm()), "elements": rounded(g.flatten()[::STEP])} for name, g in weights.items()}}


def main() -> None:
    for name in ("llava", "llama", "qwen2", "phi"):
        (OUT / name / "gradients.json").write_text(json.dumps(gradients(OUT / name)) + "\n")


if __name__ == "__main__":
    main()
