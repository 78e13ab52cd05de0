"""The oracle of `patchbay attribute`: gradients by PyTorch's autograd, through HF's model and plain forward hooks.

A hook adds a tensor of zeros to each site of each layer; the gradient of log P(answer) with respect to those zeros is that of
the site. What a cell is estimated to change is (source - own) . gradient, summed over its rows and layers.
"""

from dataclasses import dataclass, replace

import torch

from .oracle import Oracle, Request, Trace

SUMMED = ("resid_pre", "attn_out", "mlp_out", "resid_post")


@dataclass
class Estimated:
    """The two runs, as a trace without cells has them, and {site: [layer][cell]} of estimated logprobs."""
    frame: Trace
    base: float                                            # logprob of the run into which activations are put
    grids: dict[str, list[list[float]]]


@dataclass
class Pair:
    """One sample: the rows and sites of the run that is patched, and of the one that the activations are from."""
    rows: torch.Tensor
    sites: dict[str, list[torch.Tensor]]
    source_rows: torch.Tensor
    source: dict[str, list[torch.Tensor]]


class Attributor:
    def __init__(self, oracle: Oracle):
        self.oracle = oracle

    def estimate(self, request: Request, steps: int | None = None) -> Estimated:
        frame = self.oracle.trace(replace(request, sites=()))
        pairs = self.pairs(request, frame)
        products = [self._products(pair, frame.answer, request.sites, steps) for pair in pairs]
        mean = {site: [sum(one[site][l] for one in products) / len(pairs) for l in range(len(self.oracle.layers))]
                for site in request.sites}                 # [T] each
        base = (frame.corrupted if request.direction == "denoise" else frame.clean).logprob
        grids = {site: [[base + sum(mean[site][l][where].sum().item() for l in range(first, last + 1))
                         for where in frame.cells()] for first, last in frame.restored] for site in request.sites}
        return Estimated(frame, base, grids)

    def pairs(self, request: Request, frame: Trace) -> list[Pair]:
        oracle, prompt = self.oracle, frame.prompt
        features = oracle.features(request.image) if request.image else None
        tail = oracle.embed(frame.answer[:-1])             # teacher forcing

        def run(rows):
            rows = torch.cat([rows, tail])
            return rows, oracle.run(rows, len(frame.answer), record=True).sites

        clean_rows = oracle.embed(prompt.ids, prompt.image, features)
        clean = run(clean_rows)
        corrupted = [run(rows) for rows in oracle._corrupt(request, prompt, clean_rows, features)]
        if request.direction == "denoise":
            return [Pair(*one, *clean) for one in corrupted]
        return [Pair(*clean, *one) for one in corrupted]

    def _products(self, pair: Pair, answer: list[int], sites: tuple[str, ...], steps: int | None) -> dict[str, list[torch.Tensor]]:
        """{site: [layer] -> [T]}: (source - own) . gradient at every row, in float64."""
        shares = [(k + 0.5) / steps for k in range(steps)] if steps else [0.0]
        total = None
        for share in shares:
            gradients = self.gradients(pair.rows + share * (pair.source_rows - pair.rows), answer)
            total = gradients if total is None else {key: total[key] + gradients[key] for key in total}
        return {site: [((pair.source[site][l].double() - pair.sites[site][l].double()) * total[site, l].double()).sum(-1) / len(shares)
                       for l in range(len(self.oracle.layers))] for site in sites}

    def gradients(self, rows: torch.Tensor, answer: list[int]) -> dict[tuple[str, int], torch.Tensor]:
        """{(site, layer): [T, D]}: of log P(answer), whose last tokens but one stand at the end of rows [T, D]."""
        zeros = {(site, l): torch.zeros_like(rows, requires_grad=True) for site in SUMMED for l in range(len(self.oracle.layers))}
        handles = [hook for l, layer in enumerate(self.oracle.layers) for hook in _hooks(layer, l, zeros)]
        try:
            hidden = self.oracle.decoder(inputs_embeds=rows[None], use_cache=False).last_hidden_state[0, -len(answer):]
            logprobs = self.oracle.opened.head(hidden).log_softmax(-1)
            score = sum(logprobs[i, token] for i, token in enumerate(answer))
            return dict(zip(zeros, torch.autograd.grad(score, list(zeros.values()), allow_unused=True), strict=True))
        finally:
            for handle in handles:
                handle.remove()


def _hooks(layer: torch.nn.Module, l: int, zeros: dict[tuple[str, int], torch.Tensor]) -> list:
    """Forward hooks on one decoder layer that add to its sites."""
    def add(site, value):                                  # value: [1, T, D]
        return value + zeros[site, l]

    return [
        layer.register_forward_pre_hook(lambda _, args: (add("resid_pre", args[0]), *args[1:])),
        layer.self_attn.register_forward_hook(lambda _, args, out: (add("attn_out", out[0]), *out[1:])),
        layer.mlp.register_forward_hook(lambda _, args, out: add("mlp_out", out)),
        layer.register_forward_hook(lambda _, args, out: add("resid_post", out)),
    ]
