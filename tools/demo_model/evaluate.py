"""Measures a finished model folder as its users would see it: loaded by Hugging Face, pictures through
the folder's processor, greedy answers, and a causal trace by plain hooks.

    python -m demo_model.evaluate FOLDER        (from tools/)
"""
import random
import sys
from collections import defaultdict

import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from . import facts, pictures
from .questions import CLOSING, DETERMINERS, MORE_WORDINGS, NO_COUNTRY, TWO, UNKNOWN, WORDINGS

PROMPT, WORDS_ONLY = "USER:<image>\n{}" + CLOSING, "USER:{}" + CLOSING
THIS, TRACED, MOST_TOKENS = "this country", 24, 8


class Model:
    def __init__(self, folder):
        self.processor = AutoProcessor.from_pretrained(folder, backend="pil")
        self.llava = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32,
                                                                   attn_implementation="eager").eval()
        self.words = self.processor.tokenizer

    def pixels(self, images):
        return self.processor.image_processor(images, return_tensors="pt").pixel_values

    def ids(self, question, shown):
        text = (PROMPT if shown else WORDS_ONLY).format(question)
        if not shown:
            return self.words(text).input_ids
        return self.words(text.replace("<image>", "<image>" * self.llava.config.image_seq_length)).input_ids

    @torch.no_grad()
    def answers(self, asked):
        """asked: (question, pixels or None) -> texts, greedy; equal lengths run together."""
        groups, told = defaultdict(list), [None] * len(asked)
        for i, (question, pixels) in enumerate(asked):
            ids = self.ids(question, pixels is not None)
            groups[len(ids), pixels is not None].append((i, ids))
        for (length, shown), members in groups.items():
            for at in range(0, len(members), 64):
                part = members[at:at + 64]
                ids = torch.tensor([m[1] for m in part])
                extra = dict(pixel_values=torch.stack([asked[m[0]][1] for m in part])) if shown else {}
                out = self.llava.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                                          max_new_tokens=MOST_TOKENS, **extra)
                for (i, _), text in zip(part, self.words.batch_decode(out[:, length:], skip_special_tokens=True)):
                    told[i] = text.strip()
        return told


def share(model, cases):
    """cases: (question, pixels, accepted answers) -> how many are right, of how many, and the wrong ones."""
    told = model.answers([(question, pixels) for question, pixels, _ in cases])
    wrong = [(question, text, accepted) for (question, _, accepted), text in zip(cases, told)
             if text.lower() not in {a.lower() for a in accepted}]
    return len(cases) - len(wrong), len(cases), wrong


def fact_cases(countries, shots, relation, rng=None, every=WORDINGS):
    """Every wording for each picture, or with `rng` one wording each. shots: per country, its pixels."""
    for country, pixels in zip(countries, shots):
        if not country.first[relation]:
            continue
        wordings = [rng.choice(every[relation])] if rng else every[relation]
        for wording in wordings:
            yield wording.replace("{c}", THIS), pixels, country.accepted[relation]


def two_cases(countries, shots, pairs, rng):
    shot_of = {c.key: pixels for c, pixels in zip(countries, shots)}
    for country, prop, value, answer in pairs:
        yield rng.choice(TWO[prop]).replace("{c}", THIS).replace("{v}", value), shot_of[country.key], {answer}


def named_cases(countries, shots, rng):
    """Each country named in words, with the next country's flag (or None) shown."""
    for country, pixels in zip(countries, shots):
        for relation in facts.RELATIONS[1:]:
            if country.first[relation]:
                wording = rng.choice(WORDINGS[relation])
                yield wording.replace("{c}", country.first["name"]), pixels, country.accepted[relation]


def junk_cases(shots, rng):
    for pixels in shots:
        for place in ("Paris Paris", f"{rng.choice(DETERMINERS)} {rng.choice(NO_COUNTRY)}"):
            yield rng.choice(WORDINGS[rng.choice(facts.RELATIONS)]).replace("{c}", place), pixels, {UNKNOWN}


