"""Makes tests/base/golden/: arrays as numpy.save writes them, and numbers of the documented generator.

    python tools/goldens/base.py
"""
import json
import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[2] / "tests/base/golden"
MASK = (1 << 64) - 1


def splitmix64(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def gaussians(x):
    while True:
        u, w = ((next(x) >> 11) + 1) / 2**53, (next(x) >> 11) / 2**53
        length = math.sqrt(-2 * math.log(u))
        yield length * math.cos(2 * math.pi * w)
        yield length * math.sin(2 * math.pi * w)


def take(n, generator):
    return [next(generator) for _ in range(n)]


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    streams = []
    for seed in (0, 1, 42, MASK):
        x = splitmix64(seed)
        streams.append({
            "seed": hex(seed),
            "next": [hex(v) for v in take(5, splitmix64(seed))],
            "below": [[n, (n * (next(x) >> 11)) >> 53] for n in (1, 2, 7, 1000, 10**6, 2**53, 2**60)],
            "gaussian": take(7, gaussians(splitmix64(seed))),
        })
    (GOLDEN / "random.json").write_text(json.dumps({"streams": streams}, indent=1) + "\n")

    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
    np.save(GOLDEN / "c_order.npy", values)
    np.save(GOLDEN / "fortran.npy", np.asfortranarray(values))
    np.save(GOLDEN / "double.npy", values.astype(np.float64))
    np.save(GOLDEN / "big_endian.npy", values.astype(">f4"))
    np.save(GOLDEN / "structured.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<f4")]))
    np.save(GOLDEN / "nan.npy", np.array([1, np.nan], dtype=np.float32))
    np.save(GOLDEN / "scalar.npy", np.float32(2.5))
    np.save(GOLDEN / "empty.npy", np.zeros((0, 5), dtype=np.float32))
    with open(GOLDEN / "version2.npy", "wb") as f:
        np.lib.format.write_array(f, values[0], version=(2, 0))


if __name__ == "__main__":
    main()
