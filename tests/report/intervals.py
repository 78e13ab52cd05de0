"""The numbers of a report, written down once more from their definitions, in plain Python: means of questions, and bootstrap intervals
over subjects (10,000 resamples drawn by splitmix64, the sorted values 249 and 9749)."""
import math
from functools import lru_cache

MASK = (1 << 64) - 1


def splitmix64(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        x = state
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        yield x ^ (x >> 31)


@lru_cache
def resamples(n, seed):
    """[10,000] lists of how often each of n subjects is drawn."""
    numbers, out = splitmix64(seed), []
    for _ in range(10000):
        counts = [0] * n
        for _ in range(n):
            counts[(n * (next(numbers) >> 11)) >> 53] += 1
        out.append(counts)
    return out


def by_subject(rows):
    """rows [(subject, top, bottom)...] -> {subject: [top, bottom]} in order of first appearance"""
    sums = {}
    for subject, top, bottom in rows:
        s = sums.setdefault(subject, [0, 0])
        s[0] += top
        s[1] += bottom
    return sums


def ratio(pairs):
    top, bottom = sum(p[0] for p in pairs), sum(p[1] for p in pairs)
    return top / bottom if bottom else math.nan


def ends(values):
    values = sorted(values, key=lambda x: (math.isnan(x), x))
    return values[249], values[9749]


def resampled(sums, seed):
    """The statistic in each resample."""
    if len(sums) == 0:
        return []
    out = []
    for counts in resamples(len(sums), seed):
        drawn = [(k * s[0], k * s[1]) for k, s in zip(counts, sums) if k]
        out.append(ratio(drawn))
    return out


def interval(rows, seed):
    """(questions, subjects, mean, low, high); None without questions"""
    sums = list(by_subject(rows).values())
    if not sums:
        return None
    return len(rows), len(sums), ratio(sums), *ends(resampled(sums, seed))


def difference(a, b, seed):
    """The same of a - b, over the subjects of both; questions are those of a."""
    x, y = by_subject(a), by_subject(b)
    both = [s for s in x if s in y]
    if not both:
        return None
    x, y = [x[s] for s in both], [y[s] for s in both]
    values = [p - q for p, q in zip(resampled(x, seed), resampled(y, seed))]
    return sum(s in both for s, _, _ in a), len(both), ratio(x) - ratio(y), *ends(values)
