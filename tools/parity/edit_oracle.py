"""The oracle of `patchbay edit`: MultEdit and fine-tuning by HF's model, the long way.

Keys and values come from forward hooks, gradients from autograd over the whole prompt in float32 with eager attention,
steps from torch.optim.Adam. The closed form is solved directly, d_ff x d_ff, in float64, and what it gives is put into
the model as a matrix; every probability is a full forward pass of that model.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from .oracle import Oracle, Request
from .prompts import Prompt, mid_sentence

MAX_ANSWER = 16                                            # tokens of a greedy answer


@dataclass(frozen=True)
class Settings:
    """How to edit: the options of `patchbay edit`. layers: [first, end) of a range, or one layer (l, l + 1)."""
    layers: tuple[int, int]
    method: str = "multedit"                               # or ft, ft-constrained
    scope: str = "matrix"                                  # of fine-tuning: matrix, down, all
    preset: str | None = None
    lr: float = 0.1
    steps: int = 10
    weight_decay: float = 0.001
    clamp: float = 1e-4
    ridge: float = 0.01                                    # --lambda
    epsilon: float = 5e-4
    whole_target: bool = False
    together: bool = False
    key: str = "constraint:0"                              # the span whose last position gives it
    keep: tuple[Request, ...] = ()                         # questions that the closed form leaves alone
    keep_rows: str | None = None                           # these rows of them; None: that of the key
    keep_ridge: float = 1.0                                # --keep-lambda
    each_layer: bool = False                               # every layer of the range by itself

    @property
    def top(self) -> int:
        """The layer that the value is found at."""
        return self.layers[1] - 1

    def options(self) -> list[str]:
        """The same as options of the command line."""
        first, end = self.layers
        given = ["--layers", f"{first}:{end}"] if self.each_layer or end > first + 1 else ["--layer", str(first)]
        given += ["--each-layer"] if self.each_layer else []
        given += ["--method", self.method] if self.method != "multedit" else []
        if self.preset:
            given += ["--preset", self.preset]
        else:
            given += ["--lr", repr(self.lr), "--steps", str(self.steps)]
            if self.method == "multedit":
                given += ["--weight-decay", repr(self.weight_decay), "--clamp", repr(self.clamp),
                          "--lambda", repr(self.ridge)]
            else:
                given += ["--ft-scope", self.scope]
                given += ["--epsilon", repr(self.epsilon)] if self.method == "ft-constrained" else []
        given += ["--target-tokens", "all"] if self.whole_target else []
        given += ["--key", self.key] if self.key != "constraint:0" else []
        given += ["--keep-rows", self.keep_rows] if self.keep_rows else []
        given += ["--keep-lambda", repr(self.keep_ridge)] if self.keep else []
        return given + (["--together"] if self.together else [])


def official(layer: int) -> Settings:
    """The official script's values, whose layer is 2; a model with fewer layers takes another."""
    return Settings((layer, layer + 1), preset="official")


@dataclass(frozen=True)
class Wanted:
    """One edit that is asked for: a question, what it shall answer, and other forms of it to judge by."""
    request: Request
    target: str
    rephrasings: tuple[Request, ...] = ()

    @property
    def questions(self) -> tuple[Request, ...]:
        return self.request, *self.rephrasings


@dataclass
class Answer:
    """What one question is answered: P(first target token) at `last`, and the greedy answer's ids."""
    prob: float
    ids: list[int]
    top: list[tuple[int, float]]                           # the most likely first tokens: id, prob


@dataclass
class Term:
    """One layer's share of an edit: W* = W + u along^T."""
    layer: int
    key: torch.Tensor                                      # [F] mlp_post at the key position
    v0: torch.Tensor                                       # [D] mlp_out there
    v: torch.Tensor                                        # [D] what it shall be
    u: torch.Tensor                                        # [D]
    along: torch.Tensor                                    # [F] the key; less what questions to keep share with it


@dataclass
class Edited:
    """What became of one request."""
    target: list[int]                                      # tokens that the loss is of
    position: int                                          # of the key
    loss: list[float]                                      # of each step, before it
    probs: list[float]                                     # P(first target token) of each step, before it
    delta: torch.Tensor | None                             # [D] float32; None in fine-tuning
    before: list[Answer] = field(default_factory=list)     # of the question, then of each rephrasing
    after: list[Answer] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)        # a layer each
    weights: dict[str, torch.Tensor] = field(default_factory=dict)     # the changed parameters by name, whole
    tuned: float | None = None                             # |W* - W| over all that fine-tuning changed

    @property
    def moved(self) -> float:
        """|delta|, or |W* - W| of fine-tuning."""
        return float(self.delta.double().norm()) if self.tuned is None else self.tuned


