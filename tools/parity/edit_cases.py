"""What is compared of `patchbay edit`: edits of every kind, for each checkpoint.

Random models decide what makes a good case. An edit must be strong enough that a wrong step shows, and the search well
conditioned, so that rounding cannot carry it elsewhere: the target is a word of moderate probability (of log P that is
not flat, and far from 1 at the end, where -log P would be all rounding), and lr moves delta by about |v0| in ten steps.
edit_identities.py measures that rounding-sized noise on the input moves no result by a tenth of the tolerances.
"""

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from .cases import CAPITAL, PLAIN, TWO
from .edit_measured import Evaluated, normalise
from .edit_oracle import Editor, Settings, Wanted, official
from .oracle import Oracle, Request
from .prompts import mid_sentence

WORDS = ("Paris", "Rome", "London", "Lisbon", "Madrid", "Norway", "Oslo", "Berlin", "Kenya", "Japan", "Vienna", "Cairo",
         "river", "chair", "language", "Portuguese", "borders", "capital", "city", "country")
PHRASES = ("New York", "a river", "the old chair", "in Kenya", "of Portugal")
MODERATE = 3e-3                                            # P(target) that is aimed at, before the edit
AT_LAST = replace(PLAIN, constraints=("1,887 is",), template="plain")  # its key stands at `last`
SECOND = Request("The language of this country, which borders Norway, is", constraints=("this country",))
ALSO_LAST = replace(AT_LAST, question="The city of this country in 1,887 is")
_AT_LAST = ((AT_LAST, replace(PLAIN, template="plain")), (ALSO_LAST, replace(PLAIN, template="plain")))
AGAIN = "Which city is the capital of this country?"
SMALLEST = 3                                               # layers at most, for fine-tuning all weights


