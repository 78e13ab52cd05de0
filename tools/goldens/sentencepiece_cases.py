"""Folders with a tokenizer.model and GGUF files, their tokenizers trained small, and what must be made of a text.

Used by make_sentencepiece_goldens.py (a few hundred texts, committed) and by tools/parity/sentencepiece_check.py
(thousands, compared live). Three programs are asked:

- Hugging Face's AutoTokenizer on the folder, for everything where it reads the model as LlamaTokenizer does;
- `sentencepiece` itself for the ids of what stands between added tokens, elsewhere: HF's general class means to equal
  it but does not quite (it normalizes by graphemes, drops what is unknown, and collapses user-defined spaces);
- HF again for ranges, wherever its ids are those. Its ranges of characters that rules replace several at a time are
  those of graphemes, and it is off by what rules drop at a text's start: such texts have no ranges to compare."""
import json
import os
import pathlib
import re
import tempfile

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import gguf  # noqa: E402
import regex  # noqa: E402
import sentencepiece  # noqa: E402
import tokenizer_cases as cases  # noqa: E402
from sentencepiece import sentencepiece_model_pb2  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402


def train(path, **settings):
    """Writes the tokenizer.model `path`."""
    settings = dict(vocab_size=700, hard_vocab_limit=False, minloglevel=2, num_threads=1) | settings
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(cases.CORPUS),
                                             model_prefix=str(path.with_suffix("")), **settings)
    path.with_suffix(".vocab").unlink()
    model = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    model.trainer_spec.ClearField("model_prefix")  # where it was trained is nobody's business
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    path.write_bytes(model.SerializeToString())


# As Llama's was trained; ...
LLAMA = dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
             split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.98)
# ... and a few rules of our own: a committed model with nmt_nfkc would take a quarter of a megabyte.
RULES = [("\u0041\u030a", "\u00c5"), ("\u00e9", "e\u0301"), ("\ufb01", "fi"), ("\u3000", " "), ("\u00a0", " "),
         ("\u200b", ""), ("\u00bd", "1/2"), ("\u2026", "..."), ("\u3042", "  x"), ("\u00df", "ss"), ("...", "\u2026")]


def rules_file(folder):
    path = pathlib.Path(folder, "rules.tsv")
    hexes = lambda text: " ".join(f"{ord(c):X}" for c in text)  # noqa: E731
    path.write_text("".join(f"{hexes(a)}\t{hexes(b)}\n" for a, b in RULES), encoding="utf-8")
    return str(path)


def token(content, **flags):
    return dict(content=content, lstrip=False, rstrip=False, single_word=False, normalized=False, special=False) | flags


VICUNA = {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": False,
          "bos_token": {"__type": "AddedToken"} | token("<s>"), "eos_token": {"__type": "AddedToken"} | token("</s>"),
          "unk_token": {"__type": "AddedToken"} | token("<unk>"), "pad_token": None}
LISTED = {"0": token("<unk>", special=True), "1": token("<s>", special=True, normalized=True),
          "2": token("</s>", special=True), "700": token("<image>", normalized=True),
          "701": token("<pad>", special=True, lstrip=True), "702": token("the", single_word=True, rstrip=True)}
ANY_CLASS = {"model_type": "llava"}  # transformers reads it with its general class
BOS = {"add_bos_token": True}

