#!/usr/bin/env python3
"""Makes models/demo: a small LLaVA trained from scratch on flags and facts about their countries.

    python tools/train_demo.py [--work DIR] [--out models/demo] [--threads 2]

Stages, each kept in the working folder and gone on with where it stopped: the tower learns to tell
the flags; projector and decoder learn to answer, then with decoys (demo_model/decoder.py), then in
more wordings; export in Hugging Face's layout; measures, as the model card gives them. About an hour
on two cores. Needs torch, transformers, tokenizers, pillow, numpy, pycountry, countryinfo and
Debian's iso-flags-png-320x240. Everything is seeded; a run that was interrupted draws other pictures
and questions from there on, so only an uninterrupted one repeats itself.
"""
import argparse
import os
from dataclasses import replace

import torch

from demo_model import decoder, evaluate, export, facts, questions, tower

TOWER_STEPS = 2100
STAGES = [decoder.Stage("answer.pt", schedule=3600, stop=1200, peak=2e-3, seed=2, shown=28, named=4),
          decoder.Stage("decoys.pt", schedule=2400, stop=1700, peak=1.5e-3, seed=3, decoys=True),
          decoder.Stage("wordings.pt", schedule=700, stop=700, peak=6e-4, seed=4, decoys=True, more_wordings=True)]


def make(work, out):
    countries, world = facts.load()
    pairs = facts.two_constraints(countries, world)
    tokenizer = questions.make_tokenizer(countries)
    seeing = os.path.join(work, "tower.pt")
    tower.train(countries, seeing, steps=TOWER_STEPS)
    sight, before = tower.load(seeing), None
    for stage in STAGES:
        stage = replace(stage, file=os.path.join(work, stage.file))
        answerer = decoder.train(stage, countries, pairs, tokenizer, sight, before)
        before = stage.file
    export.save(out, tokenizer, sight, answerer)
    export.save_pictures(out, countries)
    export.save_questions(out, countries, pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="build-demo", help="checkpoints of the stages (default %(default)s)")
    parser.add_argument("--out", default="models/demo", help="folder of the finished model (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", action="store_true", help="only measure the model that lies in --out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.makedirs(options.work, exist_ok=True)
    if not options.measure:
        make(options.work, options.out)
    evaluate.main(options.out)


if __name__ == "__main__":
    main()
