"""Random pictures through the image room, through Pillow and through HF: every byte and every float must be equal.

    python tools/parity/images_check.py build/tests/image/process_image [--count 1000] [--seed 1] [--only decode]

decode   every kind of PNG, JPEG and WebP of random sizes, against Image.open(...).convert("RGB")
resize   random sizes (thin, wide, tiny, large) and all filters, against Image.resize
tower    random processor configs in both file forms, against the Pillow-backed CLIP and SigLIP processors
damage   cut, flipped and patched files: where both sides read pixels, they are the same; where only one side refuses,
         the kinds are counted (patchbay may refuse more than Pillow, never less than it must: a cut file is refused
         unless Pillow reads it)
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "goldens"))
import make_image_goldens as make  # noqa: E402

warnings.filterwarnings("ignore", category=UserWarning)


class Program:
    """process_image, one run a call."""

    def __init__(self, path, folder):
        self.path, self.folder = path, Path(folder)

    def run(self, what, data, *options, dtype=np.uint8):
        """values[height][width][3], or None and the error's words."""
        file = self.folder / "picture"
        file.write_bytes(data)
        done = subprocess.run([self.path, what, file, *map(str, options)], capture_output=True, timeout=300)
        if done.returncode not in (0, 1):
            raise SystemExit(f"process_image {what} {options}: exit {done.returncode}: {done.stderr.decode()}")
        if done.returncode == 1:
            return None, done.stderr.decode().splitlines()[0]
        if done.stderr:
            raise SystemExit(f"process_image writes to stderr: {done.stderr.decode()}")
        head, values = done.stdout.split(b"\n", 1)
        width, height = map(int, head.split())
        shape = (height, width, 3) if dtype == np.uint8 else (3, height, width)
        return np.frombuffer(values, dtype).reshape(shape), ""


class Tally:
    """How many of each kind were compared and differed."""

    def __init__(self, title):
        self.title, self.compared, self.wrong = title, collections.Counter(), collections.Counter()

    def compare(self, kind, ours, theirs, message="", detail=""):
        self.compared[kind] += 1
        same = ours is not None and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
        if not same:
            self.wrong[kind] += 1
            if self.wrong[kind] <= 3:
                print(f"  {self.title} {kind} {detail}: {message or describe(ours, theirs)}")

    def report(self):
        for kind in sorted(self.compared):
            print(f"{self.title:8} {kind:24} {self.compared[kind]:6} compared, {self.wrong[kind]} differ")
        return sum(self.wrong.values())


def describe(ours, theirs):
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, expected {theirs.shape}"
    gap = np.abs(ours.astype(float) - theirs.astype(float))
    return f"{np.count_nonzero(gap)} of {gap.size} values differ, by {gap.max():g} at most"


def random_size(rng):
    kind = rng.integers(0, 8)
    if kind == 0:
        return 1, 1
    if kind == 1:
        return int(rng.integers(1, 4)), int(rng.integers(1, 300))
    if kind == 2:
        return int(rng.integers(1, 300)), int(rng.integers(1, 4))
    return int(rng.integers(1, 120)), int(rng.integers(1, 120))


def random_files(rng):
    """(kind, bytes): one of every kind, each of its own size."""
    for name, (depth, colours) in make.PNG_KINDS.items():
        for interlaced in (False, True):
            width, height = random_size(rng)
            yield "png " + name, make.png_of(rng, width, height, depth, colours, interlaced, bool(rng.integers(0, 2))
                                             and colours in (make.GREY, make.RGB, make.PALETTE))
    for tool, family in ((make.jpegs, "jpeg "), (make.webps, "webp ")):
        width, height = random_size(rng)
        for name, data in tool(rng, width, height, make.noise if rng.integers(0, 2) else make.smooth):
            yield family + name, data


def check_decode(program, rng, count):
    tally = Tally("decode")
    while sum(tally.compared.values()) < count:
        for kind, data in random_files(rng):
            ours, message = program.run("rgb", data)
            tally.compare(kind, ours, make.pillow_rgb(data), message, f"{len(data)} bytes")
    return tally.report()


def resize_sizes(rng):
    """(from, to), from thin to 40,000 pixels wide."""
    kind = rng.integers(0, 12)
    if kind == 0:
        return (int(rng.integers(20000, 40001)), int(rng.integers(1, 3))), (int(rng.integers(1, 500)), 2)
    if kind == 1:
        return (int(rng.integers(1, 4)), int(rng.integers(1, 4))), random_size(rng)
    if kind == 2:
        return (int(rng.integers(300, 1500)), int(rng.integers(300, 1500))), (336, 336)
    if kind == 3:
        return random_size(rng), (int(rng.integers(200, 900)), int(rng.integers(200, 900)))
    return random_size(rng), random_size(rng)


def raw_png(picture):
    return make.saved(picture, "RGB", format="PNG", compress_level=0)


