"""Robust aggregation on numpy arrays: every rule and mixer of Tamis, the same bytes as in the server.

>>> import numpy, tamis.robust as robust
>>> rows = numpy.array([[1., 2.], [3., 4.], [5., 6.], [1e9, -1e9]], dtype=numpy.float32)
>>> robust.aggregate("trimmed_mean(f=1)", rows)
array([4., 3.], dtype=float32)
>>> result = robust.run("nnm(f=1) | krum(f=1)", rows)
>>> result.weights, result.margin, result.dropped          # doctest: +SKIP

A pipeline is text, `mixer | mixer | rule`, as in a federation's plan. `run` gives the output and the evidence, `aggregate` the
output alone, `mix` the rows after the mixers, `gram` the exact Gram matrix. `Pipeline` parses once for many calls.

Rows are an array of shape (n, d), one client a row, or a sequence of n arrays of shape (d,). float32, float16 and float64 are
read where they lie when each row is contiguous and aligned; nothing of size n x d is copied. float64 rows are computed in double
throughout and give float64; others give float32. Other dtypes are converted first. Values must be finite: `NotFinite` names the
first that is not.

For scripts written against ByzFL there is a class for each of its rules, called the same way:

>>> from tamis.robust import TrMean, NNM                    # instead of: from byzfl import TrMean, NNM
>>> TrMean(f=1)(NNM(f=1)(rows))                             # doctest: +SKIP

Sources: the rule's own docstring names its paper. Exactness and ties: robust/README.md.
"""
import ctypes.util
import os
import pathlib

import cffi
import numpy

__all__ = [
    "ARC", "Average", "Bucketing", "Bulyan", "CAF", "CGE", "CenteredClipping", "Clipping", "DnC", "Error", "FLAME", "FLTrust",
    "FoolsGold", "GeometricMedian", "Infeasible", "Krum", "MDA", "Meamed", "Median", "MoNNA", "MultiKrum", "NNM", "NormClip",
    "NotFinite", "Pipeline", "Result", "SMEA", "SignGuard", "TrMean", "WeightedMean", "aggregate", "gram", "mix", "run",
    "selftest",
]

_HERE = pathlib.Path(__file__).resolve().parent


def _open():
    """The library beside this package (a build tree), or the one TAMIS_ROBUST_LIBRARY names, or the system's."""
    ffi = cffi.FFI()
    ffi.cdef((_HERE / "robust_declarations.h").read_text())
    name = "libtamis_robust.so.0"
    candidates = [os.environ.get("TAMIS_ROBUST_LIBRARY"), _HERE.parent.parent / "lib" / name, name,
                  ctypes.util.find_library("tamis_robust")]
    failures = []
    for candidate in filter(None, candidates):
        try:
            return ffi, ffi.dlopen(str(candidate))
        except OSError as failure:
            failures.append(str(failure))
    raise ImportError(f"{name} was not found: set TAMIS_ROBUST_LIBRARY to its path, or build it with `ninja tamis_robust_shared`. "
                      + "; ".join(failures))


_ffi, _lib = _open()

_DTYPES = {numpy.dtype(numpy.float32): _lib.ROBUST_F32, numpy.dtype(numpy.float64): _lib.ROBUST_F64,
           numpy.dtype(numpy.float16): _lib.ROBUST_F16}


