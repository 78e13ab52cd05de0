"""Tokenizers of every form that patchbay reads, trained small, and texts that are hard on them.

Used by make_tokenizer_goldens.py (a few hundred texts, committed) and by tools/parity/tokenizers_check.py (thousands,
compared live)."""
import json
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SENTENCES = [
    "The capital of France is Paris, and the flag has three vertical bands: blue, white and red.",
    "What's in the picture? It isn't a cat; they're two dogs we've seen before, I'll say."
    " I'd guess he'll run. I'm sure.",
    "USER: <image>\nWhich country does this flag belong to? Answer in a few words.\nASSISTANT: Germany",
    "In 1984, 12345 people paid $3.50 (about 2,75 €) for 0.5 kg — 1/2 of 1000 g; see https://example.org/a_b?c=d#e.",
    "def f(x):\n    return {'a': [1, 2, 3]}\n\n\tif x != 0:\r\n\t\tprint(\"x = %d\" % x)\n",
    "Übergrößenträger schlößen Straßen, naïve façade, Ærøskøbing, œuvre, El Niño, São Paulo, İstanbul, Đà Nẵng.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Київ, Белград, Софія.",
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί. Αθήνα.",
    "日本の首都は東京です。旗は白地に赤い丸。カタカナとひらがな、漢字。",
    "中国的首都是北京。这面国旗是什么颜色的?红色,有五颗黄色的星。",
    "대한민국의 수도는 서울입니다. 태극기에는 네 개의 괘가 있습니다.",
    "عاصمة مصر هي القاهرة. العلم أحمر وأبيض وأسود. ١٢٣٤٥",
    "בירת ישראל היא ירושלים. הדגל כחול ולבן.",
    "भारत की राजधानी नई दिल्ली है। तिरंगा केसरिया, सफेद और हरा है। १२३",
    "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย ธงชาติมีสามสี ๑๒๓",
    "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 🇫🇷🇩🇪 countries, 👍🏽 thumbs, ❤️ heart, 🤷🏻‍♂️ shrug.",
]
CORPUS = SENTENCES * 4 + [word for s in SENTENCES for word in s.split()]

# ---- the published split patterns ----
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CL100K = (r"(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)"
          r"|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")


