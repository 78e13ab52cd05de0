"""What an edit is kept as (edit.npz, a PEFT adapter, a merged checkpoint), each against HF with the edited matrices.

The matrices are those that the program's own factors mean, so that nothing here hangs on how they were found.
"""

import json
import tempfile
import warnings
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file

from . import program
from .compare import RELATIVE, Comparison, compare_ask
from .edit_cases import EditCase
from .edit_compare import AFTER_ADAM, run, vector
from .edit_oracle import Editor
from .families import CAUSAL
from .oracle import Oracle, Request

IN_HF = (*CAUSAL, "llava")                                 # model types that HF opens from their folder


class Kept:
    """One edit, saved in every form by one run of the program."""

    def __init__(self, editor: Editor, case: EditCase, work: Path):
        self.editor, self.oracle, self.case, self.work = editor, editor.oracle, case, work
        self.request: Request = case.wanted[0].request
        self._folder = tempfile.TemporaryDirectory(dir=work)
        self.out = Path(self._folder.name)

    def checks(self):
        """Yields (name, function that returns a Comparison)."""
        if self.case.settings.method != "multedit":
            yield "merged, tensor by tensor", self.fine_tuned
            return
        yield "--edit", lambda: self._asked(self.oracle.path, self.downs, "--edit", str(self.out / "edit" / "edit.npz"))
        yield "--lora", lambda: self._asked(self.oracle.path, self.downs, "--lora", str(self.out / "lora"))
        yield "adapter in peft", self.adapter
        yield "nothing: u = 0", self.zero
        if self.oracle.path.is_file():                     # GGUF is no form of checkpoint to merge into
            return
        yield "merged", lambda: self._asked(self.merged, self.rounded)
        yield "merged, tensor by tensor", self.tensors
        config = json.loads((self.oracle.folder / "config.json").read_text())
        if config["model_type"] in IN_HF and "mm_vision_tower" not in config:
            yield "merged in HF", self.merged_in_hf

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        merged = [] if self.oracle.path.is_file() else ["--save-merged", str(self.out / "merged")]
        adapter = ["--save-lora", str(self.out / "lora")]
        return run(self.oracle, self.case, self.work, self.out / "edit", *adapter, *merged)[1]

    @property
    def merged(self) -> Path:
        self.arrays                                        # made by then
        return self.out / "merged"

    @cached_property
    def downs(self) -> dict[int, torch.Tensor]:
        """The edited matrices by layer, summed in float64, float32."""
        downs = {}
        factors = (torch.from_numpy(self.arrays[name]).double() for name in ("key", "u"))
        for layer, key, u in zip(self.arrays["layer"].tolist(), *factors):
            downs[layer] = downs.get(layer, self.editor.down(layer).weight.double()) + torch.outer(u, key)
        return {layer: value.float() for layer, value in downs.items()}

    @cached_property
    def rounded(self) -> dict[int, torch.Tensor]:
        """The matrices as the merged checkpoint's type holds them."""
        merged = load(self.merged)
        return {layer: value.to(merged[self._name(merged, layer)].dtype).float() for layer, value in self.downs.items()}

    def _asked(self, model: Path, downs: dict[int, torch.Tensor], *extra: str) -> Comparison:
        """`ask` of the edited model."""
        found = ask(model, self.request, *self.oracle.options, *extra)
        with self.editor.holding_downs(downs):
            expected = self.oracle.ask(self.request)
        return compare_ask(self.oracle, expected, found, len(self.oracle.prompt(self.request).rows))

    def adapter(self) -> Comparison:
        """peft puts the adapter onto HF's model: every tensor finds its place, and the logits are the matrices'."""
        expected = self._logits(self.oracle, self.downs)
        saved = load_file(self.out / "lora" / "adapter_model.safetensors")
        model = getattr(self.oracle.model, "language", self.oracle.model)
        with warnings.catch_warnings():                    # of base models that are no folders
            warnings.simplefilter("ignore", UserWarning)
            adapted = PeftModel.from_pretrained(model, self.out / "lora")
        try:
            result = _compare_logits(self._logits(self.oracle), expected)
            taken = {name: tensor.clone() for name, tensor in get_peft_model_state_dict(adapted).items()}
        finally:
            adapted.unload()
        result.equal("the adapter's tensors", sorted(taken), sorted(saved))
        for name in set(taken) & set(saved):
            if not torch.equal(taken[name].float(), saved[name].float()):
                result.problems.append(f"{name} was not loaded")
        return result

    def merged_in_hf(self) -> Comparison:
        """HF opens the merged folder, and answers as with the matrices."""
        return _compare_logits(self._logits(Oracle(self.merged)), self._logits(self.oracle, self.rounded))

    def tensors(self) -> Comparison:
        """Every tensor is the original's, bit for bit, but the edited ones."""
        result = Comparison()
        own, merged = load(self.oracle.path), load(self.merged)
        changed = {self._name(merged, layer): layer for layer in self.downs}
        self._compare_rest(result, own, merged, set(changed))
        for name, layer in changed.items():
            vector(result, name, merged[name].float(), self.rounded[layer], RELATIVE)
        return result

    def zero(self) -> Comparison:
        """An edit of nothing changes nothing, bit for bit."""
        file = self.out / "zero.npz"
        np.savez(file, **{**self.arrays, "u": np.zeros_like(self.arrays["u"]), "v": self.arrays["v0"]})
        plain = ask(self.oracle.path, self.request, *self.oracle.options)
        edited = ask(self.oracle.path, self.request, *self.oracle.options, "--edit", str(file))
        result = Comparison(cells=len(plain["top"]), note="bit for bit")
        result.equal("the answer", edited, plain)
        return result

    def fine_tuned(self) -> Comparison:
        """The fine-tuned weights are those that PyTorch's Adam reaches. What counts is the change where the file's type
        shows it, else the whole."""
        result = Comparison()
        merged = self.out / "merged"
        run(self.oracle, self.case, self.work, self.out / "edit", "--save-merged", str(merged))
        own, merged = load(self.oracle.path), load(merged)
        expected, = self.editor.edit(list(self.case.wanted), self.case.settings)
        changed = {self._name(merged, name): value for name, value in expected.weights.items()}
        self._compare_rest(result, own, merged, set(changed))
        for name, value in changed.items():
            if name.endswith("k_proj.bias"):               # without effect where unrotated: its gradient is rounding
                continue
            start = own[name].float() if merged[name].dtype == torch.float32 else 0
            vector(result, name, merged[name].float() - start, value.to(merged[name].dtype).float() - start, AFTER_ADAM)
        return result

    def _compare_rest(self, result: Comparison, own: dict, merged: dict, changed: set[str]) -> None:
        result.equal("the tensors' names", sorted(merged), sorted(own))
        for name in set(own) & set(merged) - changed:
            result.cells += own[name].numel()
            if own[name].dtype != merged[name].dtype or not torch.equal(own[name], merged[name]):
                result.problems.append(f"{name} is not the original's")

    def _name(self, tensors: dict, weight: int | str) -> str:
        """A decoder's weight in a file: a layer's down projection, or one by the oracle's name."""
        if isinstance(weight, int) or weight.endswith(".down"):
            layer = weight if isinstance(weight, int) else int(weight.split(".")[1])
            leaf = "down_proj" if hasattr(self.editor.mlp(layer), "down_proj") else "fc2"
            weight = f"layers.{layer}.mlp.{leaf}.weight"
        weight = weight.replace("head.", "lm_head.")
        name, = (name for name in tensors if f".{name}".endswith(f".{weight}") and "vision" not in name)
        return name

    @torch.no_grad()
    def _logits(self, oracle: Oracle, downs: dict[int, torch.Tensor] | None = None) -> torch.Tensor:
        """[V] at `last`."""
        prompt = self.oracle.prompt(self.request)
        features = self.oracle.features(self.request.image) if self.request.image else None
        with self.editor.holding_downs(downs) if downs else nullcontext():
            return oracle.run(oracle.embed(prompt.ids, prompt.image, features)).logits[0]


def _compare_logits(found: torch.Tensor, expected: torch.Tensor) -> Comparison:
    """The largest difference, as a share of the logits' range."""
    worst = float((found - expected).abs().max() / (expected.max() - expected.min()))
    result = Comparison(cells=len(expected), worst=worst)
    if not result.worst <= RELATIVE:
        result.problems.append(f"logits differ by {result.worst:.2g} of their range")
    return result


def ask(model: Path, request: Request, *extra: str) -> dict:
    more = ["--image", request.image] if request.image else []
    more += ["--prefill", request.prefill] if request.prefill else []
    more += ["--template", request.template] if request.template else []
    return program.run([str(program.program()), "ask", str(model), *more, request.question, "--json", "--quiet",
                        *extra])


def load(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder's safetensors or .bin files."""
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    for file in sorted(folder.glob("pytorch_model*.bin")):
        tensors |= {name: tensor.detach() for name, tensor in torch.load(file, weights_only=False).items()}
    return tensors
