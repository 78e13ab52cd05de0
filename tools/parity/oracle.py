"""The oracle: MultimodalCausalTrace by HF's model and plain forward hooks, one full forward pass per cell.

Slow on purpose. Every number comes from a whole forward pass of HF's decoder in float32 with eager attention;
a patched run differs from a corrupted (or clean) one only in hooks that overwrite a site's rows.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer

from .families import open_checkpoint
from .generator import Generator
from .prompts import Prompt, build_prompt, mid_sentence

SITES = ("resid_pre", "attn_out", "mlp_out", "resid_post")
HEADS = "head_out"         # what the output projection takes, [T, H d]: each head is a cell by itself
DEFAULT_SITES = ("attn_out", "mlp_out", "resid_post")
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True)
class Request:
    """One question to trace: the options of `patchbay trace`, with their defaults."""
    question: str = ""
    image: str | None = None
    image_order: str | None = None
    constraints: tuple[str, ...] = ()
    occurrences: str = "first"
    prefill: str | None = None
    template: str | None = None
    prompt: str | None = None
    answer: str | None = None
    answer_id: int | None = None
    answer_tokens: str = "first"
    foil: str | None = None
    corrupt: tuple[str, ...] = ()
    corrupt_span: str | None = None
    noise_file: str | None = None
    samples: int = 10
    seed: int = 0
    direction: str = "denoise"
    sites: tuple[str, ...] = DEFAULT_SITES
    window: int = 1
    radius: int | None = None
    layers: tuple[int, int] | None = None
    positions: str | None = None
    group: bool = False
    freeze: str | None = None
    freeze_span: str | None = None

    def options(self) -> list[str]:
        """The same request as options of the command line; what has its default value is left out."""
        given = ["--question", self.question] if self.prompt is None else ["--prompt", self.prompt]
        for name in ("image", "image_order", "prefill", "template", "answer", "answer_id", "foil", "corrupt_span", "noise_file",
                     "radius", "positions", "freeze", "freeze_span"):
            if getattr(self, name) is not None:
                given += ["--" + name.replace("_", "-"), str(getattr(self, name))]
        for name, default in (("occurrences", "first"), ("answer_tokens", "first"), ("direction", "denoise"),
                              ("window", 1), ("samples", 10), ("seed", 0)):
            if getattr(self, name) != default:
                given += ["--" + name.replace("_", "-"), str(getattr(self, name))]
        for text in self.constraints:
            given += ["--constraint", text]
        for spec in self.corrupt:
            given += ["--corrupt", spec]
        if self.layers is not None:
            given += ["--layers", f"{self.layers[0]}:{self.layers[1]}"]
        if self.sites != DEFAULT_SITES:
            given += ["--sites", ",".join(self.sites)]
        return given + (["--group"] if self.group else [])


@dataclass
class Run:
    """What a forward pass leaves: logits of the prompt's last row and of the answer rows after it, and, when
    asked for, the sites' values {site: [L][T, D]}."""
    logits: torch.Tensor                                   # [answer tokens, V]
    sites: dict[str, list[torch.Tensor]]

    @property
    def logprobs(self) -> torch.Tensor:
        return self.logits.double().log_softmax(-1)

    def score(self, answer: list[int]) -> float:
        """log P(answer): its first token at the last prompt row, each further one after the ones before it."""
        return sum(self.logprobs[i, token].item() for i, token in enumerate(answer))


@dataclass
class Scores:
    """Means over samples: prob, logprob, and logit_diff where a foil is named; sd of prob, over samples."""
    prob: float
    logprob: float
    logit_diff: float | None
    draws: list[float]


@dataclass
class Trace:
    """What the oracle answers. Grids are {site: [layer][cell] -> Scores}, of heads [layer][cell and head]."""
    prompt: Prompt
    answer: list[int]
    positions: list
    layers: list[int]
    restored: list[tuple[int, int]]                        # first and last layer, both included
    clean: Scores
    clean_top: list[tuple[int, float]]                     # the most likely first tokens: id, prob
    corrupted: Scores
    corrupted_top: list[tuple[int, float]]
    logit_range: float                                     # of the clean run's logits
    marks: set[str] = field(default_factory=set)
    grids: dict[str, list[list[Scores]]] = field(default_factory=dict)

    def cells(self) -> list[list[int]]:
        """The grid's cells as lists of positions."""
        return [[cell] if isinstance(cell, int) else cell for cell in self.positions]