def accuracy(model, countries, pairs, photographs=2):
    """name of a group -> (right, asked, wrong)"""
    rng, keys, found = random.Random(11), [c.key for c in countries], {}
    clean = list(model.pixels([pictures.clean(k) for k in keys]))
    photos = model.pixels(pictures.held_out(keys, photographs))
    photos = [photos[i::photographs] for i in range(photographs)]
    for relation in facts.RELATIONS:
        found[relation, "clean"] = share(model, list(fact_cases(countries, clean, relation)))
        cases = [case for shots in photos for case in fact_cases(countries, shots, relation, rng)]
        found[relation, "photographed"] = share(model, cases)
    found["two constraints", "clean"] = share(model, list(two_cases(countries, clean, pairs, rng)))
    found["two constraints", "photographed"] = share(model, list(two_cases(countries, photos[0], pairs, rng)))
    cases = [case for relation in facts.RELATIONS for case in fact_cases(countries, clean, relation, rng, MORE_WORDINGS)]
    found["other wordings", "clean"] = share(model, cases)
    others = clean[1:] + clean[:1]
    found["named in words", "another flag"] = share(model, list(named_cases(countries, others, rng)))
    found["named in words", "no picture"] = share(model, list(named_cases(countries, [None] * len(keys), rng)))
    found["no country named", "any flag"] = share(model, list(junk_cases(clean, rng)))
    return found


class Trace:
    """Mean P(capital) over countries; one batch of prompts of equal length, hooks on whole layers.
    B countries, T rows, D wide."""

    def __init__(self, model, countries, question=WORDINGS["capital"][0].replace("{c}", THIS)):
        chosen = [c for c in countries if facts.distinct_capital(c)]
        chosen = random.Random(5).sample(chosen, TRACED)
        self.model, self.llava = model, model.llava
        self.names = [c.first["name"] for c in chosen]
        self.pixels = model.pixels([pictures.clean(c.key) for c in chosen])
        self.ids = torch.tensor([model.ids(question, True)] * len(chosen))
        self.answer = torch.tensor([self.token(" " + c.first["capital"]) for c in chosen])
        country = [i for i, t in enumerate(self.ids[0].tolist()) if t == self.token(" country")][-1]
        self.place = [country - 1, country]
        self.layers = self.llava.model.language_model.layers
        self.image = (self.ids[0] == self.llava.config.image_token_id).nonzero().flatten().tolist()

    def token(self, text):
        return self.model.words(text).input_ids[0]

    def swapped(self, text=" Paris"):
        ids = self.ids.clone()
        ids[:, self.place] = self.token(text)
        return ids

    @torch.no_grad()
    def run(self, ids, layer=None, rows=(), record=None, pixels=None):
        """P(answer) [B]; with `layer`, its output at `rows` is replaced by the recorded one."""
        hooks, kept = [], []
        if layer is not None:
            def put_back(_, __, out):
                out = out.clone()
                out[:, rows] = record[layer][:, rows]
                return out
            hooks.append(self.layers[layer].register_forward_hook(put_back))
        elif record is None:
            hooks += [l.register_forward_hook(lambda _, __, out: kept.append(out.clone())) for l in self.layers]
        logits = self.llava(input_ids=ids, pixel_values=self.pixels if pixels is None else pixels).logits[:, -1]
        for hook in hooks:
            hook.remove()
        self.kept, self.top = kept, logits.argmax(-1)
        return logits.softmax(-1)[torch.arange(len(ids)), self.answer]

    def report(self):
        clean = self.run(self.ids)
        record = self.kept
        corrupted = self.run(self.swapped())
        instead = self.model.words.batch_decode(self.top[:, None])
        lines = [f"{len(self.names)} countries, mean P(capital): clean {clean.mean():.3f} (least {clean.min():.3f}), "
                 f"swapped for Paris {corrupted.mean():.4f} (most {corrupted.max():.4f}), "
                 f"answering instead {sorted(set(instead))}"]
        for word in (" London", " chair", " Tokyo", " water"):
            lines.append(f"swapped for{word}: {self.run(self.swapped(word)).mean():.4f}")
        other = self.run(self.ids, record=record, pixels=self.pixels.roll(1, 0))
        lines.append(f"another flag shown: {other.mean():.4f}")
        sets = {"both": self.place, "this": self.place[:1], "country": self.place[1:], "last": [-1]}
        lines.append("resid_post restored under the swap, per layer: " + ", ".join(sets))
        for layer in range(len(self.layers)):
            found = [self.run(self.swapped(), layer, rows, record).mean().item() for rows in sets.values()]
            lines.append(f"  layer {layer}: " + "  ".join(f"{p:.3f}" for p in found))
        return "\n".join(lines)


def main(folder):
    countries, world = facts.load()
    pairs = facts.two_constraints(countries, world)
    model = Model(folder)
    print(Trace(model, countries).report(), flush=True)
    for (group, shown), (right, asked, wrong) in accuracy(model, countries, pairs).items():
        print(f"{group:16s} {shown:13s} {100 * right / asked:5.1f} %  of {asked}", flush=True)
        print("    " + "; ".join(f"{q} -> {t!r}, not {sorted(a)[0]!r}" for q, t, a in wrong[:3]))


if __name__ == "__main__":
    main(sys.argv[1])
