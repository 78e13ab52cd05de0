"""Averages over countries with bootstrap intervals, as docs/trace.md defines the numbers and docs/random.md the generator.

An interval is the 2.5th and 97.5th percentile of 10,000 resamples of the countries; every statistic starts its own generator at
the seed, so that all statistics of as many countries use the same resamples: a matrix of counts, made once.
"""
from functools import lru_cache

import numpy as np

from . import settings

GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mixed(state):
    """splitmix64's output for each state: uint64 in, uint64 out."""
    x = np.asarray(state, np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Splitmix:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        """0 .. n-1"""
        self.state = (self.state + GAMMA) & MASK
        return (n * (int(mixed(np.array([self.state], np.uint64))[0]) >> 11)) >> 53


@lru_cache
def resamples(n):
    """[RESAMPLES, n]: how often each of n countries is in each resample."""
    draws = np.arange(1, settings.RESAMPLES * n + 1, dtype=np.uint64)
    state = np.uint64(settings.SEED) + draws * np.uint64(GAMMA)
    index = (np.uint64(n) * (mixed(state) >> np.uint64(11))) >> np.uint64(53)      # n < 2048: fits in 64 bits
    counts = np.zeros((settings.RESAMPLES, n))
    np.add.at(counts, (np.arange(settings.RESAMPLES).repeat(n), index.astype(np.int64)), 1)
    return counts


def once(n):
    """[1, n]: every country once, the data themselves."""
    return np.ones((1, n))


def interval(values):
    """values [RESAMPLES, ...] -> (low, high)"""
    ordered = np.sort(values, axis=0)
    return ordered[settings.LEVEL[0]], ordered[settings.LEVEL[1]]


def with_interval(statistic, n):
    """(value, low, high) of statistic(counts): counts [B, n] -> [B, ...]"""
    low, high = interval(statistic(resamples(n)))
    return statistic(once(n))[0], low, high


# ---- curves ----

def mean_effect(counts, ie):
    """AIE: ie [n, L] -> [B, L], the mean over countries."""
    return counts @ ie / counts.sum(1, keepdims=True)


def recovered(counts, ie, taken):
    """ie [n, L], taken [n] = clean - corrupted -> [B, L]: what is brought back of what was taken."""
    return counts @ ie / (counts @ taken)[:, None]


def half_depth(curves):
    """curves [B, L] -> [B]: the depth at which a curve falls below half of its highest value: 0 the first layer, 1 behind
    the last."""
    layers = curves.shape[1]
    peak, half = curves.argmax(1), curves.max(1, keepdims=True) / 2
    after = (np.arange(layers) > peak[:, None]) & (curves < half)
    fell, below = after.any(1), after.argmax(1)
    rows = np.arange(len(curves))
    above, under = curves[rows, below - 1], curves[rows, below]
    drop = np.where(fell & (above > under), above - under, 1)
    return np.where(fell, below - 1 + (above - half[:, 0]) / drop, layers) / layers


def over(curves, layers):
    """The mean over layers a:b."""
    return curves[:, slice(*layers)].mean(1)


# ---- correlations ----

def correlation(x, y):
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def ranks(x):
    """Ranks, ties their mean."""
    order = np.sort(x)
    return (np.searchsorted(order, x, "left") + np.searchsorted(order, x, "right") - 1) / 2


def rank_correlation(x, y):
    """Spearman's."""
    return correlation(ranks(x), ranks(y))
