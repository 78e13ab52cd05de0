"""Pictures for the tests: soft colours under noise, so that every patch of a picture differs from every other."""

from pathlib import Path

import numpy as np
from PIL import Image

# name: (width, height). Odd sizes, both orientations, one smaller than any tower's input, one JPEG.
SIZES = {"wide.png": (101, 67), "tall.png": (53, 90), "small.png": (17, 19), "square.png": (64, 64), "photo.jpg": (160, 121)}


def make_picture(width: int, height: int, seed: int) -> Image.Image:
    """An RGB picture: an 4 x 5 grid of random colours, scaled up smoothly, with noise on top."""
    random = np.random.default_rng(seed)
    colours = Image.fromarray(random.integers(0, 256, (5, 4, 3), dtype=np.uint8))
    soft = np.asarray(colours.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray(np.clip(soft + random.normal(0, 20, soft.shape), 0, 255).astype(np.uint8))


def make_pictures(folder: Path) -> Path:
    """Writes the pictures above, and a folder `album` of three for mean rows. Returns `folder`."""
    (folder / "album").mkdir(parents=True, exist_ok=True)
    for seed, (name, (width, height)) in enumerate(SIZES.items()):
        make_picture(width, height, seed).save(folder / name)
    for seed, (width, height) in enumerate([(70, 40), (33, 58), (48, 48)]):
        make_picture(width, height, 100 + seed).save(folder / "album" / f"{seed}.png")
    return folder