# ---- models ----
def trained(vocab_size, normalizer=None, pre_tokenizer=None, alphabet=()):
    """(vocabulary in order of ids, merges) of a BPE trained on the corpus."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=list(alphabet), show_progress=False,
                                  max_token_length=12)
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [tuple(m) for m in model["merges"]]


BYTES = [f"<0x{b:02X}>" for b in range(256)]
SIGNS = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def llama_model(bytes_=BYTES, size=400, **settings):
    words, merges = trained(size, normalizer=SIGNS)
    vocab = {}
    for word in ["<unk>", "<s>", "</s>", *bytes_, *words]:
        vocab.setdefault(word, len(vocab))
    return models.BPE(vocab=vocab, merges=merges, **settings)


LLAMA_SETTINGS = dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def llama_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                              decoders.Strip(" ", 1, 0)])


def bos(tokenizer, name="<s>", eos=None):
    names = [name] + ([eos] if eos else [])
    return processors.TemplateProcessing(
        single=f"{name} $A" + (f" {eos}" if eos else ""), pair=f"{name} $A {name} $B",
        special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])


def llama():
    """Llama 2, Vicuna, LLaVA-1.5: the normalizer form."""
    t = Tokenizer(llama_model(**LLAMA_SETTINGS))
    t.normalizer, t.decoder = SIGNS, llama_decoder()
    t.add_special_tokens([special("<unk>"), special("<s>"), special("</s>"), special("<image>"), special("<pad>")])
    t.post_processor = bos(t)
    return t


def llama_normalized():
    """The same with added tokens that are looked for after normalization (older files)."""
    t = Tokenizer(llama_model(**LLAMA_SETTINGS))
    t.normalizer, t.decoder = SIGNS, llama_decoder()
    t.add_tokens([AddedToken("<s>", special=True, normalized=True), AddedToken("</s>", special=True, normalized=True),
                  AddedToken("flag", normalized=True, single_word=True), AddedToken("new york", normalized=True),
                  AddedToken("<image>", normalized=False, rstrip=True), AddedToken("▁▁", normalized=True)])
    t.post_processor = bos(t, eos="</s>")
    return t


def metaspace(scheme, split, decoder_scheme=None, **settings):
    t = Tokenizer(llama_model(**(settings or LLAMA_SETTINGS)))
    t.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=split)
    t.decoder = (decoders.Metaspace("▁", prepend_scheme=decoder_scheme) if decoder_scheme else llama_decoder())
    t.add_special_tokens([special("<s>"), special("</s>"), special("<image>", lstrip=True)])
    t.add_tokens([AddedToken("Paris", normalized=True)])
    t.post_processor = bos(t)
    return t


def legacy(t):
    """What files before 2024 look like: merges as strings, add_prefix_space instead of a scheme, null flags."""
    root = json.loads(t.to_str())
    root["model"]["merges"] = ["#version: 0.2"] + [" ".join(m) for m in root["model"]["merges"]]
    for key in ("ignore_merges", "byte_fallback"):
        if not root["model"][key]:
            del root["model"][key]
    pre = root["pre_tokenizer"]
    if pre and pre["type"] == "Metaspace":
        del pre["prepend_scheme"], pre["split"]
        pre.update(add_prefix_space=True, str_rep="▁")
    return Tokenizer.from_str(json.dumps(root))


def byte_level(pre_tokenizer, size=400, normalizer=None, post=None, tokens=(), **settings):
    words, merges = trained(size, normalizer, pre_tokenizer, sorted(pre_tokenizers.ByteLevel.alphabet()))
    t = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(words)}, merges=merges, **settings))
    t.pre_tokenizer, t.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        t.normalizer = normalizer
    t.add_special_tokens([special("<|endoftext|>"), special("<|im_start|>"), special("<image>")])
    t.add_tokens(list(tokens))
    if post:
        t.post_processor = post(t)
    return t


def trim(t):
    return processors.ByteLevel(trim_offsets=True, add_prefix_space=False)


def gpt2():
    """GPT-2's form as CodeGen and Phi-2 have it: runs of spaces are added tokens, ranges are trimmed."""
    spaces = [AddedToken(" " * n, normalized=True) for n in range(31, 1, -1)]
    tabs = [AddedToken("\t" * n, normalized=True) for n in range(9, 1, -1)]
    return byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), post=trim, tokens=spaces + tabs)


def gpt2_prefix():
    return byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True),
                      post=lambda t: processors.ByteLevel(trim_offsets=True, add_prefix_space=True),
                      tokens=[AddedToken("Paris", lstrip=True), AddedToken("of", single_word=True, rstrip=True)])


def split(regex, behavior="isolated", invert=False, is_regex=True):
    return pre_tokenizers.Split(Regex(regex) if is_regex else regex, behavior, invert)


def then_bytes(*parts):
    return pre_tokenizers.Sequence([*parts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def llama3():
    def post(t):
        return processors.Sequence([processors.ByteLevel(trim_offsets=False), bos(t, "<|endoftext|>")])
    return byte_level(then_bytes(split(LLAMA3)), post=post, ignore_merges=True)


def qwen2():
    return byte_level(then_bytes(split(QWEN2)), normalizer=normalizers.NFC(), post=lambda t: processors.ByteLevel(
        trim_offsets=False, add_prefix_space=False), tokens=[AddedToken("é\u0327", normalized=True)])


def smollm2():
    return byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)]))


def deepseek():
    return byte_level(then_bytes(split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK)), post=trim)


def splits():
    """Every behaviour of Split, patterns and plain texts, one after the other."""
    return byte_level(then_bytes(
        split("e", "merged_with_previous", is_regex=False), split(r"\s+", "contiguous", invert=True),
        split(r"[aeiou]|\p{M}|\p{L}(?=[\p{P}])", "merged_with_next"), split("--", "removed", is_regex=False),
        pre_tokenizers.Digits(individual_digits=False), split(CL100K), split(GPT2, "isolated", invert=True)), post=trim)


