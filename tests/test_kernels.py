"""Every compiled kernel against a slow twin written here: scans, 50-digit decimals, brute force, HiGHS."""

import inspect
from decimal import Decimal, localcontext
from itertools import product
from pathlib import Path

import numpy as np
import oracles
import pytest
from numba.core.registry import CPUDispatcher
from scipy import sparse
from scipy.optimize import brentq, linprog
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from wrof._kernels import envelope, line, minplus, network, powers, radial, scan, tree
from wrof._kernels import glue as glue_room

EPS = np.finfo(float).eps


def test_every_kernel_has_its_place_here():
    """A kernel that is added or renamed needs a twin: its name must occur in this file, or in test_network.py."""
    rooms = (envelope, glue_room, line, minplus, network, powers, radial, scan, tree)
    compiled = CPUDispatcher if isinstance(powers.power_rows, CPUDispatcher) else type(lambda: None)
    names = {
        name
        for room in rooms
        for name, value in vars(room).items()
        if isinstance(value, compiled) and value.__module__ == room.__name__ and not name.startswith("_")
    }
    assert len(names) >= 30
    here = inspect.getsource(inspect.getmodule(test_every_kernel_has_its_place_here))
    here += Path(__file__).with_name("test_network.py").read_text(encoding="utf-8")
    assert sorted(name for name in names if f".{name}(" not in here) == []


# ---- powers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.25, 0.5, 0.999, 1.0, 1.5, 2.0, 2.7, 3.0, 10.0])
def test_power(q):
    """r^q to 2 ulp of 50 digits, zero included."""
    assert powers.power(0.0, q) == 0.0 and powers.power(1.0, q) == 1.0
    for r in [*np.random.default_rng(0).uniform(0, 9, 20).tolist(), 1e-12, 1e9]:
        with localcontext() as digits:
            digits.prec = 50
            exact = float(Decimal(r) ** Decimal(q))
        assert abs(powers.power(r, q) - exact) <= 2 * EPS * exact


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize(("coef", "q"), [(1.0, 1.0), (0.3, 2.0), (2.5, 0.5), (1.0, 1.2), (4.0, 3.0)])
def test_power_rows(d, coef, q):
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(5, d)), rng.normal(size=(7, d))
    y[3] = x[2]
    out = np.full((5, 7), np.nan)
    powers.power_rows(x, y, coef, q, out)
    np.testing.assert_allclose(out, coef * cdist(x, y) ** q, rtol=1e-14, atol=0)
    assert out[2, 3] == 0.0
    assert minplus.distance_to(x[1], y[1]) == pytest.approx(cdist(x, y)[1, 1], rel=1e-15)


@pytest.mark.parametrize("shape", [(6,), (3, 4), (2, 1, 5), (2, 3, 2, 3)])
def test_lattice_rows_and_mark_offsets(shape):
    """The table is read at the offset |x - y| per axis, and exactly the offsets that occur are marked."""
    rng = np.random.default_rng(len(shape))
    table = rng.random(shape)
    x, y = (np.array([[rng.integers(k) for k in shape] for _ in range(n)]) for n in (4, 3))
    strides = np.array(table.strides) // table.itemsize
    out, need = np.full((4, 3), np.nan), np.zeros(table.size, dtype=np.bool_)
    powers.lattice_rows(x, y, strides, table.ravel(), out)
    minplus.mark_offsets(x, y, strides, need)
    wanted = np.zeros(shape, dtype=bool)
    for i, j in product(range(4), range(3)):
        offset = tuple(abs(x[i] - y[j]))
        assert out[i, j] == table[offset]
        wanted[offset] = True
    assert np.array_equal(need, wanted.ravel())


# ---- free stops: the radial cost ------------------------------------------------------------------------------------

EXPONENTS = (0.3, 0.5, 0.9, 1.0, 1.01, 1.2, 1.5, 2.0, 3.0)


def decimal_cost(s, t, a, p, alpha):
    return Decimal(a) * (Decimal(s) ** Decimal(p) if s else Decimal(0)) + (
        Decimal(t) ** Decimal(alpha) if t else Decimal(0)
    )


def slopes(s, t, a, p, alpha):
    """Of a s^p and of -(r - s)^alpha at s, r - s = t."""
    return a * p * s ** (p - 1), alpha * t ** (alpha - 1)


def stationary(r, a, p, alpha):
    """All (s, r - s) inside (0, r) where the two slopes agree, as decimals good to 40 digits.

    A scan that is fine towards both ends brackets the roots of the difference of logarithms.
    """
    small = np.concatenate([np.geomspace(1e-290, 1e-3, 1500), np.linspace(1e-3, 0.5, 1000)[1:]])
    found = []
    for near_y in (False, True):
        u, v = small * r, r - small * r  # the shorter part, and the rest
        first, second = (v, u) if near_y else (u, v)
        gap = np.log(a * p) + (p - 1) * np.log(first) - np.log(alpha) - (alpha - 1) * np.log(second)
        for k in np.flatnonzero((gap[:-1] != 0) & (np.sign(gap[:-1]) != np.sign(gap[1:]))):
            lo, hi = (Decimal(float(u[e])) for e in (k, k + 1))
            rising = gap[k] < gap[k + 1]
            for _ in range(150):
                mid = (lo + hi) / 2
                parts = (Decimal(r) - mid, mid) if near_y else (mid, Decimal(r) - mid)
                left, right = slopes(*parts, Decimal(a), Decimal(p), Decimal(alpha))
                if (left > right) == rising:
                    hi = mid
                else:
                    lo = mid
            found.append((Decimal(r) - lo, lo) if near_y else (lo, Decimal(r) - lo))
    return found


