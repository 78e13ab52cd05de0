"""What an edit did to other questions: generalisation, neighbourhood and specificity, as docs/methods define them, by
plain forward passes of the edited matrices."""

import re
from dataclasses import dataclass, replace

from .edit_oracle import Answer, Edited, Editor, Wanted, cosine
from .oracle import Oracle, Request

MARKS = ';/[]"{}()=+\\_->@`,?!<'
DIGITS = {"zero": "0"} | {word: str(i) for i, word in enumerate(
    ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))}


@dataclass(frozen=True)
class Evaluated:
    """A question of the evaluation file. subject: who or what it is about."""
    request: Request
    subject: str
    answers: tuple[str, ...]


@dataclass
class Pair:
    """One question before and after an edit."""
    request: Request
    before: Answer
    after: Answer
    right: tuple[bool, bool]
    kept: bool                                             # both answers are the same
    kl: float | None = None                                # KL(before || after) at `last`
    key_cosine: float | None = None                        # of a neighbour's key with the edited one


@dataclass
class Measured:
    """All that is asked about one edit besides its rephrasings."""
    pictures: list[Pair]                                   # the question about other pictures of its subject
    neighbours: list[Pair]                                 # and of other subjects, whose answers are not the target
    evaluation: list[Pair]                                 # questions about other subjects


def measure(editor: Editor, wanted: Wanted, subject: str, edited: Edited, key: str, evaluation: tuple[Evaluated, ...],
            requests: tuple[Wanted, ...], subjects: tuple[str, ...]) -> Measured:
    """Everything there is: for so few pictures nothing is drawn. key: the span whose last position gave the edit's."""
    pool = [(row.request.image, row.subject, row.answers) for row in evaluation if row.request.image]
    pool += [(other.request.image, name, ()) for other, name in zip(requests, subjects) if other.request.image]
    others = {image for image, _, _ in pool} - {wanted.request.image}
    same = {image for image in others if any(image == i and name == subject for i, name, _ in pool)}
    taken = {image for image in others - same
             if any(image == i and contains(a, wanted.target) for i, _, answers in pool for a in answers)}
    about = lambda images: [replace(wanted.request, image=image) for image in sorted(images)]
    unrelated = [row for row in evaluation if row.subject != subject]
    return Measured(
        [_pair(editor, edited, request, (wanted.target,)) for request in about(same)],
        [_neighbour(editor, edited, request, wanted.target, key) for request in about(others - same - taken)],
        [_unrelated(editor, edited, row) for row in unrelated])


def _pair(editor: Editor, edited: Edited, request: Request, accepted: tuple[str, ...]) -> Pair:
    before = editor.unedited(request, edited.target[0])
    with editor.holding_edit(edited):
        after = editor.answer(request, edited.target[0])
    texts = [text(editor.oracle, answer) for answer in (before, after)]
    right = tuple(any(contains(said, one) for one in accepted) for said in texts)
    return Pair(request, before, after, right, same(*texts))


def _neighbour(editor: Editor, edited: Edited, request: Request, target: str, span: str) -> Pair:
    pair, prompt = _pair(editor, edited, request, (target,)), editor.oracle.prompt(request)
    top = edited.terms[-1]
    key = editor.look(prompt, request, top.layer, prompt.span(span)[-1])["mlp_post"]
    pair.key_cosine = cosine(top.key, key)
    return pair


def _unrelated(editor: Editor, edited: Edited, row: Evaluated) -> Pair:
    pair = _pair(editor, edited, row.request, row.answers)
    clean = editor.logprobs(row.request)
    with editor.holding_edit(edited):
        changed = editor.logprobs(row.request)
    pair.kl = float((clean.exp() * (clean - changed)).sum())
    return pair


def text(oracle: Oracle, answer: Answer) -> str:
    """As the program says it: without spaces around it, and up to a zero byte, which ends C's texts."""
    return oracle.tokenizer.decode(answer.ids).strip().split("\0")[0]


# ---------------------------------------------------------------------------------------------------------------
# Answers, as the evaluation of the VQA data sets compares them (vqaEval.py; contractions left out)


def normalise(answer: str) -> str:
    plain = answer.replace("\n", " ").replace("\t", " ").strip()
    joined = re.search(r"\d,\d", plain) is not None
    kept = plain
    for mark in MARKS:
        beside_space = mark + " " in plain or " " + mark in plain
        kept = kept.replace(mark, "" if beside_space or joined else " ")
    kept = re.sub(r"\.(?!\d)", "", kept)
    words = [DIGITS.get(word, word) for word in kept.lower().split()]
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def contains(answer: str, accepted: str) -> bool:
    """Whole words of an answer, cut at its first newline."""
    wanted = normalise(accepted)
    return wanted != "" and f" {wanted} " in f" {normalise(answer.split(chr(10))[0])} "


def same(a: str, b: str) -> bool:
    return normalise(a.split("\n")[0]) == normalise(b.split("\n")[0])