def unknown():
    """No byte fallback, unknown characters one token each; no template, no decoder."""
    t = Tokenizer(llama_model((), 260, unk_token="<unk>"))
    t.normalizer = SIGNS
    t.add_special_tokens([special("<unk>"), special("</s>", single_word=True)])
    return t


def unknown_dropped():
    """No unknown token at all: characters vanish, and ranges move."""
    t = Tokenizer(llama_model((), 260))
    t.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first")
    t.decoder = decoders.Metaspace("▁", prepend_scheme="never")
    return t


def unknown_bytes():
    """Byte fallback of which half the bytes are missing, fused unknowns between."""
    t = Tokenizer(llama_model(BYTES[::2] + BYTES[1:128:2], 260, **LLAMA_SETTINGS))
    t.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"[\s]"), "▁▁"), normalizers.NFC(),
                                         normalizers.Prepend("▁▁")])
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", prepend_scheme="always"),
                                   decoders.Fuse()])
    return t


def zoo():
    """Added tokens of every kind, with common beginnings."""
    tokens = [AddedToken("<a>", lstrip=True, rstrip=True, normalized=False), AddedToken("<ab>", normalized=False),
              AddedToken("<abc", normalized=False, single_word=True), AddedToken("<", normalized=False, lstrip=True),
              AddedToken(" x", normalized=False), AddedToken("of", normalized=True, single_word=True),
              AddedToken("office", normalized=True), AddedToken("\n\n", normalized=True, rstrip=True),
              AddedToken(" ", normalized=False, single_word=True), AddedToken("é", normalized=True, lstrip=True),
              AddedToken("日本", normalized=False, special=True), AddedToken("\u3000", normalized=True),
              AddedToken("the", normalized=True, single_word=True, special=True, lstrip=True)]
    return byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=True), tokens=tokens,
                      normalizer=normalizers.NFC(), post=lambda t: processors.Sequence(
                          [bos(t, "<image>", "<|endoftext|>"), processors.ByteLevel(trim_offsets=True)]))


def pieces_of(pre_tokenizer, normalizer=None):
    """A tokenizer that makes every piece of its pre-tokenizer one token, so that its ranges are the pieces."""
    t = Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?", fuse_unk=True))
    t.pre_tokenizer = pre_tokenizer
    if normalizer:
        t.normalizer = normalizer
    return t


def pieces(form):
    return lambda: (lambda t: pieces_of(t.pre_tokenizer, t.normalizer))(form())


FORMS = {
    "llama": llama,
    "llama-normalized": llama_normalized,
    "metaspace-first": lambda: metaspace("first", False),
    "metaspace-always": lambda: metaspace("always", True, "always"),
    "metaspace-never": lambda: metaspace("never", True, "never", unk_token="<unk>", fuse_unk=True),
    "metaspace-legacy": lambda: legacy(metaspace("always", True, "always")),
    "gpt2": gpt2,
    "gpt2-prefix": lambda: legacy(gpt2_prefix()),
    "llama3": llama3,
    "qwen2": qwen2,
    "smollm2": smollm2,
    "deepseek": deepseek,
    "splits": splits,
    "unknown": unknown,
    "unknown-dropped": unknown_dropped,
    "unknown-bytes": unknown_bytes,
    "zoo": zoo,
    "gpt2-pieces": pieces(gpt2),
    "llama3-pieces": pieces(llama3),
    "qwen2-pieces": pieces(qwen2),
    "smollm2-pieces": pieces(smollm2),
    "deepseek-pieces": pieces(deepseek),
}


# ---- random tokenizers ----
def random_set(rng):
    members = ["a-c", "é", "s", "\\s", "\\p{L}", "\\p{N}", "\\p{P}", "\\p{M}", "\\P{L}", "\\S", "\\r\\n", "一-龥",
               "_", "."]
    return "[" + rng.choice(["", "^"]) + "".join(rng.sample(members, rng.randint(1, 3))) + "]"


