"""The oracle's own identities: what must hold of it whatever patchbay answers. Run before it is believed."""

import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from .checkpoints import RECIPES, make_checkpoint
from .compare import as_json, compare_trace
from .generator import Generator
from .oracle import HEADS, SITES, Oracle, Request
from .pictures import SIZES
from .prompts import TEMPLATES, build_prompt, mid_sentence
from .vocabularies import KINDS, make_tokenizer

QUESTION = "What is the capital of this country?"


def check_shared(oracle: Oracle) -> int:
    """What needs no checkpoint, or any with a few layers. Each of these functions returns how many checks it ran; a failed
    one is an AssertionError."""
    return check_generator() + check_spans() + check_windows(oracle) + check_layouts()


def check_checkpoint(oracle: Oracle, pictures: Path) -> int:
    request = Request(QUESTION, constraints=("this country",), image=str(pictures / "wide.png") if oracle.multimodal else None)
    count = check_plain_forward(oracle, request) + check_sites(oracle, request)
    if len(oracle.layers) > 1:         # in one layer, a parallel block's last row sees no corruption but through attention
        count += check_patches(oracle, request) + check_comparison(oracle, request)
    if isinstance(oracle.model, LlavaForConditionalGeneration):
        count += check_processor(oracle, pictures)
    return count


def check_generator() -> int:
    """splitmix64's published first value from seed 0; Gaussians of mean 0 and deviation 1."""
    assert Generator(0).next() == 0xE220A8397B1DCDAF
    draws = Generator(3).gaussians(20000)
    assert abs(draws.mean()) < 0.02 and abs(draws.std() - 1) < 0.02
    return 1


def check_spans() -> int:
    """A constraint's tokens, decoded, are its words, in every tokenizer and template; pieces are encoded apart."""
    for kind in KINDS:
        tokenizer = make_tokenizer(kind)
        for template in TEMPLATES:
            prompt = build_prompt(tokenizer, template, QUESTION, image_rows=9)
            prompt.mark_constraint("THIS Country", False)
            words = tokenizer.decode([prompt.ids[p] for p in prompt.span("constraint")])
            assert words.strip() == "this country", (kind, template, words)
            asked = tokenizer.decode([prompt.ids[p] for p in prompt.span("question")])
            assert asked.strip() == QUESTION, (kind, template, asked)
            assert len(prompt.image) == (9 if "<image>" in TEMPLATES[template] else 0)
            assert prompt.bos == (kind in ("normalizer", "metaspace", "llama3"))
        assert tokenizer.decode(mid_sentence(tokenizer, "Paris")).strip() == "Paris"
    return len(KINDS)


def check_windows(oracle: Oracle) -> int:
    """The published meanings: ROME's window of 10 around layer 15 is 10..19; the official code's radius is 2R + 1 wide."""
    count = len(oracle.layers)
    assert oracle._windows(Request(window=1))[1] == [(l, l) for l in range(count)]
    assert oracle._windows(Request(window=2))[1] == [(max(0, l - 1), l) for l in range(count)]
    assert oracle._windows(Request(window=3))[1] == oracle._windows(Request(radius=1))[1]
    return 1


def check_layouts() -> int:
    """The rewritten layouts are the same model to HF: every weight, and the settings behind the same logits."""
    recipe = next(r for r in RECIPES if r.layout == "5" and r.vision is not None)
    ids = torch.arange(5, 25)[None]
    with tempfile.TemporaryDirectory() as folder:
        paths = [make_checkpoint(replace(recipe, layout=layout, name=layout), Path(folder)) for layout in ("5", "4.5x", "4")]
        models = [LlavaForConditionalGeneration.from_pretrained(path, dtype=torch.float32) for path in paths]
    first = models[0]
    with torch.no_grad():
        for model in models[1:]:
            different = [name for name, weight in model.state_dict().items() if not torch.equal(weight, first.state_dict()[name])]
            assert not different, different
            assert torch.allclose(model(input_ids=ids).logits, first(input_ids=ids).logits, rtol=1e-5, atol=1e-5)
    return 1


def check_plain_forward(oracle: Oracle, request: Request) -> int:
    """The oracle's clean run is HF's own forward pass over ids and pixels, and `ask` is HF's generate."""
    prompt = oracle.prompt(request)
    inputs = {"input_ids": torch.tensor([prompt.ids])}
    features = None
    if oracle.multimodal:
        inputs["pixel_values"] = oracle.pixels(request.image)
        features = oracle.features(request.image)
    with torch.no_grad():
        expected = oracle.model(**inputs).logits[0, -1]
        generated = oracle.model.generate(**inputs, max_new_tokens=8, do_sample=False)[0, len(prompt.ids):]
    run = oracle.run(oracle.embed(prompt.ids, prompt.image, features))
    assert torch.allclose(run.logits[0], expected, rtol=1e-5, atol=1e-5)
    answer, _ = oracle.ask(request, 8)
    assert generated.tolist()[:len(answer)] == answer
    return 1


