"""Makes tests/text/golden/prompt/: small tokenizers of three kinds, and prompts with their rows, spans and classes.

    python tools/goldens/prompts.py

The expectations are worked out here a second time from the definitions (docs: Positions, spans), with Hugging Face's
`tokenizers` for ids and ranges: templates as text, spans by overlap of code points, classes by their words.

  llama/    BPE with byte fallback, a space before each piece, BOS added
  gpt2/     byte-level BPE, nothing added
  codegen/  the same with ranges trimmed of their spaces (Phi's tokenizer)
  cases.json  [{"tokenizer", "request": {...}, "text", "ids", "start", "end", "spans": {name: [...] or null}, "classes"}]
"""
import json
import random
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GOLDEN = Path(__file__).parents[2] / "tests/text/golden/prompt"
POLITE = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
          "detailed, and polite answers to the user's questions. ")
TEMPLATES = {
    "paper": "<image>\nUSER: {question} Answer in a few words.\nASSISTANT:",
    "llava": "USER: <image>\n{question} ASSISTANT:",
    "vicuna": POLITE + "USER: {question} ASSISTANT:",
    "bunny": POLITE + "USER: <image>\n{question} ASSISTANT:",
    "flags": "USER:<image>\n{question} Answer in a few words.\nASSISTANT:",
    "plain": "{question}",
}
IMAGE = "<image>"
IMAGE_ID = 9999

# ---- tokenizers ----

CORPUS = [t.replace(IMAGE, " ").replace("{question}", " ") for t in TEMPLATES.values()] + [
    "What is the capital of this country?", "Which country borders this country and has Portuguese as its language?",
    "The capital of France is Paris. The capital of this country is Berlin.",
    "In which year was this building, the Musée d'Orsay, opened?", "Who directed this movie?",
]


def llama():
    special = ["<unk>", "<s>", "</s>"]
    t = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=520, special_tokens=special + [f"<0x{b:02X}>" for b in range(256)],
                                  max_token_length=10, show_progress=False)
    t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # for training only: words stay apart
    t.train_from_iterator(CORPUS, trainer)
    made = json.loads(t.to_str())
    made["pre_tokenizer"] = None
    made["added_tokens"] = [a for a in made["added_tokens"] if a["content"] in special]
    t = Tokenizer.from_str(json.dumps(made))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    return t


def byte_level(trim):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.post_processor = processors.ByteLevel(trim_offsets=trim)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=460, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<|endoftext|>"], show_progress=False)
    t.train_from_iterator(CORPUS, trainer)
    return t


# ---- the definitions ----


def fold(c):
    """Simple case folding, one code point for one; where there is none, UnicodeData's lower case."""
    return c.casefold() if len(c.casefold()) == 1 else c.lower()[0]


def render(r):
    """The prompt's text; question and prefill as ranges of it."""
    if r.get("raw") is not None:
        text, question = r["raw"], (0, len(r["raw"]))
    else:
        asked, added = r["question"], ""
        if r["template"] == "paper":
            asked = asked.rstrip()
            while asked.endswith("??"):
                asked = asked[:-1]
            added = "" if asked.endswith("?") else "?"
        before, after = TEMPLATES[r["template"]].split("{question}")
        question = (len(before), len(before) + len(asked))
        text = before + asked + added + after
    if not r["image_rows"] and IMAGE in text:
        at = text.index(IMAGE)
        n = len(IMAGE) + (text[at + len(IMAGE):at + len(IMAGE) + 1] == "\n")
        text = text[:at] + text[at + n:]
        question = tuple(q - n if q > at else q for q in question)
    prefill = (0, 0)
    if r.get("prefill"):
        prefill = (len(text) + 1, len(text) + 1 + len(r["prefill"]))
        text += " " + r["prefill"]
    return text, question, prefill


def rows_of(tokenizer, text, image_rows):
    """[(id, start, end, is_image)]: BOS, then each piece encoded by itself, image rows between."""
    first = tokenizer.encode("", add_special_tokens=True).ids
    rows = [(i, 0, 0, False) for i in first]
    base = 0
    for n, piece in enumerate(text.split(IMAGE) if image_rows else [text]):
        if n:
            rows += [(IMAGE_ID, base, base + len(IMAGE), True)] * image_rows
            base += len(IMAGE)
        e = tokenizer.encode(piece, add_special_tokens=False)
        rows += [(i, base + s, base + t, False) for i, (s, t) in zip(e.ids, e.offsets)]
        base += len(piece)
    return rows, len(first) > 0


def overlap(rows, start, end):
    return [p for p, (_, s, e, image) in enumerate(rows) if s < e and s < end and e > start and not image]


def matches(text, what, parts, everywhere):
    low, what = "".join(map(fold, text)), "".join(map(fold, what))
    found = []
    for start, end in parts:
        for at in range(start, end - len(what) + 1):
            if low[at:at + len(what)] == what:
                found.append((at, at + len(what)))
    return found if everywhere else found[:1]


