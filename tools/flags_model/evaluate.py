"""Measures a finished model as its users would see it: the assembled folder, opened by Hugging Face, pictures through
its processor, greedy answers of at most 16 tokens (10 where only relations are asked). An answer is right if it names
one that the sources list.

    python -m flags_model.evaluate ../models/flags/assembled [--relations] [--json FILE]      (from tools/)
    python -m flags_model.evaluate ../models/flags/assembled --program ../build/patchbay

Without --relations: names and capitals, the measures that seeds are compared by. With --program: is patchbay's answer
to a sample of questions Hugging Face's?
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from demo_model import pictures
from demo_model.questions import WORDINGS
from . import facts
from .decoder import END, Decoder
from .questions import BEGUN, THIS

MOST, MOST_OF_OTHERS = 16, 10           # tokens of an answer
SEED, PHOTOGRAPHS = 4321, 2             # of the photographs that are never trained on; how many of each flag
MEASURES = {"name": ("name", ""), "capital": ("capital", ""), "capital, begun": ("capital", BEGUN["capital"])}
OTHERS = {relation: (relation, "") for relation in facts.RELATIONS if relation not in ("name", "capital")}
GROUPS = {
    "all": lambda c: True, "taught half": lambda c: not c.held_out, "held-out half": lambda c: c.held_out,
    "known": lambda c: c.known, "known, taught": lambda c: c.known and not c.held_out,
    "known, held out": lambda c: c.known and c.held_out,
    "known, held out, capital unlike the name": lambda c: c.known and c.held_out and c.plain_capital(),
}


def question(relation):
    return WORDINGS[relation][0].replace("{c}", THIS)


class Model:
    def __init__(self, folder):
        self.processor = AutoProcessor.from_pretrained(folder, backend="pil")
        self.llava = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self.decoder = Decoder(self.processor.tokenizer, self.llava.model.language_model, self.llava.lm_head)

    def pixels(self, images):
        return self.processor.image_processor(images, return_tensors="pt").pixel_values

    @torch.no_grad()
    def rows(self, images):
        """[B, R, D]"""
        parts = [self.llava.get_image_features(pixel_values=p).pooler_output for p in self.pixels(images).split(66)]
        return torch.cat([torch.stack(tuple(part)) for part in parts])

    @torch.no_grad()
    def generated(self, image, asked, begun="", most=16):
        """One answer the way Hugging Face's own generate makes it."""
        before, after = self.decoder.before, self.decoder.after(asked, begun)
        image_rows = [self.llava.config.image_token_id] * self.llava.config.image_seq_length
        ids = torch.tensor([[*before, *image_rows, *after]])
        out = self.llava.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=self.pixels([image]),
                                  do_sample=False, max_new_tokens=most)
        return self.processor.tokenizer.decode(out[0, ids.shape[1]:]).split(END)[0]


def shots(countries):
    """What is shown of each flag: looks -> one picture a country."""
    keys = [c.key for c in countries]
    photographs = pictures.held_out(keys, PHOTOGRAPHS, SEED)
    shown = {f"photograph {n + 1}": photographs[n::PHOTOGRAPHS] for n in range(PHOTOGRAPHS)}
    return shown | {"clean": [pictures.clean(key) for key in keys]}


def measure(model, countries, shown, measures, most):
    """(measure, look) -> per country True, False or None (nothing is known of it)"""
    found = {}
    for look, images in shown.items():
        asked = [(question(relation), begun) for relation, begun in measures.values()]
        answers = model.decoder.answers(model.rows(images), asked, most)
        for (name, (relation, _)), texts in zip(measures.items(), answers):
            right = [c.right(relation, text) if relation in c.answers else None for c, text in zip(countries, texts)]
            found[name, look] = right
            show(table({(name, look): right}, countries))
            some = random.Random(7).sample(list(zip(countries, texts)), 6)
            print(f"   {name}, {look}: " + "; ".join(f"{c.name}: {text.strip()}" for c, text in some), flush=True)
    return found


def table(found, countries):
    """Shares: measure -> group -> look ("clean" or "photographed") -> (right, asked)"""
    shares = {}
    for (name, look), right in found.items():
        look = look.split(" ")[0].replace("photograph", "photographed")
        for group, belongs in GROUPS.items():
            answered = [r for r, c in zip(right, countries) if r is not None and belongs(c)]
            before = shares.setdefault(name, {}).setdefault(group, {}).setdefault(look, (0, 0))
            shares[name][group][look] = (before[0] + sum(answered), before[1] + len(answered))
    return shares


def show(shares):
    for name, groups in shares.items():
        for group, looks in groups.items():
            told = "   ".join(f"{look} {100 * r / n:5.1f} % of {n}" for look, (r, n) in looks.items())
            print(f"{name:15s} {group:42s} {told}")


def compare(model, countries, folder, program, count=12):
    """Asks the program, Hugging Face's generate and the batched answers the same; returns how many differ."""
    chosen, differ = random.Random(3).sample(range(len(countries)), count), 0
    images = shots(countries)["photograph 1"]
    with tempfile.TemporaryDirectory() as scratch:
        for n, i in enumerate(chosen):
            relation, begun = list(MEASURES.values())[n % len(MEASURES)]
            file = os.path.join(scratch, f"{countries[i].key}.png")
            images[i].save(file)
            command = [program, "ask", folder, question(relation), "--image", file, "--max-tokens", "16"]
            told = subprocess.run([*command, *(["--prefill", begun.strip()] if begun else [])], check=True,
                                  capture_output=True, text=True).stdout
            theirs = model.generated(images[i], question(relation), begun)
            [[batched]] = model.decoder.answers(model.rows([images[i]]), [(question(relation), begun)])
            same = theirs.strip() in told and theirs == batched
            differ += not same
            print(f"{'same' if same else 'OTHER'}  {countries[i].name}, {relation}: {theirs!r}", flush=True)
    return differ


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="the assembled model")
    parser.add_argument("--facts", help="its facts.json (default: in the folder above)")
    parser.add_argument("--relations", action="store_true", help="also language, currency, continent and neighbour")
    parser.add_argument("--json", metavar="FILE", help="keep the shares")
    parser.add_argument("--program", metavar="FILE", help="compare this patchbay's answers instead")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    countries = facts.load(options.facts or os.path.join(options.folder, "..", "facts.json"))
    model = Model(options.folder)
    if options.program:
        return int(compare(model, countries, options.folder, options.program) > 0)
    shown = shots(countries)
    found = measure(model, countries, shown, MEASURES, MOST)
    if options.relations:
        found |= measure(model, countries, {look: shown[look] for look in ("photograph 1", "clean")}, OTHERS, MOST_OF_OTHERS)
    shares = table(found, countries)
    show(shares)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump(shares, out, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
