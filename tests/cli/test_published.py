"""Published models open by the configs they were published with: sizes that stand there, and sizes left to defaults.

Weights are files of the right length with nothing in them, which take no room on the disk: opening reads their headers.
"""
import json
import shutil
import struct
import unittest

from common import LLAMA, LLAVA, ProgramTest

LLAMA_NORMS, PHI_LINEAR = ("input_layernorm", "post_attention_layernorm"), ("q_proj", "k_proj", "v_proj", "dense")


def llama(layers, d, ff, kv, vocab, prefix="model.", head="lm_head.weight", biases=False):
    """{name: shape} of a Llama, or with biases of a Qwen2; head None: tied."""
    tensors = {f"{prefix}embed_tokens.weight": [vocab, d], f"{prefix}norm.weight": [d]}
    tensors |= {head: [vocab, d]} if head else {}
    for layer in (f"{prefix}layers.{l}." for l in range(layers)):
        tensors |= {f"{layer}{norm}.weight": [d] for norm in LLAMA_NORMS}
        for name, rows in (("q", d), ("k", kv), ("v", kv), ("o", d)):
            tensors[f"{layer}self_attn.{name}_proj.weight"] = [rows, d]
            if biases and name != "o":
                tensors[f"{layer}self_attn.{name}_proj.bias"] = [rows]
        tensors |= {f"{layer}mlp.gate_proj.weight": [ff, d], f"{layer}mlp.up_proj.weight": [ff, d],
                    f"{layer}mlp.down_proj.weight": [d, ff]}
    return tensors


def phi2():
    d, ff, vocab = 2560, 10240, 51200
    tensors = {"model.embed_tokens.weight": [vocab, d], "lm_head.weight": [vocab, d], "lm_head.bias": [vocab],
               "model.final_layernorm.weight": [d], "model.final_layernorm.bias": [d]}
    for layer in (f"model.layers.{l}." for l in range(32)):
        shapes = {"input_layernorm": ([d], d), "mlp.fc1": ([ff, d], ff), "mlp.fc2": ([d, ff], d)}
        shapes |= {f"self_attn.{name}": ([d, d], d) for name in PHI_LINEAR}
        for name, (shape, width) in shapes.items():
            tensors |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": [width]}
    return tensors


def llava13b():
    """The names of llava-hf/llava-1.5-13b-hf."""
    tensors = llama(40, 5120, 13824, 5120, 32064, "language_model.model.", "language_model.lm_head.weight")
    tower, d, ff = "vision_tower.vision_model.", 1024, 4096
    tensors |= {f"{tower}embeddings.class_embedding": [d], f"{tower}embeddings.patch_embedding.weight": [d, 3, 14, 14],
                f"{tower}embeddings.position_embedding.weight": [577, d]}
    for norm in ("pre_layrnorm", "post_layernorm", *(f"encoder.layers.{l}.layer_norm{n}" for l in range(24) for n in (1, 2))):
        tensors |= {f"{tower}{norm}.weight": [d], f"{tower}{norm}.bias": [d]}
    for layer in (f"{tower}encoder.layers.{l}." for l in range(24)):
        matrices = {f"self_attn.{name}_proj": [d, d] for name in ("q", "k", "v", "out")} | {"mlp.fc1": [ff, d], "mlp.fc2": [d, ff]}
        for name, shape in matrices.items():
            tensors |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": shape[:1]}
    for name, shape in (("linear_1", [5120, d]), ("linear_2", [5120, 5120])):
        tensors |= {f"multi_modal_projector.{name}.weight": shape, f"multi_modal_projector.{name}.bias": [5120]}
    return tensors


COMMON = {"hidden_act": "silu", "initializer_range": 0.02, "use_cache": True, "tie_word_embeddings": False}
OLD_LLAMA = {**COMMON, "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "model_type": "llama",
             "pad_token_id": 0, "rms_norm_eps": 1e-06, "torch_dtype": "float16",
             "transformers_version": "4.28.1", "vocab_size": 32000}
QWEN = {**COMMON, "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
        "max_position_embeddings": 32768, "model_type": "qwen2", "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
        "sliding_window": 32768, "torch_dtype": "bfloat16", "transformers_version": "4.43.1", "use_sliding_window": False}