# name: (how the model is trained, the folder's small files)
FOLDERS = {
    "vicuna": (LLAMA, {"tokenizer_config.json": VICUNA, "config.json": {"model_type": "llama"},
                       "special_tokens_map.json": {"bos_token": token("<s>"), "eos_token": "</s>",
                                                   "pad_token": "<unk>"},
                       "added_tokens.json": {"<pad>": 700, "<image>": 701}}),
    "llama-listed": (LLAMA, {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizerFast", "legacy": True,
                                                       "added_tokens_decoder": LISTED, "pad_token": "<pad>",
                                                       "add_eos_token": True} | BOS,
                             "config.json": {"model_type": "llama"}}),
    "llama-no-prefix": (LLAMA, {"tokenizer_config.json": VICUNA | {"add_prefix_space": False,
                                                                   "image_token": "<image>",
                                                                   "extra_special_tokens": ["<x>", "Paris"]},
                                "config.json": {"model_type": "llama"}}),
    "llava": (LLAMA, {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": LISTED,
                                                "image_token": "<image>"} | BOS, "config.json": ANY_CLASS}),
    "llava-legacy-off": (LLAMA, {"tokenizer_config.json": VICUNA, "config.json": ANY_CLASS}),
    "bpe-user-defined": (dict(model_type="bpe", normalization_rule_tsv=True, control_symbols=["<ctl>"],
                              user_defined_symbols=["<image>", "dog", "\u2581\u2581", "  ", "\u00e9", "n t"]),
                         {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
    "unigram": (dict(model_type="unigram", normalization_rule_tsv=True),
                {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
    "unigram-bytes": (dict(model_type="unigram", byte_fallback=True, normalization_rule_name="identity",
                           character_coverage=0.98, user_defined_symbols=["<image>", "dog"], split_digits=True),
                      {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
    "unigram-plain": (dict(model_type="unigram", add_dummy_prefix=False, remove_extra_whitespaces=False,
                           normalization_rule_tsv=True), {"config.json": ANY_CLASS, "tokenizer_config.json": BOS}),
    "bpe-suffix": (dict(model_type="bpe", treat_whitespace_as_suffix=True, normalization_rule_name="identity"),
                   {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
}
# With rules of a quarter of a megabyte: live alone.
LARGE = {
    "bpe-nmt-nfkc": (dict(model_type="bpe"), {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
    "unigram-nmt-nfkc": (dict(model_type="unigram"), {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
    "unigram-nfkc-cf": (dict(model_type="unigram", normalization_rule_name="nfkc_cf", byte_fallback=True,
                             character_coverage=0.98),
                        {"tokenizer_config.json": BOS, "config.json": ANY_CLASS}),
}


def write_folder(form, folder):
    settings, files = form
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as spare:
        if settings.get("normalization_rule_tsv"):
            settings = settings | {"normalization_rule_tsv": rules_file(spare)}
        train(folder / "tokenizer.model", **settings)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


class FolderOracle:
    """What must come out of a folder's tokenizer."""

    def __init__(self, folder):
        self.hf = AutoTokenizer.from_pretrained(str(folder))
        self.backend = self.hf.backend_tokenizer
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        self.llama = type(self.hf).__name__ == "LlamaTokenizer"
        config = json.loads((folder / "tokenizer_config.json").read_text())
        self.plain = not self.llama and config.get("legacy", True)
        added = list(self.backend.get_added_tokens_decoder().values())
        self.plain &= not any(t.single_word or t.lstrip or t.rstrip for t in added)
        contents = sorted((t.content for t in added), reverse=True)  # of two with a common start the longer first
        self.cut = re.compile("(" + "|".join(map(re.escape, contents)) + ")")
        proto = sentencepiece_model_pb2.ModelProto.FromString((folder / "tokenizer.model").read_bytes())
        self.rules = bool(proto.normalizer_spec.precompiled_charsmap)
        self.suffix = proto.trainer_spec.treat_whitespace_as_suffix

    def answer(self, text):
        """As tokenizer_cases.answer; "starts" and "ends" are left out where HF's mean something else, all but "ids"
        where HF cuts otherwise."""
        wanted = cases.answer(self.backend, text)
        if self.plain:
            ids = self._between_added(text)
            if ids != wanted["ids"] or self.suffix:
                return {"ids": ids}
        if self.rules and not self._is_simple(text):
            del wanted["starts"], wanted["ends"]
        return wanted

    def _between_added(self, text):
        """sentencepiece's ids, and the added tokens'."""
        parts = self.cut.split(text)
        return [i for n, part in enumerate(parts)
                for i in ([self.backend.token_to_id(part)] if n % 2 else self.model.encode(part))]

    def _is_simple(self, text):
        """Whether every grapheme is one character, and nothing is dropped at a start."""
        return (all(len(g) == 1 for g in regex.findall(r"\X", text))
                and all(self.backend.normalizer.normalize_str(c) or c == " " for c in set(text)))

    def decoded(self, ids):
        if self.suffix:
            return {}
        return {"decoded": self.backend.decode(ids, skip_special_tokens=False),
                "skipped": self.backend.decode(ids, skip_special_tokens=True)}


# ---- random models ----
RANDOM_PARTS = ["a", "b", "c", "\u2581", "\u00e9", "\u65e5"]


def random_model(rng):
    """A model of random pieces with few different scores, so that ties decide, and pieces of every type."""
    model = sentencepiece_model_pb2.ModelProto()
    spec, normalizer = model.trainer_spec, model.normalizer_spec
    spec.model_type = rng.choice([spec.UNIGRAM, spec.BPE])
    spec.byte_fallback = rng.random() < 0.5
    spec.treat_whitespace_as_suffix = rng.random() < 0.2
    normalizer.add_dummy_prefix = rng.random() < 0.7
    normalizer.remove_extra_whitespaces = rng.random() < 0.5
    normalizer.escape_whitespaces = rng.random() < 0.9
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece

    def add(piece, score, kind):
        model.pieces.add(piece=piece, score=score, type=kind)

    add("<unk>", 0, kinds.UNKNOWN)
    add("<s>", 0, kinds.CONTROL)
    add("</s>", 0, kinds.CONTROL)
    for byte in range(256 if spec.byte_fallback else 0):
        add(f"<0x{byte:02X}>", 0, kinds.BYTE)
    parts = rng.sample(RANDOM_PARTS, rng.randint(2, len(RANDOM_PARTS)))
    texts = {"".join(rng.choice(parts) for _ in range(rng.randint(1, rng.choice([2, 3, 6])))) for _ in range(60)}
    texts |= set(rng.sample(parts, rng.randint(0, len(parts))))
    choices = [kinds.NORMAL] * 8 + [kinds.UNUSED] * rng.randint(0, 3) + [kinds.USER_DEFINED] * rng.randint(0, 1)
    for text in sorted(texts, key=lambda _: rng.random()):
        add(text, rng.choice([-1, -1.5, -2, -7.25, -rng.random()]), rng.choice(choices))
    return model.SerializeToString()


def random_texts(rng, count):
    parts = [*RANDOM_PARTS, "a", "b", " ", " ", "x", "\U0001f600"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(0, 24))) for _ in range(count)]


# ---- GGUF ----
def write_gguf(path, kind, tokens, types, scores=None, merges=None, **more):
    """A GGUF file of a tokenizer and one small tensor, as llama.cpp's converter writes the keys."""
    import numpy as np
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if scores:
        writer.add_token_scores(scores)
    if merges:
        writer.add_token_merges(merges)
    for key, value in more.items():
        getattr(writer, f"add_{key}")(value)
    writer.add_tensor("output.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def added_types(tokenizer, tokens, types):
    """Puts added tokens into both lists: special ones are CONTROL, others USER_DEFINED."""
    for index, t in sorted(tokenizer.get_added_tokens_decoder().items()):
        tokens += [f"[PAD{i}]" for i in range(len(tokens), index + 1)]
        types += [gguf.TokenType.UNUSED] * (index + 1 - len(types))
        tokens[index] = t.content
        types[index] = gguf.TokenType.CONTROL if t.special else gguf.TokenType.USER_DEFINED


def gguf_byte_level(form, pre, **more):
    def write(path):
        root = json.loads(cases.FORMS[form]().to_str())
        for t in root["added_tokens"]:
            t["normalized"] = False  # the file does not say, and transformers takes it so
        tokenizer = Tokenizer.from_str(json.dumps(root))
        vocab = root["model"]["vocab"]
        tokens = sorted(vocab, key=vocab.get)
        types = [gguf.TokenType.NORMAL] * len(tokens)
        added_types(tokenizer, tokens, types)
        ids = {name + "_token_id": tokenizer.token_to_id("<|endoftext|>") for name in ("bos", "eos")}
        write_gguf(path, "gpt2", tokens, types, merges=[" ".join(m) for m in root["model"]["merges"]],
                   tokenizer_pre=pre, **ids, **more)
        return tokenizer
    return write


def gguf_llama(name, **more):
    """From a folder with a tokenizer.model, of which HF makes the truth."""
    def write(path):
        with tempfile.TemporaryDirectory() as spare:
            folder = pathlib.Path(spare)
            write_folder(FOLDERS[name], folder)
            tokenizer = AutoTokenizer.from_pretrained(spare).backend_tokenizer
            proto = sentencepiece_model_pb2.ModelProto.FromString((folder / "tokenizer.model").read_bytes())
        tokens, types = [p.piece for p in proto.pieces], [p.type for p in proto.pieces]
        scores = [p.score for p in proto.pieces]
        added_types(tokenizer, tokens, types)
        types[0] = gguf.TokenType.UNKNOWN
        scores += [-1000.0] * (len(tokens) - len(scores))
        write_gguf(path, "llama", tokens, types, scores, bos_token_id=1, eos_token_id=2, unk_token_id=0, **more)
        return tokenizer
    return write


GGUFS = {
    "llama": gguf_llama("vicuna", add_bos_token=True, add_eos_token=False),
    "llama-no-prefix": gguf_llama("llama-no-prefix", add_space_prefix=False),
    "phi-2": gguf_byte_level("gpt2", "phi-2", add_bos_token=False),
    "llama-bpe": gguf_byte_level("llama3", "llama-bpe"),
    "qwen2": gguf_byte_level("qwen2", "qwen2", add_bos_token=False),
    "smollm": gguf_byte_level("smollm2", "smollm"),
}


# ---- vocab.json and merges.txt ----
def write_merges(form, config, folder):
    """A folder as GPT-2's and Qwen2's first checkpoints are; returns what AutoTokenizer makes of it."""
    tokenizer = cases.FORMS[form]()
    model = json.loads(tokenizer.to_str())["model"]
    added = {i: json.loads(t.__getstate__()) if isinstance(t.__getstate__(), (str, bytes)) else t.__getstate__()
             for i, t in tokenizer.get_added_tokens_decoder().items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"]),
                                       encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"added_tokens_decoder": added}) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}) + "\n")
    return AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer


MERGES = {
    "gpt2-merges": ("gpt2", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True}),
    "qwen2-merges": ("qwen2", {"tokenizer_class": "Qwen2TokenizerFast", "bos_token": None, "errors": "replace"}),
}


class BackendOracle:
    """What a GGUF file was made from, or what AutoTokenizer makes of vocab.json and merges.txt."""

    def __init__(self, backend):
        self.backend = backend

    def answer(self, text):
        return cases.answer(self.backend, text)

    suffix = False
    decoded = FolderOracle.decoded
