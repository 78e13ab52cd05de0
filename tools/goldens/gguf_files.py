"""Makes tests/checkpoint/golden/gguf/: small files written by the gguf package, and what it reads in them.

    python tools/goldens/gguf_files.py

  quants.gguf  a tensor of each quantised type, named after it: 3 rows of 512 elements, of random bytes with scales of
               all magnitudes (Q4_K) and of numbers that the package quantised, where it can (Q4_0.made); beside each
               one NAME.f32, as the package dequantises it
  small.gguf   metadata of every kind, tensors of plain types and of one that patchbay cannot compute with; one block
               of each quantised type
  v2.gguf      the same as version 2
  decoder.gguf, vision.gguf  a Llama of one layer and a vision side of one layer, as small as they can be, of zeros
  split-0000N-of-00003.gguf  three tensors in three files, as llama.cpp's gguf-split leaves them
"""
from pathlib import Path

import gguf
import numpy as np

GOLDEN = Path(__file__).parents[2] / "tests/checkpoint/golden/gguf"
Type = gguf.GGMLQuantizationType
QUANTISED = [Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q4_K, Type.Q5_K, Type.Q6_K]
MADE = QUANTISED[:5]  # those that the package can also quantise
F16_AT = {Type.Q6_K: [208], Type.Q4_1: [0, 2], Type.Q5_1: [0, 2], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2]}


def random_blocks(rng, kind, blocks):
    """Any bytes are blocks; only their f16 scales must be finite."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
    for at in F16_AT.get(kind, [0]):
        bits = data[:, at:at + 2].copy().view(np.uint16)
        bits[(bits & 0x7C00) == 0x7C00] &= 0xBFFF
        data[:, at:at + 2] = bits.view(np.uint8)
    return data


def rows_of(data, rows):
    return data.reshape(rows, -1)


def quants(path):
    rng = np.random.default_rng(0)
    w = gguf.GGUFWriter(path, "llama")
    for kind in QUANTISED:
        elements, _ = gguf.GGML_QUANT_SIZES[kind]
        cases = {kind.name: rows_of(random_blocks(rng, kind, 3 * 512 // elements), 3)}
        if kind in MADE:
            values = (rng.standard_normal((3, 512)) * 10 ** rng.uniform(-4, 2, (3, 512))).astype(np.float32)
            cases[kind.name + ".made"] = gguf.quants.quantize(values, kind)
        for name, data in cases.items():
            w.add_tensor(name, data, raw_dtype=kind)
            w.add_tensor(name + ".f32", gguf.quants.dequantize(data, kind))
    finish(w)


def small(path):
    rng = np.random.default_rng(1)
    w = gguf.GGUFWriter(path, "llama")
    for kind, value in (("uint8", 200), ("int8", -100), ("uint16", 50000), ("int16", -30000), ("uint32", 4000000000),
                        ("int32", -2000000000), ("float32", 1.5), ("uint64", 2**53), ("int64", -2**53),
                        ("float64", 0.1), ("bool", True), ("string", "Gr\u00fc\u00dfe")):
        getattr(w, "add_" + kind)("test." + kind, value)
    w.add_array("test.texts", ["", "a", "\u2581the", "long " * 20])
    w.add_array("test.ints", [-1, 0, 7])
    w.add_array("test.floats", [0.5, -2.25])
    w.add_array("test.bools", [True, False, True])
    w.add_tensor("plain.f32", rng.standard_normal((2, 3)).astype(np.float32))
    w.add_tensor("plain.f16", rng.standard_normal((2, 3, 2, 2)).astype(np.float16))
    bf16 = rng.standard_normal((5,)).astype(np.float32)
    w.add_tensor("plain.bf16", gguf.quants.quantize(bf16, Type.BF16), raw_dtype=Type.BF16)
    w.add_tensor("plain.i32", np.arange(6, dtype=np.int32))
    w.add_tensor("blocks.q2_k", rng.integers(0, 256, (1, 84), dtype=np.uint8), raw_dtype=Type.Q2_K)
    for kind in QUANTISED:
        w.add_tensor("blocks." + kind.name.lower(), random_blocks(rng, kind, 1), raw_dtype=kind)
    finish(w)


def decoder(path):
    w = gguf.GGUFWriter(path, "llama")
    for key, value in (("block_count", 1), ("embedding_length", 8), ("feed_forward_length", 4),
                       ("attention.head_count", 2), ("attention.head_count_kv", 1), ("context_length", 16),
                       ("rope.dimension_count", 4)):
        w.add_uint32("llama." + key, value)
    w.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    w.add_float32("llama.rope.freq_base", 10000.0)
    w.add_uint32("tokenizer.ggml.eos_token_id", 2)
    w.add_tensor("rope_freqs.weight", np.array([1, 4], dtype=np.float32))
    zeros(w, {"token_embd.weight": (4, 8), "output_norm.weight": (8,), "blk.0.attn_norm.weight": (8,),
              "blk.0.attn_q.weight": (8, 8), "blk.0.attn_k.weight": (4, 8), "blk.0.attn_v.weight": (4, 8),
              "blk.0.attn_output.weight": (8, 8), "blk.0.ffn_norm.weight": (8,), "blk.0.ffn_gate.weight": (4, 8),
              "blk.0.ffn_up.weight": (4, 8), "blk.0.ffn_down.weight": (8, 4)})
    finish(w)


def vision(path):
    w = gguf.GGUFWriter(path, "clip")
    w.add_string("clip.projector_type", "mlp")
    for key, value in (("image_size", 4), ("patch_size", 2), ("embedding_length", 4), ("feed_forward_length", 6),
                       ("block_count", 1), ("attention.head_count", 2)):
        w.add_uint32("clip.vision." + key, value)
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    w.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    w.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    layer = {"ln1": (4,), "ln2": (4,), "attn_q": (4, 4), "attn_k": (4, 4), "attn_v": (4, 4), "attn_out": (4, 4),
             "ffn_up": (6, 4), "ffn_down": (4, 6)}
    parts = {**{"v.blk.0." + name: shape for name, shape in layer.items()}, "v.pre_ln": (4,), "mm.0": (8, 4), "mm.2": (8, 8)}
    zeros(w, {"v.class_embd": (4,), "v.position_embd.weight": (5, 4), "v.patch_embd.weight": (4, 3, 2, 2),
              **{name + ".weight": shape for name, shape in parts.items()},
              **{name + ".bias": shape[:1] for name, shape in parts.items()}})
    finish(w)


def zeros(w, shapes):
    for name, shape in shapes.items():
        w.add_tensor(name, np.zeros(shape, dtype=np.float32))


def split(stem):
    for i in range(3):
        w = gguf.GGUFWriter(f"{stem}-{i + 1:05}-of-00003.gguf", "llama")
        w.add_uint16("split.no", i)
        w.add_uint16("split.count", 3)
        w.add_int32("split.tensors.count", 3)
        w.add_tensor(f"part.{i}", np.full((2,), i, dtype=np.float32))
        finish(w)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    quants(GOLDEN / "quants.gguf")
    small(GOLDEN / "small.gguf")
    decoder(GOLDEN / "decoder.gguf")
    vision(GOLDEN / "vision.gguf")
    version2 = bytearray((GOLDEN / "small.gguf").read_bytes())
    version2[4] = 2
    (GOLDEN / "v2.gguf").write_bytes(version2)
    split(GOLDEN / "split")


if __name__ == "__main__":
    main()
