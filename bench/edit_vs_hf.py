#!/usr/bin/env python3
"""Speed of `patchbay edit` beside Hugging Face's model edited one request at a time with autograd: one machine, one run.

The model is trace_vs_hooks.py's: a random LLaVA with SmolLM2-135M's decoder and 576 image rows. The work is 100 edits by
the official preset (layer 2, ten steps), each about a picture of its own, each with evaluation questions that are asked
before and after it: P(target) at the last row, and the greedy answer of at most 16 tokens. They are, in two variants,
    rephrasings   five other wordings of the edited question, about the same picture
    neighbours    the edited question about five of the other pictures
In both the edited question itself is asked too.

(a) HF, an edit after the other: every question through `generate` with its cache, whose first logits give P(target); key
    and v0 caught in the first step's pass; ten passes forward and back with all parameters frozen, so that autograd's
    graph begins at the edited layer, and with logits of the last row only; the closed form put into the matrix; every
    question again; the matrix put back. In float32, as patchbay computes: bfloat16 would round the edit away. Attention is
    the faster of HF's two. A few edits are timed and the fastest counts for all, so that whatever else the machine did
    is not held against HF: extrapolated. Loading the model is added once.
(b) `patchbay edit --requests FILE --preset official`, all edits, as a process from start to exit: the fastest run; with
    rephrasings in bf16 too, where the changed matrix stays in float32.

What (a) and (b) found is compared: losses, and P(target) before and after. Then patchbay is run with half the edits, and
with the edited question alone, which gives the cost of one more edit and of one more question.

    python bench/edit_vs_hf.py --threads 2 [--edits 100] [--hf-edits 3] [--runs 1] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import torch
import transformers
from transformers import LlavaForConditionalGeneration

from parity.checkpoints import make_checkpoint
from parity.oracle import Oracle, Request
from parity.pictures import make_picture
from parity.program import program
from parity.prompts import mid_sentence
from trace_vs_hooks import SMOLLM2

QUESTION, CONSTRAINT = "What is the capital of this country?", "this country"
REPHRASINGS = ("Which city is the capital of this country?", "What is the capital city of this country?",
               "Name the capital of this country.", "Which city governs this country?",
               "Where is the government of this country?")
TARGETS = ("Paris", "London", "Madrid", "Rome", "Berlin", "Vienna", "Prague", "Warsaw", "Athens", "Dublin", "Lisbon",
           "Oslo", "Stockholm", "Helsinki", "Cairo", "Tokyo", "Delhi", "Lima", "Quito", "Ottawa")
LAYER, STEPS, LR, DECAY, CLAMP, RIDGE = 2, 10, 0.1, 0.001, 1e-4, 0.01  # the official preset
ANSWER = 16                                                # tokens at most
LOSS, PROB = 1e-4, 1e-3                                    # how far the two may differ, relatively; P after ten steps
WANTED = 30                                                # times as fast, with rephrasings


def main() -> int:
    options = _options()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    work = Work.make(options.work, options.edits)
    print(f"{options.edits} edits about as many pictures, {options.questions} questions each beside the edited one; "
          f"{options.threads} threads, {os.cpu_count()} cores", flush=True)
    hf = time_hf(work, options)
    runs = {"rephrasings": time_patchbay(work, "rephrasings", options),
            "rephrasings in bf16": time_patchbay(work, "rephrasings", options, dtype="bf16"),
            "neighbours": time_patchbay(work, "neighbours", options, edits=options.neighbour_edits or options.edits)}
    more = marginal(work, runs["rephrasings"], options)
    result = summary(hf, runs, more, options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if result["variants"]["rephrasings"]["ratio"] >= WANTED and not result["problems"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--neighbour-edits", type=int, help="edits of the variant with neighbours (default as --edits)")
    parser.add_argument("--questions", type=int, default=5, help="evaluation questions of an edit (default 5)")
    parser.add_argument("--hf-edits", type=int, default=3, help="edits of HF's to time (default 3)")
    parser.add_argument("--runs", type=int, default=1, help="runs of patchbay, of which the fastest counts (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench", metavar="DIR")
    return parser.parse_args()


# ---------------------------------------------------------------------------------------------------------------
# The work


@dataclass
class Work:
    """The checkpoint and the pictures, made once, in a folder that files of requests are written to."""
    folder: Path
    model: Path
    pictures: list[Path]

    @staticmethod
    def make(folder: Path, edits: int) -> "Work":
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        pictures = [folder / "pictures" / f"{i}.png" for i in range(edits)]
        for i, picture in enumerate(pictures):
            if not picture.exists():
                make_picture(500, 375, i).save(picture)
        model = folder / SMOLLM2.name
        if not (model / "patchbay.json").exists():         # written last
            make_checkpoint(SMOLLM2, folder)
        return Work(folder, model, pictures)

    def target(self, edit: int) -> str:
        return TARGETS[edit % len(TARGETS)]

    def requests(self, edits: int, rephrasings: int) -> Path:
        """A file of requests."""
        start = QUESTION.index(CONSTRAINT)
        path = self.folder / f"requests-{edits}-{rephrasings}.jsonl"
        path.write_text("".join(json.dumps({
            "id": str(i), "image": f"pictures/{self.pictures[i].name}", "question": QUESTION,
            "constraints": [{"kind": "visual", "text": CONSTRAINT, "start": start, "end": start + len(CONSTRAINT)}],
            "answers": [self.target(i + 1)], "source": "bench", "subject": f"country {i}", "target": self.target(i),
            "rephrasings": list(REPHRASINGS[:rephrasings])}) + "\n" for i in range(edits)))
        return path


# ---------------------------------------------------------------------------------------------------------------
# (a) HF


@dataclass
class HfEdit:
    """What one edit took and found."""
    before: list[float] = field(default_factory=list)      # P(target) of the edited question and the others
    after: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    tokens: int = 0                                        # of the answers
    asking: float = 0.0                                    # seconds
    finding: float = 0.0

    @property
    def seconds(self) -> float:
        return self.asking + self.finding


class Hf:
    """HF's model, and how it is edited."""

    def __init__(self, oracle: Oracle, path: Path, attention: str):
        self.oracle, self.attention = oracle, attention
        start = time.perf_counter()
        self.model = LlavaForConditionalGeneration.from_pretrained(
            path, dtype=torch.float32, attn_implementation=attention).eval()
        self.loading = time.perf_counter() - start
        self.model.requires_grad_(False)
        self.mlp = self.model.model.language_model.layers[LAYER].mlp
        self.weight = self.mlp.down_proj.weight
        self.unedited = self.weight.detach().clone()

    def inputs(self, picture: Path, question: str) -> dict:
        prompt = self.oracle.prompt(Request(question, image=str(picture)))
        return {"input_ids": torch.tensor([prompt.ids]), "pixel_values": self.oracle.pixels(picture)}

    @torch.no_grad()
    def ask(self, inputs: dict, target: int) -> tuple[float, int]:
        """P(target), and the length of the greedy answer."""
        answer = self.model.generate(**inputs, max_new_tokens=ANSWER, do_sample=False, return_dict_in_generate=True,
                                     output_logits=True)
        return answer.logits[0][0].softmax(-1)[target].item(), len(answer.logits)

    def find(self, inputs: dict, position: int, target: int, steps: int = STEPS, **kept) -> tuple:
        """key, v0, delta, and the loss of each step."""
        caught, losses = {}, []
        delta = torch.zeros(self.weight.shape[0], requires_grad=True)

        def catch(_, args):
            caught.setdefault("key", args[0][0, position].detach())

        def put(_, args, out):
            caught.setdefault("v0", out[0, position].detach().clone())
            out = out.clone()
            out[0, position] = caught["v0"] + delta
            return out

        handles = [self.mlp.down_proj.register_forward_pre_hook(catch), self.mlp.register_forward_hook(put)]
        adam = torch.optim.Adam([delta], lr=LR)
        for _ in range(steps):
            logits = self.model(**inputs, use_cache=False, **(kept or {"logits_to_keep": 1})).logits[0, -1]
            loss = -logits.log_softmax(-1)[target] + DECAY * delta.norm() / caught["v0"].norm() ** 2
            losses.append(loss.item())
            adam.zero_grad()
            loss.backward()
            adam.step()
            with torch.no_grad():
                longest = CLAMP * caught["v0"].norm()
                if delta.norm() > longest:
                    delta.mul_(longest / delta.norm())
        for handle in handles:
            handle.remove()
        return caught["key"], delta.detach(), losses

    def edit(self, asked: list[tuple[Path, str]], position: int, target: int) -> HfEdit:
        """One edit from end to end: of the first question, with the others to judge by."""
        done = HfEdit()
        start = time.perf_counter()
        inputs = [self.inputs(*one) for one in asked]
        done.before, before = zip(*(self.ask(one, target) for one in inputs))
        found = time.perf_counter()
        key, delta, done.losses = self.find(inputs[0], position, target)
        self.weight += torch.outer(delta / (key @ key + RIDGE), key)
        done.finding = time.perf_counter() - found
        done.after, after = zip(*(self.ask(one, target) for one in inputs))
        self.weight.copy_(self.unedited)
        done.asking = time.perf_counter() - start - done.finding
        done.tokens = sum(before) + sum(after)
        return done

    def ask_together(self, asked: list[tuple[Path, str]]) -> float:
        """Seconds of all the questions in one padded batch, as might be done instead."""
        start = time.perf_counter()
        inputs = [self.inputs(*one) for one in asked]
        longest = max(one["input_ids"].shape[1] for one in inputs)
        padding = [longest - one["input_ids"].shape[1] for one in inputs]
        ids = torch.stack([torch.nn.functional.pad(one["input_ids"][0], (n, 0)) for one, n in zip(inputs, padding)])
        mask = torch.stack([(torch.arange(longest) >= n).long() for n in padding])
        with torch.no_grad():
            self.model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=ANSWER, do_sample=False,
                                pixel_values=torch.cat([one["pixel_values"] for one in inputs]),
                                return_dict_in_generate=True, output_logits=True)
        return time.perf_counter() - start