def check_resize(program, rng, count):
    tally = Tally("resize")
    for i in range(count):
        (width, height), to = resize_sizes(rng)
        draw = (make.noise, make.smooth, extreme)[int(rng.integers(0, 3))]
        picture = draw(rng, width, height)
        name, number = list(make.FILTERS.items())[i % len(make.FILTERS)]
        ours, message = program.run("resize", raw_png(picture), *to, number)
        theirs = np.array(Image.fromarray(picture).resize(to, number))
        tally.compare(name, ours, theirs, message, f"{width}x{height} to {to[0]}x{to[1]}")
    return tally.report()


def extreme(rng, width, height, channels=3):
    """Only 0 and 255, where sums leave the range and are clipped."""
    return make.noise(rng, width, height, channels) // 128 * 255


def random_config(rng):
    siglip = bool(rng.integers(0, 2))
    config = {"image_processor_type": "SiglipImageProcessor" if siglip else "CLIPImageProcessor"}
    side = lambda: int(rng.integers(1, 100))
    sizes = [side(), {"shortest_edge": side()}, {"height": side(), "width": side()}]
    crops = [side(), {"height": side(), "width": side()}]
    if rng.integers(0, 4):
        config["size"] = sizes[int(rng.integers(0, 3))]
    if not siglip and rng.integers(0, 3):
        config["crop_size"] = crops[int(rng.integers(0, 2))]
    config["resample"] = int(rng.integers(0, 6))
    for key in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if rng.integers(0, 5) == 0 and not (siglip and key == "do_center_crop"):
            config[key] = (True, False, None)[int(rng.integers(0, 3))]
    if rng.integers(0, 2):
        config["image_mean"] = [float(rng.integers(0, 256)) / 255 for _ in range(3)]
        config["image_std"] = [float(v) for v in rng.uniform(0.01, 1, 3)]
    if rng.integers(0, 4) == 0:
        config["rescale_factor"] = float(rng.uniform(0.001, 1))
    return config


def write_config(folder, config, nested):
    for file in folder.glob("*.json"):
        file.unlink()
    if nested:
        (folder / "processor_config.json").write_text(json.dumps({"image_processor": config}))
    else:
        (folder / "preprocessor_config.json").write_text(json.dumps(config))


def check_tower(program, rng, count):
    tally = Tally("tower")
    for _ in range(count):
        config, square = random_config(rng), bool(rng.integers(0, 3) == 0)
        width, height = random_size(rng)
        picture = make.smooth(rng, width, height)
        write_config(program.folder, config, bool(rng.integers(0, 2)))
        options = ["square"] if square else []
        ours, message = program.run("tower", raw_png(picture), program.folder, *options, dtype=np.float32)
        theirs = make.tower_values(config, Image.fromarray(picture), square)
        kind = config["image_processor_type"] + (" square" if square else "")
        tally.compare(kind, ours, theirs, message, f"{width}x{height} {json.dumps(config)}")
    return tally.report()


def pillow_reads(data):
    try:
        return make.pillow_rgb(data)
    except Exception:  # Pillow fails with many classes; any of them is a refusal
        return None


def damaged(rng, data):
    kind = ("cut", "flipped", "patched")[int(rng.integers(0, 3))]
    if kind == "cut":
        return kind, data[: int(rng.integers(0, len(data)))]
    spoilt = bytearray(data)
    for _ in range(1 if kind == "flipped" else 8):
        at = int(rng.integers(0, len(spoilt)))
        spoilt[at] = spoilt[at] ^ (1 << int(rng.integers(0, 8))) if kind == "flipped" else int(rng.integers(0, 256))
    return kind, bytes(spoilt)


def check_damage(program, rng, count):
    tally, outcomes = Tally("damage"), collections.Counter()
    while sum(outcomes.values()) < count:
        for family, data in random_files(rng):
            how, spoilt = damaged(rng, data)
            kind = family.split()[0] + " " + how
            ours, message = program.run("rgb", spoilt)
            theirs = pillow_reads(spoilt)
            if ours is not None and theirs is not None:
                tally.compare(kind, ours, theirs, "", family)
            who = {(0, 0): "both refuse", (1, 0): "only patchbay reads", (0, 1): "only Pillow reads", (1, 1): "both read"}
            outcome = who[ours is not None, theirs is not None]
            outcomes[kind, outcome] += 1
            if outcome == "only patchbay reads" and how == "cut":
                tally.compare(kind, None, ours, f"{family}: a cut file is read", "")
    for (kind, outcome), n in sorted(outcomes.items()):
        print(f"damage   {kind:16} {outcome:20} {n}")
    return tally.report()


CHECKS = {"decode": check_decode, "resize": check_resize, "tower": check_tower, "damage": check_damage}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=1000, help="pictures a check")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=CHECKS)
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.program, folder)
        for name in [options.only] if options.only else CHECKS:
            wrong += CHECKS[name](program, np.random.default_rng(options.seed), options.count)
    print("equal" if wrong == 0 else f"{wrong} differ")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
