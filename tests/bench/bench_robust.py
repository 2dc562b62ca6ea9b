#!/usr/bin/python3
"""Times Tamis's rules, numpy's plain formulas and the machine's limits over the same rows, alternating, in one process.

Usage: bench_robust.py libbench_robust.so [N D]...      medians of REPEATS; f = n / 5; default SHAPES
"""
import ctypes
import sys
import time

import numpy

REPEATS = 5
SHAPES = [(10, 1_000_000), (100, 100_000), (100, 1_000_000), (1000, 20_000)]


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


class Bench:
    def __init__(self, path, n, d):
        self.library = ctypes.CDLL(path)
        self.n, self.d, self.f = n, d, n // 5
        self.rows = numpy.random.default_rng(7).standard_normal((n, d), dtype=numpy.float32)
        self.out = numpy.zeros(d, dtype=numpy.float32)
        self.gram = numpy.zeros((n, n))
        self.gram32 = numpy.zeros((n, n), dtype=numpy.float32)

    def call(self, name, *arguments):
        seconds = ctypes.c_double()
        shape = [pointer(self.rows), ctypes.c_size_t(self.n), ctypes.c_size_t(self.d)]
        before = [a for a in arguments if isinstance(a, bytes)]
        after = [pointer(a) for a in arguments if isinstance(a, numpy.ndarray)]
        failed = getattr(self.library, name)(*before, *shape, *after, ctypes.byref(seconds))
        assert name == "bench_read" or not failed, name
        return seconds.value

    def aggregate(self, text):
        return self.call("bench_aggregate", text.encode(), self.out)

    def trimmed(self):
        part = numpy.partition(self.rows, (self.f, self.n - self.f - 1), axis=0)
        return part[self.f : self.n - self.f].mean(axis=0)

    def run(self):
        f = self.f
        ours = {
            "mean": lambda: self.aggregate("mean"),
            "median": lambda: self.aggregate("median"),
            f"trimmed_mean(f={f})": lambda: self.aggregate(f"trimmed_mean(f={f})"),
            "exact Gram": lambda: self.call("bench_gram", self.gram),
            f"krum(f={f})": lambda: self.aggregate(f"krum(f={f})"),
            f"multi_krum(f={f})": lambda: self.aggregate(f"multi_krum(f={f})"),
        }
        rivals = {
            "numpy.mean": lambda: timed(lambda: self.rows.mean(axis=0))[0],
            "numpy.median": lambda: timed(lambda: numpy.median(self.rows, axis=0))[0],
            "numpy.partition": lambda: timed(self.trimmed)[0],
            "cblas_ssyrk": lambda: self.call("bench_ssyrk", self.gram32),
        }
        pairs = dict(zip(list(ours)[:4], rivals))
        read = lambda: self.call("bench_read")
        seconds = {name: [] for name in ["read", *ours, *rivals]}
        for repeat in range(REPEATS):
            for name, function in [("read", read), *ours.items(), *rivals.items()]:
                if name.startswith("numpy") and repeat >= 3:
                    continue
                time.sleep(0.05)  # lets the other library's spinning threads go to sleep
                seconds[name].append(function())
        self.check()
        self.report({name: numpy.median(s) for name, s in seconds.items()}, pairs, ours)

    def check(self):
        """A fast wrong answer is worth nothing."""
        self.aggregate("median")
        assert numpy.allclose(self.out, numpy.median(self.rows, axis=0), rtol=1e-6, atol=1e-7)
        self.aggregate(f"trimmed_mean(f={self.f})")
        assert numpy.allclose(self.out, self.trimmed(), rtol=1e-4, atol=1e-5)
        wide = self.rows[:3].astype(float)
        # Rows are rounded to 22 bits below 4 or 8: about 6 standard deviations of what that does to a sum of d products.
        assert numpy.allclose(self.gram[:3, :3], wide @ wide.T, rtol=1e-9, atol=6e-6 * self.d ** 0.5)

    def report(self, seconds, pairs, ours):
        gigabytes = self.rows.nbytes / 1e9
        print(f"\nn={self.n} d={self.d} ({gigabytes:.2f} GB), read {seconds['read'] * 1e3:.1f} ms "
              f"= {gigabytes / seconds['read']:.1f} GB/s")
        print(f"{'':22}{'ms':>9}{'GB/s':>8}{'x read':>8}  rival")
        for name in ours:
            line = f"{name:22}{seconds[name] * 1e3:9.2f}{gigabytes / seconds[name]:8.1f}" \
                   f"{seconds[name] / seconds['read']:8.2f}"
            if name in pairs:
                rival = pairs[name]
                line += f"  {rival} {seconds[rival] * 1e3:.1f} ms: "
                ratio = seconds[name] / seconds[rival]
                line += f"{ratio:.2f} times its time" if rival == "cblas_ssyrk" else f"{1 / ratio:.1f} x faster"
            print(line)


def main():
    numbers = [int(a) for a in sys.argv[2:]]
    for n, d in list(zip(numbers[::2], numbers[1::2])) or SHAPES:
        Bench(sys.argv[1], n, d).run()


if __name__ == "__main__":
    main()
