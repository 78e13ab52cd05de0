"""Who is edited, asked, kept and reported: countries by seed, none twice."""
from dataclasses import dataclass

from replication.questions import split

from . import settings
from .requests import shuffled, targets


@dataclass
class Splits:
    """Requests (tuned, reported) and countries (asked while tuning, asked in the report, kept); told: keys of the
    countries whose capital the model tells."""
    told: set
    tuned: list
    tuned_asked: list
    asked: list
    kept: list
    reported: list


def tells(country, said):
    return any(contains(said, capital) for capital in country.capitals)


def contains(said, words):
    """Do these words follow each other in what was said, case and accents aside?"""
    return f" {' '.join(split(words))} " in f" {' '.join(split(said))} "


def drawn(countries, told, said):
    """countries: those that may be asked about; told: keys of those whose capital is told; said: see targets."""
    order = shuffled(countries, settings.SEED)
    taken = set()

    def take(count, is_told, first=()):
        """So many of one kind, those of `first` before others."""
        explored = {*settings.EXPLORED, *settings.EXPLORED_ASKED}
        free = [c for c in order if c.key not in taken and (c.key in told) == is_told]
        free = [c for c in free if c.key in first or c.key not in explored]
        some = sorted(free, key=lambda c: c.key not in first)[:count]
        taken.update(c.key for c in some)
        return some

    tuned = take(settings.TUNED[0], True, settings.EXPLORED) + take(settings.TUNED[1], False, settings.EXPLORED)
    tuned_asked = take(settings.TUNED_ASKED, True, settings.EXPLORED_ASKED)
    asked = take(settings.ASKED, True)
    kept = take(settings.KEPT[0], True)
    reported = take(settings.REPORTED // 2, True)
    reported += take(settings.REPORTED - len(reported), False)
    kept += take(settings.KEPT[1], False)
    return Splits(told, targets(tuned, told, settings.SEED, said), tuned_asked, asked, shuffled(kept, settings.SEED),
                  targets(reported, told, settings.SEED, said))
