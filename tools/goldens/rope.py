"""Makes tests/model/golden/rope.json: rotary frequencies as transformers computes them from its configs.

    python tools/goldens/rope.py

Each case holds the keys of a config in one or the other generation's form; transformers reads both.
"""
import json
from pathlib import Path

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

GOLDEN = Path(__file__).parents[2] / "tests/model/golden"
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
CASES = [
    (8, {}),
    (64, {"rope_theta": 500000.0}),
    (64, {"rope_theta": 500000.0, "rope_scaling": None}),
    (16, {"rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
    (24, {"rope_scaling": {"type": "linear", "factor": 2.5}}),
    (24, {"rope_theta": 20000.0, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    (24, {"rope_parameters": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 4.0}}),
    (64, {"rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", **LLAMA3}}),
    (128, {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, **LLAMA3, "original_max_position_embeddings": 8192}}),
    (128, {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, **LLAMA3, "factor": 32, "low_freq_factor": 2}}),
]


def frequencies(head_dim: int, keys: dict) -> list:
    config = LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, max_position_embeddings=131072,
                         **json.loads(json.dumps(keys)))
    return [float(f"{x:.9g}") for x in LlamaRotaryEmbedding(config).inv_freq.tolist()]


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    cases = [{"head_dim": d, "config": keys, "frequency": frequencies(d, keys)} for d, keys in CASES]
    (GOLDEN / "rope.json").write_text(json.dumps({"cases": cases}) + "\n")


if __name__ == "__main__":
    main()
