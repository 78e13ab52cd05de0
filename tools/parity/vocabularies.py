"""Small tokenizers of every kind that patchbay reads, trained on the spot and written as tokenizer.json.

| kind        | as in                  | what is special                                                   |
|-------------|------------------------|-------------------------------------------------------------------|
| normalizer  | Llama 2, LLaVA-1.5     | Prepend "▁" and Replace " " by a normalizer, byte fallback, BOS   |
| metaspace   | Llama 2, legacy=False  | the same by a Metaspace pre-tokenizer                             |
| gpt2        | GPT-2, Phi-2           | byte-level, GPT-2's split, offsets trimmed, no BOS                |
| llama3      | Llama 3                | byte-level, Split pattern with \\p{N}{1,3}, BOS, ignore_merges     |
| qwen2       | Qwen2                  | byte-level, Split pattern with \\p{N}, NFC, no BOS                 |
| digits      | SmolLM2                | byte-level after Digits, no BOS                                   |

Each has `<image>` as an added token, the last of the vocabulary, unless it is made without.
"""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

IMAGE = "<image>"
KINDS = ("normalizer", "metaspace", "gpt2", "llama3", "qwen2", "digits")

_PLACES = "Portugal Japan Brazil Norway Kenya Peru Côte d'Ivoire Österreich España 日本 Россия Ελλάδα".split(" ")
_THINGS = "capital currency language continent flag building bridge river director movie painting chair".split(" ")
_FORMS = (
    "What is the {thing} of this country?", "Where is this {thing} in {place}?", "Who made this {thing}?",
    "USER: Which country borders {place} and has a {thing}?\nASSISTANT: The {thing} of {place} is Paris.",
    "In {place} the {thing} was built in 1887, and 2,024 people saw it.", "The {thing}, isn't it? It's {place}'s.",
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful answers.",
    "Answer in a few words. This is not that {thing}; Rome, London, Paris and New York are cities.",
)

_LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+")
_QWEN2_SPLIT = _LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


def corpus() -> list[str]:
    return [form.format(thing=thing, place=place) for form in _FORMS for thing in _THINGS for place in _PLACES]


def make_tokenizer(kind: str, size: int = 420, image: bool = True) -> Tokenizer:
    """A tokenizer of about `size` tokens. Training has no random part: the same call gives the same file."""
    tokenizer = _byte_fallback(kind, size) if kind in ("normalizer", "metaspace") else _byte_level(kind, size)
    if image:
        tokenizer.add_special_tokens([AddedToken(IMAGE, special=True, normalized=False)])
    return tokenizer


def _byte_fallback(kind: str, size: int) -> Tokenizer:
    """SentencePiece's BPE as HF converts it: unknown characters become their UTF-8 bytes, `<0xC3>` and so on.

    The trainer knows nothing of byte tokens, so the vocabulary is put together here: <unk> <s> </s>, 256 bytes,
    then what was trained."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Split("\n", behavior="isolated"),
        pre_tokenizers.Punctuation()])
    ascii_only = [text for text in corpus() if text.isascii()]    # so that other letters fall back to bytes
    trained.train_from_iterator(ascii_only, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    state = json.loads(trained.to_str())["model"]
    pieces = sorted(state["vocab"], key=state["vocab"].get)
    order = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + pieces
    tokenizer = Tokenizer(models.BPE(
        vocab={piece: index for index, piece in enumerate(order)}, merges=[tuple(m) for m in state["merges"]],
        unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if kind == "normalizer":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tokenizer


def _byte_level(kind: str, size: int) -> Tokenizer:
    """Byte-level BPE: every byte is a letter of the alphabet, and nothing is ever unknown."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama3"))
    tokenizer.pre_tokenizer = _byte_level_split(kind)
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=["<|pad|>", "<|bos|>", "<|eos|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = _byte_level_post(kind)
    return tokenizer


def _byte_level_split(kind: str):
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind in ("gpt2", "digits"))
    if kind == "gpt2":
        return level
    if kind == "digits":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
    pattern = _LLAMA3_SPLIT if kind == "llama3" else _QWEN2_SPLIT
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior="isolated"), level])


def _byte_level_post(kind: str):
    if kind == "llama3":
        bos = processors.TemplateProcessing(
            single="<|bos|> $A", pair="<|bos|> $A <|bos|> $B", special_tokens=[("<|bos|>", 1)])
        return processors.Sequence([processors.ByteLevel(trim_offsets=True), bos])
    return processors.ByteLevel(trim_offsets=kind == "gpt2")