class Editor:
    """Edits a checkpoint that an Oracle has opened, and leaves it as it was.

    jitter: relative noise on every input row of the searches, to see how far rounding can carry a result."""

    def __init__(self, oracle: Oracle, jitter: float = 0.0, answer_tokens: int = MAX_ANSWER):
        self.oracle, self.jitter, self.answer_tokens = oracle, jitter, answer_tokens
        self.layers = oracle.layers
        self._unedited: dict[Request, tuple] = {}
        oracle.model.requires_grad_(False)

    # -- the parts ----------------------------------------------------------------------------------------------

    def mlp(self, layer: int) -> torch.nn.Module:
        return self.layers[layer].mlp

    def down(self, layer: int) -> torch.nn.Linear:
        """The MLP's second matrix: down_proj, or fc2 in Phi."""
        mlp = self.mlp(layer)
        return mlp.down_proj if hasattr(mlp, "down_proj") else mlp.fc2

    def parameters(self, settings: Settings) -> dict[str, torch.nn.Parameter]:
        """What fine-tuning may change, by name. Tied ones are one parameter, with one name."""
        if settings.scope == "matrix":
            return {f"layers.{settings.top}.down": self.down(settings.top).weight}
        if settings.scope == "down":
            return {f"layers.{l}.down": self.down(l).weight for l in range(len(self.layers))}
        named = [*self.oracle.decoder.named_parameters(), *self.oracle.opened.head.named_parameters("head")]
        return {name: weight for i, (name, weight) in enumerate(named) if all(weight is not w for _, w in named[:i])}

    @contextmanager
    def holding(self, weights: dict[torch.nn.Parameter, torch.Tensor]) -> Iterator[None]:
        """The model with these in place of its own."""
        own = {parameter: parameter.data for parameter in weights}
        try:
            for parameter, value in weights.items():
                parameter.data = value
            yield
        finally:
            for parameter, value in own.items():
                parameter.data = value

    def holding_downs(self, downs: dict[int, torch.Tensor]):
        """The model with these down projections, by layer."""
        return self.holding({self.down(l).weight: value for l, value in downs.items()})

    def holding_edit(self, edited: Edited):
        return self.holding_downs({term.layer: edited.weights[f"layers.{term.layer}.down"] for term in edited.terms})

    # -- runs ---------------------------------------------------------------------------------------------------

    def rows(self, prompt: Prompt, request: Request, tail: list[int] = ()) -> torch.Tensor:
        """[T + len(tail), D] decoder input rows; a function of the embedding's weights."""
        rows = self.oracle.decoder.embed_tokens(torch.tensor([*prompt.ids, *tail]).clamp(min=0))
        if request.image:
            where = torch.tensor(prompt.image)
            rows = rows.index_copy(0, where, self.oracle.features(request.image))
        if self.jitter:
            rows = rows * (1 + self.jitter * torch.randn(rows.shape, generator=torch.Generator().manual_seed(1)))
        return rows

    def nll(self, prompt: Prompt, request: Request, target: list[int]) -> torch.Tensor:
        """[target tokens]: -log P of its first token at `last`, of each further one after the ones before it. Autograd
        follows it."""
        rows = self.rows(prompt, request, target[:-1])
        hidden = self.oracle.decoder(inputs_embeds=rows[None], use_cache=False).last_hidden_state[0, prompt.last:]
        logprobs = self.oracle.opened.head(hidden).log_softmax(-1)
        return -logprobs[torch.arange(len(target)), torch.tensor(target)]

    @torch.no_grad()
    def look(self, prompt: Prompt, request: Request, layer: int, position: int) -> dict[str, torch.Tensor]:
        """mlp_post, mlp_out and resid_post of one layer at one position of a full forward pass."""
        seen = {}

        def see(site: str, value: torch.Tensor) -> None:   # value: [1, T, width]
            seen[site] = value[0, position].clone()

        handles = [self.down(layer).register_forward_pre_hook(lambda _, args: see("mlp_post", args[0])),
                   self.mlp(layer).register_forward_hook(lambda _, args, out: see("mlp_out", out)),
                   self.layers[layer].register_forward_hook(lambda _, args, out: see("resid_post", out))]
        try:
            self.oracle.decoder(inputs_embeds=self.rows(prompt, request)[None], use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
        return seen

    @torch.no_grad()
    def logprobs(self, request: Request) -> torch.Tensor:
        """[V] float64, at `last`, by the model as it is now."""
        prompt = self.oracle.prompt(request)
        return self.oracle.run(self.oracle.embed(
            prompt.ids, prompt.image, self.oracle.features(request.image) if request.image else None)).logprobs[0]

    def answer(self, request: Request, token: int) -> Answer:
        """One question to the model as it is now."""
        return _answer(token, self.logprobs(request), *self.oracle.ask(request, self.answer_tokens))

    def unedited(self, request: Request, token: int) -> Answer:
        """The same before any edit; each question is asked once."""
        if request not in self._unedited:
            self._unedited[request] = self.logprobs(request), *self.oracle.ask(request, self.answer_tokens)
        return _answer(token, *self._unedited[request])

    # -- edits --------------------------------------------------------------------------------------------------

    def edit(self, wanted: list[Wanted], settings: Settings) -> list[Edited]:
        """Each request on its own, or all together."""
        if settings.each_layer:
            raise ValueError("edits of each layer are many edits")
        change = self._multedit if settings.method == "multedit" else self._finetune
        groups = [wanted] if settings.together else [[one] for one in wanted]
        return [edited for group in groups for edited in change(group, settings)]

    def target(self, wanted: Wanted, settings: Settings) -> list[int]:
        ids = mid_sentence(self.oracle.tokenizer, wanted.target)
        return ids if settings.whole_target else ids[:1]

    def _before(self, wanted: Wanted, token: int) -> list[Answer]:
        return [self.unedited(request, token) for request in wanted.questions]

    def _after(self, wanted: Wanted, token: int) -> list[Answer]:
        return [self.answer(request, token) for request in wanted.questions]

    def _multedit(self, group: list[Wanted], settings: Settings) -> list[Edited]:
        results = [self._value(wanted, settings) for wanted in group]
        first, end = settings.layers
        prompts = [self.oracle.prompt(wanted.request) for wanted in group]

        def residual(prompt, wanted, edited) -> torch.Tensor:
            seen = self.look(prompt, wanted.request, settings.top, edited.position)
            return seen["resid_post"].double()

        goals = [residual(*one) + one[2].delta.double() for one in zip(prompts, group, results)]
        kept = {layer: self._kept(layer, settings) for layer in range(first, end)}
        downs = {}
        for layer in range(first, end):                    # MEMIT's spread; one layer takes the whole delta
            terms = []
            for prompt, wanted, edited, goal in zip(prompts, group, results, goals):
                with self.holding_downs(downs):
                    seen = self.look(prompt, wanted.request, layer, edited.position)
                    there = residual(prompt, wanted, edited)
                missing = goal - there if downs else edited.delta.double()
                value = seen["mlp_out"].double() + missing / (end - layer)
                key = seen["mlp_post"]
                terms.append(Term(layer, key, seen["mlp_out"], value.float(), missing / (end - layer), key))
            downs[layer] = self._solved(layer, terms, kept[layer], settings)
            for edited, term in zip(results, terms):
                edited.terms.append(term)
        with self.holding_downs(downs):
            for wanted, edited in zip(group, results):
                edited.after = self._after(wanted, edited.target[0])
        for edited in results:
            edited.weights = {f"layers.{l}.down": value for l, value in downs.items()}
        return results

    def _value(self, wanted: Wanted, settings: Settings) -> Edited:
        """Steps 1 and 2: the key's position, and delta by Adam with projection."""
        prompt = self.oracle.prompt(wanted.request)
        target, position = self.target(wanted, settings), prompt.span(settings.key)[-1]
        before = self._before(wanted, target[0])
        v0 = self.look(prompt, wanted.request, settings.top, position)["mlp_out"]
        delta = torch.zeros_like(v0, requires_grad=True)

        def put(_, args, out):
            out = out.clone()
            out[0, position] = v0 + delta
            return out

        losses, probs = [], []
        adam = torch.optim.Adam([delta], lr=settings.lr)
        handle = self.mlp(settings.top).register_forward_hook(put)
        try:
            for _ in range(settings.steps):
                nll = self.nll(prompt, wanted.request, target)
                loss = nll.sum() + settings.weight_decay * delta.norm() / v0.norm() ** 2
                losses.append(loss.item())
                probs.append((-nll[0]).exp().item())
                adam.zero_grad()
                loss.backward()
                adam.step()
                self._project(delta, settings.clamp * v0.norm())
        finally:
            handle.remove()
        return Edited(target, position, losses, probs, delta.detach(), before)

    @staticmethod
    @torch.no_grad()
    def _project(delta: torch.Tensor, longest: torch.Tensor) -> None:
        if delta.norm() > longest:
            delta.mul_(longest / delta.norm())

    def _kept(self, layer: int, settings: Settings) -> torch.Tensor:
        """[F, M]: keys of the rows that are to stay, in the unedited model."""
        keys = [self.look(prompt, request, layer, position)["mlp_post"].double()
                for request in settings.keep for prompt in [self.oracle.prompt(request)]
                for position in (prompt.span(settings.keep_rows or settings.key)[0 if settings.keep_rows else -1:])]
        return torch.stack(keys, 1) if keys else torch.zeros(self.down(layer).in_features, 0, dtype=torch.float64)

    def _solved(self, layer: int, terms: list[Term], kept: torch.Tensor, settings: Settings) -> torch.Tensor:
        """Step 3: the matrix after the edit, float32. Fills the terms' u, which hold what is missing in its place."""
        keys = torch.stack([term.key.double() for term in terms], 1)                       # [F, n]
        missing = torch.stack([term.u for term in terms], 1)                               # [D, n]
        weighed = weighing(kept, settings.keep_ridge)
        change = direct(keys, missing, settings.ridge, weighed)
        along = torch.linalg.solve(weighed, keys)
        factors = by_requests(keys, missing, settings.ridge, along)
        error = float((factors @ along.T - change).norm() / change.norm().clamp(min=1e-300))
        assert error < 1e-8, f"the two solutions of the normal equations differ by {error}"
        for term, u, column in zip(terms, factors.T, along.T):
            term.u, term.along = u, column
        return (self.down(layer).weight.double() + change).float()

    def _finetune(self, group: list[Wanted], settings: Settings) -> list[Edited]:
        targets = [self.target(wanted, settings) for wanted in group]
        prompts = [self.oracle.prompt(wanted.request) for wanted in group]
        before = [self._before(wanted, target[0]) for wanted, target in zip(group, targets)]
        named = self.parameters(settings)
        with self.holding({parameter: parameter.data.clone() for parameter in named.values()}):
            steps = self._adam(group, prompts, targets, list(named.values()), settings)
            after = [self._after(wanted, target[0]) for wanted, target in zip(group, targets)]
            weights = {name: parameter.data for name, parameter in named.items()}
        moved = sum(float((weights[name] - parameter).double().norm()) ** 2 for name, parameter in named.items()) ** 0.5
        return [Edited(target, prompt.last, [float(nll.sum()) for nll in own], [math.exp(-nll[0]) for nll in own], None,
                       *answers, weights=weights, tuned=moved)
                for target, prompt, own, *answers in zip(targets, prompts, zip(*steps), before, after)]

    def _adam(self, group: list[Wanted], prompts: list[Prompt], targets: list[list[int]],
              parameters: list[torch.nn.Parameter], settings: Settings) -> list[list[torch.Tensor]]:
        """Fine-tunes the parameters in place. Returns each step's -log P of target tokens, a request each."""
        own = [parameter.data.clone() for parameter in parameters]
        steps = []
        adam = torch.optim.Adam(parameters, lr=settings.lr)
        try:
            for parameter in parameters:
                parameter.requires_grad_(True)
            for _ in range(settings.steps):
                each = [self.nll(*one) for one in zip(prompts, (wanted.request for wanted in group), targets)]
                steps.append([nll.detach() for nll in each])
                adam.zero_grad()
                torch.stack([nll.sum() for nll in each]).mean().backward()
                adam.step()
                if settings.method == "ft-constrained":
                    for parameter, start in zip(parameters, own):
                        parameter.data.clamp_(start - settings.epsilon, start + settings.epsilon)
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False)
                parameter.grad = None
        return steps


