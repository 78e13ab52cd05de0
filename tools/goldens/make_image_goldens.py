"""Makes tests/data/image/: small pictures in every encoding that is read, and what Pillow and HF make of them.

    python tools/goldens/make_image_goldens.py            (Pillow 13.0.0, transformers 5.24)

    NAME.png|jpg|webp, NAME.rgb      a picture, and its pixels after Image.open(...).convert("RGB")
    resize/FILTER_WxH.rgb            `photo.png` resized by Pillow
    tower/CASE/*.json, *.f32         a processor config, and pixel_values of HF's Pillow-backed processor for
                                     `photo.png` (CASE/square.f32: after LLaVA's expand2square)
    bad/...                          files that must be refused

The encoders below are also what tools/parity/images_check.py draws its random pictures from.
"""

import io
import json
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


# ---- pictures ----

def noise(rng, width, height, channels=3):
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(rng, width, height, channels=3):
    """Colour ramps with some hard edges and a little noise: like a photo, and small when compressed."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        a, b, c = rng.uniform(-6, 6, 3)
        plane = 127 + 90 * np.sin(a * x / width + b * y / height + c)
        plane += 60 * ((x // max(1, width // 3) + y // max(1, height // 2)) % 2) - 30
        planes.append(plane + rng.normal(0, 2, plane.shape))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


# ---- PNG, written here because no library writes all of its forms ----

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(row, depth):
    """row[width][channels] of samples as PNG bytes."""
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    if depth == 8:
        return flat.astype(np.uint8).tobytes()
    bits = (flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()


def filter_row(kind, row, above, step):
    """PNG's filters 0 to 4 on bytes."""
    row, above = np.frombuffer(row, np.uint8).astype(int), np.frombuffer(above, np.uint8).astype(int)
    left = np.concatenate([np.zeros(step, int), row])[: len(row)]
    corner = np.concatenate([np.zeros(step, int), above])[: len(row)]
    paeth = left + above - corner
    distance = np.stack([abs(paeth - left), abs(paeth - above), abs(paeth - corner)])
    nearest = np.choose(distance.argmin(0), [left, above, corner])
    guess = (0 * row, left, above, (left + above) // 2, nearest)[kind]
    return bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()


def scan_lines(samples, depth, rng):
    step = max(1, samples.shape[2] * depth // 8)
    lines, above = [], None
    for row in samples:
        packed = pack_row(row, depth)
        lines.append(filter_row(int(rng.integers(0, 5)), packed, above or bytes(len(packed)), step))
        above = packed
    return b"".join(lines)


def png(samples, depth, colour_type, rng, interlaced=False, extra=b""):
    """samples[height][width][channels], each below 2^depth."""
    height, width = samples.shape[:2]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    data = zlib.compress(b"".join(scan_lines(p, depth, rng) for p in parts if p.size), 9)
    half = len(data) // 2
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data[:half])
            + chunk(b"IDAT", data[half:]) + chunk(b"IEND", b""))