def exact_radial(r, a, p, alpha):
    """Candidates (cost, s, r - s) in 50 digits: both ends and every stationary point, the cheapest first."""
    places = [(Decimal(0), Decimal(r)), (Decimal(r), Decimal(0)), *stationary(r, a, p, alpha)]
    return sorted((decimal_cost(s, t, a, p, alpha), s, t) for s, t in places)


def assert_radial(r, a, p, alpha):
    with localcontext() as digits:
        digits.prec = 50
        least, s, _ = exact_radial(r, a, p, alpha)[0]
        for farthest in (False, True):
            cost, moved = radial.radial(r, a, p, alpha, farthest, 1e-12)
            assert abs(Decimal(cost) - least) <= Decimal("1e-14") * least, f"cost {cost}, not {float(least)}"
            assert 0 <= moved <= r
            here = decimal_cost(moved, Decimal(r) - Decimal(moved), a, p, alpha)
            assert here <= least * Decimal(1 + 1e-12), f"stops at {moved}, which is worse than {float(s)}"


def cases(count, seed):
    """Distances and coefficients near which the regimes change, for all pairs of exponents."""
    rng = np.random.default_rng(seed)
    for p, alpha in product(EXPONENTS, EXPONENTS):
        for _ in range(count):
            r = float(10 ** rng.uniform(-2, 2))
            yield r, float(r ** (alpha - p) * 10 ** rng.uniform(-1, 1)), p, alpha


def test_radial_quick():
    for case in list(cases(1, 0))[::4]:
        assert_radial(*case)


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
def test_radial_to_1e_14(p):
    """The cost to 1e-14 relative, and s where that cost is attained: all nine kinds of exponents, many times."""
    for case in cases(6, 1):
        if case[2] == p:
            assert_radial(*case)


def test_the_radial_check_can_fail(monkeypatch):
    monkeypatch.setattr(radial, "radial", lambda *args: (0.15 * (1 + 2e-14), 0.3))
    with pytest.raises(AssertionError, match="cost"):
        assert_radial(1.0, 0.15, 1.0, 0.5)
    monkeypatch.setattr(radial, "radial", lambda *args: (0.15, 0.9))
    with pytest.raises(AssertionError, match="worse"):
        assert_radial(1.0, 0.15, 1.0, 0.5)


@pytest.mark.parametrize(
    ("p", "alpha"), [(2.0, 1.001), (1.001, 2.0), (3.0, 1.01), (1.01, 1.01), (1.3, 7.0), (7.0, 1.1)]
)
def test_radial_root_beside_an_end(p, alpha):
    """Roots that lie 1e-20 or nearer to an end: exponents as 1 + tau gives them for small tau."""
    for r, a in product((0.1, 1.0, 30.0), (0.01, 0.3, 0.5, 5.0, 100.0)):
        assert_radial(r, a, p, alpha)


@pytest.mark.parametrize(
    ("p", "alpha", "expected"),
    [
        (2.0, 1.0, 0.3),  # tau
        (2.0, 2.0, 0.375),  # 2 tau r / (1 + 2 tau)
        (2.0, 1.5, 0.36),  # 0.36 / 0.3 = 1.5 sqrt(0.64)
        (2.0, 1.2, 0.332083),
        (2.0, 3.0, 0.364022),
        (1.0, 2.0, 1 - 1 / 1.2),  # r - 1 / 4 tau
    ],
)
def test_radial_by_hand(p, alpha, expected):
    """How far one atom goes at tau = 0.3, r = 1."""
    s = radial.radial(1.0, 1 / 0.6, p, alpha, False, 1e-12)[1]
    assert s == pytest.approx(expected, abs=5e-7 if expected in (0.332083, 0.364022) else 1e-15)


