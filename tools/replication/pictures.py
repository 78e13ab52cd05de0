"""The pictures that are shown: each flag once as if photographed, as the model's tower learned to see them, but none of those
that it was trained on. Drawn by demo_model.pictures, which needs torch; the same seed draws the same pictures."""
from pathlib import Path

from . import settings


def ready(folder, keys):
    """Draws what is missing; the folder."""
    folder = Path(folder)
    if all((folder / f"{key}.png").exists() for key in keys):
        return folder
    from demo_model import pictures         # late: torch takes seconds to load, and is not needed again
    folder.mkdir(parents=True, exist_ok=True)
    for key, picture in zip(keys, pictures.held_out(keys, 1, settings.PICTURES_SEED)):
        picture.save(folder / f"{key}.png")
    return folder
