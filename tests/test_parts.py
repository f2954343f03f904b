"""What makes large problems fast: the simplex on parts of the tree, and scans that leave out blocks."""

import numpy as np
import pytest
from test_network import TOL, perturbation, spans, whole_problem

from wrof import scans
from wrof._kernels import parts
from wrof.clusters import ClusterScan
from wrof.cost import FreeJoint
from wrof.scans import LatticeScan
from wrof.solvers.multiscale import tree as room
from wrof.solvers.multiscale.tree import Network, northwest

# ---- parts ----------------------------------------------------------------------------------------------------------


def network(rng, n, m, uniform=False):
    """All arcs of a problem, at the north-west corner."""
    cost, a, b = whole_problem(rng, n, m, uniform, spread=40)
    i, j, flow, tick = northwest(a, perturbation(n, m)[0], b, perturbation(n, m)[1])
    tree = Network(n, m, i, j, cost[i, j], flow, tick)
    every = np.divmod(np.arange(n * m), m)
    tree.add(*every, cost.ravel())
    return tree, cost, a, b


@pytest.mark.parametrize("least", [1, 2, 3, 7, 50, 1000])
def test_cut(least):
    """Every part is connected, and holds `least` nodes unless it is that of the root."""
    rng = np.random.default_rng(least)
    for nodes in (1, 2, 9, 60):
        parent = np.array([-1, *(int(rng.integers(max(0, v - 3), v)) for v in range(1, nodes))], dtype=np.int32)
        depth_first = preorder(parent)
        part = np.empty(nodes, dtype=np.int32)
        count = parts.cut(depth_first, least, part)
        assert np.array_equal(np.unique(part), np.arange(count)) and part[0] == 0
        entered = [v for v in range(1, nodes) if part[v] != part[depth_first[v]]]
        assert sorted(part[v] for v in entered) == list(range(1, count))  # one arc leads into a part: it is connected
        assert np.all(np.bincount(part)[1:] >= least)


def preorder(parent):
    """The same tree with its nodes numbered in preorder."""
    children = [[] for _ in parent]
    for v, p in enumerate(parent):
        if p >= 0:
            children[p].append(v)
    out, stack, number = [], [(0, -1)], 0
    while stack:
        v, above = stack.pop()
        out.append(above)
        stack += [(w, number) for w in children[v]]
        number += 1
    return np.array(out, dtype=np.int32)


@pytest.mark.parametrize("uniform", [False, True], ids=["whole", "uniform"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (6, 1), (4, 7), (12, 9), (30, 30)], ids=str)
@pytest.mark.parametrize("least", [2, 5, 20])
def test_in_parts(size, least, uniform):
    """A spanning tree again, that feeds the same masses and ticks, costs no more, and whose parts are optimal."""
    for seed in range(3):
        rng = np.random.default_rng([seed, least, *size])
        tree, cost, a, b = network(rng, *size, uniform)
        i, j, flow, _ = tree.basis()
        before = float(cost[i, j] @ flow)
        tree.in_parts(least, TOL)
        i, j, flow, tick = tree.basis()
        n, m = size
        assert len(i) == n + m - 1 and spans(i, j, n, m)
        for index, masses, ticks, count in zip((i, j), (a, b), perturbation(n, m), size, strict=True):
            np.testing.assert_array_equal(np.bincount(index, flow, count), masses)
            assert np.array_equal(np.bincount(index, tick, count), ticks)
        assert all(each > (0, 0) for each in zip(flow, tick, strict=True))
        after = float(cost[i, j] @ flow)
        assert after <= before
        phi, psi = tree.potentials
        np.testing.assert_allclose(cost[i, j], phi[i] + psi[j], rtol=0, atol=1e-12 * 40)
        if least >= 20 and max(size) <= 9:  # one part, the whole
            assert (cost - phi[:, None] - psi).min() >= -TOL


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_the_same(seed, monkeypatch):
    """With parts of a few nodes and without: one value."""
    monkeypatch.setattr(room, "MANY", 0.0)
    values, pivots = [], []
    for least in (10**9, 3, 10):
        monkeypatch.setattr(room, "PART", least)
        rng = np.random.default_rng(seed)
        tree, cost, *_ = network(rng, 60, 50, uniform=seed % 2 == 0)
        pivots.append(tree.optimise(TOL, room.NO_LIMIT))
        i, j, flow, _ = tree.basis()
        values.append(float(cost[i, j] @ flow))
        phi, psi = tree.potentials
        assert (cost - phi[:, None] - psi).min() >= -1e-10
    assert values[0] == values[1] == values[2] and min(pivots) > 0


