"""Pictures of flags: clean ones, and ones that look photographed.

Sources are the PNG files of Debian's iso-flags-png-320x240 (public domain). A photographed-looking
picture is the flag scaled, turned, shifted, sheared and waving on a random background, with random
light, contrast and tint, and with grain. All randomness comes from the generator that is passed in.
B pictures; a source is [4, H, W]: colour already multiplied by alpha, then alpha.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

FLAGS = os.environ.get("FLAGS_DIR", "/usr/share/iso-flags-png-320x240")
SIDE = 96                                   # what the tower sees: SIDE x SIDE
ASPECT = 4 / 3
WORK_SIZE = (160, 120)                      # where training pictures are drawn (width, height)
FULL_SIZE = (320, 240)                      # where pictures for files are drawn


def flag_file(key):
    return os.path.join(FLAGS, key + ".png")


def clean(key):
    """The flag as a PIL image without alpha, at its own size, on white where it was transparent."""
    flag = Image.open(flag_file(key)).convert("RGBA")
    page = Image.new("RGBA", flag.size, "white")
    return Image.alpha_composite(page, flag).convert("RGB")


def source(key, size=WORK_SIZE):
    """The flag as [4, H, W] in 0..1."""
    pixels = np.array(Image.open(flag_file(key)).convert("RGBA").resize(size, Image.LANCZOS), np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    return torch.from_numpy(pixels).permute(2, 0, 1)


def processed(image):
    """PIL image -> [3, SIDE, SIDE] in -1..1: what the processor makes of it (bicubic on 8-bit pixels)."""
    pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.BICUBIC), np.float32)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)


def shrink(pictures):
    """[B, 3, H, W] in 0..1 -> [B, 3, SIDE, SIDE] in -1..1, close to `processed` without leaving torch."""
    eight_bit = (pictures * 255).round() / 255
    small = F.interpolate(eight_bit, (SIDE, SIDE), mode="bicubic", antialias=True)
    return (small.clamp(0, 1) * 255).round() / 127.5 - 1


class _Draw:
    """Uniform numbers [B, 1, 1] from one generator; strength 0..1 scales how far they stray from 0."""

    def __init__(self, count, generator, strength):
        self.count, self.generator, self.strength = count, generator, strength

    def between(self, low, high, *shape):
        shape = shape or (1, 1)
        return low + (high - low) * torch.rand(self.count, *shape, generator=self.generator)

    def around_zero(self, reach, *shape):
        return self.strength * self.between(-reach, reach, *shape)


def _flag_coordinates(draw, width, height):
    """Where in the flag (-1..1) each pixel of the picture looks, and the shading of its waves."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-ASPECT, ASPECT, width), indexing="ij")
    x, y = x - ASPECT * draw.around_zero(.18), y - draw.around_zero(.18)
    angle, scale = draw.around_zero(.26), 1 - draw.strength * (1 - draw.between(.62, 1.05))
    u = (torch.cos(angle) * x + torch.sin(angle) * y) / scale
    v = (torch.cos(angle) * y - torch.sin(angle) * x) / scale
    u = u + draw.around_zero(.15) * v
    height_of_waves, count, phase = draw.strength * draw.between(0, .07), draw.between(2, 6), draw.between(0, 6.3)
    at = count * u + phase + draw.between(-1.5, 1.5) * v
    return u / ASPECT, v + height_of_waves * torch.sin(at), 1 + 3.5 * height_of_waves * torch.cos(at)


def photograph(sources, generator, strength=1.0, size=WORK_SIZE):
    """[B, 4, H, W] flags -> [B, 3, size] photographed-looking pictures in 0..1."""
    width, height = size
    count = len(sources)
    draw = _Draw(count, generator, strength)
    u, v, shade = _flag_coordinates(draw, width, height)
    seen = F.grid_sample(sources, torch.stack([u, v], -1), padding_mode="zeros", align_corners=False)
    patches = F.interpolate(draw.between(0, .6, 3, 4, 4), (height, width), mode="bilinear", align_corners=True)
    background = patches + draw.between(0, .4, 3, 1, 1)
    picture = seen[:, :3] * shade[:, None] + (1 - seen[:, 3:]) * background
    light, contrast = 1 + draw.around_zero(.3, 1, 1, 1), 1 + draw.around_zero(.28, 1, 1, 1)
    tint = 1 + draw.around_zero(.08, 3, 1, 1)
    grain = torch.randn(count, 3, WORK_SIZE[1], WORK_SIZE[0], generator=generator)
    grain = F.interpolate(grain, (height, width), mode="bilinear", align_corners=False)
    picture = ((picture - .5) * contrast + .5) * light * tint
    return (picture + strength * draw.between(0, .08, 1, 1, 1) * grain).clamp(0, 1)


def held_out(keys, per_flag, seed=4321):
    """PIL photographs for evaluation, never used in training: per_flag for each key, key by key."""
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    for key in keys:
        flags = source(key, FULL_SIZE).expand(per_flag, -1, -1, -1)
        for picture in photograph(flags, generator, size=FULL_SIZE):
            pixels = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
            pictures.append(Image.fromarray(pixels))
    return pictures