@dataclass(frozen=True)
class EditCase:
    name: str
    wanted: tuple[Wanted, ...]
    settings: Settings
    kept: bool = False                                     # what is saved is compared too
    evaluation: tuple[Evaluated, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the requests are about."""
        return tuple(f"subject {i}" for i in range(len(self.wanted)))

    def options(self, work: Path, label: str) -> list[str]:
        """Options of the command line; several requests, and evaluation questions, go into files in `work`."""
        wanted = self.wanted[0]
        file = work / f"edits-{label}-{'-'.join(self.name.replace(':', '').replace(',', '').split())}.jsonl"
        if len(self.wanted) > 1:
            given = ["--requests", self._write_requests(file), *self.settings.options()]
            given += ["--template", wanted.request.template] if wanted.request.template else []
        else:
            given = [*question_options(wanted.request), "--target", wanted.target, *self.settings.options()]
            for other in wanted.rephrasings:               # --rephrase takes questions about the same picture
                given += ["--rephrase", other.question]
        if self.evaluation:
            given += ["--eval", self._write_questions(file.with_suffix(".eval.jsonl"), self.evaluation)]
        if self.settings.keep:
            asked = tuple(Evaluated(request, f"kept {i}", ("any",)) for i, request in enumerate(self.settings.keep))
            given += ["--keep", self._write_questions(file.with_suffix(".keep.jsonl"), asked)]
        return given

    def _write_requests(self, file: Path) -> str:
        return _write(file, [
            {"id": f"edit-{i}", "source": "parity", "subject": subject, "answers": [], "target": one.target,
             **_row(one.request, file.parent), "rephrasings": [_row(other, file.parent) for other in one.rephrasings]}
            for i, (one, subject) in enumerate(zip(self.wanted, self.subjects))])

    @staticmethod
    def _write_questions(file: Path, questions: tuple[Evaluated, ...]) -> str:
        return _write(file, [
            {"id": f"question-{i}", "source": "parity", "subject": one.subject, "answers": one.answers,
             **_row(one.request, file.parent)} for i, one in enumerate(questions)])


def question_options(request: Request) -> list[str]:
    given = ["--question", request.question]
    given += ["--image", request.image] if request.image else []
    given += ["--prefill", request.prefill] if request.prefill else []
    given += ["--template", request.template] if request.template else []
    return given + [part for text in request.constraints for part in ("--constraint", text)]


def edit_cases(editor: Editor, pictures: Path) -> list[EditCase]:
    """All of one checkpoint; one that is there for its files alone gets one edit."""
    made = _multedits(editor, pictures)
    if editor.oracle.only:
        path = editor.oracle.path                          # a GGUF file is kept as an adapter; a few of them show it
        kept = path.suffix != ".gguf" or path.stem.endswith(("F32", "Q4_K"))
        return [replace(case, kept=kept) for case in made if case.name == "edit: clamp 4"]
    return made + _finetunings(editor, pictures)


def _multedits(editor: Editor, pictures: Path) -> list[EditCase]:
    (ask, again), (other, _) = _questions(editor.oracle, pictures)
    single, spread = layers_for(editor.oracle)
    deep, deeper = _questions(editor.oracle, pictures) if spread[1] < len(editor.oracle.layers) else _AT_LAST
    begun = replace(ask, prefill="The answer to this is")
    elsewhere = replace(ask, image=str(pictures / "tall.png")) if ask.image else replace(AT_LAST, template=ask.template)
    strong = Settings((single, single + 1), lr=0.3, clamp=2.0)
    spread_out = replace(strong, layers=spread, lr=0.08 if deep[0] is AT_LAST else 0.3)    # `last` yields at once
    pair = (_word(editor, ask, elsewhere), _word(editor, other))
    keep = (elsewhere, replace(SECOND, template=ask.template))
    deep_keep = tuple(replace(request, template=deep[0].template) for request in (SECOND, ALSO_LAST))
    deep_pair = (_word(editor, deep[0]), _word(editor, deeper[0], deep[1]))
    return [
        EditCase("edit: official preset", (_word(editor, ask),), official(single)),
        EditCase("edit: clamp 4", (_word(editor, ask, again),),
                 replace(strong, lr=0.02 if ask is AT_LAST else 0.5, clamp=4.0)),
        EditCase("edit: whole target", (_phrase(editor, begun),), replace(strong, whole_target=True, clamp=1.0)),
        EditCase("edit: layers", (_word(editor, *deep),), spread_out, kept=True),
        EditCase("edit: two together", pair, replace(strong, together=True), kept=True),
        EditCase("edit: two on their own", pair, replace(strong, lr=0.2, ridge=2.0),
                 evaluation=_evaluation(editor, pair[0], pictures)),
        EditCase("edit: key at last", (_word(editor, ask),), replace(strong, key="last", lr=0.05)),
        EditCase("edit: questions to keep", (_word(editor, ask),), replace(strong, keep=keep, keep_ridge=0.5)),
        EditCase("edit: layers, two together, rows to keep", deep_pair,
                 replace(spread_out, together=True, keep=deep_keep, keep_rows="constraint,last", keep_ridge=3.0)),
        EditCase("edit: each layer", (_word(editor, ask, again),),
                 replace(strong, layers=(0, len(editor.oracle.layers)), each_layer=True)),
        EditCase("edit: layers, two together", deep_pair, replace(spread_out, together=True, ridge=1.0)),
    ] + [EditCase("edit: text only", (_word(editor, PLAIN),), strong)] * editor.oracle.multimodal


def _finetunings(editor: Editor, pictures: Path) -> list[EditCase]:
    (ask, again), (other, _) = _questions(editor.oracle, pictures)
    single, _ = layers_for(editor.oracle)
    matrix = Settings((single, single + 1), method="ft", lr=1e-3, steps=12)
    held = replace(matrix, method="ft-constrained")
    made = [
        EditCase("edit: ft matrix", (_word(editor, ask, again),), matrix, kept=True),
        EditCase("edit: ft down, whole target", (_phrase(editor, ask),),
                 replace(matrix, scope="down", lr=5e-4, whole_target=True)),
        EditCase("edit: ft-constrained matrix", (_word(editor, ask),), replace(held, epsilon=3e-3)),
        EditCase("edit: ft-constrained, two together", (_word(editor, ask), _word(editor, other)),
                 replace(held, together=True, lr=2e-3, epsilon=5e-3)),
    ]
    bunny = editor.oracle.opened.template == "bunny"       # whose head lacks the bias of HF's
    if len(editor.oracle.layers) <= SMALLEST and not bunny:
        made.append(EditCase("edit: ft all", (_word(editor, ask),), replace(matrix, scope="all", steps=8, lr=1e-4),
                             kept=True))
    return made


def _questions(oracle: Oracle, pictures: Path) -> tuple[tuple[Request, Request], tuple[Request, Request]]:
    """Two questions, each with a rephrasing; about pictures where the model sees them."""
    if layers_for(oracle)[0] == len(oracle.layers) - 1:    # of the last layer, only `last` is read
        return _AT_LAST
    if not oracle.multimodal:
        return (PLAIN, SECOND), (SECOND, PLAIN)
    wide, photo = str(pictures / "wide.png"), str(pictures / "photo.jpg")
    return ((replace(CAPITAL, image=wide), Request(AGAIN, image=wide)),
            (replace(TWO, image=photo), Request(AGAIN, image=photo)))


def layers_for(oracle: Oracle) -> tuple[int, tuple[int, int]]:
    """The layer of a single edit and the range of a spread one: the official layer 2 and 1:3 where they can change the
    answer, that is, where attention still follows."""
    count = len(oracle.layers)
    single = max(0, min(2, count - 2))
    return single, (0, count) if count <= 2 else (single - 1, single + 1)


def _word(editor: Editor, request: Request, *rephrasings: Request) -> Wanted:
    """An edit to the word whose first token is of moderate probability and does not begin the answer."""
    return Wanted(request, _moderate(editor, request, WORDS), rephrasings)


def _phrase(editor: Editor, request: Request) -> Wanted:
    """The same of several tokens."""
    return Wanted(request, _moderate(editor, request, PHRASES))


def _moderate(editor: Editor, request: Request, texts: tuple[str, ...]) -> str:
    logprobs = editor.logprobs(request)
    firsts = {text: mid_sentence(editor.oracle.tokenizer, text)[0] for text in texts}
    return min((text for text in texts if firsts[text] != logprobs.argmax()),
               key=lambda text: abs(logprobs[firsts[text]].item() - math.log(MODERATE)))


def _evaluation(editor: Editor, wanted: Wanted, pictures: Path) -> tuple[Evaluated, ...]:
    """Other questions: one about another picture of the first request's subject, one that has its target among the
    answers, some without a picture, and some more; of all of which the model answers some right."""
    asked = [Evaluated(PLAIN, "Norway", _said(editor, PLAIN)), Evaluated(SECOND, "a language", ("Danish",))]
    if not wanted.request.image:
        return tuple(asked)
    for name, subject, answers in (("tall.png", "subject 0", ()), ("square.png", "a square", (wanted.target,)),
                                   ("small.png", "a small one", ()), ("album/0.png", "an album", ())):
        request = Request("Which language is spoken here?", image=str(pictures / name))
        asked.append(Evaluated(request, subject, answers or _said(editor, request)))
    return tuple(asked)


def _said(editor: Editor, request: Request) -> tuple[str, ...]:
    """A word of the model's own answer, if there is a plain one."""
    words = normalise(editor.oracle.tokenizer.decode(editor.unedited(request, 0).ids)).split()
    plain = [word for word in words if word.isascii() and word.isalpha() and len(word) > 2]
    return (plain[0],) if plain else ("Danish",)


def _write(file: Path, rows: list[dict]) -> str:
    """JSON lines, image paths relative to the file. Written whole: another process may read it."""
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    partial.replace(file)
    return str(file)


def _row(request: Request, folder: Path) -> dict:
    spans = [(text, request.question.lower().index(text.lower())) for text in request.constraints]
    row = {"image": os.path.relpath(request.image, folder) if request.image else None, "question": request.question,
           "constraints": [{"kind": "textual", "text": request.question[start:start + len(text)], "start": start,
                            "end": start + len(text)} for text, start in spans]}
    return row | ({"prefill": request.prefill} if request.prefill else {})