def test_a_limit_is_kept():
    """Parts do not know of each other's pivots: with a limit there are none."""
    tree, *_ = network(np.random.default_rng(0), 40, 40)
    assert tree.optimise(TOL, 7) == 7


# ---- blocks ---------------------------------------------------------------------------------------------------------

COSTS = {
    "metric": lambda r: r,
    "huber": lambda r: np.where(r < 0.3, r * r / 0.6, r - 0.15),
    "square": lambda r: r**2,
    "root": lambda r: r**0.5,
    "flat": lambda r: 0 * r,
    "steep": lambda r: np.where(r > 0, 1e300 * r, 0.0),
}


@pytest.mark.parametrize("kind", COSTS)
def test_blocks_are_the_whole(kind, monkeypatch):
    """Least values and pairs below a bar, to the last digit: points missing, two spacings, tight potentials."""
    rng = np.random.default_rng(sorted(COSTS).index(kind))
    for trial in range(6):
        shape = tuple(int(k) for k in rng.integers(1, 26, 2))
        spacing = rng.choice([1.0, 0.01, 0.5], 2)
        size = shape[0] * shape[1]
        x, y = (
            np.stack(np.unravel_index(np.sort(rng.permutation(size)[: rng.integers(1, size + 1)]), shape), axis=1)
            for _ in range(2)
        )
        table = COSTS[kind](np.hypot(*np.ix_(np.arange(shape[0]) * spacing[0], np.arange(shape[1]) * spacing[1])))
        cost = table[np.abs(x[:, None, 0] - y[:, 0]), np.abs(x[:, None, 1] - y[:, 1])]
        monkeypatch.setattr(scans, "BLOCKS", 0.0)
        blocks = LatticeScan(table, x, y, spacing)
        assert blocks._blocks is not None
        rest = rng.normal(size=len(y)) * (0.0, 0.1, 1.0)[trial % 3]
        if trial >= 3:  # a c-transform, tight at many pairs
            rest = -(cost + rng.normal(size=len(x))[:, None]).min(axis=0)
        least = (cost + rest).min(axis=1)
        np.testing.assert_array_equal(blocks.least(rest), least)
        bar = np.where(rng.random(len(x)) < 0.3, -np.inf, least + (0.0, 1e-12, 0.1)[trial % 3])
        wanted = np.nonzero(cost + rest <= bar[:, None])
        assert [k.tolist() for k in blocks.below(bar, rest)] == [k.tolist() for k in wanted]


@pytest.mark.slow
@pytest.mark.parametrize(
    "exponents", [(1, 2, 1), (10, 2, 1), (3, 1, 0.5), (1, 2, 2), (0.5, 3, 1), (1, 0.5, 1)], ids=str
)
def test_clusters_are_the_whole(exponents):
    """The same for clouds in one to three dimensions, points that coincide or tie on a lattice."""
    rng = np.random.default_rng(len(str(exponents)))
    for trial in range(12):
        n, m, d = (int(k) for k in rng.integers(1, (400, 400, 4)))
        x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        if trial % 3 == 0:
            x, y = np.round(x * 3) / 3, np.round(y * 3) / 3
        cost = FreeJoint(x, y, *exponents).dense()
        clusters = ClusterScan(x, y, exponents)
        rest = rng.normal(size=m) * (0.0, 0.1, 1.0)[trial % 3]
        if trial % 2:
            rest = -(cost + rng.normal(size=n)[:, None]).min(axis=0)
        least = (cost + rest).min(axis=1)
        np.testing.assert_allclose(clusters.least(rest), least, rtol=0, atol=4e-15 * max(1, cost.max()))
        bar = np.where(rng.random(n) < 0.3, -np.inf, least + (0.1, 1e-9)[trial // 2 % 2])
        wanted = np.nonzero(cost + rest <= bar[:, None])
        assert [k.tolist() for k in clusters.below(bar, rest)] == [k.tolist() for k in wanted]