class Error(ValueError):
    """What was asked cannot be answered; the message says what, why and what to do. `status` is the library's word for it."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Infeasible(Error):
    """The rule cannot keep its promise with this many rows."""


class NotFinite(Error):
    """A row holds an infinity or a NaN. `row` and `coordinate` name the first."""

    def __init__(self, row, coordinate):
        super().__init__("NOT_FINITE", f"row {row} is not finite at coordinate {coordinate}: leave the client out, or clean its row")
        self.row, self.coordinate = row, coordinate


def _check(status, error):
    if status == _lib.ROBUST_OK:
        return
    name = _ffi.string(_lib.robust_status_name(status)).decode()
    text = _ffi.string(error.text).decode("utf-8", "replace") or _ffi.string(_lib.robust_status_words(status)).decode()
    raise (Infeasible if status == _lib.ROBUST_NOT_FEASIBLE else Error)(name, text)


def _pointer(array, kind):
    return _ffi.NULL if array is None else _ffi.cast(kind, array.ctypes.data)


class _Rows:
    """Rows as the library wants them, and whatever must stay alive while it looks."""

    def __init__(self, vectors):
        rows = _as_rows(vectors)
        self.n, self.d, self.dtype = len(rows), rows[0].size, rows[0].dtype
        self.kept = rows
        self.pointers = _ffi.new("const void *[]", [_ffi.cast("const void *", row.ctypes.data) for row in rows])

    def struct(self):
        return {"n": self.n, "d": self.d, "row": self.pointers, "dtype": _DTYPES[self.dtype]}

    @property
    def out_dtype(self):
        return numpy.dtype(numpy.float64 if self.dtype == numpy.float64 else numpy.float32)


def _as_rows(vectors):
    if isinstance(vectors, numpy.ndarray) and vectors.ndim != 2:
        raise Error("BAD_SHAPE", f"rows must have two dimensions (n, d), not {vectors.ndim}")
    rows = [numpy.asarray(row) for row in vectors]
    if not rows:
        raise Infeasible("NOT_FEASIBLE", "there are no rows: at least one is needed")
    dtype = numpy.result_type(*{row.dtype for row in rows})
    if dtype not in _DTYPES:
        dtype = numpy.dtype(numpy.float64)
    rows = [numpy.require(row, dtype=dtype, requirements=["C", "A"]) for row in rows]
    for i, row in enumerate(rows):
        if row.shape != rows[0].shape or row.ndim != 1:
            raise Error("BAD_SHAPE", f"row {i} has shape {row.shape}, row 0 has {rows[0].shape}; each must be (d,)")
        finite = numpy.isfinite(row)
        if not finite.all():
            raise NotFinite(i, int(numpy.argmin(finite)))
    return rows


class _Call:
    """One call's input: rows, what goes beside them, scratch memory. Lives as long as the call."""

    def __init__(self, vectors, order=None, counts=None, reference=None, history=None, coordinates=None, gram=None, threads=None):
        self.rows = _Rows(vectors)
        self.threads = int(threads or len(os.sched_getaffinity(0)))
        self.kept = []
        self.input = _ffi.new("struct robust_input *", {"rows": self.rows.struct()})
        self._set("order", order, numpy.uintp, "const size_t *", (self.rows.n,))
        self._set("counts", counts, numpy.float64, "const double *", (self.rows.n,))
        self._set("reference", reference, self.rows.out_dtype, "const void *", (self.rows.d,))
        self._set("coordinates", coordinates, numpy.uintp, "const size_t *", None)
        self._set("gram", gram, numpy.float64, "const double *", (self.rows.n, self.rows.n))
        if order is not None and sorted(order) != list(range(self.rows.n)):
            raise Error("BAD_ORDER", f"order must be a permutation of 0..{self.rows.n - 1}")
        if history is not None:
            self.history = _Rows(history)
            self.history_struct = _ffi.new("struct robust_rows *", self.history.struct())
            self.input.history = self.history_struct
            if (self.history.n, self.history.d) != (self.rows.n, self.rows.d):
                raise Error("BAD_SHAPE", f"history must have the shape of the rows, ({self.rows.n}, {self.rows.d})")

    def _set(self, field, value, dtype, kind, shape):
        if value is None:
            return
        array = numpy.ascontiguousarray(value, dtype=dtype)
        if shape is not None and array.shape != shape:
            raise Error("BAD_SHAPE", f"{field} must have shape {shape}, not {array.shape}")
        if dtype in (numpy.float64, numpy.float32) and not numpy.isfinite(array).all():
            raise Error("NOT_FINITE", f"{field} must be finite")
        self.kept.append(array)
        setattr(self.input, field, _pointer(array, kind))

    def scratch(self, size):
        self.memory = numpy.empty(size + 64, dtype=numpy.uint8)
        start = -self.memory.ctypes.data % 64
        return _ffi.new("struct robust_scratch *", {"memory": _ffi.cast("void *", self.memory.ctypes.data + start), "bytes": size,
                                                    "threads": self.threads})