def _answer(token: int, logprobs: torch.Tensor, ids: list[int], top: list[tuple[int, float]]) -> Answer:
    return Answer(logprobs[token].exp().item(), ids, top)


def weighing(kept: torch.Tensor, keep_ridge: float) -> torch.Tensor:
    """[F, F]: C = K' K'^T / keep_ridge + I, by which changes are measured; K' [F, M]: keys of rows that are to stay."""
    return kept @ kept.T / keep_ridge + torch.eye(len(kept), dtype=torch.float64)


def direct(keys: torch.Tensor, missing: torch.Tensor, ridge: float, weighed: torch.Tensor) -> torch.Tensor:
    """[D, F]: the change dW that minimises |dW K - R|^2 + ridge tr(dW C dW^T), by its normal equations
    dW (K K^T + ridge C) = R K^T. keys K [F, n], missing R [D, n], weighed C [F, F], all float64."""
    return torch.linalg.solve(keys @ keys.T + ridge * weighed, keys @ missing.T).T


def by_requests(keys: torch.Tensor, missing: torch.Tensor, ridge: float, along: torch.Tensor) -> torch.Tensor:
    """[D, n]: U = R (K^T Q + ridge I)^-1, Q = C^-1 K [F, n], with which the same change is U Q^T."""
    normal = along.T @ keys + ridge * torch.eye(keys.shape[1], dtype=torch.float64)
    return torch.linalg.solve(normal, missing.T).T


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))
