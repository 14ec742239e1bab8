"""Hypothesis: pairs of small point sets that are hard for distances."""

import numpy as np
from hypothesis import strategies as st


def _grid(random, n, d):
    return random.integers(-2, 3, (n, d))  # many ties and doubles


def _spread(random, n, d):
    return random.normal(size=(n, d))


def _clusters(random, n, d):
    """Tight groups far apart: their own distances are small against their lengths."""
    centres = np.random.default_rng(7).normal(size=(3, d)) * 1000  # the same for both sets
    return centres[random.integers(0, 3, n)] + 1e-3 * random.normal(size=(n, d))


def _modes(random, n, d):
    places = np.random.default_rng(7).normal(size=(3, d))
    return places[random.integers(0, 3, n)]


def _far_from_zero(random, n, d):
    return 1e6 + random.normal(size=(n, d))


def _all_sizes(random, n, d):
    return random.normal(size=(n, d)) * 10.0 ** random.integers(-25, 3, (n, 1))


KINDS = (_grid, _spread, _clusters, _modes, _far_from_zero, _all_sizes)


@st.composite
def pairs(draw, fewest=2, most=24):
    """Draw (real, generated), float32, of one width; now and then they share points."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = [draw(st.sampled_from(KINDS)) for _ in range(2)]
    sizes = [draw(st.integers(fewest, most)) for _ in range(2)]
    width = draw(st.integers(1, 12))
    a, b = (kind(random, n, width) for kind, n in zip(kinds, sizes, strict=True))
    if draw(st.booleans()):
        shared = random.integers(0, len(a), max(1, len(b) // 2))
        b[: len(shared)] = a[shared]
    return a.astype(np.float32), b.astype(np.float32)