@pytest.mark.parametrize(
    ("r", "a", "p", "alpha"),
    [
        (0.25, 2.0, 1.0, 0.5),  # both 1/2
        (4.0, 2.0, 0.5, 1.0),  # both 4
        (3.0, 1.0, 1.0, 1.0),  # 3 wherever it stops
        (4.0, 1.0, 0.5, 0.5),
        (1.0, 1.0, 0.7, 0.3),
    ],
)
def test_radial_ties_of_the_two_ends(r, a, p, alpha):
    """Stay under lazy, go all the way under eager; decided by the tolerance, not by rounding."""
    for wobble in (0.0, 1e-15, -1e-15, 1e-13, -1e-13):
        assert radial.radial(r, a * (1 + wobble), p, alpha, False, 1e-12)[1] == 0.0
        assert radial.radial(r, a * (1 + wobble), p, alpha, True, 1e-12)[1] == r
    for farthest in (False, True):
        assert radial.radial(r, a * (1 + 1e-11), p, alpha, farthest, 1e-12)[1] == 0.0
        assert radial.radial(r, a * (1 - 1e-11), p, alpha, farthest, 1e-12)[1] == r


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 0.5), (3.0, 0.9), (1.5, 0.3), (0.5, 2.0), (0.9, 3.0)])
def test_radial_ties_of_an_inner_stop(p, alpha):
    """p > 1 > alpha: part of the way and all of it; p < 1 < alpha: part of it and none."""

    def dip(a):
        """Least cost of an inner local minimum: a scan, then the root of the derivative."""

        def slope(s):
            return a * p * s ** (p - 1) - alpha * (1 - s) ** (alpha - 1)

        s = np.linspace(0, 1, 4001)[1:-1]
        turns = np.flatnonzero((slope(s[:-1]) < 0) & (slope(s[1:]) > 0))
        roots = [brentq(slope, s[k], s[k + 1], xtol=1e-16, rtol=1e-15) for k in turns]
        return min((a * u**p + (1 - u) ** alpha for u in roots), default=np.inf)

    def excess(a):
        return (a if p > 1 else 1.0) - min(dip(a), 9.0)

    grid = np.geomspace(0.05, 20, 200)
    values = np.array([excess(a) for a in grid])
    k = int(np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))[0])
    a = brentq(excess, grid[k], grid[k + 1], xtol=1e-16, rtol=1e-15)
    with localcontext() as digits:
        digits.prec = 50
        (least, *_), (second, *_) = exact_radial(1.0, a, p, alpha)[:2]
        assert abs(second - least) <= Decimal("1e-13") * least, "not a tie: the test would prove nothing"
    near, far = (radial.radial(1.0, a, p, alpha, farthest, 1e-12) for farthest in (False, True))
    assert near[0] == far[0] == pytest.approx(float(least), rel=1e-14)
    dearer, cheaper = (
        [radial.radial(1.0, a * factor, p, alpha, far, 1e-12)[1] for far in (False, True)] for factor in (1.001, 0.999)
    )
    if p > 1:
        assert 0 < near[1] < 1 and far[1] == 1.0
        assert cheaper == [1.0, 1.0] and dearer == pytest.approx([near[1]] * 2, rel=1e-2)
    else:
        assert near[1] == 0.0 and 0 < far[1] < 1
        assert dearer == [0.0, 0.0] and cheaper == pytest.approx([far[1]] * 2, rel=1e-2)


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (2.0, 2.0), (1.0, 0.5), (3.0, 1.5)])
@pytest.mark.parametrize("a", [0.5, 5.0, np.inf])
def test_of_square(a, p, alpha):
    """The least of a s^p + (r - s)^alpha over 10^4 + 1 places s, told r^2; a = inf: nothing ever moves."""
    for r in (1e-3, 0.2, 1.0, 3.7):
        s = np.linspace(0.0, r, 10**4 + 1)
        tried = (r - s) ** alpha + (a * s**p if np.isfinite(a) else np.where(s > 0, np.inf, 0.0))
        found = radial.of_square(r * r, a, p, alpha)
        assert tried.min() * (1 - 1e-6) <= found <= tried.min() * (1 + 1e-14)


def test_radial_at_zero_and_in_arrays():
    assert radial.radial(0.0, 0.7, 2.0, 1.0, False, 1e-12) == (0.0, 0.0)
    r = np.array([0.0, 0.1, 0.3, 0.31, 5.0])
    cost, s = np.full(5, np.nan), np.full(5, np.nan)
    radial.radial_each(r, 1 / 0.6, 2.0, 1.0, False, 1e-12, cost, s)
    np.testing.assert_allclose(cost, np.where(r <= 0.3, r**2 / 0.6, r - 0.15), rtol=1e-15)
    np.testing.assert_allclose(s, np.minimum(r, 0.3), rtol=1e-15)