class Result:
    """What `run` found.

    output: (d,), the aggregate: float32, or float64 for float64 rows.
    weights: (n,) float64: each row's weight in the output, mixers included; 0 is dropped. When `exact`, output is exactly their
        sum (plus reference_weight times the reference); otherwise each coordinate chose for itself, and these are nominal shares.
    scores: (n,) float64: what the rule ranked the rows by, low is good; zeros when it does not rank.
    dropped: indexes of the rows of weight 0.
    margin: (first score left out - last taken) / first left out; 1 when nobody was left out. Below about 1e-6 the choice is
        numerically arbitrary.
    reference_weight, noise, iterations, exact, capped, approximate: see robust/robust.h, struct robust_evidence.
    """

    def __init__(self, output, weights, scores, evidence):
        self.output, self.weights, self.scores = output, weights, scores
        self.margin = evidence.margin
        self.reference_weight = evidence.reference_weight
        self.noise = evidence.noise
        self.iterations = evidence.iterations
        self.exact = bool(evidence.weights_are_exact)
        self.capped = bool(evidence.is_capped)
        self.approximate = bool(evidence.is_approximate)

    @property
    def dropped(self):
        return numpy.flatnonzero(self.weights == 0)

    def __repr__(self):
        return f"Result(d={self.output.size}, selected={numpy.count_nonzero(self.weights)} of {self.weights.size}, margin={self.margin:.3g})"


class Pipeline:
    """A parsed pipeline: `Pipeline("clip(2.0) | nnm(f=4) | trimmed_mean(f=4)")`. str() gives its canonical spelling.

    Raises Error, naming the column, for text that cannot be read.
    """

    def __init__(self, text):
        error = _ffi.new("struct robust_error *")
        pointer = _ffi.new("struct robust_pipeline **")
        _check(_lib.robust_pipeline_parse(str(text).encode(), pointer, error), error)
        self._pipeline = _ffi.gc(pointer[0], _lib.robust_pipeline_free)

    def __str__(self):
        size = _lib.robust_pipeline_print(self._pipeline, _ffi.NULL, 0) + 1
        text = _ffi.new("char[]", size)
        _lib.robust_pipeline_print(self._pipeline, text, size)
        return _ffi.string(text).decode()

    def __repr__(self):
        return f"Pipeline({str(self)!r})"

    def check(self, n):
        """Raises Infeasible, with the requirement in words, unless every stage keeps its promise with n rows."""
        error = _ffi.new("struct robust_error *")
        _check(_lib.robust_pipeline_check(self._pipeline, n, error), error)

    def run(self, vectors, *, order=None, counts=None, reference=None, history=None, coordinates=None, gram=None, dtype=None,
            threads=None):
        """Aggregates rows (n, d); returns a Result.

        order: permutation of 0..n-1 that breaks ties and orders sums; permuting rows and order together changes no bit.
        counts: (n,), examples per client, for the rules that weigh by them.
        reference: (d,), what some rules compare with (see robust/robust.h).
        history: (n, d), for foolsgold: each client's summed updates, this round's included.
        coordinates: for dnc, the coordinates of all its draws one after the other, instead of its seed's.
        gram: (n, n), the result of `gram(vectors)`, when it is known already.
        dtype: of the output; numpy.float64 gives float32 rows' result before its rounding.
        Raises Infeasible, NotFinite, Error.
        """
        call = _Call(vectors, order, counts, reference, history, coordinates, gram, threads)
        dtype = numpy.dtype(dtype or call.rows.out_dtype)
        if dtype not in (numpy.float32, numpy.float64):
            raise Error("BAD_DTYPE", f"the output can be float32 or float64, not {dtype}")
        wide = dtype == numpy.float64
        output = numpy.empty(call.rows.d, dtype=dtype)
        weights, scores = numpy.zeros(call.rows.n), numpy.zeros(call.rows.n)
        evidence = _ffi.new("struct robust_evidence *", {"weights": _pointer(weights, "double *"), "scores": _pointer(scores, "double *")})
        error = _ffi.new("struct robust_error *")
        scratch = call.scratch(_lib.robust_scratch_bytes(self._pipeline, call.input, call.threads))
        aggregate_rows = _lib.robust_aggregate_f64 if wide else _lib.robust_aggregate
        status = aggregate_rows(self._pipeline, call.input, scratch, _pointer(output, "double *" if wide else "float *"), evidence, error)
        _check(status, error)
        return Result(output, weights, scores, evidence)

    def mix(self, vectors, *, order=None, counts=None, threads=None):
        """The rows after the pipeline's mixers, shape (m, d): the one call whose output has the size of its input."""
        call = _Call(vectors, order, counts, threads=threads)
        output = numpy.empty((call.rows.n, call.rows.d), dtype=call.rows.out_dtype)
        error = _ffi.new("struct robust_error *")
        m = _ffi.new("size_t *")
        scratch = call.scratch(_lib.robust_mix_scratch_bytes(self._pipeline, call.input, call.threads))
        _check(_lib.robust_mix(self._pipeline, call.input, scratch, _pointer(output, "void *"), m, error), error)
        return output[: m[0]]