class Oracle:
    """A checkpoint directory opened by HF in float32 with eager attention.

    path and options: what the program is given instead of the folder, and beside it (a GGUF file of the same
    weights, --vision-tower). only: the names of its cases, where its parts have been through all of them elsewhere."""

    def __init__(self, folder: Path, path: Path | None = None, options: tuple[str, ...] = (), only: tuple[str, ...] = ()):
        self.folder, self.only = Path(folder), only
        self.path, self.options = path or self.folder, options
        self.opened = open_checkpoint(self.folder)
        self.multimodal = self.opened.image_rows is not None
        self.model, self.decoder = self.opened.model, self.opened.decoder
        self.layers = self.decoder.layers
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self._features = {}

    # -- inputs -------------------------------------------------------------------------------------------------

    def pixels(self, picture: str | Path) -> torch.Tensor:
        """[1, 3, S, S] as the Pillow form of HF's processor makes it."""
        return self.opened.pixels(Image.open(picture).convert("RGB"))

    def features(self, picture: str | Path) -> torch.Tensor:
        """[image rows, D]: the projector's rows for one picture."""
        key = str(picture)
        if key not in self._features:
            self._features[key] = self._project(self.pixels(picture))
        return self._features[key]

    @torch.no_grad()
    def _project(self, pixels: torch.Tensor) -> torch.Tensor:
        """[image rows, D]: HF's tower and projector over pixels [1, 3, S, S]."""
        return self.opened.image_rows(pixels)

    @staticmethod
    def ordered(request: Request, rows: torch.Tensor) -> torch.Tensor:
        """The projector's rows in the order that the request asks for."""
        if request.image_order is None:
            return rows
        if request.image_order == "reverse":
            return rows.flip(0)
        return rows[Generator(int(request.image_order.removeprefix("shuffle:"))).order(len(rows))]

    def template(self, request: Request) -> str:
        """The template a request uses: named, or the folder's, or the family's."""
        own = self.folder / "patchbay.json"
        if request.template:
            return request.template
        if own.exists():
            return json.loads(own.read_text())["template"]
        return self.opened.template

    def prompt(self, request: Request) -> Prompt:
        rows = len(self.features(request.image)) if request.image else 0
        prompt = build_prompt(self.tokenizer, self.template(request), request.question, image_rows=rows,
                              raw=request.prompt, prefill=request.prefill)
        for text in request.constraints:
            prompt.mark_constraint(text, request.occurrences == "all")
        return prompt

    @torch.no_grad()
    def embed(self, ids: list[int], image: list[int] = (), features: torch.Tensor | None = None) -> torch.Tensor:
        """[T, D] decoder input rows."""
        rows = self.decoder.embed_tokens(torch.tensor(ids, dtype=torch.long).clamp(min=0)).clone()
        if features is not None:
            rows[list(image)] = features
        return rows

    # -- forward passes -----------------------------------------------------------------------------------------

    @torch.no_grad()
    def run(self, rows: torch.Tensor, outputs: int = 1, edits: dict | None = None, record: bool = False) -> Run:
        """One full forward pass over rows [T, D]; logits of the last `outputs` rows.

        edits: {(site, layer): (positions, values [len(positions), width], columns)}, set by hooks; columns: the slice that the
        values fill, all if left out. record: keep every site."""
        recorded = {site: [None] * len(self.layers) for site in (*SITES, HEADS)} if record else {}
        handles = [hook for l, layer in enumerate(self.layers)
                   for hook in _hooks(layer, l, edits or {}, recorded)]
        try:
            hidden = self.decoder(inputs_embeds=rows[None], use_cache=False).last_hidden_state[0, -outputs:]
            return Run(self.opened.head(hidden), recorded)
        finally:
            for handle in handles:
                handle.remove()

    # -- the trace ----------------------------------------------------------------------------------------------

    def trace(self, request: Request) -> Trace:
        prompt = self.prompt(request)
        features = self.ordered(request, self.features(request.image)) if request.image else None
        clean_rows = self.embed(prompt.ids, prompt.image, features)
        answer = self._answer(request, clean_rows)
        foil = mid_sentence(self.tokenizer, request.foil)[0] if request.foil else None
        read = _Reader(answer, foil)
        tail = self.embed(answer[:-1])                     # teacher forcing: the answer's tokens but the last

        def run(rows, edits=None, record=False):
            return self.run(torch.cat([rows, tail]), len(answer), edits, record)

        clean = run(clean_rows, record=True)
        starts = self._corrupt(request, prompt, clean_rows, features)
        samples = [run(rows, record=True) for rows in starts]
        layers, restored = self._windows(request)
        trace = Trace(
            prompt, answer, self._cells(request, prompt), layers, restored,
            clean=read.scores([clean]), clean_top=read.top([clean]), logit_range=_range(clean.logits[0]),
            corrupted=read.scores(samples), corrupted_top=read.top(samples))
        trace.marks = self._marks(request, trace)

        if request.direction == "denoise":                 # input, the run that is patched, and the one that values are from
            runs = [(rows, sample, clean) for rows, sample in zip(starts, samples)]
        else:
            runs = [(clean_rows, clean, sample) for sample in samples]
        held = prompt.span(request.freeze_span) if request.freeze else []
        held_site = f"{request.freeze}_out"

        def cell(site, where, first, last, columns):
            """Scores of one cell: a full forward pass per sample, rows `where` of `site` (of it these columns) set in layers
            first..last, and of a severed trace what is held in all layers after them."""
            scores = []
            for rows, patched, source in runs:
                edits = {(site, l): (where, source.sites[site][l][where, columns], columns) for l in range(first, last + 1)}
                for l in range(last + 1, len(self.layers)) if held else ():
                    edits[held_site, l] = (held, patched.sites[held_site][l][held], slice(None))
                scores.append(run(rows, edits))
            return read.scores(scores)

        for site in request.sites:
            parts = self._heads() if site == HEADS else [slice(None)]
            trace.grids[site] = [[cell(site, where, *window, part) for where in trace.cells() for part in parts] for window in restored]
        return trace

    def _heads(self) -> list[slice]:
        """The columns of each head in what the output projection takes."""
        count = self.decoder.config.num_attention_heads
        width = _projection(self.layers[0]).in_features // count
        return [slice(h * width, (h + 1) * width) for h in range(count)]

    def _answer(self, request: Request, clean_rows: torch.Tensor) -> list[int]:
        if request.answer_id is not None:
            return [request.answer_id]
        if request.answer is None:
            return [int(self.run(clean_rows).logits[0].argmax())]
        ids = mid_sentence(self.tokenizer, request.answer)
        return ids if request.answer_tokens == "all" else ids[:1]

    def _corrupt(self, request: Request, prompt: Prompt, clean_rows: torch.Tensor, features) -> list[torch.Tensor]:
        """The corrupted runs' input rows, one per sample. Draws go on from sample to sample."""
        generator = Generator(request.seed)
        given = torch.from_numpy(np.load(request.noise_file)) if request.noise_file else None
        samples = []
        for sample in range(self._samples(request, given)):
            rows = clean_rows.clone()
            for spec in self._specs(request):
                kind, _, value = spec.partition(":")
                if kind.startswith("image"):
                    rows[prompt.image] = self.ordered(request, self._corrupt_image(kind, value, request, generator))
                else:
                    self._corrupt_text(rows, kind, value, request, prompt, generator)
            if given is not None:
                rows[prompt.span(request.corrupt_span or "constraint")] += given[sample]
            samples.append(rows)
        return samples

    def _specs(self, request: Request) -> tuple[str, ...]:
        return request.corrupt or (() if request.noise_file else ("swap:Paris",))

    def _samples(self, request: Request, given) -> int:
        if given is not None:
            return len(given)
        random = any(spec.startswith(("noise:", "image-noise:")) for spec in self._specs(request))
        return request.samples if random else 1

    def _corrupt_text(self, rows, kind: str, value: str, request: Request, prompt: Prompt, generator: Generator) -> None:
        where = prompt.span(request.corrupt_span or "constraint")
        if kind == "noise":
            deviations = float(self.decoder.embed_tokens.weight.detach().double().std(correction=0))
            amount = float(value[1:]) * deviations if value.startswith("s") else float(value)
            rows[where] += torch.from_numpy(amount * generator.gaussians(len(where), rows.shape[1])).float()
            return
        ids = mid_sentence(self.tokenizer, value)
        if kind == "swap":
            ids = ids[:1] * len(where)
        if len(ids) != len(where):
            raise ValueError(f"{value!r} has {len(ids)} tokens, the span {len(where)}")
        rows[where] = self.embed(ids)

    def _corrupt_image(self, kind: str, value: str, request: Request, generator: Generator) -> torch.Tensor:
        """[image rows, D] to put in place of the picture's."""
        features = self.features(request.image)
        if kind == "image":
            return self.features(value)
        if kind == "image-rowmean":
            return features.mean(0, keepdim=True).expand_as(features)
        if kind == "image-mean":
            pictures = sorted(p for p in Path(value).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
            return torch.stack([self.features(p) for p in pictures]).mean(0)
        pixels = self.pixels(request.image)
        return self._project(pixels + torch.from_numpy(float(value) * generator.gaussians(*pixels.shape)).float())

    def _cells(self, request: Request, prompt: Prompt) -> list:
        """Positions, or with --group one list of positions per span."""
        changed_image = any(spec.startswith("image") for spec in self._specs(request))
        names = request.positions or ("all" if changed_image else "text")
        if request.group:
            return [prompt.span(name) for name in names.split(",")]
        return prompt.span(names)

    def _windows(self, request: Request) -> tuple[list[int], list[tuple[int, int]]]:
        """Layers of the grid and, for each, the first and last layer that its cells restore."""
        count = len(self.layers)
        layers = list(range(*(request.layers or (0, count))))
        if layers[-1] >= count:
            raise ValueError(f"layers {request.layers} of {count}")
        if request.radius is not None:
            return layers, [(max(0, l - request.radius), min(count - 1, l + request.radius)) for l in layers]
        below, above = request.window // 2, (request.window + 1) // 2
        return layers, [(max(0, l - below), min(count, l + above) - 1) for l in layers]

    def _marks(self, request: Request, trace: Trace) -> set[str]:
        marks = {"weak"} if trace.clean.prob - trace.corrupted.prob < 0.1 else set()
        swapped = [mid_sentence(self.tokenizer, spec.removeprefix("swap:"))[0]
                   for spec in self._specs(request) if spec.startswith("swap:")]
        return marks | ({"primed"} if trace.corrupted_top[0][0] in swapped else set())

    # -- asking -------------------------------------------------------------------------------------------------

    def ask(self, request: Request, max_tokens: int = 16) -> tuple[list[int], list[tuple[int, float]]]:
        """The greedy answer's ids (EOS left out) and the most likely first tokens."""
        prompt = self.prompt(request)
        features = self.ordered(request, self.features(request.image)) if request.image else None
        rows = self.embed(prompt.ids, prompt.image, features)
        stop, ids, top = self._stop_ids(), [], None
        while len(ids) < max_tokens:
            run = self.run(rows)
            top = top or _Reader([0], None).top([run])
            token = int(run.logits[0].argmax())
            if token in stop:
                break
            ids.append(token)
            rows = torch.cat([rows, self.embed([token])])
        return ids, top

    def _stop_ids(self) -> set[int]:
        stop = self.model.generation_config.eos_token_id
        return set(stop) if isinstance(stop, list) else {stop}


def _hooks(layer: torch.nn.Module, l: int, edits: dict, recorded: dict) -> list:
    """Forward hooks on one decoder layer that set rows of its sites and keep their values."""
    def at(site, value):                                   # value: [1, T, D]
        if (site, l) in edits:
            where, rows, *columns = edits[site, l]
            value = value.clone()
            value[0][where, columns[0] if columns else slice(None)] = rows
        if site in recorded:
            recorded[site][l] = value[0].clone()
        return value

    wanted = {site for site in (*SITES, HEADS) if (site, l) in edits or site in recorded}
    makers = {
        "resid_pre": lambda: layer.register_forward_pre_hook(lambda _, args: (at("resid_pre", args[0]), *args[1:])),
        "attn_out": lambda: layer.self_attn.register_forward_hook(lambda _, args, out: (at("attn_out", out[0]), *out[1:])),
        "mlp_out": lambda: layer.mlp.register_forward_hook(lambda _, args, out: at("mlp_out", out)),
        "resid_post": lambda: layer.register_forward_hook(lambda _, args, out: at("resid_post", out)),
        HEADS: lambda: _projection(layer).register_forward_pre_hook(lambda _, args: (at(HEADS, args[0]),)),
    }
    return [makers[site]() for site in (*SITES, HEADS) if site in wanted]


def _projection(layer: torch.nn.Module) -> torch.nn.Module:
    """Attention's output projection."""
    return getattr(layer.self_attn, "o_proj", None) or layer.self_attn.dense


def _range(logits: torch.Tensor) -> float:
    return float(logits.max() - logits.min())


@dataclass(frozen=True)
class _Reader:
    """Reads scores off runs, one run per sample."""
    answer: list[int]
    foil: int | None

    def scores(self, runs: list[Run]) -> Scores:
        logs = [run.score(self.answer) for run in runs]
        probs = [float(np.exp(log)) for log in logs]
        diff = None
        if self.foil is not None:
            diff = float(np.mean([(run.logits[0, self.answer[0]] - run.logits[0, self.foil]).item() for run in runs]))
        return Scores(float(np.mean(probs)), float(np.mean(logs)), diff, probs)

    def top(self, runs: list[Run], count: int = 8) -> list[tuple[int, float]]:
        """The most likely first tokens, by their mean probability over samples."""
        mean = torch.stack([run.logprobs[0].exp() for run in runs]).mean(0)
        values, ids = mean.topk(count)
        return list(zip(ids.tolist(), values.tolist()))