def check_sites(oracle: Oracle, request: Request) -> int:
    """resid_pre + attn_out + mlp_out = resid_post at every row; a layer's output is the next one's input."""
    prompt = oracle.prompt(request)
    features = oracle.features(request.image) if request.image else None
    sites = oracle.run(oracle.embed(prompt.ids, prompt.image, features), record=True).sites
    for l in range(len(oracle.layers)):
        total = sites["resid_pre"][l] + sites["attn_out"][l] + sites["mlp_out"][l]
        assert torch.allclose(total, sites["resid_post"][l], rtol=1e-5, atol=1e-5)
        assert l == 0 or torch.equal(sites["resid_pre"][l], sites["resid_post"][l - 1])
    return 1


def check_patches(oracle: Oracle, request: Request) -> int:
    """Own activations change no bit; every changed row restored at layer 0 is the clean run; what is restored below
    the answer's reach changes nothing; each cell elsewhere changes something."""
    prompt = oracle.prompt(request)
    features = oracle.features(request.image) if request.image else None
    rows = oracle.embed(prompt.ids, prompt.image, features)
    run = oracle.run(rows, record=True)
    everywhere = list(range(len(rows)))
    for site in (*SITES, HEADS):
        for l in range(len(oracle.layers)):
            same = oracle.run(rows, edits={(site, l): (everywhere, run.sites[site][l])})
            assert torch.equal(same.logits, run.logits), (site, l)

    denoised = oracle.trace(replace(request, sites=SITES, positions="constraint,last", group=True, layers=(0, 1)))
    assert denoised.grids["resid_pre"][0][0].prob == denoised.clean.prob
    assert denoised.grids["resid_pre"][0][1].prob == denoised.corrupted.prob
    noised = oracle.trace(replace(request, sites=SITES, positions="constraint", group=True, layers=(0, 1), direction="noise"))
    assert noised.grids["resid_pre"][0][0].prob == noised.corrupted.prob

    count = len(oracle.layers)
    grid = oracle.trace(replace(request, positions="text", layers=(count - 1, count))).grids
    for site, (row,) in grid.items():                      # at the last layer, only `last` is read
        assert all(score.prob == denoised.corrupted.prob for score in row[:-1])
        assert row[-1].prob != denoised.corrupted.prob
    assert grid["resid_post"][0][-1].prob == denoised.clean.prob
    return 1


def check_comparison(oracle: Oracle, request: Request) -> int:
    """The comparison passes what is right, and finds each thing made wrong."""
    request = replace(request, foil="Rome", layers=(0, 2), radius=1, positions="constraint,last")
    trace = oracle.trace(request)
    right = as_json(oracle, request, trace)
    assert not compare_trace(oracle, request, trace, right).problems

    def spoil(change) -> bool:
        wrong = deepcopy(right)
        change(wrong)
        return len(compare_trace(oracle, request, trace, wrong).problems) > 0

    cell = trace.grids["mlp_out"][1][1]
    assert spoil(lambda w: w["sites"]["mlp_out"]["prob"][1].__setitem__(1, cell.prob * 1.0002))
    assert spoil(lambda w: w["sites"]["mlp_out"]["prob"][1].__setitem__(1, None))
    assert spoil(lambda w: w["sites"]["mlp_out"]["prob"][1].__setitem__(1, float("nan")))
    assert spoil(lambda w: w["sites"]["mlp_out"]["logprob"][1].__setitem__(1, cell.logprob - 2e-4))
    assert spoil(lambda w: w["sites"]["mlp_out"]["logit_diff"][1].__setitem__(1, cell.logit_diff + 1))
    assert spoil(lambda w: w["sites"]["attn_out"]["prob"].pop())
    assert spoil(lambda w: w["sites"].pop("resid_post"))
    assert spoil(lambda w: w["sites"]["attn_out"]["restored"][0].__setitem__(1, 0))
    assert spoil(lambda w: w["tokens"][-1].__setitem__("id", 3))
    assert spoil(lambda w: w["constraints"][0]["positions"].pop())
    assert spoil(lambda w: w["clean"]["top"][0].__setitem__("id", 0))
    assert spoil(lambda w: w["marks"].append("primed"))
    assert spoil(lambda w: w["cost"].pop("flop"))
    return 1


def check_processor(oracle: Oracle, pictures: Path) -> int:
    """HF reads the folder's processor config as the oracle does."""
    for name in SIZES:
        picture = Image.open(pictures / name).convert("RGB")
        expected = CLIPImageProcessorPil.from_pretrained(oracle.folder)(picture, return_tensors="pt")["pixel_values"]
        assert torch.equal(oracle.pixels(pictures / name), expected.float())
    return 1
