"""The frozen decoder: SmolLM2-135M-Instruct as tools/smollm2.py writes it, its prompts and its answers.

A prompt is patchbay's `flags` template: USER:<image>\\nQUESTION Answer in a few words.\\nASSISTANT: and
perhaps the begun answer. The piece before the picture and the piece after it are encoded by themselves.
B pictures, R = 36 picture rows, T tokens, D = 576, the decoder's width.
"""
from dataclasses import dataclass
from functools import lru_cache

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from demo_model.questions import AFTER_PICTURE, BEFORE_PICTURE, CLOSING
from .tower import ROWS

END = "<|im_end|>"
IGNORED = -100


@dataclass
class Asked:
    """A question after the picture as tokens: the piece, then the answer and END from `answer` on."""
    ids: list
    answer: int


class Packed:
    """Several questions to each of B pictures, side by side: each sees the picture and itself, and has
    the positions that it would have alone. Tensors [B, T]; `targets` are the next tokens of answers."""

    def __init__(self, questions, before):
        start = before + ROWS
        shape = len(questions), start + max(sum(len(q.ids) for q in asked) for asked in questions)
        self.ids, self.targets = torch.zeros(shape, dtype=torch.long), torch.full(shape, IGNORED)
        self.position = torch.arange(shape[1]).repeat(shape[0], 1)
        segment = torch.full(shape, -1)
        segment[:, :start] = 0
        for b, asked in enumerate(questions):
            at = start
            for number, q in enumerate(asked, 1):
                end = at + len(q.ids)
                self.ids[b, at:end], segment[b, at:end] = torch.tensor(q.ids), number
                self.position[b, at:end] = torch.arange(start, start + len(q.ids))
                self.targets[b, at + q.answer - 1:end - 1] = self.ids[b, at + q.answer:end]
                at = end
        row, column = segment[:, :, None], segment[:, None, :]
        seen = torch.ones(shape[1], shape[1], dtype=torch.bool).tril() & ((column == 0) | (column == row))
        self.mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9)[:, None]


class Decoder:
    """`model` is a LlamaModel and `head` its unembedding: of the decoder's own folder (`load`) or of a LLaVA."""

    def __init__(self, words, model, head):
        self.words, self.model, self.head = words, model, head
        self.table = model.embed_tokens.weight
        self.ids = lru_cache(None)(lambda text: tuple(self.words(text, add_special_tokens=False).input_ids))
        self.end = self.words.convert_tokens_to_ids(END)
        self.before = self.ids(BEFORE_PICTURE)

    @classmethod
    def load(cls, folder):
        lm = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
        lm.eval().requires_grad_(False)
        return cls(AutoTokenizer.from_pretrained(folder), lm.model, lm.lm_head)

    def after(self, question, begun=""):
        return list(self.ids(AFTER_PICTURE + question + CLOSING + begun))

    def asked(self, question, begun, answer):
        """`answer` None: only what comes first is of interest."""
        piece = self.after(question, begun)
        told = [*self.ids(" " + answer), self.end] if answer else [self.end]
        return Asked([*piece, *told], len(piece))

    def logits(self, rows, questions):
        """rows [B, R, D]; questions: per picture a list of Asked -> logits [targets, V], targets [targets]"""
        pack, count = Packed(questions, len(self.before)), len(rows)
        before = self.table[list(self.before)].expand(count, -1, -1)
        rest = self.table[pack.ids[:, len(self.before) + ROWS:]]
        hidden = self.model(inputs_embeds=torch.cat([before, rows, rest], 1), attention_mask=pack.mask,
                               position_ids=pack.position, use_cache=False).last_hidden_state
        wanted = pack.targets != IGNORED
        return self.head(hidden[wanted]), pack.targets[wanted]

    @torch.no_grad()
    def _greedy(self, most, cache, **first):
        """The texts up to END that follow what `cache` holds and `first` (inputs_embeds or input_ids [B, T])."""
        hidden, told = self.model(cache=cache, **first).last_hidden_state, []
        while True:
            told.append(self.head(hidden[:, -1]).argmax(-1))
            ended = (torch.stack(told) == self.end).any(0).all()
            if ended or len(told) == most:
                break
            hidden = self.model(input_ids=told[-1][:, None], cache=cache).last_hidden_state
        return [text.split(END)[0] for text in self.words.batch_decode(torch.stack(told, 1))]

    @torch.no_grad()
    def answers(self, rows, asked, most=16, chunk=66):
        """rows [B, R, D]; asked: (question, begun) pairs -> for each its B texts. What stands before the questions,
        the picture, is computed once for all of them."""
        told = [[] for _ in asked]
        for part in rows.split(chunk):
            before, cache = self.table[list(self.before)].expand(len(part), -1, -1), DynamicCache()
            self.model(inputs_embeds=torch.cat([before, part], 1), cache=cache)
            length = cache.get_seq_length()
            for texts, (question, begun) in zip(told, asked):
                after = torch.tensor(self.after(question, begun)).expand(len(part), -1)
                texts += self._greedy(most, cache, input_ids=after)
                cache.crop(length - cache.get_seq_length())
        return told

    def text_answers(self, prompts, most=12):
        """Plain prompts without a picture; those of equal length run together."""
        ids, told = [self.ids(p) for p in prompts], [None] * len(prompts)
        for length in sorted({len(i) for i in ids}):
            members = [n for n, i in enumerate(ids) if len(i) == length]
            texts = self._greedy(most, DynamicCache(), input_ids=torch.tensor([ids[n] for n in members]))
            for n, text in zip(members, texts):
                told[n] = text
        return told
