"""From stores to the claims' numbers, with intervals over subjects (docs/trace.md; resamples as docs/random.md has them)."""
import json
import math
import sqlite3
import struct
from functools import lru_cache

from . import settings

GAMMA, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


class Store:
    """The questions of a store that are done, by subject in order of first appearance."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        about = {key: json.loads(value) for key, value in self.db.execute("SELECT key, value FROM about")}
        self.options, self.layers = about["options"], about["model"]["layers"]

    def questions(self):
        yield from self.db.execute("SELECT q.number, coalesce(q.subject, q.image, q.id), r.clean_prob, r.corrupted_prob, r.detail "
                                   "FROM question q JOIN result r ON r.question = q.number WHERE r.status = 'done' ORDER BY q.number")

    def right(self):
        """The ids of the questions that are answered rightly."""
        return {id for id, in self.db.execute("SELECT q.id FROM question q JOIN result r ON r.question = q.number WHERE r.correct = 1")}

    def answered(self):
        """By relation (None: of no relation), [questions asked, answered rightly], the most asked first."""
        rows = self.db.execute("SELECT q.relation, count(*), sum(r.correct) FROM question q JOIN result r ON r.question = q.number "
                               "WHERE r.correct IS NOT NULL GROUP BY q.relation ORDER BY 2 DESC, 1")
        return {relation: [asked, right] for relation, asked, right in rows}

    def curve(self, number, name, group):
        found = self.db.execute("SELECT data FROM curve WHERE question = ? AND name = ? AND class = ?", (number, name, group)).fetchone()
        return [math.nan if x is None else x for x in json.loads(found[0])] if found else None

    def grid(self, number, name):
        found = self.db.execute("SELECT shape, data FROM grid WHERE question = ? AND name = ?", (number, name)).fetchone()
        if not found:
            return None
        rows, width = json.loads(found[0])[:2]
        values = struct.unpack(f"<{rows * width}d", found[1])
        return [values[i * width:(i + 1) * width] for i in range(rows)]


def band(store, depths):
    """The layers within these depths, without those whose window holds layer 0."""
    window = store.options.get("window") or {"kind": "centred", "size": 1}
    radius = window["size"] if window["kind"] == "radius" else window["size"] // 2
    return [i for i in range(store.layers) if depths[0] <= i / store.layers < depths[1] and i - radius > 0]


# ---- what a question gives: {subject: [vectors...]}, summed by subject ----

def effects(store, claim, group):
    """Per subject [effect per layer..., what the corruption took], of the questions that are not weak."""
    noise, sums = store.options.get("direction") == "noise", {}
    for number, subject, clean, corrupted, detail in store.questions():
        data = store.curve(number, f"{claim.site}/prob", group)
        if data is None or clean is None or corrupted is None or clean - corrupted < settings.WEAK or any(map(math.isnan, data)):
            continue
        add(sums, subject, [clean - x if noise else x - corrupted for x in data] + [clean - corrupted])
    return sums


def cuts(store, claim, _group):
    sums = {}
    for number, subject, clean, *_ in store.questions():
        data = store.curve(number, claim.site, "prob")
        if data and clean and not any(map(math.isnan, data)):
            add(sums, subject, [clean - x for x in data] + [clean])
    return sums


def late_rows(store, claim, _group):
    """Per subject [what the late rows give as a share of all, less their share of the rows; questions]."""
    sums = {}
    for number, subject, *_ in store.questions():
        grid = store.grid(number, f"{claim.site}/per_position")
        if not grid or not grid[0]:
            continue
        width = len(grid[0])
        late = max(1, round(settings.LATE * width))
        whole = sum(map(sum, grid))
        if whole > 0:
            add(sums, subject, [sum(sum(row[-late:]) for row in grid) / whole - late / width, 1.0])
    return sums


def add(sums, subject, vector):
    before = sums.get(subject)
    sums[subject] = [a + b for a, b in zip(before, vector)] if before else vector


# ---- from sums to a number ----
# A statistic is what it collects by subject, what of that is summed, and the number that the sums give.

def mean(values):
    return sum(values) / len(values) if values else math.nan


def ratio(_store, sums):
    return sums[0] / sums[-1] if sums[-1] else math.nan


def over(depths):
    """The mean over a band of layers, as a share of the whole."""
    return lambda store, v: [mean([v[i] for i in band(store, depths)]), v[-1]]


def earlier(store, v):
    return [over(settings.EARLY)(store, v)[0] - over(settings.MIDDLE)(store, v)[0], v[-1]]


def everything(_store, v):
    return v


def half_depth(store, sums):
    """Behind its peak, between two layers on the line through both; 1 where it never falls below half."""
    curve = [x / sums[-1] for x in sums[:-1]] if sums[-1] else [0]
    top = max(range(len(curve)), key=curve.__getitem__)
    half = curve[top] / 2
    if not curve[top] > 0:
        return math.nan
    for i in range(top + 1, len(curve)):
        if curve[i] < half:
            return (i - 1 + (curve[i - 1] - half) / (curve[i - 1] - curve[i])) / store.layers
    return 1.0


STATISTICS = {"early": (effects, over(settings.EARLY), ratio), "middle": (effects, over(settings.MIDDLE), ratio),
              "earliness": (effects, earlier, ratio), "half_depth": (effects, everything, half_depth),
              "lost": (cuts, over(settings.MIDDLE), ratio), "lost_early": (cuts, over(settings.EARLY), ratio),
              "late": (late_rows, everything, ratio)}


# ---- intervals ----

@lru_cache(maxsize=4)
def resamples(n):
    """RESAMPLES lists of n indices below n."""
    state, out = settings.SEED, []
    for _ in range(settings.RESAMPLES):
        drawn = []
        for _ in range(n):
            state = (state + GAMMA) & MASK
            z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            drawn.append((n * ((z ^ (z >> 31)) >> 11)) >> 53)
        out.append(drawn)
    return out


def summed(vectors, drawn):
    return [sum(column) for column in zip(*(vectors[i] for i in drawn))]


def measured(claim, stores, group):
    """The claim's number over these stores (one, or two of which the difference is taken), its interval, the subjects and sides."""
    collect, reduce, statistic = STATISTICS[claim.statistic]
    sides = [collect(store, claim, group) for store in stores]
    subjects = [s for s in sides[0] if all(s in other for other in sides[1:])]
    if not subjects:
        return None
    vectors = [[reduce(store, side[s]) for s in subjects] for store, side in zip(stores, sides)]

    def number(drawn):
        values = [statistic(store, summed(v, drawn)) for store, v in zip(stores, vectors)]
        return values[0] - values[1] if len(values) == 2 else values[0]

    every = range(len(subjects))
    found = {"value": number(every), "subjects": len(subjects),
             "sides": [statistic(store, summed(v, every)) for store, v in zip(stores, vectors)]}
    if len(subjects) >= settings.SUBJECTS:
        ordered = sorted((number(drawn) for drawn in resamples(len(subjects))), key=lambda x: (math.isnan(x), x))
        found |= {"low": ordered[settings.LOW], "high": ordered[settings.HIGH]}
    return found


def judge(claim, stores):
    """stores: {name: Store} of those that are there. The claim's numbers, control's, and the verdict."""
    names = [n for n in (claim.a, claim.b) if n]
    if any(n not in stores for n in names):
        return {"key": claim.key, "verdict": "not testable here", "why": f"no results of {', '.join(n for n in names if n not in stores)}"}
    found = measured(claim, [stores[n] for n in names], claim.group)
    if not found or "low" not in found:
        count = found["subjects"] if found else 0
        return {"key": claim.key, "verdict": "not testable here", "why": f"{count} subjects"} | (found or {})
    if math.isnan(found["value"]):
        return {"key": claim.key, "verdict": "not testable here", "why": "no such layers, or nothing to take a share of",
                "subjects": found["subjects"]}
    control = None
    if not claim.b and STATISTICS[claim.statistic][0] is effects:
        control = measured(claim, [stores[claim.a]], "control")
    found |= {"key": claim.key, "control": control}
    return found | {"verdict": verdict(claim, found)}


def verdict(claim, found):
    control = (found["control"] or {}).get("high", 0)
    if found["low"] > max(0, control) and found["value"] >= claim.margin:
        return "for"
    return "against" if found["high"] < claim.margin else "undecided"
