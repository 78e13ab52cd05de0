"""What is compared: requests of every kind, for each checkpoint.

Every checkpoint gets every corruption; windows, directions, spans and scores go round, so that all of them meet
all the others somewhere. A case's name says what is special about it.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .oracle import SITES, Oracle, Request
from .prompts import mid_sentence

CAPITAL = Request("What is the capital of this country?", constraints=("this country",))
TWO = Request("Which country borders this country and has Portuguese as its language?",
              constraints=("This Country", "portuguese"))
FOREIGN = Request("Où est la rivière de ce pays, 日本 ou Österreich\u00a0🙂? Isn't it 1887?", constraints=("ce pays, 日本",))
PLAIN = Request("Paris is a city in France, and the capital of Norway in 1,887 is", constraints=("of Norway",))

WINDOWS = ({}, {"window": 2}, {"window": 3}, {"radius": 1}, {"window": 5}, {"radius": 2})
PHRASES = ("this river", "that country", "the chair", "a country", "his country", "an old chair", "of Kenya", "is Japan")


@dataclass(frozen=True)
class Case:
    name: str
    request: Request


def cases(oracle: Oracle, pictures: Path, work: Path) -> list[Case]:
    """All cases of one checkpoint. `work` takes the noise files."""
    start = sum(map(ord, oracle.folder.name))               # where this checkpoint begins in the round of windows
    made = _multimodal(oracle, pictures, work) if oracle.multimodal else []
    made += _text_only(oracle, work)
    return [Case(case.name, _with_window(case.request, start + i)) for i, case in enumerate(made)
            if not oracle.only or case.name in oracle.only]


def _with_window(request: Request, turn: int) -> Request:
    if request.window != 1 or request.radius is not None:
        return request
    return replace(request, **WINDOWS[turn % len(WINDOWS)])


def _multimodal(oracle: Oracle, pictures: Path, work: Path) -> list[Case]:
    ask = replace(CAPITAL, image=str(pictures / "wide.png"), sites=SITES)
    tall = f"image:{pictures / 'tall.png'}"
    beginning = "bos," if oracle.prompt(ask).bos else ""
    asked_begun = replace(ask, prefill="The capital of this country is")
    return [
        Case("swap", ask),
        Case("swap, noise direction", replace(ask, direction="noise")),
        Case("swap:London, template paper", replace(ask, corrupt=("swap:London",), template="paper")),
        Case("swap-phrase, foil", replace(ask, corrupt=(phrase_for(oracle, ask),), foil="Rome")),
        Case("swap, two constraints", replace(TWO, image=str(pictures / "photo.jpg"))),
        Case("swap of constraint:1", replace(TWO, image=str(pictures / "square.png"), corrupt_span="constraint:1",
                                             positions="constraint,control,last")),
        Case("swap, foreign words", replace(FOREIGN, image=str(pictures / "small.png"))),
        Case("swap, prefill, all occurrences", replace(asked_begun, occurrences="all")),
        Case("swap, prefill, first occurrence", replace(asked_begun, positions=beginning + "question,last")),
        Case("noise of 3 samples", replace(ask, noise_file=noise_file(oracle, ask, work), foil="Paris")),
        Case("seeded noise", replace(ask, corrupt=("noise:s3",), samples=3, positions="constraint,last", foil="Rome")),
        Case("seeded noise, 10 samples", replace(ask, corrupt=("noise:0.4",), seed=12345, positions="last", sites=("mlp_out",))),
        Case("image noise", replace(ask, corrupt=("image-noise:0.5",), samples=3, seed=7, positions="image,last", sites=("resid_pre",))),
        Case("image noise and seeded noise", replace(
            ask, corrupt=("image-noise:0.5", "noise:s1"), samples=2, positions="constraint,last", direction="noise")),
        Case("noise of 2 samples, noise direction", replace(
            asked_begun, noise_file=noise_file(oracle, ask, work, samples=2), direction="noise", sites=("attn_out", "resid_post"))),
        Case("another image", replace(ask, corrupt=(tall,), sites=("attn_out", "mlp_out"))),
        Case("another image, noise direction", replace(ask, corrupt=(tall,), direction="noise", positions="image,last",
                                                        layers=(1, min(3, len(oracle.layers))))),
        Case("another image, resid_pre", replace(ask, corrupt=(tall,), sites=("resid_pre",), template="flags")),
        Case("row mean", replace(ask, corrupt=("image-rowmean",), layers=(0, min(2, len(oracle.layers))))),
        Case("mean of an album", replace(ask, corrupt=(f"image-mean:{pictures / 'album'}",), positions="4:12,last")),
        Case("swap and row mean", replace(ask, corrupt=("swap:Rome", "image-rowmean"), positions="constraint,image")),
        Case("another image and noise", replace(ask, corrupt=(tall,), noise_file=noise_file(oracle, ask, work), positions="text")),
        Case("image order: reversed", replace(ask, corrupt=(tall,), image_order="reverse", positions="image,last", sites=("resid_pre", "attn_out"))),
        Case("image order: shuffled, image noise", replace(ask, corrupt=("image-noise:0.5",), samples=2, image_order="shuffle:11",
                                                           positions="text", sites=("mlp_out", "resid_post"))),
        Case("groups", replace(ask, corrupt=("swap:Rome", tall), group=True, positions="constraint,image,question,last,all")),
        Case("groups, noise direction", replace(TWO, image=str(pictures / "wide.png"), direction="noise", sites=SITES, group=True,
                                                positions="constraint:0,constraint:1,constraint,text,3:6")),
        Case("whole answer", replace(ask, answer="New York", answer_tokens="all", foil="Rome")),
        Case("whole answer, image and noise", replace(
            ask, corrupt=(tall,), noise_file=noise_file(oracle, ask, work, samples=2), answer="a river", answer_tokens="all",
            positions="constraint,last", direction="noise")),
        Case("named answer", replace(ask, answer="Norway", template="bunny")),
        Case("answer by id", replace(ask, answer_id=17, positions="question")),
        Case("heads", replace(ask, sites=("head_out", "attn_out"), positions="constraint,last", foil="Rome")),
        Case("heads, another image, noise direction", replace(ask, corrupt=(tall,), sites=("head_out",), direction="noise",
                                                              positions="5:7,constraint,last")),
        Case("heads, groups of 2 samples", replace(ask, noise_file=noise_file(oracle, ask, work, samples=2), sites=("head_out",),
                                                   group=True, positions="constraint,question,last")),
        Case("severed: MLP at the last row", replace(ask, freeze="mlp", freeze_span="last", positions="constraint,last")),
        Case("severed: attention, noise direction", replace(ask, freeze="attn", freeze_span="constraint,last", direction="noise",
                                                            positions="constraint,control,last")),
        Case("severed: heads, another image, groups", replace(
            ask, corrupt=(tall,), freeze="mlp", freeze_span="all", sites=("head_out", "resid_post"), group=True,
            positions="image,constraint,last")),
        Case("severed: 2 samples, two constraints", replace(
            TWO, image=str(pictures / "wide.png"), corrupt=("noise:s2",), samples=2, corrupt_span="constraint:1", freeze="attn",
            freeze_span="last", sites=SITES, positions="constraint:1,last")),
        Case("raw prompt", replace(ask, question="", prompt="Look: <image> Here, this country has the capital", positions="text")),
    ]


def _text_only(oracle: Oracle, work: Path) -> list[Case]:
    """On the decoder alone; a LLaVA checkpoint drops `<image>` from its template."""
    ask = replace(PLAIN, sites=SITES)
    return [
        Case("text: swap", ask),
        Case("text: swap, noise direction", replace(ask, direction="noise", positions="all")),
        Case("text: swap-phrase", replace(ask, corrupt=(phrase_for(oracle, ask),), prefill="by Paris")),
        Case("text: noise of 3 samples", replace(ask, noise_file=noise_file(oracle, ask, work), sites=("resid_pre", "attn_out"))),
        Case("text: swap of rows by number", replace(ask, constraints=(), corrupt_span="4:6,2:3", positions="0:9,last")),
        Case("text: groups", replace(ask, group=True, positions="constraint,text,last")),
        Case("text: whole answer", replace(ask, answer="New York", answer_tokens="all")),
        Case("text: heads", replace(ask, sites=("head_out",), positions="constraint,last")),
        Case("text: severed", replace(ask, freeze="mlp", freeze_span="5:7,last", positions="constraint,last")),
        Case("text: foreign words", replace(FOREIGN, template="vicuna", layers=(1, 2))),
    ]


def phrase_for(oracle: Oracle, request: Request) -> str:
    """A swap-phrase with as many tokens as the constraint has in this tokenizer."""
    wanted = len(oracle.prompt(request).span("constraint"))
    return "swap-phrase:" + next(p for p in PHRASES if len(mid_sentence(oracle.tokenizer, p)) == wanted)


def noise_file(oracle: Oracle, request: Request, work: Path, samples: int = 3, scale: float = 1.5) -> str:
    """Writes Gaussian noise [samples, constraint tokens, d_model] and returns the file's path."""
    shape = (samples, len(oracle.prompt(request).span("constraint")), oracle.decoder.config.hidden_size)
    path = work / f"noise-{shape[0]}x{shape[1]}x{shape[2]}-{scale}.npy"
    return save_noise(path, scale * np.random.default_rng(5).standard_normal(shape, dtype=np.float32))


def save_noise(path: Path, noise: np.ndarray) -> str:
    """Writes the file whole or not at all: another process may be reading the same."""
    partial = path.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, noise)
    partial.replace(path)
    return str(path)
