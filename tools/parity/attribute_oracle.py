"""The oracle of `patchbay attribute`: gradients by PyTorch's autograd, through HF's model and plain forward hooks.

A hook adds a tensor of zeros to each site of each layer; the gradient of log P(answer) with respect to those zeros is that of
the site. What a cell is estimated to change is (source - own) . gradient, summed over its rows and layers.
"""

from dataclasses import dataclass, replace

import torch

from .oracle import Oracle, Request, Trace

SUMMED = ("resid_pre", "attn_out", "mlp_out", "resid_post", "head_out")


@dataclass
class Estimated:
    """The two runs, as a trace without cells has them, and {site: [layer][cell]} of estimated logprobs (of head_out
    [layer][cell][head])."""
    frame: Trace
    base: float                                            # logprob of the run into which activations are put
    grids: dict[str, list]


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
                for site in request.sites}                 # [T, heads] each; of other sites than head_out 1
        base = (frame.corrupted if request.direction == "denoise" else frame.clean).logprob

        def cell(site, where, first, last):
            heads = (base + sum(mean[site][l][where].sum(0) for l in range(first, last + 1))).tolist()
            return heads if site == "head_out" else heads[0]

        grids = {site: [[cell(site, where, *window) for where in frame.cells()] for window in frame.restored]
                 for site in request.sites}
        return Estimated(frame, base, grids)

    def pairs(self, request: Request, frame: Trace) -> list[Pair]:
        oracle, prompt = self.oracle, frame.prompt
        features = oracle.features(request.image) if request.image else None
        tail = oracle.embed(frame.answer[:-1])             # teacher forcing

        def run(rows):
            rows = torch.cat([rows, tail])
            sites = oracle.run(rows, len(frame.answer), record=True).sites
            return rows, sites | ({"head_out": self.heads(rows)} if "head_out" in request.sites else {})

        clean_rows = oracle.embed(prompt.ids, prompt.image, features)
        clean = run(clean_rows)
        corrupted = [run(rows) for rows in oracle._corrupt(request, prompt, clean_rows, features)]
        if request.direction == "denoise":
            return [Pair(*one, *clean) for one in corrupted]
        return [Pair(*clean, *one) for one in corrupted]

    def _products(self, pair: Pair, answer: list[int], sites: tuple[str, ...], steps: int | None) -> dict[str, list[torch.Tensor]]:
        """{site: [layer] -> [T, heads]}: (source - own) . gradient at every row, in float64; 1 head of other sites."""
        shares = [(k + 0.5) / steps for k in range(steps)] if steps else [0.0]
        total = None
        for share in shares:
            gradients = self.gradients(pair.rows + share * (pair.source_rows - pair.rows), answer)
            total = gradients if total is None else {key: total[key] + gradients[key] for key in total}

        def product(site, l):
            each = (pair.source[site][l].double() - pair.sites[site][l].double()) * total[site, l].double() / len(shares)
            return each.unflatten(-1, (self.oracle.decoder.config.num_attention_heads if site == "head_out" else 1, -1)).sum(-1)

        return {site: [product(site, l) for l in range(len(self.oracle.layers))] for site in sites}

    @torch.no_grad()
    def heads(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """[layer] -> [T, H d]: what goes into the output projection."""
        seen = []
        handles = [output_projection(layer).register_forward_pre_hook(lambda _, args: seen.append(args[0][0].clone()))
                   for layer in self.oracle.layers]
        try:
            self.oracle.decoder(inputs_embeds=rows[None], use_cache=False)
            return seen
        finally:
            for handle in handles:
                handle.remove()

    def gradients(self, rows: torch.Tensor, answer: list[int]) -> dict[tuple[str, int], torch.Tensor]:
        """{(site, layer): [T, D]}: of log P(answer), whose last tokens but one stand at the end of rows [T, D]."""
        zeros = {(site, l): torch.zeros(len(rows), _width(layer, site, rows), requires_grad=True)
                 for site in SUMMED for l, layer in enumerate(self.oracle.layers)}
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
        output_projection(layer).register_forward_pre_hook(lambda _, args: (add("head_out", args[0]),)),
    ]


def output_projection(layer: torch.nn.Module) -> torch.nn.Linear:
    """Llama's and Qwen's name, or Phi's."""
    return layer.self_attn.o_proj if hasattr(layer.self_attn, "o_proj") else layer.self_attn.dense


def _width(layer: torch.nn.Module, site: str, rows: torch.Tensor) -> int:
    return output_projection(layer).in_features if site == "head_out" else rows.shape[1]