PUBLISHED = {
    "vicuna-7b-v1.3": (
        {**OLD_LLAMA, "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048,
         "num_attention_heads": 32, "num_hidden_layers": 32},
        llama(32, 4096, 11008, 4096, 32000), "F16",
        "32 layers, d_model 4096, d_ff 11008, 32 heads (32 for keys and values), 32000 tokens", 6738.4),
    "vicuna-13b-v1.5": (
        {**OLD_LLAMA, "hidden_size": 5120, "intermediate_size": 13824, "max_position_embeddings": 4096, "num_attention_heads": 40,
         "num_hidden_layers": 40, "num_key_value_heads": 40, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": None},
        llama(40, 5120, 13824, 5120, 32000), "F16",
        "40 layers, d_model 5120, d_ff 13824, 40 heads (40 for keys and values), 32000 tokens", 13015.9),
    "vicuna-7b-v1.5-16k": (
        {**OLD_LLAMA, "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096, "num_attention_heads": 32,
         "num_hidden_layers": 32, "num_key_value_heads": 32, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
         "rope_scaling": {"factor": 4.0, "type": "linear"}},
        llama(32, 4096, 11008, 4096, 32000), "F16",
        "32 layers, d_model 4096, d_ff 11008, 32 heads (32 for keys and values), 32000 tokens", 6738.4),
    "llama-3.1-8b": (
        {**COMMON, "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 128000,
         "eos_token_id": 128001, "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": False,
         "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
         "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                 "original_max_position_embeddings": 8192, "rope_type": "llama3"},
         "rope_theta": 500000.0, "torch_dtype": "bfloat16", "vocab_size": 128256},
        llama(32, 4096, 14336, 1024, 128256), "BF16",
        "32 layers, d_model 4096, d_ff 14336, 32 heads (8 for keys and values), 128256 tokens", 8030.3),
    "qwen2.5-0.5b": (
        {**QWEN, "hidden_size": 896, "intermediate_size": 4864, "max_window_layers": 24, "num_attention_heads": 14,
         "num_hidden_layers": 24, "num_key_value_heads": 2, "tie_word_embeddings": True, "vocab_size": 151936},
        llama(24, 896, 4864, 128, 151936, head=None, biases=True), "BF16",
        "24 layers, d_model 896, d_ff 4864, 14 heads (2 for keys and values), 151936 tokens", 494.0),
    "qwen2.5-7b": (
        {**QWEN, "hidden_size": 3584, "intermediate_size": 18944, "max_window_layers": 28, "num_attention_heads": 28,
         "num_hidden_layers": 28, "num_key_value_heads": 4, "vocab_size": 152064},
        llama(28, 3584, 18944, 512, 152064, biases=True), "BF16",
        "28 layers, d_model 3584, d_ff 18944, 28 heads (4 for keys and values), 152064 tokens", 7615.6),
    "phi-2": (
        {"_name_or_path": "microsoft/phi-2", "architectures": ["PhiForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 50256,
         "embd_pdrop": 0.0, "eos_token_id": 50256, "hidden_act": "gelu_new", "hidden_size": 2560, "initializer_range": 0.02,
         "intermediate_size": 10240, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048, "model_type": "phi",
         "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "partial_rotary_factor": 0.4,
         "qk_layernorm": False, "resid_pdrop": 0.1, "rope_scaling": None, "rope_theta": 10000.0, "tie_word_embeddings": False,
         "torch_dtype": "float16", "transformers_version": "4.37.0", "use_cache": True, "vocab_size": 51200},
        phi2(), "F16", "32 layers, d_model 2560, d_ff 10240, 32 heads (32 for keys and values), 51200 tokens", 2779.7),
    "llava-1.5-13b-hf": (
        {"architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000, "model_type": "llava",
         "pad_token_id": 32001, "projector_hidden_act": "gelu", "torch_dtype": "float16", "vision_feature_layer": -2,
         "vision_feature_select_strategy": "default", "vocab_size": 32064,
         "text_config": {"_name_or_path": "lmsys/vicuna-13b-v1.5", "architectures": ["LlamaForCausalLM"], "hidden_size": 5120,
                         "intermediate_size": 13824, "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 40,
                         "num_hidden_layers": 40, "num_key_value_heads": 40, "pad_token_id": 0, "rms_norm_eps": 1e-05,
                         "torch_dtype": "float16", "vocab_size": 32064},
         "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
                           "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
                           "vocab_size": 32000}},
        llava13b(), "F16", "40 layers, d_model 5120, d_ff 13824, 40 heads (40 for keys and values), 32064 tokens", 13351.5),
}


def write_hollow(path, tensors, dtype):
    """A safetensors file of F16 or BF16 whose data are a hole in the file."""
    header, end = {}, 0
    for name, shape in tensors.items():
        begin = end
        size = 2
        for n in shape:
            size *= n
        end += size
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


class Published(ProgramTest):
    def test_configs_as_published_open(self):
        for name, (config, tensors, dtype, sizes, millions) in PUBLISHED.items():
            with self.subTest(name):
                model = self.folder / name
                model.mkdir()
                source = LLAVA if "vision_config" in config else LLAMA
                shutil.copy(source / "tokenizer.json", model)
                (model / "config.json").write_text(json.dumps(config))
                write_hollow(model / "model.safetensors", tensors, dtype)
                found = self.succeeds(self.program("info", model)).stdout
                self.assertIn(f"family       {config['model_type']}\n", found)
                self.assertIn(f"decoder      {sizes}\n", found)
                self.assertIn(f"parameters   {millions} million\n", found)
                if "vision_config" in config:
                    self.assertIn("336 pixels in patches of 14: 576 rows\n", found)


if __name__ == "__main__":
    unittest.main()
