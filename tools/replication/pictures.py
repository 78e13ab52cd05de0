"""The pictures that are shown: each flag as if photographed, LOOKS times, as the model's tower learned to see them, but none of
those that it was trained on. Drawn by demo_model.pictures, which needs torch; the same seed draws the same pictures."""
from pathlib import Path

from . import settings


def file_of(folder, key, look=0):
    return Path(folder) / (f"{key}-{look + 1}.png" if look else f"{key}.png")


def ready(folder, keys):
    """Draws what is missing; the folder."""
    missing = [look for look in range(settings.LOOKS) if not all(file_of(folder, key, look).exists() for key in keys)]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for look in missing:
        from demo_model import pictures         # late: torch takes seconds to load, and is needed once
        for key, picture in zip(keys, pictures.held_out(keys, 1, settings.PICTURES_SEED + look)):
            picture.save(file_of(folder, key, look))
    return folder
