"""The oracle of `knockout`: HF's eager attention with edges masked, one full forward pass per point.

In the layers of a window an attention mask of 0 and -inf stands in the place of HF's own: HF's, and -inf at the edges that are
cut, so that softmax spreads over what is left.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from .oracle import Oracle, Request

Edges = list[tuple[list[int], list[int]]]        # (sources, destinations) of each pair


@dataclass
class Knockout:
    """What the oracle answers: lists by layer, a pair of them per curve."""
    answer: list[int]
    layers: list[int]
    windows: list[tuple[int, int]]               # first and last layer, both included
    clean: float                                 # log P(answer) with nothing cut
    top: list[tuple[int, float]]                 # the most likely first tokens with nothing cut: id, prob
    curves: list[list[float]]                    # log P(answer)


class Cutter:
    """Runs one request with edges cut."""

    def __init__(self, oracle: Oracle, request: Request):
        self.oracle = oracle
        self.prompt = oracle.prompt(request)
        features = oracle.ordered(request, oracle.features(request.image)) if request.image else None
        rows = oracle.embed(self.prompt.ids, self.prompt.image, features)
        self.answer = oracle._answer(request, rows)
        self.rows = torch.cat([rows, oracle.embed(self.answer[:-1])])      # teacher forcing: its tokens but the last

    def run(self, edges: Edges = (), first: int = 0, last: int = -1):
        """The run in which these edges are cut in layers first..last."""
        with _masked(self.oracle, self.rows, edges, range(first, last + 1)):
            return self.oracle.run(self.rows, len(self.answer))


def knockout(oracle: Oracle, request: Request, curves: list[Edges]) -> Knockout:
    cutter = Cutter(oracle, request)
    layers, windows = oracle._windows(request)
    clean = cutter.run()
    top = torch.topk(clean.logprobs[0].exp(), 5)
    points = [[cutter.run(edges, *window).score(cutter.answer) for window in windows] for edges in curves]
    return Knockout(cutter.answer, layers, windows, clean.score(cutter.answer),
                    list(zip(top.indices.tolist(), top.values.tolist())), points)


def mask_of(length: int, edges: Edges) -> torch.Tensor:
    """[1, 1, T, T]: 0 where a row sees another, -inf elsewhere."""
    mask = torch.full((length, length), -torch.inf).triu(1)
    for sources, destinations in edges:
        rows, columns = (torch.tensor(span, dtype=torch.long) for span in (destinations, sources))
        mask[rows[:, None], columns] = -torch.inf
    return mask[None, None]


@contextmanager
def _masked(oracle: Oracle, rows: torch.Tensor, edges: Edges, layers: range):
    mask = mask_of(len(rows), edges)
    used = set()

    def cut(l):
        def hook(_, args, kwargs):
            used.add(l)
            return args, {**kwargs, "attention_mask": mask}
        return hook

    handles = [oracle.layers[l].self_attn.register_forward_pre_hook(cut(l), with_kwargs=True) for l in layers] if edges else []
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    assert used == set(layers if edges else ()), "the mask was not used in every layer"


def probabilities(oracle: Oracle, request: Request, edges: Edges, layer: int) -> torch.Tensor:
    """[H, T, T]: one layer's attention with edges cut in it."""
    cutter = Cutter(oracle, replace(request, answer=None, answer_tokens="first"))
    with torch.no_grad(), _masked(oracle, cutter.rows, edges, range(layer, layer + 1)):
        return oracle.decoder(inputs_embeds=cutter.rows[None], use_cache=False, output_attentions=True).attentions[layer][0]
