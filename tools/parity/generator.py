"""The documented generator behind --seed: splitmix64, and Gaussians by Box and Muller."""

import math

import numpy as np

_MASK = (1 << 64) - 1


class Generator:
    """splitmix64 (Steele, Lea, Flood 2014), started at a seed."""

    def __init__(self, seed: int):
        self.state = seed
        self.spare = None

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        x = self.state
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        return x ^ (x >> 31)

    def gaussian(self) -> float:
        """Pairs: the cosine first, then the sine."""
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        u = ((self.next() >> 11) + 1) / 2**53
        w = (self.next() >> 11) / 2**53
        size = math.sqrt(-2 * math.log(u))
        self.spare = size * math.sin(2 * math.pi * w)
        return size * math.cos(2 * math.pi * w)

    def order(self, count: int) -> list[int]:
        """A shuffled 0 .. count-1 (Fisher and Yates, from the front)."""
        order = list(range(count))
        for i in range(count):
            other = i + ((count - i) * (self.next() >> 11) >> 53)
            order[i], order[other] = order[other], order[i]
        return order

    def gaussians(self, *shape: int) -> np.ndarray:
        """Filled in row-major order, float64."""
        return np.array([self.gaussian() for _ in range(math.prod(shape))]).reshape(shape)