def _pipeline(pipeline):
    return pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)


def run(pipeline, vectors, **beside):
    """`Pipeline(pipeline).run(vectors, ...)`: output and evidence."""
    return _pipeline(pipeline).run(vectors, **beside)


def aggregate(pipeline, vectors, **beside):
    """The output alone: an array (d,), float32 (float64 for float64 rows). Arguments and errors as Pipeline.run."""
    return run(pipeline, vectors, **beside).output


def mix(mixers, vectors, **beside):
    """The rows after `mixers` ("clip(2.0) | nnm(f=4)", without a rule), shape (m, d)."""
    return Pipeline(f"{mixers} | mean").mix(vectors, **beside)


def gram(vectors, *, threads=None):
    """The exact Gram matrix of rows (n, d): (n, n) float64, the same bits on every machine (robust/gram.h)."""
    call = _Call(vectors, threads=threads)
    matrix = numpy.empty((call.rows.n, call.rows.n))
    error = _ffi.new("struct robust_error *")
    scratch = call.scratch(_gram_scratch_bytes(call))
    rows = _ffi.new("struct robust_rows *", call.rows.struct())
    _check(_lib.robust_gram(rows, scratch, _pointer(matrix, "double *"), error), error)
    return matrix


def _gram_scratch_bytes(call):
    return _lib.robust_gram_scratch_bytes(call.rows.n, call.rows.d, call.threads)


def selftest(threads=2):
    """The hash of everything the library computes on seeded rows; equal on every machine and build of one version."""
    value, error = _ffi.new("uint64_t *"), _ffi.new("struct robust_error *")
    _check(_lib.robust_selftest(threads, _lib.ROBUST_ISA_BEST, value, error), error)
    return value[0]


# ---- ByzFL's way: a class for each rule, called with the vectors ----


class _Callable:
    """A rule or mixer with its parameters, called with vectors: an array (n, d), a list of arrays (d,), or torch tensors."""

    def __init__(self, name, **parameters):
        given = {key: value for key, value in parameters.items() if value is not None}
        self._text = name + ("(" + ", ".join(f"{key}={value}" for key, value in given.items()) + ")" if given else "")
        self.pipeline = Pipeline(self._text + (" | mean" if isinstance(self, _Mixer) else ""))

    def __repr__(self):
        return f"<{type(self).__name__} {self._text}>"