def png_of(rng, width, height, depth, colour_type, interlaced=False, transparency=False, extra=b""):
    """A random PNG of that kind. Palettes have fewer entries than 2^depth now and then."""
    entries = 1 << depth
    if colour_type == PALETTE:
        entries = int(rng.integers(max(1, entries // 2), entries + 1))
        extra += chunk(b"PLTE", noise(rng, entries, 1).tobytes())
        if transparency:
            extra += chunk(b"tRNS", rng.integers(0, 256, int(rng.integers(1, entries + 1)), dtype=np.uint8).tobytes())
    elif transparency:
        extra += chunk(b"tRNS", bytes(2 * CHANNELS[colour_type]))
    samples = rng.integers(0, 1 << depth, (height, width, CHANNELS[colour_type]))
    if depth == 16 and colour_type == GREY:
        samples >>= rng.integers(0, 10, samples.shape)  # many below 256, where Pillow does not clip
    return png(samples, depth, colour_type, rng, interlaced, extra)


PNG_KINDS = {f"grey{d}": (d, GREY) for d in (1, 2, 4, 8, 16)}
PNG_KINDS |= {f"rgb{d}": (d, RGB) for d in (8, 16)} | {f"palette{d}": (d, PALETTE) for d in (1, 2, 4, 8)}
PNG_KINDS |= {f"greyalpha{d}": (d, GREY_ALPHA) for d in (8, 16)} | {f"rgba{d}": (d, RGB_ALPHA) for d in (8, 16)}


# ---- JPEG and WebP, by Pillow ----

def saved(picture, mode, **options):
    """picture[height][width][channels] as Pillow saves it."""
    out = io.BytesIO()
    Image.frombytes(mode, (picture.shape[1], picture.shape[0]), picture.tobytes()).save(out, **options)
    return out.getvalue()


def ycck(cmyk_jpeg):
    """The same file with Adobe's marker saying YCCK instead of CMYK."""
    at = cmyk_jpeg.index(b"Adobe")
    return cmyk_jpeg[: at + 11] + b"\x02" + cmyk_jpeg[at + 12:]


def jpegs(rng, width, height, make):
    """(name, bytes) of every kind of JPEG, with the quality drawn at random."""
    quality = int(rng.integers(20, 100))
    picture, four = make(rng, width, height), make(rng, width, height, 4)
    common = {"format": "JPEG", "quality": quality}
    yield "grey", saved(make(rng, width, height, 1), "L", **common)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        for progressive in (False, True):
            data = saved(picture, "RGB", **common, subsampling=subsampling, progressive=progressive)
            yield f"ycc{name}" + ("_progressive" if progressive else ""), data
    yield "restart", saved(picture, "RGB", **common, restart_marker_blocks=1)
    yield "rgb", saved(picture, "RGB", **common, keep_rgb=True, subsampling=0)
    yield "cmyk", saved(four, "CMYK", **common)
    yield "ycck", ycck(saved(four, "CMYK", **common))


def webps(rng, width, height, make):
    def write(picture, mode, **options):
        return saved(picture, mode, format="WEBP", method=2, **options)
    quality = int(rng.integers(10, 100))
    yield "lossy", write(make(rng, width, height), "RGB", quality=quality)
    yield "lossless", write(make(rng, width, height), "RGB", lossless=True)
    yield "alpha", write(make(rng, width, height, 4), "RGBA", quality=quality)
    yield "alpha_lossless", write(make(rng, width, height, 4), "RGBA", lossless=True, exact=True)
    frames = [Image.frombytes("RGBA", (width, height), make(rng, width, height, 4).tobytes()) for _ in range(3)]
    out = io.BytesIO()
    frames[0].save(out, format="WEBP", save_all=True, append_images=frames[1:], quality=quality, method=0)
    yield "animated", out.getvalue()


def small_first_frame(data, width, height):
    """A still WebP as the only frame of an animation on a canvas 6 pixels larger each way, at (4, 2)."""
    def riff(kind, body):
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    def three(n):
        return struct.pack("<I", n)[:3]
    frame = three(4 // 2) + three(2 // 2) + three(width - 1) + three(height - 1) + three(100) + b"\0"
    body = riff(b"VP8X", b"\x02\0\0\0" + three(width + 5) + three(height + 5))
    body += riff(b"ANIM", b"\xff\x80\x40\xff\0\0") + riff(b"ANMF", frame + data[12:])
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


# ---- answers ----

def pillow_rgb(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def expand_to_square(picture, mean):
    """LLaVA's own preprocessing: the picture in the middle of a square of the mean colour."""
    width, height = picture.size
    side = max(width, height)
    square = Image.new("RGB", (side, side), tuple(int(m * 255) for m in mean))
    square.paste(picture, ((side - width) // 2, (side - height) // 2))
    return square


def processor_class(config):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    siglip = "Siglip" in config.get("image_processor_type", "")
    return SiglipImageProcessorPil if siglip else CLIPImageProcessorPil


def tower_values(config, picture, square=False):
    processor = processor_class(config)(**{k: v for k, v in config.items() if not k.endswith("_type")})
    if square:
        picture = expand_to_square(picture, processor.image_mean)
    return np.asarray(processor(picture, return_tensors="np")["pixel_values"][0], np.float32)


TOWERS = {
    "clip336": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 28},
                "crop_size": {"height": 28, "width": 28}, "resample": 3, "do_convert_rgb": True},
    "old_numbers": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 20, "crop_size": 16, "resample": 3,
                    "image_mean": [0.1, 0.2, 0.7], "image_std": [0.3, 0.5, 0.9]},
    "siglip": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 24, "width": 30}, "resample": 3,
               "do_convert_rgb": None},
    "small_for_crop": {"image_processor_type": "CLIPImageProcessorFast", "size": {"shortest_edge": 15},
                       "crop_size": {"height": 26, "width": 19}, "resample": 2},
    "crop_only": {"image_processor_type": "CLIPImageProcessor", "do_resize": False,
                  "crop_size": {"height": 31, "width": 70}, "do_normalize": False},
    "values_only": {"image_processor_type": "SiglipImageProcessor", "do_resize": False, "do_rescale": False,
                    "image_mean": [120.0 / 255, 0.4, 0.3], "image_std": [50.0, 60.0, 70.0]},
    "factor": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 9, "width": 9}, "resample": 1,
               "rescale_factor": 0.0078431372},
}