def random_atom(rng, depth):
    """(expression, its least width)"""
    kind = rng.randrange(8)
    if kind == 0 and depth:
        inner, width = random_regex(rng, depth - 1)
        optional = rng.random() < 0.5
        return f"(?:{inner})" + "?" * optional, 0 if optional else width
    if kind == 1 and depth:
        return rng.choice(["(?!", "(?="]) + random_regex(rng, depth - 1)[0] + ")", 0
    if kind == 2:
        return "(?i:" + rng.choice(["'s|'t|'re", "s", "[a-d]", "k|'ll", "x[st]"]) + ")", 1
    single = ["a", "b", " ", "'", "\\s", "\\S", "\\p{L}", "\\p{N}", "\\p{S}", "é", "\\n", "."]
    least = {"": 1, "?": 0, "*": 0, "+": 1, "{2}": 2, "{1,3}": 1, "{2,}": 2, "?+": 0, "*+": 0, "++": 1}
    times = rng.choice(["", "", *least])
    return (random_set(rng) if kind < 5 else rng.choice(single)) + times, least[times]


def random_regex(rng, depth=2):
    """An expression of the kind that pattern.h knows, and its least width."""
    branches = [[random_atom(rng, depth) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 3))]
    width = min(sum(width for _, width in b) for b in branches)
    return "|".join("".join(text for text, _ in b) for b in branches), width


BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def random_split(rng):
    """A tokenizer that does nothing but split at a random expression, which matches one character at least."""
    while True:
        regex, width = random_regex(rng)
        try:
            if width:
                return pieces_of(split(regex, rng.choice(BEHAVIORS), rng.random() < 0.3))
        except Exception:  # Oniguruma refuses some, like a look-ahead that repeats
            pass


def random_tokenizer(rng):
    """Parts of all kinds, put together at random."""
    base = rng.choice([llama, gpt2, llama3, qwen2, unknown_bytes, lambda: metaspace("first", True)])()
    root = json.loads(base.to_str())
    byte_model = base.get_vocab().get("Ġ") is not None
    t = Tokenizer.from_str(json.dumps({**root, "added_tokens": [], "post_processor": None}))
    parts = [normalizers.NFC(), normalizers.Prepend(rng.choice(["▁", " ", "é", "ab"])),
             normalizers.Replace(rng.choice([" ", "a", "é", "  "]), rng.choice(["▁", "", "xy", "é"]))]
    if rng.random() < 0.8:
        t.normalizer = normalizers.Sequence(rng.sample(parts, rng.randint(0, 3)))
    form = t.normalizer.normalize_str if t.normalizer else str
    contents = rng.sample(["<a>", "<ab>", "a", "é", "e\u0301", " ", "  ", "\n", "the", "of", "▁", "<image>", "日", "1",
                           "'s", "</s>", "\u3000x", "Ġ", "Paris", "pari"], rng.randint(0, 8))
    # Of two that read the same after normalization HF takes now this one, now that one.
    contents = {form(c): c for c in contents if form(c)}.values()
    t.add_tokens([AddedToken(c, single_word=rng.random() < 0.3, lstrip=rng.random() < 0.3, rstrip=rng.random() < 0.3,
                             normalized=rng.random() < 0.5, special=rng.random() < 0.4) for c in contents])
    pre = [pre_tokenizers.Digits(individual_digits=rng.random() < 0.5),
           split(rng.choice([LLAMA3, QWEN2, CL100K, GPT2, DEEPSEEK])),
           split(rng.choice([" ", "a", "the"]), rng.choice(BEHAVIORS), rng.random() < 0.3, False)]
    if byte_model:
        last = pre_tokenizers.ByteLevel(add_prefix_space=rng.random() < 0.5, use_regex=rng.random() < 0.5)
    else:
        last = pre_tokenizers.Metaspace("▁", prepend_scheme=rng.choice(["first", "never", "always"]),
                                        split=rng.random() < 0.5)
    chosen = rng.sample(pre, rng.randint(0, 3)) + ([last] if byte_model or rng.random() < 0.7 else [])
    rng.shuffle(chosen)
    t.pre_tokenizer = pre_tokenizers.Sequence(chosen)
    trims = [processors.ByteLevel(trim_offsets=rng.random() < 0.7, add_prefix_space=rng.random() < 0.5)
             for _ in range(rng.randint(0, 2))]
    if t.get_vocab().get("a") is not None and rng.random() < 0.5:
        trims.append(processors.TemplateProcessing(single=rng.choice(["a $A", "$A a", "a $A $A a a"]),
                                                   special_tokens=[("a", t.token_to_id("a"))]))
    t.post_processor = processors.Sequence(trims)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0),
             decoders.Metaspace("▁", prepend_scheme=rng.choice(["first", "never"])), decoders.ByteLevel()]
    t.decoder = decoders.Sequence(rng.sample(steps, rng.randint(1, 4)))
    return t


