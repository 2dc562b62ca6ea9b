#!/usr/bin/python3
"""Times Tamis's rules, numpy's formulas and the machine's limits over the same rows, alternating, in one process.

Usage: bench_robust.py LIBRARY [--json FILE] [--memory] [N D]...

Without N D: the seven shapes of the README. f = n / 5 (bulyan: (n - 3) / 4). Medians of up to five runs, fewer where one takes
seconds. With torch installed its mean, median (the lower middle of an even number) and trimmed mean by sorting run too. The limits: `read`, every input byte looked at once; `dsyrk`, cblas_dsyrk on a tile that stays in the cache as often as
the rows have tiles. --memory: instead of times, the most anonymous memory each rule takes over rows mapped from a file (default
1000 1000000), measured in a process of its own.
"""
import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy

try:
    import torch
except ImportError:
    torch = None

SHAPES = [(10, 25_000_000), (25, 1_000_000), (50, 11_700_000), (100, 100_000), (100, 1_000_000), (1000, 100_000), (1000, 1_000_000)]
SECONDS_ENOUGH = 4.0  # of one function; at least one run


def pipelines(n):
    f = n // 5
    return {
        "mean": "mean", "median": "median", "trimmed_mean": f"trimmed_mean(f={f})", "meamed": f"meamed(f={f})",
        "krum": f"krum(f={f})", "multi_krum": f"multi_krum(f={f})", "mda": f"mda(f={f})",
        "geometric_median": "geometric_median", "centered_clipping": "centered_clipping",
        "bulyan": f"bulyan(f={max(0, (n - 3) // 4)})", "nnm then trimmed_mean": f"nnm(f={f}) | trimmed_mean(f={f})",
    }


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Bench:
    def __init__(self, path, n, d, rows=None):
        self.library = ctypes.CDLL(path)
        self.n, self.d, self.f = n, d, n // 5
        self.rows = rows if rows is not None else make_rows(n, d)
        self.out = numpy.zeros(d, dtype=numpy.float32)
        self.gram = numpy.zeros((n, n))

    def call(self, name, *arguments):
        seconds = ctypes.c_double()
        shape = [pointer(self.rows), ctypes.c_size_t(self.n), ctypes.c_size_t(self.d)]
        before = [a for a in arguments if isinstance(a, bytes)]
        after = [pointer(a) for a in arguments if isinstance(a, numpy.ndarray)]
        failed = getattr(self.library, name)(*before, *shape, *after, ctypes.byref(seconds))
        assert name == "bench_read" or not failed, (name, arguments)
        return seconds.value

    def aggregate(self, text):
        return self.call("bench_aggregate", text.encode(), self.out)

    def scratch(self, text):
        self.library.bench_scratch.restype = ctypes.c_size_t
        return self.library.bench_scratch(text.encode(), ctypes.c_size_t(self.n), ctypes.c_size_t(self.d))

    def dsyrk(self):
        seconds = ctypes.c_double()
        assert not self.library.bench_dsyrk(ctypes.c_size_t(self.n), ctypes.c_size_t(self.d), ctypes.byref(seconds))
        return seconds.value

    def trimmed(self):
        part = numpy.partition(self.rows, (self.f, self.n - self.f - 1), axis=0)
        return part[self.f : self.n - self.f].mean(axis=0)

    def functions(self):
        ours = {name: lambda text=text: self.aggregate(text) for name, text in pipelines(self.n).items()}
        ours["exact Gram"] = lambda: self.call("bench_gram", self.gram)
        gram32 = numpy.zeros((self.n, self.n), dtype=numpy.float32)
        rivals = {
            "read": lambda: self.call("bench_read"),
            "dsyrk": self.dsyrk,
            "ssyrk": lambda: self.call("bench_ssyrk", gram32),
            "numpy.mean": lambda: timed(lambda: self.rows.mean(axis=0)),
            "numpy.median": lambda: timed(lambda: numpy.median(self.rows, axis=0)),
            "numpy.partition": lambda: timed(self.trimmed),
        }
        return {**rivals, **self.torch_rivals(), **ours}

    def torch_rivals(self):
        if torch is None:
            return {}
        tensor, f = torch.from_numpy(self.rows), self.f
        return {
            "torch.mean": lambda: timed(lambda: tensor.mean(dim=0)),
            "torch.median": lambda: timed(lambda: tensor.median(dim=0)),
            "torch.sort": lambda: timed(lambda: tensor.sort(dim=0).values[f : self.n - f].mean(dim=0)),
        }

    def run(self):
        seconds = {name: [] for name in self.functions()}
        for _ in range(5):
            for name, function in self.functions().items():
                if sum(seconds[name]) < SECONDS_ENOUGH:
                    time.sleep(0.02)  # lets the other library's spinning threads go to sleep
                    seconds[name].append(function())
        self.check()
        return {name: float(numpy.median(values)) for name, values in seconds.items()}

    def scratches(self):
        """Bytes a call takes beside its rows and its output; the library allocates nothing else."""
        return {**{name: self.scratch(text) for name, text in pipelines(self.n).items()}, "exact Gram": self.scratch("krum(f=0)")}

    def check(self):
        """A fast wrong answer is worth nothing."""
        some = slice(0, 100_000)
        self.aggregate("median")
        assert numpy.allclose(self.out[some], numpy.median(self.rows[:, some], axis=0), rtol=1e-6, atol=1e-7)
        wide = self.rows[:3].astype(float)
        # Rows are rounded to 22 bits below 4 or 8: about 6 standard deviations of what that does to a sum of d products.
        assert numpy.allclose(self.gram[:3, :3], wide @ wide.T, rtol=1e-9, atol=6e-6 * self.d ** 0.5)


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def make_rows(n, d):
    random = numpy.random.default_rng(7)
    rows = numpy.empty((n, d), dtype=numpy.float32)
    for i in range(n):
        random.standard_normal(dtype=numpy.float32, out=rows[i])
    return rows