def _from_torch(vectors):
    """Numpy views of torch tensors, and what turns the answer back; other things pass through."""
    first = vectors if hasattr(vectors, "detach") else vectors[0] if len(vectors) else None
    if not hasattr(first, "detach"):
        return vectors, lambda array: array
    import torch

    tensors = [row.detach().cpu().numpy() for row in vectors]
    return tensors, lambda array: torch.from_numpy(array).to(device=first.device, dtype=first.dtype)


class _Rule(_Callable):
    def run(self, vectors, **beside):
        """Output and evidence: a Result. `beside` as in Pipeline.run."""
        return self.pipeline.run(_from_torch(vectors)[0], **beside)

    def __call__(self, vectors):
        """The aggregate, shape (d,)."""
        rows, back = _from_torch(vectors)
        return back(self.pipeline.run(rows).output)


class _Mixer(_Callable):
    def __call__(self, vectors):
        """The mixed rows, shape (m, d)."""
        rows, back = _from_torch(vectors)
        return back(self.pipeline.mix(rows))


class Average(_Rule):
    """The mean. Withstands nobody."""

    def __init__(self):
        super().__init__("mean")


class WeightedMean(_Rule):
    """The mean weighted by examples per client: WeightedMean()(vectors, counts). McMahan et al., AISTATS 2017. Withstands nobody."""

    def __init__(self):
        super().__init__("weighted_mean")

    def __call__(self, vectors, counts=None):
        rows, back = _from_torch(vectors)
        return back(self.pipeline.run(rows, counts=counts).output)


class Median(_Rule):
    """The coordinate-wise median; the mean of the two middle values for even n. Yin et al., ICML 2018. f < n/2."""

    def __init__(self):
        super().__init__("median")


class TrMean(_Rule):
    """The coordinate-wise trimmed mean: f lowest and f highest dropped. Yin et al., ICML 2018. 2f < n."""

    def __init__(self, f=0):
        super().__init__("trimmed_mean", f=f)


class Meamed(_Rule):
    """The mean of the n - f values nearest to the median of each coordinate. Xie et al., 2018 (arXiv:1802.10116). 2f < n."""

    def __init__(self, f=0):
        super().__init__("meamed", f=f)


class Krum(_Rule):
    """The row with the nearest neighbours. Blanchard et al., NeurIPS 2017. neighbours: n - f - 1 unless given (the paper: n - f - 2)."""

    def __init__(self, f=0, neighbours=None):
        super().__init__("krum", f=f, neighbours=neighbours)


class MultiKrum(_Rule):
    """The mean of the m rows of best Krum score. Blanchard et al., NeurIPS 2017. m: n - f unless given."""

    def __init__(self, f=0, m=None, neighbours=None):
        super().__init__("multi_krum", f=f, m=m, neighbours=neighbours)


class Bulyan(_Rule):
    """Krum n - 2f times, then the values nearest to the median. El Mhamdi et al., ICML 2018. n >= 4f + 3."""

    def __init__(self, f=0):
        super().__init__("bulyan", f=f)


class GeometricMedian(_Rule):
    """The smoothed geometric median by T steps of Weiszfeld from zero. Pillutla et al. (RFA), IEEE TSP 2022. nu is a length, in the
    unit of the rows; nu_rel, instead, a share of their median norm."""

    def __init__(self, nu=0.1, T=3, nu_rel=None):
        super().__init__("geometric_median", nu=None if nu_rel else float(nu), nu_rel=nu_rel, iterations=T)


class CenteredClipping(_Rule):
    """L steps from the last answer, each row's step cut to the length tau. Karimireddy et al., ICML 2021. Remembers its answer, `m`."""

    def __init__(self, m=None, L=1, tau=100.0):
        super().__init__("centered_clipping", tau=float(tau), iterations=L)
        self.m = m

    def __call__(self, vectors):
        rows, back = _from_torch(vectors)
        self.m = self.pipeline.run(rows, reference=self.m).output
        return back(self.m)


class MDA(_Rule):
    """The mean of the n - f rows of smallest diameter. El Mhamdi et al., NeurIPS 2021. 2f < n."""

    def __init__(self, f=0):
        super().__init__("mda", f=f)


