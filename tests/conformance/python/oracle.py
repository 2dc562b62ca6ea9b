"""Every rule from its definition, in plain numpy doubles on the rows themselves: no Gram matrix, nothing shared with Tamis.

Slow on purpose. Rows x have shape (n, d) and stand in canonical order: ties go to the lowest index. Sections are science.md's.
"""
import itertools

import numpy

# ---- 2: rules ----


def mean(x):
    return x.mean(axis=0)


def weighted_mean(x, counts):
    return (counts[:, None] * x).sum(axis=0) / counts.sum()


def median(x):
    return numpy.median(x, axis=0)


def trimmed_mean(x, f):
    return numpy.sort(x, axis=0)[f : len(x) - f].mean(axis=0)


def nearest_mean(x, keep):
    """2.5, 2.9: the mean of the `keep` values nearest to the median, the lowest index first among equals."""
    order = numpy.argsort(numpy.abs(x - numpy.median(x, axis=0)), axis=0, kind="stable")
    return numpy.take_along_axis(x, order[:keep], axis=0).mean(axis=0)


def meamed(x, f):
    return nearest_mean(x, len(x) - f)


def squared_distances(x):
    return ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)


def krum_scores(x, neighbours):
    distances = squared_distances(x)
    return numpy.array([numpy.sort(numpy.delete(row, i))[:neighbours].sum() for i, row in enumerate(distances)])


def lowest(scores, m):
    return numpy.sort(numpy.argsort(scores, kind="stable")[:m])


def krum(x, f, neighbours=None):
    return x[lowest(krum_scores(x, len(x) - f - 1 if neighbours is None else neighbours), 1)[0]]


def multi_krum(x, f, m=None, neighbours=None):
    n = len(x)
    return x[lowest(krum_scores(x, n - f - 1 if neighbours is None else neighbours), n - f if m is None else m)].mean(axis=0)


def bulyan(x, f):
    left, chosen = list(range(len(x))), []
    theta = len(x) - 2 * f
    for _ in range(theta):
        scores = krum_scores(x[left], max(1, len(left) - f - 2)) if len(left) > 1 else numpy.zeros(1)
        chosen.append(left.pop(int(numpy.argmin(scores))))
    return nearest_mean(x[chosen], theta - 2 * f)


def geometric_median(x, nu=0.1, iterations=3):
    z = numpy.zeros(x.shape[1])
    for _ in range(iterations):
        beta = 1 / numpy.maximum(nu, numpy.linalg.norm(x - z, axis=1))
        z = (beta[:, None] * x).sum(axis=0) / beta.sum()
    return z


def centered_clipping(x, memory, tau=100.0, iterations=1):
    v = numpy.array(memory, dtype=float)
    for _ in range(iterations):
        steps = x - v
        lengths = numpy.linalg.norm(steps, axis=1)
        scale = numpy.array([1.0 if length <= tau else tau / length for length in lengths])
        v = v + (scale[:, None] * steps).mean(axis=0)
    return v


def mda(x, f):
    n, distances = len(x), squared_distances(x)
    best = min(itertools.combinations(range(n), n - f), key=lambda s: max(distances[i, j] for i in s for j in s))
    return x[list(best)].mean(axis=0)


def monna(x, f, pivot=0):
    return x[lowest(((x - x[pivot]) ** 2).sum(axis=1), len(x) - f)].mean(axis=0)


def top_eigenpair(matrix):
    values, vectors = numpy.linalg.eigh(matrix)
    return values[-1], vectors[:, -1]


def caf(x, f):
    n = len(x)
    c, best, kept, steps = numpy.ones(n), numpy.inf, x.mean(axis=0), 0
    while f > 0 and c.sum() > n - 2 * f:
        centre = (c[:, None] * x).sum(axis=0) / c.sum()
        offsets = x - centre
        value, vector = top_eigenpair((c[:, None] * offsets).T @ offsets / c.sum())
        if value < best:
            best, kept = value, centre
        tau, steps = (offsets @ vector) ** 2, steps + 1
        if value <= 1e-15 * (c[:, None] * offsets**2).sum() / c.sum() or tau.max() <= 0:
            return centre
        largest = tau.max() if steps <= max(64, 8 * n) else tau[c > 0].max()
        c = numpy.maximum(0.0, c * (1 - tau / largest))
    return kept


def smea(x, f):
    def largest(s):
        offsets = x[list(s)] - x[list(s)].mean(axis=0)
        return top_eigenpair(offsets @ offsets.T)[0]

    return x[list(min(itertools.combinations(range(len(x)), len(x) - f), key=largest))].mean(axis=0)


def cosine(a, b):
    lengths = numpy.linalg.norm(a) * numpy.linalg.norm(b)
    return a @ b / lengths if lengths > 0 else 0.0


def fltrust(x, reference):
    trust = numpy.array([max(0.0, cosine(row, reference)) for row in x])
    if trust.sum() == 0:
        return numpy.zeros(x.shape[1])
    lengths = numpy.linalg.norm(x, axis=1)
    scale = numpy.divide(numpy.linalg.norm(reference), lengths, out=numpy.zeros(len(x)), where=lengths > 0)
    return ((trust * scale)[:, None] * x).sum(axis=0) / trust.sum()


def cge(x, f):
    return x[lowest((x**2).sum(axis=1), len(x) - f)].mean(axis=0)


def faba(x, f):
    left = list(range(len(x)))
    for _ in range(f):
        offsets = ((x[left] - x[left].mean(axis=0)) ** 2).sum(axis=1)
        left.pop(len(left) - 1 - int(numpy.argmax(offsets[::-1])))
    return x[left].mean(axis=0)


def norm_clip(x, c):
    return clip(x, c).mean(axis=0)


# ---- 4: mixers ----


def clip(x, c=2.0):
    lengths = numpy.linalg.norm(x, axis=1)
    return numpy.array([row if length <= c else row * (c / length) for row, length in zip(x, lengths)])


def arc(x, f):
    n = len(x)
    cut = 2 * f * (n - f) // n
    lengths = numpy.linalg.norm(x, axis=1)
    return clip(x, numpy.sort(lengths)[::-1][cut]) if cut < n else x


def nnm(x, f):
    distances = squared_distances(x)
    nearest = [numpy.argsort(numpy.where(numpy.arange(len(x)) == i, -1.0, row), kind="stable")[: len(x) - f]
               for i, row in enumerate(distances)]
    return numpy.array([x[chosen].mean(axis=0) for chosen in nearest])


def bucketing(x, s):
    return numpy.array([x[start : start + s].mean(axis=0) for start in range(0, len(x), s)])