@pytest.mark.parametrize("q", [1.0, 1.5, 2.0, 3.0])
def test_pair_powers(q):
    """Given pairs of a line, in any order and repeated."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=7), rng.normal(size=4)
    i, j, out = rng.integers(0, 7, 30), rng.integers(0, 4, 30), np.empty(30)
    line.pair_powers(x, y, i, j, 0.3, 2.5, q, out)
    np.testing.assert_allclose(out, 2.5 * (0.3 * np.abs(x[i] - y[j])) ** q, rtol=4 * EPS)


# ---- lower envelopes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 2, 3, 17])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 1.0, 1e3, 1e12])
def test_parabolas(cells, spread):
    """Every line against all pairs, and only the lines that are asked for; equal, far apart, and infinite values."""
    rng = np.random.default_rng(cells)
    values = spread * rng.standard_normal((6, cells))
    values[1] = values[1, 0]
    values[2, rng.random(cells) < 0.5] = np.inf
    values[3] = np.inf
    h2, at = 0.3, np.arange(cells)
    out = np.full_like(values, np.nan)
    envelope.parabolas(1, 6, h2, values, out)
    expected = (h2 * (at[:, None] - at) ** 2 + values[:, None, :]).min(axis=2)
    assert np.all(np.isnan(out[0]))
    np.testing.assert_allclose(out[1:], expected[1:], rtol=1e-15, atol=4 * EPS * spread)


# ---- offset tables on lattices --------------------------------------------------------------------------------------

LATTICES = [
    ((9,), (0.125,)),
    ((1,), (0.0,)),
    ((4, 5), (0.25, 0.25)),
    ((5, 4), (1.0, 0.1)),
    ((1, 6), (0.0, 0.5)),
    ((3, 1, 4), (0.2, 0.0, 0.3)),
    ((3, 3, 3), (0.5, 0.5, 0.5)),
    ((2, 3, 2, 3), (1.0, 0.5, 0.25, 2.0)),
]
COSTS = [  # a, p, alpha
    (0.5, 2.0, 1.0),
    (2.0, 2.0, 1.0),
    (1.0, 1.0, 0.5),
    (1.0, 0.5, 2.0),
    (4.0, 3.0, 0.5),
    (1.0, 1.0, 1.0),
    (0.5, 1.0, 1.5),
]


def lattice(shape, spacing, a, p, alpha):
    """Tables of the two terms by offset, in C order, with strides in entries."""
    index = np.array(list(np.ndindex(*shape)))
    dist = np.sqrt(((index * spacing) ** 2).sum(axis=1))
    strides = np.array([int(np.prod(shape[k + 1 :])) for k in range(len(shape))])
    return index, dist, a * dist**p, dist**alpha, strides


def worth(shape, move, disc, alpha):
    """How far into each line a hop may pay: for alpha <= 1 it gains at most the discrepancy of its own length."""
    lines = [(m, d) for m, d in zip(move.reshape(-1, shape[-1]), disc.reshape(-1, shape[-1]), strict=True)]
    pays = [np.flatnonzero(m <= d * (1 + 1e-9)) if alpha <= 1 else np.arange(shape[-1]) for m, d in lines]
    return np.array([some[-1] + 1 if len(some) else 0 for some in pays])


@pytest.mark.parametrize(("shape", "spacing"), LATTICES, ids=str)
@pytest.mark.parametrize(("a", "p", "alpha"), COSTS)
def test_offset_table_and_stops(shape, spacing, a, p, alpha):
    """The least over *all* stops of the grid, in the box or not, and the tied one that is nearest (farthest)."""
    index, dist, move, disc, strides = lattice(shape, spacing, a, p, alpha)
    need = np.random.default_rng(0).random(len(index)) < 0.8
    out = np.full(len(index), np.inf)
    most = worth(shape, move, disc, alpha)
    for lo, hi in ((0, len(index) // 3), (len(index) // 3, len(index))):
        minplus.offset_table(lo, hi, np.array(shape), strides, move, disc, most, need, out)
    offsets = np.arange(len(index))
    chosen = {farthest: np.full(len(index), -7) for farthest in (False, True)}
    for farthest, stop in chosen.items():
        minplus.offset_stops(np.array(shape), strides, move, disc, dist, most, offsets, farthest, 1e-14, stop)
    rest = np.sqrt((((index[:, None, :] - index[None, :, :]) * spacing) ** 2).sum(axis=2))  # stop to y
    for o in offsets:
        total = move + rest[:, o] ** alpha
        best = total.min()
        assert out[o] == (pytest.approx(best, rel=1e-14, abs=0) if need[o] else np.inf)
        tied = np.flatnonzero(total <= best * (1 + 2e-14))
        for farthest, stop in chosen.items():
            k = stop[o]
            assert k in tied and np.all(index[k] <= index[o])
            wanted = dist[tied].max() if farthest else dist[tied].min()
            assert dist[k] == pytest.approx(wanted, rel=1e-13, abs=0)
            assert k == tied[np.isclose(dist[tied], dist[k], rtol=1e-13, atol=0)][0], "not the first in C order"


def test_offset_stops_at_half_steps():
    """p = 2, alpha = 1, tau = h/2, 3h/2, ...: k and k + 1 cells are tied, for every h; beside it they are not."""
    for h in (1.0, 0.1, 1 / 3, 1 / 127, 1e-6):
        for k in range(4):
            for wobble, wanted in ((0, (k, k + 1)), (1e-12, (k + 1, k + 1)), (-1e-12, (k, k))):
                tau = (k + 0.5) * h * (1 + wobble)
                _, dist, move, disc, strides = lattice((8,), (h,), 1 / (2 * tau), 2.0, 1.0)
                found = []
                for farthest in (False, True):
                    stop = np.empty(1, dtype=np.int64)
                    given = (np.array([8]), strides, move, disc, dist, worth((8,), move, disc, 1.0), np.array([7]))
                    minplus.offset_stops(*given, farthest, 1e-14, stop)
                    found.append(int(stop[0]))
                assert tuple(found) == wanted, f"h = {h}, tau = {k + 0.5} h (1 + {wobble})"


# ---- min-plus products on clouds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "s", "m"), [(1, 1, 1), (5, 1, 4), (1, 6, 1), (6, 9, 7)])
def test_minplus_rows(n, s, m):
    rng = np.random.default_rng(n)
    for whole in (False, True):
        move = rng.integers(0, 4, (n, s)).astype(float) if whole else rng.random((n, s))
        disc = rng.integers(0, 4, (s, m)).astype(float) if whole else rng.random((s, m))
        out = np.full((n, m), np.nan)
        minplus.minplus_rows(move, np.argsort(move, axis=1), disc, out)
        assert np.array_equal(out, (move[:, :, None] + disc[None, :, :]).min(axis=1))


def expected_stops(x, y, stops, a, p, alpha, farthest, tie):
    """Cost and all acceptable stops of the pairs (x_i, y_i): tied in cost, and as near to x (far) as any tied one."""
    r = cdist(x, stops)
    total = a * r**p + cdist(y, stops) ** alpha
    best = total.min(axis=1)
    good = []
    for i in range(len(x)):
        tied = np.flatnonzero(total[i] <= best[i] * (1 + tie))
        wanted = r[i, tied].max() if farthest else r[i, tied].min()
        good.append(tied[np.isclose(r[i, tied], wanted, rtol=1e-11, atol=0)].tolist())
    return best, good


@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("a", "p", "alpha"), COSTS)
def test_pair_stops(d, a, p, alpha, farthest):
    """Clouds in general position and on a lattice, where stops tie; the first of equally good ones."""
    rng = np.random.default_rng(d)
    for whole in (False, True):
        x, y, stops = (rng.integers(0, 4, (n, d)) / 2 if whole else rng.normal(size=(n, d)) for n in (12, 12, 9))
        stops = np.unique(stops, axis=0)[::-1].copy()
        cost, stop = np.empty(12), np.empty(12, dtype=np.int64)
        minplus.pair_stops(x, y, stops, a, p, alpha, farthest, 1e-12, cost, stop)
        best, good = expected_stops(x, y, stops, a, p, alpha, farthest, 2e-12)
        np.testing.assert_allclose(cost, best, rtol=1e-14, atol=0)
        assert [k == allowed[0] for k, allowed in zip(stop, good, strict=True)] == [True] * 12


# ---- the line -------------------------------------------------------------------------------------------------------

CONVEX = [  # a, p, alpha
    (0.5, 2.0, 1.0),
    (2.0, 2.0, 1.5),
    (1.0, 1.0, 1.0),
    (0.4, 1.0, 1.0),
    (1.5, 1.0, 1.0),
    (0.7, 1.0, 2.0),
    (3.0, 3.0, 1.2),
]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (9, 1), (7, 30), (40, 6), (33, 33)])
@pytest.mark.parametrize(("a", "p", "alpha"), [*CONVEX, (1.0, 1.0, 0.0), (0.3, 2.0, 0.0), (2.0, 1.5, 0.0)])
def test_monge_transform(n, m, a, p, alpha):
    """A row-wise minimum, for the plain power (alpha = 0) and for the joint cost with free stops."""
    rng = np.random.default_rng([n, m])
    for x, y, psi in (
        (np.sort(rng.normal(size=n)), np.sort(rng.normal(size=m)), rng.normal(size=m)),
        (np.sort(rng.integers(0, 9, n)) / 1.0, np.sort(rng.integers(0, 9, m)) / 1.0, rng.integers(0, 3, m) / 1.0),
    ):
        out = np.full(n, np.nan)
        line.monge_transform(x, y, 0.25, psi, a, p, alpha, out)
        r = 0.25 * np.abs(x[:, None] - y)
        if alpha == 0:
            cost = a * r**p
        else:
            cost = np.array([[oracle_free(v, a, p, alpha) for v in row] for row in r])
        np.testing.assert_allclose(out, (cost - psi).min(axis=1), rtol=0, atol=1e-13)


def oracle_free(r, a, p, alpha):
    """Joint cost with free stops for p, alpha >= 1, where the sum is convex: ends, and the root of the derivative."""
    ends = [r**alpha, a * r**p]
    if r == 0:
        return 0.0

    def slope(s):
        return a * p * s ** (p - 1) - alpha * (r - s) ** (alpha - 1)

    if slope(0.0) < 0 < slope(r):
        s = brentq(slope, 0.0, r, xtol=1e-16, rtol=1e-15)
        ends.append(a * s**p + (r - s) ** alpha)
    return min(ends)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 6), (6, 1), (5, 8), (20, 20)])
@pytest.mark.parametrize("whole", [False, True])
def test_northwest(n, m, whole):
    """Cell masses are overlaps of the two cumulated masses; the cells form a staircase."""
    rng = np.random.default_rng([n, m])
    for _ in range(20):
        a = rng.multinomial(3 * n, np.ones(n) / n).astype(float) if whole else rng.random(n)
        b = rng.multinomial(3 * n, np.ones(m) / m).astype(float) if whole else rng.random(m)
        b *= a.sum() / b.sum()
        i, j = np.full((2, n + m - 1), -1)
        mass = np.full(n + m - 1, np.nan)
        line.northwest(a, b, i, j, mass)
        assert (i[0], j[0], i[-1], j[-1]) == (0, 0, n - 1, m - 1)
        assert np.all(np.diff(i) + np.diff(j) == 1) and np.all(np.diff(i) >= 0) and np.all(np.diff(j) >= 0)
        ends, starts = (np.cumsum(a)[:, None], np.cumsum(b)), ((np.cumsum(a) - a)[:, None], np.cumsum(b) - b)
        overlap = np.maximum(np.minimum(*ends) - np.maximum(*starts), 0)
        plan = np.zeros((n, m))
        np.add.at(plan, (i, j), mass)
        np.testing.assert_allclose(plan, overlap, rtol=0, atol=1e-15 * (n + m) * a.sum())
        oracles.assert_plan(plan, a, b, rtol=1e-15 * (n + m))


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.1, 0.1]), ([1.0, 0.1], [0.9]), ([0.5, 0.5], [1 + 1e-9, 1e-12])])
def test_northwest_with_unequal_totals(a, b):
    """Masses stay >= 0 and a row or column holds no more than the larger of what it should and what is left."""
    a, b = np.array(a), np.array(b)
    i, j = np.full((2, len(a) + len(b) - 1), -1)
    mass = np.full(len(i), np.nan)
    line.northwest(a, b, i, j, mass)
    assert np.all(mass >= 0)
    error = np.abs(margin(i, mass, len(a)) - a).sum() + np.abs(margin(j, mass, len(b)) - b).sum()
    assert error <= 2 * abs(a.sum() - b.sum()) + 1e-15


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (5, 1), (7, 9)])
def test_staircase_potential(n, m):
    """Equality on the cells; feasible everywhere for a convex cost on sorted points."""
    rng = np.random.default_rng([n, m])
    x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=m))
    for q in (1.0, 1.5, 2.0):
        cost = np.abs(x[:, None] - y) ** q
        a, b = rng.random(n), rng.random(m)
        i, j = np.full((2, n + m - 1), -1)
        line.northwest(a, b * a.sum() / b.sum(), i, j, np.empty(n + m - 1))
        phi, psi = np.full(n, np.nan), np.full(m, np.nan)
        line.staircase_potential(i, j, cost[i, j], phi, psi)
        np.testing.assert_allclose(phi[i] + psi[j], cost[i, j], rtol=0, atol=1e-14 * (n + m))
        oracles.assert_dual_feasible(phi, psi, cost, rtol=1e-14 * (n + m))


@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize(("a", "p", "alpha"), CONVEX)
def test_line_stops(a, p, alpha, farthest):
    """Best stops on a line by looking at all of them: beside, between and beyond the points; lattices that tie."""
    rng = np.random.default_rng(5)
    for count, whole in product((1, 2, 3, 17), (False, True)):
        x, y = (rng.integers(-3, 9, 60) / 1.0 if whole else rng.normal(size=60) for _ in range(2))
        stops = np.sort(rng.choice(12, count % 12 or 1, replace=False) - 2.0 if whole else rng.normal(size=count))
        unit = 0.5
        cost, stop = np.empty(60), np.full(60, -1)
        line.line_stops(x, y, stops, unit, a, p, alpha, farthest, 1e-12, cost, stop)
        best, good = expected_stops(*(unit * z[:, None] for z in (x, y, stops)), a, p, alpha, farthest, 2e-12)
        np.testing.assert_allclose(cost, best, rtol=1e-14, atol=0)
        bad = [i for i in range(60) if stop[i] not in good[i]]
        assert bad == [], f"pair {x[bad[:1]]}, {y[bad[:1]]}, stops {stops}"


@pytest.mark.parametrize("unit", [1.0, 0.1, 1 / 127])
def test_line_stops_at_half_steps(unit):
    """tau = h/2, 3h/2, ... in both directions: nearest k cells, farthest k + 1."""
    stops = np.arange(20.0)
    for k, sign in product(range(5), (1, -1)):
        x, y = np.array([10.0 - 8 * sign]), np.array([10.0 + 8 * sign])
        found = []
        for farthest in (False, True):
            cost, stop = np.empty(1), np.empty(1, dtype=np.int64)
            tau = (k + 0.5) * unit
            line.line_stops(x, y, stops, unit, 1 / (2 * tau), 2.0, 1.0, farthest, 1e-14, cost, stop)
            found.append(sign * int(stops[stop[0]] - x[0]))
        assert found == [k, k + 1]


# ---- glue -----------------------------------------------------------------------------------------------------------


def glued(zin, i, fin, zout, j, fout):
    room = len(zin) + len(zout)
    out_i, out_z, out_j = np.full((3, room), -1)
    out_f = np.full(room, np.nan)
    count = glue_room.glue(zin, i, fin, zout, j, fout, out_i, out_z, out_j, out_f)
    assert count <= room
    return out_i[:count], out_z[:count], out_j[:count], out_f[:count]


def margin(keys, masses, size):
    return np.bincount(keys, masses, size)


@pytest.mark.parametrize("seed", range(6))
def test_glue(seed):
    """Every arc into a stop and every arc out of it keeps its mass; at most one atom per arc."""
    rng = np.random.default_rng(seed)
    n, s, m = rng.integers(1, 7, 3)
    triple = rng.integers(0, 4, (n, s, m)) * (rng.random((n, s, m)) < 0.4) + 0.0
    if seed % 2:
        triple *= rng.random((n, s, m))
    into, out = triple.sum(axis=2), triple.sum(axis=0)
    (zin, i), (zout, j) = np.nonzero(into.T), np.nonzero(out)
    atoms = glued(zin, i, into[i, zin], zout, j, out[zout, j])
    assert np.all(atoms[3] > 0)
    np.testing.assert_allclose(margin(atoms[0] * s + atoms[1], atoms[3], n * s), into.ravel(), atol=1e-14)
    np.testing.assert_allclose(margin(atoms[1] * m + atoms[2], atoms[3], s * m), out.ravel(), atol=1e-14)


@pytest.mark.parametrize("stops", [1, 2, 3])
def test_glue_loses_no_source_mass(stops):
    """What rounding leaves over of an arrival goes with the last departure, at the last stop as at the others."""
    z = np.arange(stops)
    atoms = glued(z, z, np.full(stops, 1.0 + 1e-9), z, z, np.ones(stops))
    np.testing.assert_allclose(margin(atoms[0], atoms[3], stops), 1.0 + 1e-9, rtol=1e-15)
    late = glued(np.zeros(2, dtype=np.int64), np.arange(2), np.array([1.0, 1e-9]), z[:1], z[:1], np.ones(1))
    assert list(zip(*late, strict=True)) == [(0, 0, 0, 1.0), (1, 0, 0, 1e-9)]  # nothing left for the second source
    none = np.zeros(0, dtype=np.int64)
    assert len(glued(none, none, np.zeros(0), none, none, np.zeros(0))[3]) == 0


# ---- the sparse network simplex -------------------------------------------------------------------------------------


class Graph:
    """A flow problem with a feasible flow, and the kernels' state on it."""

    def __init__(self, tail, head, nodes, flow, cost):
        self.tail, self.head, self.nodes = np.asarray(tail), np.asarray(head), nodes
        self.flow, self.cost = np.array(flow, dtype=float), np.asarray(cost, dtype=float)
        self.supply = margin(self.tail, self.flow, nodes) - margin(self.head, self.flow, nodes)
        self.basic = np.zeros(len(tail), dtype=np.bool_)
        self.pi = np.zeros(nodes)

    def start(self, order=None):
        order = np.argsort(-self.flow, kind="stable") if order is None else order
        tree.spanning_forest(self.tail, self.head, order, self.nodes, self.basic)
        self.parent, self.parc, self.child, self.after, self.before, self.depth = np.full((6, self.nodes), -9)
        self.up = np.zeros(self.nodes, dtype=np.bool_)
        tree.hang(self.tail, self.head, self.basic, *self.links, self.before, self.depth)
        tree.potentials(self.cost, *self.links, self.depth, self.pi)
        return self

    @property
    def links(self):
        return self.parent, self.parc, self.up, self.child, self.after

    @property
    def basis(self):
        return (*self.links, self.before, self.depth, self.pi)

    def cancel(self):
        tree.cancel(self.basic, self.tail, self.head, np.zeros(len(self.tail)), self.flow, *self.basis)
        tree.potentials(self.cost, *self.links, self.depth, self.pi)
        return self

    def minimise(self, tol=1e-12, limit=1_000_000):
        return tree.minimise(tol, limit, self.tail, self.head, self.cost, self.flow, *self.basis)

    def resend(self):
        tree.tree_flows(self.supply, self.tail, self.head, self.flow, *self.links)
        return self

    # what must hold

    def assert_forest(self):
        """Parents, children, depths, directions and potentials tell one story, and it spans every component."""
        arcs = self.parc[self.parent >= 0]
        assert len(set(arcs.tolist())) == len(arcs), "an arc hangs twice"
        for v in range(self.nodes):
            u, e = self.parent[v], self.parc[v]
            if u < 0:
                assert self.depth[v] == 0, "a root has depth"
                continue
            assert {int(self.tail[e]), int(self.head[e])} == {int(u), v}, "a parent arc joins others"
            assert bool(self.up[v]) == (self.tail[e] == v), "wrong direction"
            assert self.depth[v] == self.depth[u] + 1, "wrong depth"
            gap = self.pi[self.head[e]] - self.pi[self.tail[e]] - self.cost[e]
            assert abs(gap) <= 1e-12 * max(1, np.abs(self.pi).max()), "wrong potential"
            siblings, w = [], self.child[u]
            while w >= 0:
                assert self.after[w] < 0 or self.before[self.after[w]] == w, "the list of children is broken"
                siblings.append(int(w))
                w = self.after[w]
            assert v in siblings and len(siblings) == len(set(siblings)), "not among its parent's children"
        graph = sparse.coo_matrix((np.ones(len(self.tail)), (self.tail, self.head)), (self.nodes,) * 2)
        components = connected_components(graph, directed=False)[0]
        assert np.count_nonzero(self.parent < 0) == components, "not a spanning forest"

    def assert_flow(self, atol=1e-12):
        """Masses >= 0, conserved, and none off the forest."""
        assert np.all(self.flow >= 0), "negative flow"
        net = margin(self.tail, self.flow, self.nodes) - margin(self.head, self.flow, self.nodes)
        assert np.abs(net - self.supply).max() <= atol * max(1, np.abs(self.supply).max()), "mass is lost"
        off = np.ones(len(self.tail), dtype=bool)
        off[self.parc[self.parent >= 0]] = False
        assert np.all(self.flow[off] == 0), "flow off the forest"

    def assert_optimal(self, tol=1e-11):
        """No reduced cost is negative, and the value is the one HiGHS finds."""
        reduced = self.cost + self.pi[self.tail] - self.pi[self.head]
        assert reduced.min() >= -tol, "negative reduced cost"
        arcs = np.arange(len(self.tail))
        rows = sparse.coo_matrix(
            (np.r_[np.ones(len(arcs)), -np.ones(len(arcs))], (np.r_[self.tail, self.head], np.r_[arcs, arcs]))
        )
        answer = linprog(self.cost, A_eq=rows.tocsr(), b_eq=self.supply[: rows.shape[0]], method="highs")
        assert answer.status == 0
        value = self.cost @ self.flow
        assert abs(value - answer.fun) <= 1e-10 * max(1, np.abs(self.supply).sum()), f"{value}, HiGHS {answer.fun}"


