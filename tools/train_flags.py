#!/usr/bin/env python3
"""Makes models/flags: a tower and a projector that show flags to SmolLM2-135M-Instruct, which stays as it is.

    python tools/train_flags.py --seed 0 [--work build-flags] [--out models/flags] [--threads 2]

Of half of the countries nothing but names is taught, so that what the finished model says about them is what its
decoder knew. The stages, each kept in the working folder and gone on with where it stopped:

    shared by all seeds     smollm2/      the decoder, from its package (tools/smollm2.py)
                            facts.json    countries, which half is held out, which capitals the decoder knows in words
                            layout.json   what the picture's rows are to imitate (flags_model/frame.py)
                            words.json    what the decoder tells in words of the training half
                            frame.pt      the frame around it
    a seed's own, seedN/    tower.pt      the tower tells the flags
                            matched.pt    tower and projector write the framed name

Then the export, and the assembled model (tools/assemble_flags.py). In tools/, `python -m flags_model.evaluate` measures
it. Needs what tools/requirements.txt lists, and Debian's iso-flags-png-320x240. A run that was interrupted draws other
pictures from there on, so only an uninterrupted one repeats itself.
"""
import argparse
import os
import subprocess
import sys

import torch

from flags_model import decoder as decoders, export, facts, frame as frames, projector, questions, tower

TOOLS = os.path.dirname(os.path.abspath(__file__))


def run(tool, *arguments):
    subprocess.run([sys.executable, os.path.join(TOOLS, tool), *arguments], check=True)


class Work:
    """The working folder: each shared thing is made when it is first asked for, and read from then on."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder

    def file(self, *parts):
        return os.path.join(self.folder, *parts)

    def decoder(self):
        folder = self.file("smollm2")
        if not os.path.exists(os.path.join(folder, "tokenizer.json")):
            run("smollm2.py", "--out", folder)
        return decoders.Decoder.load(folder)

    def countries(self, decoder):
        file = self.file("facts.json")
        if not os.path.exists(file):
            countries = facts.gather()
            facts.find_known(countries, decoder)
            facts.save(countries, file)
        return facts.load(file)

    def targets(self, decoder, countries):
        layout = frames.choose(decoder, countries, self.file("layout.json"))
        answers = questions.in_words(decoder, countries, self.file("words.json"))
        frame = frames.tune(decoder, countries, layout, answers, self.file("frame.pt"))
        return projector.Targets(decoder, frame, layout, countries)


def make(work, seed, out):
    decoder = work.decoder()
    countries = work.countries(decoder)
    targets = work.targets(decoder, countries)
    os.makedirs(work.file(f"seed{seed}"), exist_ok=True)
    seeing, matched = (work.file(f"seed{seed}", name) for name in ("tower.pt", "matched.pt"))
    tower.train(countries, seeing, seed)
    projector.match(decoder, targets, countries, seeing, matched, seed)
    export.save(out, matched, decoder, countries)
    export.save_pictures(out, countries)
    run("assemble_flags.py", "--adapter", out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the tower and the projector (default %(default)s)")
    parser.add_argument("--work", default="build-flags", help="checkpoints of the stages (default %(default)s)")
    parser.add_argument("--out", default="models/flags", help="folder of the finished model (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    make(Work(options.work), options.seed, options.out)


if __name__ == "__main__":
    main()