def constraint_rows(r, text, rows, question, prefill):
    parts = [question]
    if r["image_rows"] and IMAGE in text[slice(*question)]:
        at = text.index(IMAGE)
        parts = [(question[0], at), (at + len(IMAGE), question[1])]
    everywhere = r.get("all", False)
    if everywhere and prefill[1]:
        parts.append(prefill)
    return [sorted({p for m in matches(text, c, parts, everywhere) for p in overlap(rows, *m)})
            for c in r["constraints"]]


def spans_of(rows, has_bos, question, constraints):
    last = len(rows) - 1
    image = [p for p, row in enumerate(rows) if row[3]]
    text = [p for p, row in enumerate(rows) if not row[3]]
    union = sorted(set(sum(constraints, [])))
    control = [p for p in text if union and p > union[-1]][:len(union)]
    spans = {
        "bos": [0] if has_bos else None, "image": image or None, "text": text or None, "constraint": union or None,
        "question": overlap(rows, *question) or None, "last": [last], "all": list(range(last + 1)),
        "control": control if control and len(control) == len(union) and control[-1] < last else None,
    }
    for i in range(3):
        spans[f"constraint:{i}"] = constraints[i] if i < len(constraints) else None
    return spans


def class_of(p, rows, has_bos, constraints):
    if has_bos and p == 0:
        return "bos"
    if rows[p][3]:
        return "image"
    if p == len(rows) - 1:
        return "last"
    for c in constraints:
        if p in c:
            return "constraint_last" if p == c[-1] else "constraint_first" if p == c[0] else "constraint_middle"
    first = min((c[0] for c in constraints), default=len(rows))
    return "before" if p < first else "after"


def case(name, tokenizer, r):
    text, question, prefill = render(r)
    rows, has_bos = rows_of(tokenizer, text, r["image_rows"])
    constraints = constraint_rows(r, text, rows, question, prefill)
    assert all(constraints), (name, r)
    return {
        "tokenizer": name, "request": r, "text": text, "question": question, "has_bos": has_bos,
        "ids": [row[0] for row in rows], "start": [row[1] for row in rows], "end": [row[2] for row in rows],
        "spans": spans_of(rows, has_bos, question, constraints),
        "classes": [class_of(p, rows, has_bos, constraints) for p in range(len(rows))],
    }


# ---- the cases ----

QUESTIONS = [
    ("What is the capital of this country?", ["this country"]),
    ("What is the capital of this country", ["THIS country", "capital"]),
    ("Which country borders this country and has Portuguese as its language??", ["this country", "Portuguese"]),
    ("Wann öffnete das Musée d'Orsay in İstanbul, Straße 7 😀?", ["musÉe D'orsay", "straẞe", "iSTANBUL"]),
    ("the country, the country ", ["country"]),
    ("{question} of \u1e9e\u0130\u03a3\u03c2 e\u0301 ?", ["\u00df", "\u03c3\u03c3", "E\u0301"]),
]
RAWS = [
    ("The capital of this country is", ["this country"], 0),
    ("<image> a country\nof <image", ["country", "<IMAGE"], 3),
    ("Country a<image>\ncountry", ["country"], 2),
    ("Country a <image>\ncountry", ["a country"], 0),
    ("<image>", [], 4),
]


def requests():
    draw = random.Random(0)
    for template in TEMPLATES:
        for question, constraints in QUESTIONS:
            image = 0 if IMAGE not in TEMPLATES[template] else draw.choice([0, 1, 5])
            r = {"template": template, "question": question, "constraints": constraints, "image_rows": image}
            if draw.random() < 0.4:
                r["prefill"] = "The country, this country's capital"
            if draw.random() < 0.4:
                r["all"] = True
            yield r
    for raw, constraints, image in RAWS:
        yield {"raw": raw, "constraints": constraints, "image_rows": image}
        if constraints:
            yield {"raw": raw, "constraints": constraints, "image_rows": image, "all": True, "prefill": "A COUNTRY"}


def main():
    tokenizers = {"llama": llama(), "gpt2": byte_level(False), "codegen": byte_level(True)}
    cases = []
    for name, tokenizer in tokenizers.items():
        (GOLDEN / name).mkdir(parents=True, exist_ok=True)
        (GOLDEN / name / "tokenizer.json").write_text(
            json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
    for i, r in enumerate(requests()):
        for n, (name, tokenizer) in enumerate(tokenizers.items()):
            if "raw" in r or n == i % 3 or r["template"] == "llava":  # keeps the file small
                cases.append(case(name, tokenizer, r))
    lines = ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases)
    (GOLDEN / "cases.json").write_text('{"cases":[\n' + lines + "\n]}\n")
    print(f"{len(cases)} cases, longest {max(len(c['ids']) for c in cases)} rows")


if __name__ == "__main__":
    main()