# ---- texts ----
SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680",
          "\u2000", "\u2003", "\u2009", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000",
          "\ufeff", "▁", "Ġ", "\u180e"]
CONTRACTIONS = [q + e for q in "'’" for e in
                ("s", "S", "\u017f", "t", "T", "re", "RE", "rE", "ve", "Ve", "m", "M", "ll", "LL", "lL", "d", "D",
                 "\u212a", "x", "", "ſs", "ﬅ")]
ODD = ["\0", "\x01", "\x7f", "\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ue000", "\U000f0000", "\u200d",
       "\ufe0f", "\u034f", "\u0378", "\U000e0001", "<0x0A>", "<0x41>", "<unk>", "<s>", "</s>", "<image>", "Ċ", "ÿ", "Ń"]
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "🇩", "👍🏽", "❤️", "🤷🏻‍♂️", "1️⃣", "🫠", "🪿"]
# What Unicode knows of is what this Python's unicodedata knows of, and the newest blocks that it may not know.
KNOWN = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
MARKS = [c for c in KNOWN if unicodedata.category(chr(c))[0] == "M"] + list(range(0x0897, 0x08A0)) + \
        [0x1E08F, 0x10EFD, 0x10EFE, 0x10EFF, 0x11F41, 0x11F42, 0x113CE, 0x113E1, 0x1612F, 0x1E5EE, 0x1E6E3]
NUMBERS = [c for c in KNOWN if unicodedata.category(chr(c))[0] == "N"] + \
          list(range(0x11DE0, 0x11DEA)) + list(range(0x1E4F0, 0x1E4FA)) + list(range(0x16D70, 0x16D7A)) + [0x16FF4]
DECOMPOSE = [c for c in KNOWN if unicodedata.decomposition(chr(c)) and unicodedata.decomposition(chr(c))[0] != "<"]
JAMO = list(range(0x1100, 0x1113)) + list(range(0x1161, 0x1176)) + list(range(0x11A7, 0x11C3)) + \
       [0xAC00, 0xAC01, 0xD7A3]
PAGES = sorted({c >> 7 for c in KNOWN})


def chars(rng, pool, least, most):
    return "".join(chr(rng.choice(pool)) for _ in range(rng.randint(least, most)))


def words(rng, n=4):
    sentence = rng.choice(SENTENCES)
    start = rng.randrange(len(sentence))
    return sentence[start:start + rng.randint(1, 10 * n)]


def any_code_point(rng):
    c = rng.randrange(0x110000 - 0x800)
    return chr(c if c < 0xD800 else c + 0x800)


def mixture(rng, *pools):
    out = []
    for _ in range(rng.randint(1, 14)):
        pool = rng.choice(pools)
        out.append(pool() if callable(pool) else rng.choice(pool))
    return "".join(out)


def page(rng):
    base = rng.choice(PAGES) << 7
    return chars(rng, range(base, base + 128), 1, 16)