RIVALS = {"mean": ["numpy.mean", "torch.mean"], "median": ["numpy.median", "torch.median"],
          "trimmed_mean": ["numpy.partition", "torch.sort"], "exact Gram": ["ssyrk", "dsyrk"]}


def report(n, d, seconds, scratch):
    gigabytes = n * d * 4 / 1e9
    read = seconds["read"]
    print(f"\n**n = {n}, d = {d:,}** ({gigabytes:.2f} GB): read {read * 1e3:.1f} ms ({gigabytes / read:.1f} GB/s), "
          f"dsyrk on resident tiles {seconds['dsyrk'] * 1e3:.1f} ms, ssyrk {seconds['ssyrk'] * 1e3:.1f} ms\n")
    print("| rule | ms | GB/s | x read | beyond the Gram, reads | memory, MiB | rival |\n|---|---|---|---|---|---|---|")
    for name in list(pipelines(n)) + ["exact Gram"]:
        t = seconds[name]
        beyond = f"{(t - seconds['exact Gram']) / read:.2f}" if name in (
            "krum", "multi_krum", "mda", "geometric_median", "centered_clipping", "bulyan", "nnm then trimmed_mean") else ""
        against = ", ".join(
            f"{t / seconds[rival]:.2f} of {rival}" if name == "exact Gram" else f"{seconds[rival] / t:.1f} x faster than {rival}"
            for rival in RIVALS.get(name, []) if rival in seconds)
        print(f"| {name} | {t * 1e3:.1f} | {gigabytes / t:.1f} | {t / read:.2f} | {beyond} | {scratch[name] / 2**20:.1f} | {against} |", flush=True)


# ---- memory ----


def watch_anonymous(done, most):
    while not done.is_set():
        with open("/proc/self/status") as status:
            kib = [int(line.split()[1]) for line in status if line.startswith("RssAnon")]
        most[0] = max(most[0], kib[0])
        done.wait(0.002)


def memory_of(library, path, n, d, text):
    """In a process of its own: what one call adds to the anonymous memory of a process that has mapped the rows."""
    bench = Bench(library, n, d, rows=numpy.memmap(path, dtype=numpy.float32, mode="r", shape=(n, d)))
    done, most = threading.Event(), [0]
    watcher = threading.Thread(target=watch_anonymous, args=(done, most))
    watcher.start()
    bench.aggregate(text)
    done.set()
    watcher.join()
    print(most[0])


def measure_memory(library, n, d):
    print(f"\n**Most anonymous memory, n = {n}, d = {d:,}, rows mapped from a file** (a bare process: first row)\n")
    print("| rule | MiB |\n|---|---|")
    with tempfile.NamedTemporaryFile(dir=os.environ.get("TMPDIR", "/var/tmp")) as file:
        random = numpy.random.default_rng(7)
        for _ in range(n):
            file.write(random.standard_normal(d, dtype=numpy.float32).tobytes())
        file.flush()
        for name, text in {"(one row's mean)": None, **pipelines(n)}.items():
            shape = [str(n if text else 1), str(d)]
            command = [sys.executable, __file__, library, "--of", file.name, *shape, text or "mean"]
            kib = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"| {name} | {kib / 1024:.0f} |", flush=True)


def main():
    if "--of" in sys.argv:
        library, _, path, n, d, text = sys.argv[1:]
        return memory_of(library, path, int(n), int(d), text)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("shape", nargs="*", type=int)
    arguments = parser.parse_intermixed_args()
    shapes = list(zip(arguments.shape[::2], arguments.shape[1::2]))
    if arguments.memory:
        for n, d in shapes or [(1000, 1_000_000)]:
            measure_memory(arguments.library, n, d)
        return None
    results = []
    for n, d in shapes or SHAPES:
        bench = Bench(arguments.library, n, d)
        seconds = bench.run()
        report(n, d, seconds, bench.scratches())
        results.append({"n": n, "d": d, "seconds": seconds})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)
    return None


if __name__ == "__main__":
    sys.exit(main())