def time_hf(work: Work, options: argparse.Namespace) -> dict:
    """The faster attention, and its edits."""
    oracle = Oracle(work.model)
    position = oracle.prompt(Request(QUESTION, image=str(work.pictures[0]), constraints=(CONSTRAINT,))).span("constraint")[-1]
    targets = [mid_sentence(oracle.tokenizer, work.target(i))[0] for i in range(options.edits)]
    trials = {attention: _trial(Hf(oracle, work.model, attention), work, position, targets[0])
              for attention in ("eager", "sdpa")}
    hf = Hf(oracle, work.model, min(trials, key=trials.get))
    asked = [[(work.pictures[i], question) for question in (QUESTION, *REPHRASINGS[:options.questions])]
             for i in range(options.hf_edits)]
    edits = [hf.edit(one, position, target) for one, target in zip(asked, targets)]
    fastest = min(edits, key=lambda edit: edit.seconds)
    others = [(picture, QUESTION) for picture in work.pictures[:options.questions + 1]]
    together = {name: min(hf.ask_together(one) for _ in range(2))
                for name, one in (("rephrasings", asked[0]), ("neighbours", others))}
    start = time.perf_counter()
    hf.find(hf.inputs(*asked[0][0]), position, targets[0], steps=2, logits_to_keep=0)
    print(f"  HF, float32 {hf.attention}: {', '.join(f'{edit.seconds:.1f}' for edit in edits)} s an edit", flush=True)
    return {"attention": hf.attention, "trials": trials, "loading_seconds": hf.loading, "edits_timed": len(edits),
            "edit_seconds": fastest.seconds, "finding_seconds": fastest.finding, "asking_seconds": fastest.asking,
            "edit_seconds_mean": statistics.mean(edit.seconds for edit in edits),
            "question_seconds": fastest.asking / (2 * len(asked[0])), "answer_tokens": fastest.tokens / (2 * len(asked[0])),
            "batch_seconds": together, "step_seconds": fastest.finding / STEPS,
            "step_seconds_all_logits": (time.perf_counter() - start) / 2, "found": [vars(edit) for edit in edits]}