class MoNNA(_Rule):
    """The mean of the n - f rows nearest to row idx, which must be trusted. Farhadkhani et al., ICML 2023. 2f < n."""

    def __init__(self, f=0, idx=0):
        super().__init__("monna", f=f, pivot=idx)


class CAF(_Rule):
    """The covariance-bound agnostic filter. Allouah et al., 2025. 2f < n."""

    def __init__(self, f=0):
        super().__init__("caf", f=f)


class SMEA(_Rule):
    """The mean of the n - f rows whose covariance has the smallest largest eigenvalue. Allouah et al., 2023. n <= 20."""

    def __init__(self, f=0):
        super().__init__("smea", f=f)


class CGE(_Rule):
    """The mean of the n - f rows of smallest norm. Gupta et al., 2020. Needs gradients of about equal length."""

    def __init__(self, f=0):
        super().__init__("cge", f=f)


class NormClip(_Rule):
    """Each row cut to the length c, then the mean. Sun et al., 2019 (arXiv:1911.07963)."""

    def __init__(self, c=2.0):
        super().__init__("norm_clip", c=float(c))


class DnC(_Rule):
    """Drops the rows that stick out along the top singular vector of sampled coordinates. Shejwalkar and Houmansadr, NDSS 2021."""

    def __init__(self, f=0, seed=None, **parameters):
        super().__init__("dnc", f=f, seed=seed, **parameters)


class SignGuard(_Rule):
    """Norm bounds and a clustering of sign statistics. Xu et al., ICDCS 2022."""

    def __init__(self, **parameters):
        super().__init__("signguard", **parameters)


class _WithReference(_Rule):
    def __call__(self, vectors, reference=None):
        rows, back = _from_torch(vectors)
        return back(self.pipeline.run(rows, reference=reference).output)


class FLTrust(_WithReference):
    """Weights by the cosine with the server's own update: FLTrust()(vectors, reference). Cao et al., NDSS 2021. Any f."""

    def __init__(self, **parameters):
        super().__init__("fltrust", **parameters)


class FLAME(_WithReference):
    """Clusters by cosine, clips to the median norm, averages. Nguyen et al., USENIX Security 2022. reference: the global model."""

    def __init__(self, **parameters):
        super().__init__("flame", **parameters)


class FoolsGold(_Rule):
    """Weights down clients whose histories look alike. Fung et al., RAID 2020. Sums the vectors of its calls, row by row, as history."""

    def __init__(self, **parameters):
        super().__init__("foolsgold", **parameters)
        self.history = None

    def __call__(self, vectors):
        rows, back = _from_torch(vectors)
        now = numpy.stack([numpy.asarray(row) for row in rows])
        self.history = now if self.history is None else self.history + now
        return back(self.pipeline.run(rows, history=self.history).output)


class NNM(_Mixer):
    """Each row becomes the mean of its n - f nearest, itself included. Allouah et al., AISTATS 2023. f < n."""

    def __init__(self, f=0):
        super().__init__("nnm", f=f)


class Clipping(_Mixer):
    """Rows longer than c are cut to the length c."""

    def __init__(self, c=2.0):
        super().__init__("clip", c=float(c))


class ARC(_Mixer):
    """The floor(2f(n - f)/n) longest rows are cut to the length of the longest other. Allouah et al., ICLR 2025."""

    def __init__(self, f=0):
        super().__init__("arc", f=f)


class Bucketing(_Mixer):
    """Means of random groups of s rows. Karimireddy et al., ICLR 2022. Each call takes the next seed, from `seed` on."""

    def __init__(self, s=1, seed=0):
        super().__init__("bucketing", s=s, seed=seed)
        self.s, self.seed = s, seed

    def __call__(self, vectors):
        self.pipeline = Pipeline(f"bucketing(s={self.s}, seed={self.seed}) | mean")
        self.seed += 1
        return super().__call__(vectors)