def kinds(rng, vocabulary, added):
    """One function a kind of text."""
    word, ascii_ = (lambda: words(rng, 1)), (lambda: chars(rng, range(0x20, 0x7F), 1, 4))
    added = added or ["<none>"]
    part = lambda: (lambda t: t[:rng.randint(1, len(t))])(rng.choice(added))  # noqa: E731
    return {
        "sentences": lambda: words(rng, 12),
        "pages": lambda: mixture(rng, lambda: page(rng), SPACES[:6], ascii_),
        "anything": lambda: mixture(rng, lambda: any_code_point(rng)),
        "marks": lambda: mixture(rng, lambda: chars(rng, MARKS, 1, 5), "aesqo12 \u00e9\u1e69",
                                 lambda: chars(rng, DECOMPOSE, 1, 2)),
        "jamo": lambda: mixture(rng, lambda: chars(rng, JAMO, 1, 6), " a\u0301"),
        "emoji": lambda: mixture(rng, EMOJI, [" ", "", "\u200d", "\ufe0f"], ascii_),
        "spaces": lambda: mixture(rng, SPACES, SPACES[:9], word),
        "contractions": lambda: mixture(rng, CONTRACTIONS, word, ["", " ", "I", "1", "\n"]),
        "numbers": lambda: mixture(rng, lambda: chars(rng, NUMBERS, 1, 5), "0123456789", [" ", ".", "a", "\n"]),
        "added": lambda: mixture(rng, added, part, SPACES[:8], word, [" ", ""]),
        "odd": lambda: mixture(rng, ODD, ascii_, word),
        "punctuation": lambda: mixture(rng, ["...", "!?", "\n", "\r\n", "--", "—", "«", "$", "+", "^", "`", "%"],
                                       word, SPACES[:6]),
        "tokens": lambda: mixture(rng, vocabulary, [" "]),
        "runs": lambda: mixture(
            rng, lambda: rng.choice([" ", "a", "\n", "1", "=", "é", "ab", "　"]) * rng.randint(1, 60)),
    }


def texts(tokenizer, count, seed):
    """`count` texts, the kinds taking turns, after a few that everybody should try."""
    rng = random.Random(seed)
    vocabulary = sorted(tokenizer.get_vocab())
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    makers = list(kinds(rng, vocabulary, added).values())
    first = ["", " ", "a", "\n", "\0", "é", "e\u0301", "▁", " a", "a ", "  a  b  ", "Hello world"] + SENTENCES
    return (first + [makers[i % len(makers)]() for i in range(max(0, count - len(first)))])[:count]


def every_code_point():
    """A text for each code point that any Unicode has assigned, and some that none has: it at a start and an end, alone
    and doubled, behind letters, digits, apostrophes, spaces and marks."""
    numbers = [*range(0xD800), *range(0xE000, 0xE100), *range(0xF8F0, 0x33500), *range(0xE0000, 0xE0200),
               *range(0x33500, 0x110000, 997), 0x10FFFF]
    return [f"{c}a{c} {c}{c}'{c}1{c}\n{c} \u0301{c}\u0301 '\u017f{c}" for c in map(chr, numbers)]


def id_lists(tokenizer, count, seed):
    """Lists of ids to decode: random ones, beyond the vocabulary too."""
    rng = random.Random(seed)
    limit = tokenizer.get_vocab_size() + 8
    return [[rng.randrange(limit) for _ in range(rng.randint(0, 12))] for _ in range(count)]


def answer(tokenizer, text):
    """What the program must answer to {"text": text} (tests/text/tokenize_lines.c)."""
    plain, special_ = tokenizer.encode(text, add_special_tokens=False), tokenizer.encode(text)
    return {"ids": plain.ids, "starts": [s for s, _ in plain.offsets], "ends": [e for _, e in plain.offsets],
            "special": special_.ids, "decoded": tokenizer.decode(special_.ids, skip_special_tokens=False),
            "skipped": tokenizer.decode(special_.ids, skip_special_tokens=True)}