def write_tower_cases(folder, picture):
    for name, config in TOWERS.items():
        case = folder / name
        case.mkdir(parents=True)
        nested = name in ("siglip", "small_for_crop")
        text = json.dumps({"image_processor": config, "processor_class": "LlavaProcessor"} if nested else config)
        (case / ("processor_config.json" if nested else "preprocessor_config.json")).write_text(text + "\n")
        tower_values(config, picture).tofile(case / "plain.f32")
        tower_values(config, picture, square=True).tofile(case / "square.f32")


def write_pictures(folder, rng):
    files = {}
    for name, (depth, kind) in PNG_KINDS.items():
        transparency = kind in (GREY, RGB, PALETTE) and depth in (1, 8)
        files[f"{name}.png"] = png_of(rng, 23, 17, depth, kind, transparency=transparency)
        files[f"{name}_interlaced.png"] = png_of(rng, 13, 11, depth, kind, interlaced=True)
    files["gamma.png"] = png_of(rng, 9, 7, 8, RGB, extra=chunk(b"gAMA", struct.pack(">I", 200000)))
    files["one.png"] = png_of(rng, 1, 1, 8, RGB)
    files |= {f"{name}.jpg": data for name, data in jpegs(rng, 37, 29, smooth)}
    rotated = Image.Exif()
    rotated[0x0112] = 6
    files["orientation.jpg"] = saved(smooth(rng, 21, 13), "RGB", format="JPEG", exif=rotated)
    files |= {f"{name}.webp": data for name, data in webps(rng, 31, 25, smooth)}
    files["small_first_frame.webp"] = small_first_frame(files["lossless.webp"], 31, 25)
    files["photo.png"] = saved(smooth(rng, 61, 47), "RGB", format="PNG")
    for name, data in files.items():
        (folder / name).write_bytes(data)
        pillow_rgb(data).tofile(folder / (name + ".rgb"))


def write_resized(folder, picture):
    folder.mkdir()
    for name, number in FILTERS.items():
        for size in ((24, 24), (97, 31), (61, 20), (15, 47), (1, 1)):
            np.array(picture.resize(size, number)).tofile(folder / f"{name}_{size[0]}x{size[1]}.rgb")


def write_bad(folder, rng):
    folder.mkdir()
    for suffix, kind in (("gif", "GIF"), ("bmp", "BMP"), ("tiff", "TIFF"), ("avif", "AVIF")):
        (folder / f"other.{suffix}").write_bytes(saved(smooth(rng, 8, 8), "RGB", format=kind))


def main():
    folder = Path(__file__).resolve().parents[2] / "tests" / "data" / "image"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(17)
    write_pictures(folder, rng)
    picture = Image.open(folder / "photo.png").convert("RGB")
    write_resized(folder / "resize", picture)
    write_tower_cases(folder / "tower", picture)
    write_bad(folder / "bad", rng)
    total = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{folder}: {total} bytes")


if __name__ == "__main__":
    sys.exit(main())
