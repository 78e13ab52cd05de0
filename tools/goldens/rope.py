"""Makes tests/model/golden/rope.json: rotary frequencies as transformers computes them from its configs.

    python tools/goldens/rope.py

Each case holds the keys of a config in one or the other generation's form; transformers reads both. Cases with a
`share` are Phi's, whose default it is: the first part of each head is rotated.
"""
import json
from pathlib import Path

from transformers import LlamaConfig, PhiConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi.modeling_phi import PhiRotaryEmbedding

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
    (64, {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}),
    (16, {"rope_parameters": {"rope_theta": 500.0}, "rope_scaling": {"type": "linear", "factor": 3.0}}),
]
PHI_CASES = [
    (16, {}),
    (80, {"partial_rotary_factor": 0.4}),
    (16, {"partial_rotary_factor": 0.4, "rope_scaling": None}),
    (16, {"partial_rotary_factor": 1.0}),
    (20, {"rope_parameters": {"rope_type": "default", "rope_theta": 20000.0, "partial_rotary_factor": 0.4}}),
    (20, {"partial_rotary_factor": 0.8, "rope_parameters": {"rope_theta": 20000.0, "partial_rotary_factor": 0.4}}),
    (32, {"rope_scaling": {"type": "linear", "factor": 2.5}, "rope_theta": 300.0, "partial_rotary_factor": 0.25}),
]


def frequencies(config_class: type, embedding_class: type, head_dim: int, keys: dict) -> list:
    config = config_class(hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, max_position_embeddings=131072,
                          **json.loads(json.dumps(keys)))
    return [float(f"{x:.9g}") for x in embedding_class(config).inv_freq.tolist()]


def case(head_dim: int, keys: dict, share: float | None) -> dict:
    classes = (PhiConfig, PhiRotaryEmbedding) if share else (LlamaConfig, LlamaRotaryEmbedding)
    made = {"head_dim": head_dim, "config": {"max_position_embeddings": 131072, **keys}, "frequency": frequencies(*classes, head_dim, keys)}
    return made | ({"share": share} if share else {})


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    cases = [case(d, keys, None) for d, keys in CASES] + [case(d, keys, 0.5) for d, keys in PHI_CASES]
    (GOLDEN / "rope.json").write_text(json.dumps({"cases": cases}) + "\n")


if __name__ == "__main__":
    main()