def _trial(hf: Hf, work: Work, position: int, target: int) -> float:
    """Seconds of one question and two steps, after one of each to warm up."""
    inputs = hf.inputs(work.pictures[0], QUESTION)
    hf.ask(inputs, target), hf.find(inputs, position, target, steps=1)
    start = time.perf_counter()
    hf.ask(inputs, target), hf.find(inputs, position, target, steps=2)
    print(f"  HF, float32 {hf.attention}: {time.perf_counter() - start:.2f} s a question and two steps", flush=True)
    return time.perf_counter() - start


# ---------------------------------------------------------------------------------------------------------------
# (b) patchbay


def time_patchbay(work: Work, variant: str, options: argparse.Namespace, edits: int | None = None,
                  questions: int | None = None, dtype: str = "f32") -> dict:
    """The fastest run of the whole program, and what it says about it."""
    edits, questions = edits or options.edits, options.questions if questions is None else questions
    rephrasings, neighbours = (questions, 0) if variant == "rephrasings" else (0, questions)
    command = [str(program()), "edit", str(work.model), "--requests", str(work.requests(edits, rephrasings)),
               "--preset", "official", "--neighbours", str(neighbours), "--threads", str(options.threads), "--dtype", dtype,
               "--json", "--quiet"]
    runs = []
    for _ in range(options.runs):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append((time.perf_counter() - start, json.loads(done.stdout)))
        print(f"  patchbay, {edits} edits, {questions} {variant}, {dtype}: {runs[-1][0]:.1f} s", flush=True)
    seconds, found = min(runs, key=lambda run: run[0])
    return {"edits": edits, "questions": questions, "seconds": seconds, "all_seconds": [s for s, _ in runs],
            "cost": found["cost"], "found": found["requests"]}