def random_graph(seed, layers, whole, density=0.5, equal_cost=False):
    """Nodes in layers, random arcs from each layer to the next, and a flow that is feasible by construction."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(layers)])
    arcs = [
        (starts[k] + u, starts[k + 1] + v)
        for k in range(len(layers) - 1)
        for u, v in product(range(layers[k]), range(layers[k + 1]))
        if rng.random() < density
    ]
    tail, head = np.array(arcs).T
    into = {int(v): np.flatnonzero(tail == v) for v in np.unique(tail)}
    flow = np.zeros(len(arcs))
    for _ in range(3 * layers[0]):  # walks from a first node as far as arcs go, with a mass each
        v, mass = int(rng.integers(layers[0])), float(rng.integers(0, 4)) if whole else rng.random()
        while len(out := into.get(v, [])):
            e = rng.choice(out)
            flow[e] += mass
            v = int(head[e])
    cost = np.ones(len(arcs)) if equal_cost else rng.integers(0, 5, len(arcs)) if whole else rng.random(len(arcs))
    return Graph(tail, head, starts[-1], flow, cost)


SHAPES = [(1, 1), (1, 5), (5, 1), (6, 6), (4, 5, 6), (10, 8, 10), (20, 20)]


def bridges_one_by_one(tail, head, nodes):
    """Arcs without which their ends are no longer connected, by taking away each in turn."""
    found = np.zeros(len(tail), dtype=bool)
    for e in range(len(tail)):
        rest = np.delete(np.arange(len(tail)), e)
        graph = coo_array((np.ones(len(rest)), (tail[rest], head[rest])), shape=(nodes, nodes))
        label = connected_components(graph.tocsr(), directed=False)[1]
        found[e] = label[tail[e]] != label[head[e]]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_arcs_on_cycles(seed):
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 12))
    arcs = int(rng.integers(0, 2 * nodes))
    tail = rng.integers(0, nodes, arcs)
    head = (tail + rng.integers(1, nodes, arcs)) % nodes  # parallel arcs, no loops
    mark = np.zeros(arcs, dtype=np.bool_)
    tree.on_cycles(tail, head, nodes, mark)
    assert (mark == ~bridges_one_by_one(tail, head, nodes)).all()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("layers", SHAPES, ids=str)
def test_forest_and_cancel(layers, whole):
    """Any order of arcs gives a spanning forest; cancelling empties all other arcs and conserves the masses."""
    for seed, density in product(range(3), (0.15, 0.5, 1.0)):
        if density < 1 and min(layers) == 1:
            continue
        graph = random_graph(seed, layers, whole, density)
        graph.start(np.random.default_rng(seed).permutation(len(graph.tail)))
        graph.assert_forest()
        value = graph.flow.sum()
        graph.cancel()
        graph.assert_forest()
        graph.assert_flow()
        sent = graph.flow.copy()
        np.testing.assert_allclose(graph.resend().flow, sent, rtol=0, atol=1e-12 * max(1, value))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("layers", SHAPES, ids=str)
def test_minimise(layers, whole):
    """Random, and whole masses with whole costs, where nearly every pivot is a tie; then a second cost from there."""
    for seed, density in product(range(3), (0.15, 0.5, 1.0)):
        if density < 1 and min(layers) == 1:
            continue
        graph = random_graph(seed, layers, whole, density).start().cancel()
        assert graph.minimise() >= 0
        graph.resend()
        for check in (graph.assert_forest, graph.assert_flow, graph.assert_optimal):
            check()
        graph.cost = np.random.default_rng(seed).permutation(graph.cost)
        tree.potentials(graph.cost, *graph.links, graph.depth, graph.pi)
        assert graph.minimise() >= 0
        graph.assert_optimal()
        graph.assert_flow()
        assert graph.minimise() == 0, "optimal, and yet it goes on"


def test_minimise_equal_costs_needs_no_pivot():
    graph = random_graph(1, (8, 8), True, equal_cost=True).start().cancel()
    assert graph.minimise() == 0


def test_minimise_stops_at_its_limit():
    graph = random_graph(0, (12, 12), False, 1.0).start().cancel()
    assert graph.minimise(limit=2) == -1
    graph.assert_forest()
    graph.assert_flow()
    assert graph.minimise() > 2
    graph.assert_optimal()


def idle_graph(seed):
    """No mass at all, from the dearest forest: every pivot moves nothing."""
    graph = random_graph(seed, (30, 30), False, 1.0)
    graph.flow[:], graph.supply[:] = 0.0, 0.0
    return graph.start(np.argsort(-graph.cost, kind="stable"))


@pytest.mark.parametrize("seed", [0, 2])
def test_many_idle_pivots_end(seed):
    """Long after n + 64 pivots without a move, and at the optimum."""
    graph = idle_graph(seed)
    assert graph.minimise() > graph.nodes + 64, "Bland's rule was not reached: the test would prove nothing"
    graph.assert_forest()
    graph.assert_optimal()


@pytest.mark.parametrize("seed", [0, 2])
def test_blands_rule_takes_over(seed):
    """After n + 64 idle pivots the first arc with a negative reduced cost enters, the first that blocks leaves."""
    differs = 0
    for k in (0, 1, 2, *range(125, 135)):  # n + 64 = 124
        old, new = idle_graph(seed), idle_graph(seed)
        assert old.minimise(limit=k) == new.minimise(limit=k + 1) == -1
        reduced = old.cost + old.pi[old.tail] - old.pi[old.head]
        first = int(np.flatnonzero(reduced < -1e-12)[0])
        bases = [set(g.parc[g.parent >= 0].tolist()) for g in (old, new)]
        (enters,), (leaves,) = bases[1] - bases[0], bases[0] - bases[1]
        blocking, ends = [], [int(old.head[enters]), int(old.tail[enters])]  # mass goes back from head to tail
        while ends[0] != ends[1]:
            up = old.depth[ends[0]] >= old.depth[ends[1]]
            w = ends[0] if up else ends[1]
            if bool(old.up[w]) != up:
                blocking.append(int(old.parc[w]))
            ends[0 if up else 1] = int(old.parent[w])
        assert leaves in blocking
        if k >= 125:
            assert enters == first and leaves == min(blocking), f"pivot {k}"
        else:
            differs += enters != first
    assert differs > 0, "the rule before is the same: the test would prove nothing"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("layers", [(150, 150), (60, 90, 60), (64, 64, 64)], ids=str)
def test_minimise_many_pivots(layers, seed):
    """Assignment problems and dense layers: hundreds of pivots, most of them degenerate."""
    graph = random_graph(seed, layers, bool(seed), 0.5).start().cancel()
    assert graph.minimise() > 200
    graph.resend()
    for check in (graph.assert_forest, graph.assert_flow, graph.assert_optimal):
        check()


def test_tree_flows_after_drift():
    """The flows are those of the forest again, whatever was in the array."""
    graph = random_graph(4, (7, 9, 8), False).start().cancel()
    exact = graph.flow.copy()
    graph.flow += np.random.default_rng(0).normal(size=len(exact))
    np.testing.assert_allclose(graph.resend().flow, exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda g: g.parent.__setitem__(3, -1), "depth|forest"),
        (lambda g: g.depth.__iadd__(1), "depth"),
        (lambda g: np.logical_not(g.up, out=g.up), "direction"),
        (lambda g: g.pi.__setitem__(2, 7.0), "potential"),
        (lambda g: g.child.fill(-1), "children"),
        (lambda g: g.flow.__imul__(2.0), "lost"),
        (lambda g: g.flow.__setitem__(int(np.argmax(g.flow)), -1.0), "negative flow"),
        (lambda g: g.cost.__imul__(-1.0), "potential|reduced"),
    ],
)
def test_the_graph_checks_can_fail(spoil, complaint):
    graph = random_graph(0, (6, 6), False, 1.0).start().cancel()
    graph.minimise()
    spoil(graph)
    with pytest.raises(AssertionError, match=complaint):
        graph.assert_forest()
        graph.assert_flow()
        graph.assert_optimal()


def test_the_optimality_check_can_fail():
    graph = random_graph(0, (6, 6), False, 1.0).start().cancel()
    with pytest.raises(AssertionError, match="reduced"):
        graph.assert_optimal()
    graph.minimise()
    graph.flow *= 1.01  # more mass than the nodes supply: another value than HiGHS's
    with pytest.raises(AssertionError, match="HiGHS"):
        graph.assert_optimal()
