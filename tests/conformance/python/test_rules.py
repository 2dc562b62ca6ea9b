"""Properties of every rule by hypothesis: agreement with the oracle, and what must hold however the rows fall.

Usage: test_rules.py [unittest's arguments]; PYTHONPATH must hold the package. HYPOTHESIS_EXAMPLES: how many a property (default 60).
"""
import math
import os
import unittest

import numpy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import oracle
from tamis import robust

try:
    import torch
except ImportError:
    torch = None

settings.register_profile("tamis", max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "60")), deadline=None, derandomize=True,
                          suppress_health_check=list(HealthCheck))
settings.load_profile("tamis")

TOLERANCE = 1e-7  # of the spread, as for the golden vectors
CLEAR = 1e-6  # a margin below this leaves the choice to rounding; such examples say nothing about the choice


def rows_of(seed, n, d, kind):
    """Rows of multiples of 2^-10, exact in float32: spread, in two camps, with copies, small, huge, or far from zero."""
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(n, d))
    if kind == "camps":
        x[: n // 3] = -x[: n // 3].mean(axis=0) * 3
    if kind == "copies" and n > 1:
        x[random.integers(n, size=n // 2)] = x[0]
    if kind == "ties":
        x = random.integers(-2, 3, size=(n, d)).astype(float)
    if kind == "offset":
        x += 100
    if kind == "outlier":
        x[-1] *= 1000
    return numpy.round(x * 1024) / 1024


KINDS = ["plain", "camps", "copies", "ties", "offset", "outlier"]


@st.composite
def cases(draw, n_least=1, n_most=12, kinds=tuple(KINDS), d_most=40):
    n = draw(st.integers(n_least, n_most))
    d = draw(st.integers(1, d_most))
    f = draw(st.integers(0, (n - 1) // 2))
    return rows_of(draw(st.integers(0, 2**32 - 1)), n, d, draw(st.sampled_from(kinds))), f


def spread(x):
    return max(float(numpy.abs(x - x.mean(axis=0)).max()), 1e-3)


# What each pipeline is in the oracle: text from (n, f), the oracle's answer, and what n must be.
PIPELINES = {
    "mean": (lambda n, f: "mean", lambda x, f: oracle.mean(x)),
    "median": (lambda n, f: "median", lambda x, f: oracle.median(x)),
    "trimmed_mean": (lambda n, f: f"trimmed_mean(f={f})", oracle.trimmed_mean),
    "meamed": (lambda n, f: f"meamed(f={f})", oracle.meamed),
    "krum": (lambda n, f: f"krum(f={f})", oracle.krum),
    "multi_krum": (lambda n, f: f"multi_krum(f={f})", oracle.multi_krum),
    "geometric_median": (lambda n, f: "geometric_median(nu=0.1, iterations=5)", lambda x, f: oracle.geometric_median(x, 0.1, 5)),
    "centered_clipping": (lambda n, f: "centered_clipping(tau=2.5, iterations=3)",
                          lambda x, f: oracle.centered_clipping(x, numpy.zeros(x.shape[1]), 2.5, 3)),
    "mda": (lambda n, f: f"mda(f={f})", oracle.mda),
    "monna": (lambda n, f: f"monna(f={f}, pivot=0)", oracle.monna),
    "caf": (lambda n, f: f"caf(f={f})", oracle.caf),
    "smea": (lambda n, f: f"smea(f={f})", oracle.smea),
    "cge": (lambda n, f: f"cge(f={f})", oracle.cge),
    "faba": (lambda n, f: f"faba(f={f})", oracle.faba),
    "norm_clip": (lambda n, f: "norm_clip(c=2.0)", lambda x, f: oracle.norm_clip(x, 2.0)),
    "clip | median": (lambda n, f: "clip(c=2.0) | median", lambda x, f: oracle.median(oracle.clip(x, 2.0))),
    "arc | mean": (lambda n, f: f"arc(f={f}) | mean", lambda x, f: oracle.mean(oracle.arc(x, f))),
    "nnm | trimmed_mean": (lambda n, f: f"nnm(f={f}) | trimmed_mean(f={f})", lambda x, f: oracle.trimmed_mean(oracle.nnm(x, f), f)),
    "clip | nnm | geometric_median": (lambda n, f: f"clip(c=2.0) | nnm(f={f}) | geometric_median(nu=0.1)",
                                      lambda x, f: oracle.geometric_median(oracle.nnm(oracle.clip(x, 2.0), f), 0.1, 3)),
    "bucketing | median": (lambda n, f: "bucketing(s=2) | median", lambda x, f: oracle.median(oracle.bucketing(x, 2))),
}
# Rules that choose: where two choices score alike to within rounding, ours and the oracle's may differ, and both are right.
CHOOSING = ["krum", "multi_krum", "mda", "monna", "caf", "smea", "cge", "faba", "nnm | trimmed_mean", "clip | nnm | geometric_median"]
# Integers tie exactly; then the order decides and there is nothing to excuse. CAF and SMEA compare eigenvalues, which round.
EXACT_IN_TIES = ["krum", "multi_krum", "mda", "monna", "cge", "nnm | trimmed_mean"]


def agrees(got, expected, x, rounding=0.0):
    return numpy.abs(got - expected).max() <= TOLERANCE * spread(x) + rounding


class AgainstTheOracle(unittest.TestCase):
    def check(self, name, x, f, dtype):
        text, answer = PIPELINES[name]
        result = robust.run(text(len(x), f), x.astype(dtype), dtype=numpy.float64)
        expected = answer(x, f)
        # Mixed rows that a coordinate-wise rule looks at are floats when the rows are: half a unit of the last place each.
        rounding = 2.0**-24 * numpy.abs(x).max() if dtype == "float32" and " | " in name and not result.exact else 0.0
        ties_are_exact = name in EXACT_IN_TIES and numpy.array_equal(x, numpy.rint(x))
        if name in CHOOSING and not ties_are_exact and not agrees(result.output, expected, x, rounding):
            assume(result.margin > CLEAR)  # else a choice hung on rounding, and both answers are right
        self.assertTrue(agrees(result.output, expected, x, rounding),
                        f"{name} n={len(x)} d={x.shape[1]} f={f} {dtype}: off {numpy.abs(result.output - expected).max()}")


def add_oracle_tests():
    for name in PIPELINES:
        kinds = KINDS if name not in CHOOSING or name in EXACT_IN_TIES else ["plain", "camps", "outlier"]
        most = 9 if name in ("smea", "mda") else 12
        for dtype in ("float64", "float32"):
            if dtype == "float32":
                kinds = [kind for kind in kinds if kind != "offset"]  # 22 bits of 100 are not enough for 1e-7 of the spread

            add_oracle_test(name, dtype, given(cases(n_most=most, kinds=tuple(kinds))))


def add_oracle_test(name, dtype, examples):
    @examples
    def test(self, case):
        self.check(name, *case, dtype)

    setattr(AgainstTheOracle, f"test_{name.replace(' | ', '_then_')}_{dtype}", test)


add_oracle_tests()


class AgainstTheOracleBeside(unittest.TestCase):
    @given(cases(n_least=1), st.integers(0, 2**32 - 1))
    def test_weighted_mean(self, case, seed):
        x, _ = case
        counts = numpy.random.default_rng(seed).integers(1, 100, size=len(x)).astype(float)
        self.assertTrue(agrees(robust.aggregate("weighted_mean", x, counts=counts), oracle.weighted_mean(x, counts), x))

    @given(cases(n_least=1), st.integers(0, 2**32 - 1))
    def test_fltrust(self, case, seed):
        x, _ = case
        reference = rows_of(seed, 1, x.shape[1], "plain")[0]
        got, expected = robust.aggregate("fltrust", x, reference=reference), oracle.fltrust(x, reference)
        scale = max(spread(x), float(numpy.abs(expected).max()))
        self.assertLessEqual(numpy.abs(got - expected).max(), 1e-6 * scale)

    @given(cases(n_least=1), st.integers(0, 2**32 - 1))
    def test_centered_clipping_remembers(self, case, seed):
        x, _ = case
        memory = rows_of(seed, 1, x.shape[1], "plain")[0]
        got = robust.aggregate("centered_clipping(tau=1.5, iterations=2)", x, reference=memory)
        self.assertTrue(agrees(got, oracle.centered_clipping(x, memory, 1.5, 2), x))

    @given(cases(n_least=7, n_most=15, kinds=("plain", "camps", "outlier")))
    def test_bulyan(self, case):
        x, _ = case
        f = (len(x) - 3) // 4
        result = robust.run(f"bulyan(f={f})", x)
        if not agrees(result.output, oracle.bulyan(x, f), x):
            assume(result.margin > CLEAR)
        self.assertTrue(agrees(result.output, oracle.bulyan(x, f), x))


ALL = [name for name in PIPELINES if name != "bucketing | median"]


class Properties(unittest.TestCase):
    @given(cases(n_least=1), st.sampled_from(list(PIPELINES)), st.randoms(use_true_random=False), st.sampled_from(["float32", "float64"]))
    def test_rows_and_order_permuted_together_change_no_bit(self, case, name, random, dtype):
        x, f = case
        assume(name not in ("smea", "mda") or len(x) <= 9)
        assume(name != "monna")  # its pivot is named by the caller's numbering; its own test follows
        x, n = x.astype(dtype), len(x)
        text = PIPELINES[name][0](n, f)
        place = list(range(n))
        random.shuffle(place)  # row i of x stands at place[i]
        moved = numpy.empty_like(x)
        moved[place] = x
        first = robust.run(text, x, order=list(range(n)))
        second = robust.run(text, moved, order=place)
        self.assertEqual(first.output.tobytes(), second.output.tobytes(), name)
        self.assertEqual(first.weights.tobytes(), second.weights[place].tobytes(), name)

    @given(cases(n_least=2), st.randoms(use_true_random=False))
    def test_monna_follows_its_pivot(self, case, random):
        x, f = case
        place = list(range(len(x)))
        random.shuffle(place)
        moved = numpy.empty_like(x)
        moved[place] = x
        first = robust.aggregate(f"monna(f={f}, pivot=1)", x)
        second = robust.aggregate(f"monna(f={f}, pivot={place[1]})", moved, order=place)
        self.assertEqual(first.tobytes(), second.tobytes())

    @given(cases(n_least=1, kinds=("plain", "camps", "outlier")),
           st.sampled_from([n for n in ALL if n.split(" ")[0] not in ("clip", "arc", "norm_clip", "cge", "geometric_median",
                                                                      "centered_clipping")]), st.integers(-8, 8))
    def test_translation_moves_the_answer_along(self, case, name, steps):
        x, f = case
        assume(name not in ("smea", "mda") or len(x) <= 9)
        text = PIPELINES[name][0](len(x), f)
        before, after = robust.run(text, x), robust.run(text, x + steps)
        assume(name not in CHOOSING or before.margin > CLEAR)
        self.assertLessEqual(numpy.abs(before.output + steps - after.output).max(), 1e-6 * spread(x), name)

    @given(cases(n_least=1), st.sampled_from([n for n in ALL if not any(w in n for w in ("clip", "geometric"))]), st.integers(-40, 40),
           st.sampled_from(["float32", "float64"]))
    def test_scaling_by_a_power_of_two_scales_every_bit(self, case, name, power, dtype):
        x, f = case
        assume(name not in ("smea", "mda") or len(x) <= 9)
        x = x.astype(dtype)
        text = PIPELINES[name][0](len(x), f)
        scaled = robust.aggregate(text, x * numpy.asarray(2.0**power, dtype=dtype))
        self.assertEqual((robust.aggregate(text, x) * numpy.asarray(2.0**power, dtype=dtype)).tobytes(), scaled.tobytes(), name)

    @given(st.integers(1, 9), st.integers(1, 30), st.sampled_from([n for n in ALL if "clip" not in n and n != "geometric_median"]),
           st.integers(0, 2**32 - 1), st.sampled_from(["float32", "float64"]))
    def test_equal_rows_give_that_row(self, n, d, name, seed, dtype):
        row = rows_of(seed, 1, d, "plain").astype(dtype)
        x = numpy.repeat(row, n, axis=0)
        got = robust.aggregate(PIPELINES[name][0](n, (n - 1) // 2), x)
        self.assertLessEqual(numpy.abs(got - row[0]).max(), 1e-6 * max(1.0, float(numpy.abs(row).max())), name)

    @given(cases(n_least=1), st.sampled_from(ALL))
    def test_without_liars_to_fear_means_are_the_mean(self, case, name):
        x, _ = case
        assume(name in ("trimmed_mean", "meamed", "multi_krum", "mda", "caf", "cge", "monna", "smea", "nnm | trimmed_mean", "arc | mean"))
        self.assertTrue(agrees(robust.aggregate(PIPELINES[name][0](len(x), 0), x), oracle.mean(x), x), name)

    @given(cases(n_least=1), st.sampled_from(list(PIPELINES)))
    def test_the_weights_are_what_was_summed(self, case, name):
        x, f = case
        assume(name not in ("smea", "mda") or len(x) <= 9)
        result = robust.run(PIPELINES[name][0](len(x), f), x)
        if result.exact:
            self.assertLessEqual(numpy.abs(result.weights @ x - result.output).max(), 1e-12 * max(1.0, float(numpy.abs(x).max())) * len(x))
        self.assertEqual(list(result.dropped), [i for i in range(len(x)) if result.weights[i] == 0])


class Breakdown(unittest.TestCase):
    """With f rows replaced by anything, the answer stays within kappa times the honest variance of the honest mean (science.md 1)."""

    BOUNDS = {
        "trimmed_mean(f={f})": lambda n, f: 6 * f / (n - 2 * f) * (1 + f / (n - 2 * f)),
        "median": lambda n, f: 4 * (1 + f / (n - 2 * f)) ** 2,
        "krum(f={f})": lambda n, f: 6 * (1 + f / (n - 2 * f)),
    }

    @given(st.integers(3, 14), st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from(list(BOUNDS)),
           st.sampled_from([0.0, 1.0, 10.0, 1e6, 1e17, -1e17]), st.booleans())
    def test_bounds_of_the_theory_hold(self, n, d, seed, name, size, is_mixed):
        f = max(1, (n - 1) // 2 - 1) if n > 3 else 1
        assume(2 * f < n)
        random = numpy.random.default_rng(seed)
        x = random.normal(size=(n, d))
        x[:f] = random.normal(size=(f, d)) * 0.1 + size
        honest = x[f:]
        variance = ((honest - honest.mean(axis=0)) ** 2).sum() / len(honest)
        kappa = self.BOUNDS[name](n, f)
        text = name.format(f=f)
        if is_mixed:
            text, kappa = f"nnm(f={f}) | {text}", 8 * f / (n - f) * (kappa + 1)
        error = ((robust.aggregate(text, x) - honest.mean(axis=0)) ** 2).sum()
        self.assertLessEqual(error, kappa * variance * (1 + 1e-9), text)

    @given(st.integers(3, 11), st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 100.0, 1e17]))
    def test_mda_stays_within_its_diameter(self, n, d, seed, size):
        f = (n - 1) // 2
        x = numpy.random.default_rng(seed).normal(size=(n, d))
        x[:f] += size
        honest = x[f:]
        diameter = math.sqrt(oracle.squared_distances(honest).max())
        error = numpy.linalg.norm(robust.aggregate(f"mda(f={f})", x) - honest.mean(axis=0))
        self.assertLessEqual(error, 2 * f / (n - f) * diameter * (1 + 1e-9) + 1e-12)


class EveryTileEdge(unittest.TestCase):
    SIZES = [1, 2, 15, 16, 17, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 1535, 1536, 1537, 4095, 4096, 4097, 5000]

    def test_no_coordinate_is_lost_or_read_twice(self):
        for dtype in (numpy.float16, numpy.float32, numpy.float64):
            for d in self.SIZES:
                x = rows_of(d, 7, d, "plain").astype(dtype)
                exact = x.astype(numpy.float64)
                for text, expected in [("median", oracle.median(exact)), ("mean", oracle.mean(exact)),
                                       ("trimmed_mean(f=2)", oracle.trimmed_mean(exact, 2)),
                                       ("multi_krum(f=2)", oracle.multi_krum(exact, 2)), ("meamed(f=2)", oracle.meamed(exact, 2)),
                                       ("nnm(f=2) | median", oracle.median(oracle.nnm(exact, 2)))]:
                    with self.subTest(dtype=dtype.__name__, d=d, rule=text):
                        got = robust.aggregate(text, x, dtype=numpy.float64)
                        self.assertLessEqual(numpy.abs(got - expected).max(), 2e-7 * spread(exact))


class Refusals(unittest.TestCase):
    def test_infeasible_rules_say_what_they_need(self):
        with self.assertRaisesRegex(robust.Infeasible, "needs 2f < n; n is 4"):
            robust.aggregate("krum(f=2)", numpy.zeros((4, 3)))
        with self.assertRaisesRegex(robust.Infeasible, "after mixing 5 rows"):
            robust.aggregate("bucketing(s=2) | trimmed_mean(f=2)", numpy.zeros((5, 3)))

    def test_values_that_are_not_finite_are_named(self):
        x = numpy.zeros((3, 4))
        x[2, 1] = numpy.inf
        with self.assertRaises(robust.NotFinite) as caught:
            robust.aggregate("mean", x)
        self.assertEqual((caught.exception.row, caught.exception.coordinate), (2, 1))

    def test_shapes_are_checked(self):
        for bad in (numpy.zeros(3), numpy.zeros((2, 2, 2)), [numpy.zeros(3), numpy.zeros(4)], []):
            with self.assertRaises(robust.Error):
                robust.aggregate("mean", bad)
        with self.assertRaisesRegex(robust.Error, "permutation"):
            robust.aggregate("mean", numpy.zeros((3, 2)), order=[0, 0, 1])

    def test_contiguous_float32_rows_are_not_copied(self):
        x = numpy.ones((4, 1000), dtype=numpy.float32)
        rows = robust._Rows(x)
        self.assertEqual([int(robust._ffi.cast("uintptr_t", rows.pointers[i])) for i in range(4)], [row.ctypes.data for row in x])


class ByzflStyle(unittest.TestCase):
    def test_classes_answer_as_pipelines_do(self):
        x = rows_of(5, 9, 20, "plain")
        for made, text in [(robust.Average(), "mean"), (robust.TrMean(f=2), "trimmed_mean(f=2)"), (robust.Median(), "median"),
                           (robust.Krum(f=2), "krum(f=2)"), (robust.MultiKrum(f=2), "multi_krum(f=2)"), (robust.Meamed(2), "meamed(f=2)"),
                           (robust.MDA(2), "mda(f=2)"), (robust.MoNNA(2, idx=1), "monna(f=2, pivot=1)"), (robust.CAF(2), "caf(f=2)"),
                           (robust.SMEA(2), "smea(f=2)"), (robust.GeometricMedian(nu=0.1, T=3), "geometric_median")]:
            self.assertEqual(made(x).tobytes(), robust.aggregate(text, x).tobytes(), text)
            self.assertEqual(made(list(x)).tobytes(), robust.aggregate(text, x).tobytes(), text)

    @unittest.skipIf(torch is None, "torch is not installed")
    def test_torch_tensors_come_back_as_tensors(self):
        x = rows_of(5, 9, 20, "plain").astype(numpy.float32)
        tensors = [torch.from_numpy(row) for row in x]
        for given in (torch.from_numpy(x), tensors):
            got = robust.TrMean(f=2)(robust.NNM(f=2)(given))
            self.assertIsInstance(got, torch.Tensor)
            self.assertEqual(got.dtype, torch.float32)
            self.assertEqual(got.numpy().tobytes(), robust.TrMean(f=2)(robust.NNM(f=2)(x)).tobytes())

    def test_mixers_give_rows(self):
        x = rows_of(6, 9, 20, "outlier")
        numpy.testing.assert_allclose(robust.NNM(f=2)(x), oracle.nnm(x, 2), rtol=0, atol=1e-12)
        numpy.testing.assert_allclose(robust.ARC(f=2)(x), oracle.arc(x, 2), rtol=1e-12, atol=1e-12)
        numpy.testing.assert_allclose(robust.Clipping(c=2.0)(x), oracle.clip(x, 2.0), rtol=1e-12, atol=1e-12)
        buckets = robust.Bucketing(s=2)
        first, second = buckets(x), buckets(x)
        self.assertEqual(first.shape, (5, 20))
        self.assertFalse(numpy.array_equal(first, second))

    def test_centered_clipping_carries_its_answer_over(self):
        rounds = [rows_of(seed, 6, 8, "plain") for seed in range(3)]
        rule, memory = robust.CenteredClipping(tau=1.0), numpy.zeros(8)
        for x in rounds:
            memory = oracle.centered_clipping(x, memory, 1.0, 1)
            numpy.testing.assert_allclose(rule(x), memory, rtol=0, atol=1e-12)


if __name__ == "__main__":
    unittest.main()