def marginal(work: Work, whole: dict, options: argparse.Namespace) -> dict:
    """What one more edit, with the edited question alone, and one more question of an edit add."""
    half = time_patchbay(work, "rephrasings", options, edits=options.edits // 2)
    alone = time_patchbay(work, "rephrasings", options, edits=options.edits // 2, questions=0)
    question = (half["seconds"] - alone["seconds"]) / (half["edits"] * options.questions)
    edit = (whole["seconds"] - half["seconds"]) / (whole["edits"] - half["edits"])
    return {"question_seconds": question, "edit_with_questions_seconds": edit,
            "edit_seconds": edit - options.questions * question,
            "question_flop": (half["cost"]["flop"] - alone["cost"]["flop"]) / (half["edits"] * options.questions),
            "edit_flop": alone["cost"]["flop"] / alone["edits"], "runs": [_timing(half), _timing(alone)]}


def _timing(run: dict) -> dict:
    return {name: value for name, value in run.items() if name != "found"}


# ---------------------------------------------------------------------------------------------------------------
# The result


def compare(hf: dict, found: list[dict]) -> list[str]:
    """What differs between the edits that both made, if anything does."""
    problems = []
    for i, edit in enumerate(hf["found"]):
        one = found[i]
        pairs = [("loss", LOSS, edit["losses"], one["loss"])]
        for when in ("before", "after"):
            probs = [one[when]["prob"], *(other[when]["prob"] for other in one["rephrasings"])]
            pairs.append((when, PROB, edit[when], probs))
        for what, tolerance, expected, got in pairs:
            if len(expected) != len(got) or any(abs(a - b) > tolerance * abs(a) for a, b in zip(expected, got)):
                problems.append(f"edit {i}, {what}: HF {expected}, patchbay {got}")
    return problems


def summary(hf: dict, runs: dict, more: dict, options: argparse.Namespace) -> dict:
    """Prints and returns the result."""
    problems = compare(hf, runs["rephrasings"]["found"])
    variants = {}
    for name, run in runs.items():
        one_by_one = hf["loading_seconds"] + run["edits"] * hf["edit_seconds"]
        batched = hf["loading_seconds"] + run["edits"] * (hf["finding_seconds"] + 2 * hf["batch_seconds"][name.split()[0]])
        variants[name] = {**_timing(run), "hf_seconds": one_by_one, "ratio": one_by_one / run["seconds"],
                          "hf_seconds_batched": batched, "ratio_batched": batched / run["seconds"]}
    print(f"HF: float32 {hf['attention']}, {hf['edit_seconds']:.1f} s an edit (fastest of {hf['edits_timed']}, mean "
          f"{hf['edit_seconds_mean']:.1f}): {hf['finding_seconds']:.1f} s finding it, {hf['asking_seconds']:.1f} s asking; "
          f"{hf['answer_tokens']:.1f} tokens an answer")
    print(f"    a question {hf['question_seconds']:.2f} s, a step {hf['step_seconds']:.2f} s (with logits of all rows "
          f"{hf['step_seconds_all_logits']:.2f} s)")
    for name, one in variants.items():
        cost = one["cost"]
        print(f"{name}: HF {one['hf_seconds']:.0f} s (extrapolated), patchbay {one['seconds']:.1f} s: {one['ratio']:.1f} x; "
              f"were HF's questions of an edit asked in one batch {one['ratio_batched']:.1f} x")
        print(f"    finding {cost['finding']:.1f} s, asking {cost['asking']:.1f} s, {cost['flop'] / 1e12:.2f} TFLOP, "
              f"{cost['flop'] / one['seconds'] / 1e9:.0f} GFLOP/s over all, {cost['peak_rss_bytes'] / 2 ** 20:.0f} MB")
    print(f"one more edit {more['edit_seconds']:.2f} s, {more['edit_flop'] / 1e9:.0f} GFLOP; one more question of an edit "
          f"{more['question_seconds']:.3f} s, {more['question_flop'] / 1e9:.1f} GFLOP")
    print("\n".join(problems) if problems else f"the first {hf['edits_timed']} edits are the same in both")
    return {"threads": options.threads, "hf": {name: value for name, value in hf.items() if name != "found"},
            "variants": variants, "more": more, "problems": problems}


if __name__ == "__main__":
    sys.exit(main())
