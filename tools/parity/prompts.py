"""Prompts, spans and answers, as docs/methods define them, on top of the `tokenizers` package.

A prompt is text with at most one `<image>`; it is cut there, and each piece is encoded by itself. The image
stands for `image_rows` rows. Everything is found by character offsets into the whole text.
"""

import re
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from .vocabularies import IMAGE

_ASSISTANT = ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
              "detailed, and polite answers to the user's questions. ")

TEMPLATES = {
    "paper": "<image>\nUSER: {question} Answer in a few words.\nASSISTANT:",
    "llava": "USER: <image>\n{question} ASSISTANT:",
    "vicuna": _ASSISTANT + "USER: {question} ASSISTANT:",
    "bunny": _ASSISTANT + "USER: <image>\n{question} ASSISTANT:",
    "flags": "USER:<image>\n{question} Answer in a few words.\nASSISTANT:",
    "plain": "{question}",
}


@dataclass
class Row:
    """One decoder input row. Image rows have the image token's id and no characters."""
    id: int
    start: int = 0
    end: int = 0
    image: bool = False


@dataclass
class Prompt:
    text: str
    rows: list[Row]
    question: tuple[int, int]                  # characters
    prefill: tuple[int, int]                   # characters; empty at the end without one
    bos: bool
    constraints: list[list[int]] = field(default_factory=list)   # positions of constraint:0, constraint:1, ...

    @property
    def ids(self) -> list[int]:
        return [row.id for row in self.rows]

    @property
    def image(self) -> list[int]:
        return [p for p, row in enumerate(self.rows) if row.image]

    @property
    def last(self) -> int:
        return len(self.rows) - 1

    def overlapping(self, start: int, end: int) -> list[int]:
        """Positions of tokens that share a character with [start, end). Empty tokens share none."""
        return [p for p, row in enumerate(self.rows)
                if not row.image and row.start < row.end and row.start < end and start < row.end]

    def mark_constraint(self, text: str, every: bool) -> None:
        """Adds a constraint: its first match inside the question, or every match in question and prefill."""
        ranges = [self.question, self.prefill] if every else [self.question]
        found = [m.span() for start, end in ranges
                 for m in re.compile(re.escape(text), re.IGNORECASE).finditer(self.text, start, end)]
        positions = {p for start, end in (found if every else found[:1]) for p in self.overlapping(start, end)}
        if not positions:
            raise ValueError(f"{text!r} does not occur in {self.text[slice(*self.question)]!r}")
        self.constraints.append(sorted(positions))

    def span(self, name: str) -> list[int]:
        """Positions of a span or a union of spans, ascending."""
        return sorted({p for part in name.split(",") for p in self._one_span(part)})

    def _one_span(self, name: str) -> list[int]:
        constraint = sorted({p for positions in self.constraints for p in positions})
        if name == "control":
            after = [p for p, row in enumerate(self.rows) if not row.image and p > constraint[-1]][:len(constraint)]
            return after if len(after) == len(constraint) and after[-1] < self.last else []
        if name.startswith("constraint:"):
            return self.constraints[int(name.removeprefix("constraint:"))]
        if re.fullmatch(r"\d+:\d+", name):
            first, end = map(int, name.split(":"))
            return list(range(first, end))
        return {
            "bos": [0] if self.bos else [], "image": self.image, "constraint": constraint, "last": [self.last],
            "text": [p for p, row in enumerate(self.rows) if not row.image], "all": list(range(len(self.rows))),
            "question": self.overlapping(*self.question),
        }[name]


def build_prompt(tokenizer: Tokenizer, template: str, question: str, *, image_rows: int = 0, raw: str | None = None,
                 prefill: str | None = None) -> Prompt:
    """`template` is a name of TEMPLATES. `raw` is a prompt of its own, which then is the question as a whole."""
    text = raw if raw is not None else TEMPLATES[template]
    if image_rows == 0:
        text = text.replace("<image>\n", "").replace("<image>", "")
    if raw is not None:
        asked = (0, len(text))
    else:
        before, after = text.split("{question}")
        length = len(question)
        if template == "paper":                            # exactly one question mark
            given, question = question, question.rstrip("?") + "?"
            length = len(question) - (not given.endswith("?"))   # an added mark is not the question's
        text = before + question + after
        asked = (len(before), len(before) + length)
    begun = (len(text), len(text))
    if prefill is not None:
        begun = (len(text) + 1, len(text) + 1 + len(prefill))
        text += " " + prefill
    rows, bos = _encode(tokenizer, text, image_rows)
    return Prompt(text, rows, asked, begun, bos)


def _encode(tokenizer: Tokenizer, text: str, image_rows: int) -> tuple[list[Row], bool]:
    """Rows of a prompt, and whether the first is BOS: what the post-processor puts before the first piece."""
    pieces = text.split(IMAGE)
    rows, offset = [], 0
    for index, piece in enumerate(pieces):
        if index > 0:
            rows += [Row(_image_token(tokenizer), image=True)] * image_rows
            offset += len(IMAGE)
        encoding = tokenizer.encode(piece, add_special_tokens=index == 0)
        rows += [Row(token, offset + start, offset + end) for token, (start, end) in zip(encoding.ids, encoding.offsets)]
        offset += len(piece)
    special = tokenizer.encode("").ids
    return rows, bool(special) and rows[0].id == special[0]


def _image_token(tokenizer: Tokenizer) -> int:
    """The id in an image row's place: -200, as in LLaVA's own code, where the vocabulary has no `<image>`."""
    token = tokenizer.token_to_id(IMAGE)
    return -200 if token is None else token


def mid_sentence(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of an answer, foil or swap as they stand inside a sentence: those of `a TEXT` from the first
    token on that ends after the space."""
    encoding = tokenizer.encode("a " + text, add_special_tokens=False)
    first = next(i for i, (_, end) in enumerate(encoding.offsets) if end > 2)
    return encoding.ids[first:]
