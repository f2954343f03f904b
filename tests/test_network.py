"""The persistent network simplex and the scans, against slow twins: pivot by pivot, exactly.

`Slow` is the simplex of a textbook: the basis is a set of arcs, flows and potentials are found afresh at every pivot.
"""

from itertools import product

import numpy as np
import ot
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import wrof
from wrof._kernels import network, radial, scan
from wrof.cost import power_cost
from wrof.scans import LatticeScan
from wrof.solvers.multiscale import _split
from wrof.solvers.multiscale.levels import Side
from wrof.solvers.multiscale.tree import Network, northwest

TOL = 1e-12


def perturbation(n, m):
    """Ticks of the supplies: one unit from every source, all to the first target."""
    tick = np.zeros(m, dtype=np.int64)
    tick[0] = n
    return np.ones(n, dtype=np.int64), tick


def corner(a, ta, b, tb):
    """North-west corner rule on pairs (mass, tick): the arcs of a spanning tree, (i, j, flow, tick)."""
    a, b = ([(mass, int(tick)) for mass, tick in zip(*side, strict=True)] for side in ((a, ta), (b, tb)))
    i = j = 0
    found = []
    while True:
        ends = i == len(a) - 1, j == len(b) - 1
        sent = b[j] if ends[0] else a[i] if ends[1] else min(a[i], b[j])
        found.append((i, j, *sent))
        a[i], b[j] = ((x - sent[0], t - sent[1]) for x, t in (a[i], b[j]))
        if all(ends):
            return found
        if ends[1] or (not ends[0] and a[i] == (0, 0)):
            i += 1
        else:
            j += 1


# ---- a tree, and what must hold of it -------------------------------------------------------------------------------


class Tree:
    """The kernels' state on a transport problem, nodes numbered at random, and an independent checker of it."""

    def __init__(self, cost, a, b, seed=0, arcs=None):
        rng = np.random.default_rng(seed)
        self.cost = np.asarray(cost, dtype=float)
        n, m = self.cost.shape
        self.name = rng.permutation(n + m)  # node of a source, n + j of a target
        self.supply, self.ticks = np.zeros(n + m), np.zeros(n + m, dtype=np.int64)
        ta, tb = perturbation(n, m)
        self.supply[self.name], self.ticks[self.name] = np.r_[a, -np.asarray(b)], np.r_[ta, -tb]
        self.source = np.zeros(n + m, dtype=np.bool_)
        self.source[self.name[:n]] = True
        self.who = np.argsort(self.name)
        start = corner(a, ta, b, tb)
        rng.shuffle(start)
        i, j, flow, tick = (np.array(part) for part in zip(*start, strict=True))
        self.links = [np.full(n + m, -9, dtype=np.int32) for _ in range(5)]
        self.flow, self.tick, self.pi = np.zeros(n + m), np.zeros(n + m, dtype=np.int32), np.full(n + m, 3.0)
        ends = [self.name[i].astype(np.int32), self.name[n + j].astype(np.int32)]
        values = self.cost[i, j], flow.astype(float), tick.astype(np.int32)
        assert network.hang(*ends, *values, *self.state) == n + m
        self.root, self.next = 0, 0
        every = rng.permutation(n * m) if arcs is None else rng.permutation(n * m)[:arcs]
        self.i, self.j = np.divmod(every, m)
        self.tail, self.head = (self.name[k].astype(np.int32) for k in (self.i, n + self.j))
        self.arc_cost = self.cost[self.i, self.j]

    @property
    def state(self):
        return (*self.links, self.flow, self.tick, self.pi, self.source)

    def run(self, limit=1, block=5, tol=TOL):
        done = network.run(self.tail, self.head, self.arc_cost, self.next, block, tol, limit, self.root, *self.state)
        pivots, self.root, self.next = done
        return pivots

    def pair(self, v):
        """(i, j) of the arc between v and its parent."""
        s, t = (v, self.links[0][v]) if self.source[v] else (self.links[0][v], v)
        return int(self.who[s]), int(self.who[t] - len(self.cost))

    @property
    def basis(self):
        return {self.pair(v) for v in np.flatnonzero(self.links[0] >= 0)}

    def objective(self):
        nodes = np.flatnonzero(self.links[0] >= 0)
        costs = np.array([self.cost[self.pair(v)] for v in nodes])
        return float(costs @ self.flow[nodes]), float(costs @ self.tick[nodes])

    def check(self, whole=True):
        self.check_tree()
        self.check_flow(0.0 if whole else 1e-12)
        rest = [self.pi[s] - self.pi[t] - self.cost[i, j] for i, j in self.basis for s, t in [self.ends(i, j)]]
        assert np.abs(rest).max(initial=0) <= 1e-12 * max(1.0, np.abs(self.cost).max()), "a tree arc has a reduced cost"

    def ends(self, i, j):
        return self.name[i], self.name[len(self.cost) + j]

    def families(self):
        """Nodes of the subtree below each node, itself first, from the parents alone."""
        parent = self.links[0]
        assert list(np.flatnonzero(parent < 0)) == [self.root], "not one root"
        below = {v: {v} for v in range(len(parent))}
        for v in range(len(parent)):
            u, steps = int(parent[v]), 0
            while u >= 0:
                below[u].add(v)
                u, steps = int(parent[u]), steps + 1
                assert steps <= len(parent), "the parents run in a circle"
        return below

    def check_tree(self):
        parent, thread, back, last, size = self.links
        below = self.families()
        assert all(self.source[v] != self.source[parent[v]] for v in below if parent[v] >= 0), "an arc within one side"
        order = [self.root]
        while (after := int(thread[order[-1]])) != self.root:
            assert len(order) < len(parent), "the list never closes"
            order.append(after)
        assert sorted(order) == list(range(len(parent))), "the list misses a node"
        assert all(back[thread[v]] == v for v in order), "back is not the inverse of thread"
        parts = {v: order[at : at + len(below[v])] for at, v in enumerate(order)}
        assert all(set(parts[v]) == below[v] for v in order), "a subtree is in pieces"
        assert all(last[v] == parts[v][-1] for v in order), "wrong last"
        assert all(size[v] == len(below[v]) for v in order), "wrong size"

    def check_flow(self, atol):
        for v, nodes in self.families().items():
            if v == self.root:
                continue
            some, sign = sorted(nodes), 1 if self.source[v] else -1
            assert abs(self.flow[v] - sign * self.supply[some].sum()) <= atol * np.abs(self.supply).sum(), "wrong flow"
            assert self.tick[v] == sign * self.ticks[some].sum(), "wrong tick"
            assert (self.flow[v], self.tick[v]) > (-atol, 0 if self.flow[v] == 0 else -np.inf), "an empty arc"


class Slow:
    """A simplex on sets of arcs; flows and potentials afresh each time, exact for whole numbers."""

    def __init__(self, tree):
        n, m = tree.cost.shape
        self.cost, self.basis, self.n, self.m = tree.cost, set(tree.basis), n, m
        self.supply = [(float(tree.supply[v]), int(tree.ticks[v])) for v in tree.name]
        self.arcs, self.next = list(zip(tree.i.tolist(), tree.j.tolist(), strict=True)), 0

    def around(self, v, basis):
        return [(i, self.n + j) for i, j in basis if v in (i, self.n + j)]

    def side(self, v, basis):
        """Nodes that the arcs connect with v."""
        seen, stack = {v}, [v]
        while stack:
            for arc in self.around(stack.pop(), basis):
                stack += [w for w in arc if w not in seen]
                seen |= set(arc)
        return seen

    def carried(self, arc):
        part = [self.supply[v] for v in self.side(arc[0], self.basis - {arc})]
        return sum(mass for mass, _ in part), sum(tick for _, tick in part)

    def potentials(self):
        pi, stack = {0: 0.0}, [0]
        while stack:
            v = stack.pop()
            for i, t in self.around(v, self.basis):
                w = t if v == i else i
                if w not in pi:
                    pi[w] = pi[v] + (self.cost[i, t - self.n] if w < self.n else -self.cost[i, t - self.n])
                    stack.append(w)
        return pi

    def pivot(self, block, tol=TOL):
        """One pivot; False at the optimum."""
        pi, looked = self.potentials(), 0
        while looked < len(self.arcs):
            some = min(block, len(self.arcs) - looked)
            places = [(self.next + k) % len(self.arcs) for k in range(some)]
            rest = [self.cost[self.arcs[e]] - pi[self.arcs[e][0]] + pi[self.n + self.arcs[e][1]] for e in places]
            self.next, looked = (self.next + some) % len(self.arcs), looked + some
            if min(rest) < -tol:
                self.exchange(self.arcs[places[int(np.argmin(rest))]])
                return True
        return False

    def exchange(self, entering):
        """The arc that is emptied first leaves: arcs that point away from the entering arc's cycle lose."""
        i, t = entering[0], self.n + entering[1]
        loses = []
        for arc in self.basis:
            near = self.side(arc[0], self.basis - {arc})
            if i in near and t not in near:
                loses.append((self.carried(arc), arc))
        self.basis = (self.basis - {min(loses)[1]}) | {entering}


def whole_problem(rng, n, m, uniform=False, spread=6):
    """Whole masses of one total, and whole costs that tie."""
    cost = rng.integers(0, spread, (n, m)).astype(float)
    if uniform:
        return cost, np.full(n, float(m)), np.full(m, float(n))
    a, b = (1.0 + rng.multinomial(3 * max(n, m) - k, np.ones(k) / k) for k in (n, m))
    return cost, a, b


SIZES = [(1, 1), (1, 4), (5, 1), (2, 2), (3, 5), (5, 5), (7, 4)]


# ---- pivot by pivot -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uniform", [False, True], ids=["whole", "uniform"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pivot(size, uniform):
    """The tree is whole, its basis the slow simplex's, and (objective, tick objective) falls strictly."""
    for seed in range(4):
        rng = np.random.default_rng([seed, *size])
        problem = whole_problem(rng, *size, uniform, spread=(6, 2, 40, 1)[seed])
        tree = Tree(*problem, seed)
        slow, block = Slow(tree), int(rng.integers(1, 2 * len(tree.tail) + 1))
        tree.check()
        before, going, count = tree.objective(), True, 0
        while going:
            going = bool(tree.run(block=block))
            assert slow.pivot(block) == going
            tree.check()
            assert tree.basis == slow.basis and tree.next == slow.next
            assert not going or tree.objective() < before, "the objective stands still"
            before, count = tree.objective(), count + 1
            assert count < 1000, "it never ends"
        value = ot.emd2(problem[1], problem[2], problem[0])
        assert tree.objective()[0] == pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("size", SIZES[1:], ids=str)
def test_any_arc_may_enter(size):
    """A pivot that gains nothing, or loses, leaves as sound a tree as one that gains."""
    for seed in range(3):
        rng = np.random.default_rng([seed, *size])
        tree = Tree(*whole_problem(rng, *size, seed == 1, spread=9), seed)
        slow = Slow(tree)
        for _ in range(12):
            outside = sorted(set(np.ndindex(size)) - tree.basis)
            if not outside:
                continue
            i, j = outside[rng.integers(len(outside))]
            s, t = tree.ends(i, j)
            rest = tree.cost[i, j] - tree.pi[s] + tree.pi[t]
            tree.root = network.pivot(s, t, rest, tree.root, *tree.state)
            slow.exchange((i, j))
            tree.check()
            assert tree.basis == slow.basis


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_every_pivot_of_larger_trees(seed):
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(10, 30, 2))
    problem = whole_problem(rng, n, m, seed % 2 == 0, (5, 100)[seed // 3])
    tree = Tree(*problem, seed)
    before, count = tree.objective(), 0
    while tree.run(block=20):
        tree.check()
        assert tree.objective() < before
        before, count = tree.objective(), count + 1
    assert count > 10
    assert before[0] == pytest.approx(ot.emd2(problem[1], problem[2], problem[0]), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_every_pivot_of_real_masses(seed):
    """Masses and costs that round: all holds up to rounding, and the objective never rises beyond it."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 8, 2)
    a, b = (np.full(k, 1 / k) if seed % 2 else rng.dirichlet(np.ones(k)) for k in (n, m))
    cost = rng.random((n, m))
    tree = Tree(cost, a, b * (a.sum() / b.sum()), seed)
    before = tree.objective()[0]
    while tree.run():
        tree.check(whole=False)
        assert tree.objective()[0] <= before + 1e-14
        before = tree.objective()[0]
    assert before == pytest.approx(ot.emd2(a, b, cost), rel=1e-12)
    assert np.min(cost - tree.pi[tree.name[:n]][:, None] + tree.pi[tree.name[n:]]) >= -TOL


def test_the_root_changes_sides():
    """Both ways to move the smaller side occur: the root stays, and the root becomes another node."""
    kept = moved = 0
    for seed in range(4):
        tree = Tree(*whole_problem(np.random.default_rng(seed), 6, 6, spread=50), seed)
        root = tree.root
        while tree.run():
            kept, moved, root = kept + (tree.root == root), moved + (tree.root != root), tree.root
    assert kept > 3 and moved > 3


def test_run_stops_at_its_limit_and_goes_on():
    """In parts or in one go: the same basis; nothing to do at the optimum; a list of few arcs is all it looks at."""
    problem = whole_problem(np.random.default_rng(0), 7, 7, spread=50)
    one, parts = Tree(*problem), Tree(*problem)
    total = one.run(limit=10_000)
    done = [parts.run(limit=3) for _ in range(total)]
    assert sum(done) == total > 6 and max(done) == 3 and parts.basis == one.basis
    assert one.run(limit=5) == 0 and one.run(limit=0) == 0
    few = Tree(*problem, arcs=5)
    few.run(limit=10_000)
    few.check()
    rest = few.arc_cost - few.pi[few.tail] + few.pi[few.head]
    assert rest.min() >= -TOL and few.objective()[0] > one.objective()[0]


def test_tolerance():
    """Arcs that gain no more than the tolerance stay out."""
    cost = np.array([[1.0, 0.0], [0.0, 1.0]])
    tree = Tree(cost, np.ones(2), np.ones(2))  # the corner's diagonal is dear by 2, with any one arc more
    assert tree.run(limit=9, tol=2.0) == 0 and tree.run(limit=9, tol=1.9) > 0


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t.links[0].__setitem__(t.root, (t.root + 1) % 12), "root"),
        (lambda t: t.links[0].__setitem__(t.links[1][t.root], -1), "root"),
        (lambda t: t.links[1].__setitem__(t.links[2][t.root], t.links[1][t.root]), "closes"),
        (lambda t: t.links[1].__setitem__(t.links[2][t.links[2][t.root]], t.root), "misses"),
        (lambda t: t.links[2].__setitem__(3, 3), "inverse"),
        (lambda t: t.links[4].__setitem__(2, 11), "size"),
        (lambda t: t.links[3].__setitem__(t.root, t.root), "last"),
        (lambda t: t.flow.__iadd__(1.0), "flow"),
        (lambda t: t.tick.__iadd__(1), "tick"),
        (lambda t: t.pi.__setitem__(4, 99.0), "reduced"),
        (lambda t: np.logical_not(t.source, out=t.source), "flow|tick|side"),
    ],
)
def test_the_tree_check_can_fail(spoil, complaint):
    tree = Tree(*whole_problem(np.random.default_rng(1), 6, 6, spread=50))
    tree.run(limit=4)
    tree.check()
    spoil(tree)
    with pytest.raises(AssertionError, match=complaint):
        tree.check()


def test_the_tree_check_sees_pieces_and_empty_arcs():
    """A list that is a circle of all nodes, but no preorder; a basis that is feasible, but not strongly."""
    tree = Tree(*whole_problem(np.random.default_rng(1), 6, 6, spread=50))
    order = [tree.root, *np.random.default_rng(0).permutation([v for v in range(12) if v != tree.root])]
    for k, v in enumerate(order):
        tree.links[1][v], tree.links[2][order[(k + 1) % 12]] = order[(k + 1) % 12], v
    with pytest.raises(AssertionError, match="pieces"):
        tree.check()
    tree = Tree(np.zeros((2, 2)), np.ones(2), np.ones(2))
    tree.ticks *= -1
    tree.tick *= -1
    with pytest.raises(AssertionError, match="empty"):
        tree.check()


def test_the_slow_simplex_notices_another_leaving_arc():
    """Its tie-break is not vacuous: without ticks other arcs leave."""
    rng = np.random.default_rng(0)
    differs = 0
    for seed in range(6):
        tree = Tree(*whole_problem(rng, 5, 5, uniform=True, spread=30), seed)
        slow = Slow(tree)
        slow.supply = [(mass, -tick) for mass, tick in slow.supply]
        while tree.run() and slow.pivot(5):
            differs += tree.basis != slow.basis
    assert differs > 0


# ---- no cycling -----------------------------------------------------------------------------------------------------


def lattice(side):
    return np.array(list(product(range(side), repeat=2)), dtype=float)


def solve_dense(cost, a, b, block=64):
    """All arcs at once through `Network`; the pivots, the value, and the potentials."""
    n, m = cost.shape
    ta, tb = perturbation(n, m)
    i, j, flow, tick = northwest(a, ta, b, tb)
    tree = Network(n, m, i, j, cost[i, j], flow, tick)
    every = np.divmod(np.arange(n * m), m)
    tree.tail, tree.head, tree.cost = tree.place[every[0]], tree.place[n + every[1]], cost.ravel().copy()
    pivots = tree.optimise(1e-12 * max(1.0, cost.max()), 1_000_000)
    tree.settle(a, b)
    i, j, flow, tick = tree.basis()
    assert len(i) == n + m - 1 and flow.min() >= -1e-15 * a.sum()
    whole = np.array_equal(a, np.round(a))
    assert not whole or np.all((flow > 0) | ((flow == 0) & (tick > 0))), "an empty arc"
    for index, side, ticks, count in ((i, a, ta, n), (j, b, tb, m)):
        np.testing.assert_allclose(np.bincount(index, flow, count), side, rtol=0, atol=1e-12 * a.sum())
        assert np.array_equal(np.bincount(index, tick, count), ticks)
    return pivots, float(cost[i, j] @ flow), *tree.potentials


def assert_solved(cost, a, b, bound):
    pivots, value, phi, psi = solve_dense(cost, a, b)
    assert pivots <= bound * sum(cost.shape), f"{pivots} pivots of {cost.shape}"
    size = a.sum() * max(1.0, cost.max())
    assert (cost - phi[:, None] - psi).min() >= -1e-11 * max(1.0, cost.max()), "not dual feasible"
    if len(a) == len(b) and np.ptp(a) == np.ptp(b) == 0:
        expected = a[0] * cost[linear_sum_assignment(cost)].sum()
    else:
        expected = ot.emd2(a, b, cost, numItermax=10_000_000)
    assert abs(value - expected) <= 1e-12 * size, f"value off by {value - expected:.3g}"


@pytest.mark.parametrize("side", [1, 2, 3, 4])
@pytest.mark.parametrize("q", [1.0, 2.0])
def test_assignment_on_a_lattice_quick(side, q):
    points = lattice(side)
    shuffled = points[np.random.default_rng(side).permutation(len(points))]
    ones = np.ones(len(points))
    assert_solved(cdist(points, shuffled + 1) ** q, ones, ones, bound=40)


@pytest.mark.slow
@pytest.mark.parametrize("side", [8, 16, 24])
@pytest.mark.parametrize("q", [1.0, 2.0])
def test_assignment_on_a_lattice(side, q):
    """Uniform masses, costs that tie everywhere: all arcs but one in two of a basis are empty."""
    points = lattice(side)
    ones = np.ones(len(points))
    assert_solved(cdist(points, points[::-1, ::-1] * [1, 2]) ** q, ones, ones, bound=100)
    assert_solved(np.random.default_rng(side).integers(0, 4, (len(points),) * 2) + 0.0, ones, ones, bound=100)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_cycling_by_the_hundred(seed):
    """Whole and uniform masses, 1/k that rounds among them; costs 0/1, lattice costs, all equal."""
    rng = np.random.default_rng(seed)
    for _ in range(150):
        n, m = (int(k) for k in rng.integers(1, 40, 2))
        cost, a, b = whole_problem(rng, n, m, bool(rng.random() < 0.5), int(rng.choice([1, 2, 4, 50])))
        if rng.random() < 0.3:
            cost = np.abs(rng.integers(0, 5, (n, 1)) - rng.integers(0, 5, m)).astype(float)
        if rng.random() < 0.3:
            a, b = np.full(n, 1 / n), np.full(m, 1 / m)
        assert_solved(cost, a, b, bound=100)


def test_the_solution_check_can_fail(monkeypatch):
    ones = np.ones(9)
    cost = cdist(lattice(3), lattice(3)[::-1] * 2)
    with pytest.raises(AssertionError, match="pivots"):
        assert_solved(cost, ones, ones, bound=0.1)
    right = solve_dense(cost, ones, ones)
    wrong = [(right[0], right[1] + 1e-9, *right[2:]), (*right[:2], right[2] + 1e-6, right[3])]
    for answer, complaint in zip(wrong, ("value", "feasible"), strict=True):
        monkeypatch.setitem(globals(), "solve_dense", lambda *args, answer=answer: answer)
        with pytest.raises(AssertionError, match=complaint):
            assert_solved(cost, ones, ones, bound=40)


# ---- the other kernels of the tree ----------------------------------------------------------------------------------


def test_hang_reports_what_it_reaches():
    """Two components, a single node: how many nodes hang together with node 0."""
    for arcs, expected in ((([0, 1], [2, 3]), 2), (([], []), 1), (([0, 1, 0], [2, 2, 3]), 4)):
        tail, head = (np.array(k, dtype=np.int32) for k in arcs)
        links = [np.zeros(4, dtype=np.int32) for _ in range(5)]
        state = (*links, np.zeros(4), np.zeros(4, dtype=np.int32), np.zeros(4), np.arange(4) < 2)
        carried = np.ones(len(tail)), np.ones(len(tail)), np.zeros(len(tail), dtype=np.int32)
        assert network.hang(tail, head, *carried, *state) == expected


def test_preorder_and_relabel():
    """Places are those met along the thread; renumbering by them gives the same tree, in order."""
    tree = Tree(*whole_problem(np.random.default_rng(2), 6, 5, spread=50))
    tree.run(limit=5)
    place = np.full(11, -1, dtype=np.int32)
    network.preorder(tree.root, tree.links[1], place)
    v = tree.root
    for k in range(11):
        assert place[v] == k
        v = tree.links[1][v]
    pointers = np.array([3, -1, 0, 10, -1], dtype=np.int32)
    network.relabel(pointers, place)
    assert pointers.tolist() == [place[3], -1, place[0], place[10], -1]


def test_renumbering_changes_nothing():
    """`Network` with and without renumbering before every pivot: the same bases all along."""
    cost, a, b = whole_problem(np.random.default_rng(5), 7, 6, spread=50)
    ta, tb = perturbation(7, 6)
    i, j, flow, tick = northwest(a, ta, b, tb)
    assert list(zip(i, j, flow, tick, strict=True)) == corner(a, ta, b, tb)
    often, plain = (Network(7, 6, i, j, cost[i, j], flow, tick) for _ in range(2))
    every = np.divmod(np.arange(42), 6)
    for tree in (often, plain):
        tree.add(*every, cost[every])
    total = plain.optimise(TOL, 10_000)
    assert sum(often.optimise(TOL, 1) for _ in range(total)) == total > 4
    assert often.optimise(TOL, 9) == 0
    assert set(zip(*often.basis(), strict=True)) == set(zip(*plain.basis(), strict=True))
    for one, other in zip(often.potentials, plain.potentials, strict=True):
        np.testing.assert_array_equal(one - often.potentials[0][0], other - plain.potentials[0][0])


def test_recompute_and_price_tree():
    """Flows from the supplies and potentials from the costs, whatever was in the arrays."""
    tree = Tree(*whole_problem(np.random.default_rng(3), 7, 6, spread=50))
    tree.run(limit=6)
    kept = tree.flow.copy(), tree.pi.copy()
    tree.flow[:] = np.nan
    tree.flow[tree.root] = kept[0][tree.root]
    network.recompute(tree.root, tree.supply.copy(), tree.links[0], tree.links[2], tree.flow, tree.source)
    np.testing.assert_array_equal(tree.flow, kept[0])
    costs = np.zeros(13)
    for v in np.flatnonzero(tree.links[0] >= 0):
        costs[v] = tree.cost[tree.pair(v)]
    tree.pi[np.arange(13) != tree.root] = np.nan
    network.price_tree(tree.root, costs, tree.links[0], tree.links[1], tree.pi, tree.source)
    np.testing.assert_array_equal(tree.pi, kept[1])
    tree.check()


def spans(i, j, n, m):
    """Whether arcs between n sources and m targets are a spanning tree."""
    label = list(range(n + m))
    for s, t in zip(i.tolist(), (j + n).tolist(), strict=True):
        one, other = label[s], label[t]
        if one == other:
            return False
        label = [one if k == other else k for k in label]
    return len(set(label)) == 1


def test_spans_can_fail():
    assert spans(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2)
    assert not spans(np.array([0, 0]), np.array([0, 1]), 2, 2)
    assert not spans(np.array([0, 0, 0, 1]), np.array([0, 1, 0, 1]), 2, 2)


@pytest.mark.parametrize("uniform", [False, True], ids=["whole", "uniform"])
@pytest.mark.parametrize("size", [(1, 1, 1, 1), (1, 6, 1, 1), (3, 9, 4, 6), (4, 4, 3, 12), (5, 20, 6, 17)], ids=str)
def test_share(size, uniform):
    """Both ends of a basis split: the arcs of every point as the corner rule lays them, and a feasible tree in all."""
    for seed in range(5):
        rng = np.random.default_rng([seed, *size])
        few_n, n, few_m, m = size
        ups = [
            rng.permutation(np.r_[np.arange(few), rng.integers(0, few, count - few)])
            for few, count in ((few_n, n), (few_m, m))
        ]
        _, a, b = whole_problem(rng, n, m, uniform)
        ta, tb = perturbation(n, m)
        groups = [
            (np.bincount(up, x, few), np.bincount(up, t, few).astype(np.int64))
            for up, x, t, few in zip(ups, (a, b), (ta, tb), (few_n, few_m), strict=True)
        ]
        coarse = Network(few_n, few_m, *_started(groups, rng.integers(0, 30, (few_n, few_m)) + 0.0))
        i, j, flow, tick = coarse.basis()
        none = np.empty((0, 0))
        source, target = (Side(x, t, none, up) for x, t, up in zip((a, b), (ta, tb), ups, strict=True))
        s, j2, flow2, tick2 = _split(source, i, j, flow, tick)
        assert_shared(source, few_n, (i, j, flow, tick), (s, j2, flow2, tick2))
        t, s2, flow3, tick3 = _split(target, j2, s, flow2, tick2)
        assert_shared(target, few_m, (j2, s, flow2, tick2), (t, s2, flow3, tick3))
        assert len(s2) == n + m - 1 and spans(s2, t, n, m)
        assert np.array_equal(np.bincount(s2, flow3, n), a) and np.array_equal(np.bincount(t, flow3, m), b)
        assert np.array_equal(np.bincount(s2, tick3, n), ta) and np.array_equal(np.bincount(t, tick3, m), tb)
        assert all(each > (0, 0) for each in zip(flow3, tick3, strict=True)), "an empty arc"


def _started(groups, cost):
    i, j, flow, tick = northwest(*groups[0], *groups[1])
    return i, j, cost[i, j], flow, tick


def assert_shared(side, parents, arcs, fine):
    """The corner rule of every parent between its children and its arcs, both in order."""
    own, other, flow, tick = arcs
    wanted = []
    for v in range(parents):
        children, mine = np.flatnonzero(side.up == v), np.flatnonzero(own == v)
        mine = mine[np.argsort(other[mine], kind="stable")]
        parts = corner(side.mass[children], side.tick[children], flow[mine], tick[mine])
        wanted += [(children[c], other[mine[e]], x, t) for c, e, x, t in parts]
    assert list(zip(*fine, strict=True)) == wanted


def test_share_of_masses_that_round():
    """Thirds and tenths: marginals to rounding, no arc is negative, nothing is lost."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        k, arcs = rng.integers(1, 8, 2)
        mass = rng.random(k) / 3
        flow = rng.dirichlet(np.ones(arcs)) * mass.sum()
        ticks, tick = np.zeros(k, dtype=np.int64), np.zeros(arcs, dtype=np.int64)
        out = [np.full(k + arcs - 1, -1) for _ in range(2)] + [np.full(k + arcs - 1, np.nan)]
        last = np.full(k + arcs - 1, -1)
        given = np.array([0, k]), np.arange(k), mass, ticks, np.array([0, arcs]), np.arange(arcs), np.arange(arcs)
        assert network.share(*given, flow, tick, *out, last) == k + arcs - 1
        assert np.all(out[2] >= 0) and spans(out[0], out[1], k, arcs)
        np.testing.assert_allclose(np.bincount(out[0], out[2], k), mass, rtol=0, atol=1e-15)
        np.testing.assert_allclose(np.bincount(out[1], out[2], arcs), flow, rtol=0, atol=1e-15)


# ---- scans ----------------------------------------------------------------------------------------------------------

SHAPES = [(1,), (7,), (1, 1), (3, 4), (5, 1), (1, 6), (2, 3, 4), (3, 1, 2), (2, 2, 1)]


def lattice_case(shape, seed):
    """A random table, some of the points as sources and some as targets, and all their costs."""
    rng = np.random.default_rng([seed, *shape])
    table = rng.random(shape)
    size = int(np.prod(shape))
    x, y = (
        np.stack(np.unravel_index(rng.permutation(size)[: rng.integers(1, size + 1)], shape), axis=1) for _ in range(2)
    )
    cost = np.array([[table[tuple(abs(one - other))] for other in y] for one in x])
    return rng, table, x.astype(np.int64), y.astype(np.int64), cost


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lattice_scans(shape):
    """Least values and pairs below a bar, points missing on either side: those of all pairs, exactly."""
    for seed in range(4):
        rng, table, x, y, cost = lattice_case(shape, seed)
        rest = rng.normal(size=len(y))
        scans = LatticeScan(table, x, y)
        np.testing.assert_array_equal(scans.least(rest), (cost + rest).min(axis=1))
        for bar in (rng.normal(size=len(x)), np.full(len(x), 9.0), np.full(len(x), -9.0), (cost + rest).min(axis=1)):
            wanted = np.nonzero(cost + rest <= bar[:, None])
            found = scans.below(bar, rest)
            assert [k.tolist() for k in found] == [k.tolist() for k in wanted]


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)], ids=str)
def test_lattice_kernels_in_parts(shape):
    """Rows lo..hi-1 and nothing else; without a wanted cell, nothing; more pairs than room are counted."""
    rng, table, x, y, _ = lattice_case(shape, 1)
    scans = LatticeScan(table, x, y)
    grid = scans.index, scans.strides, scans.mirrored
    rest = np.full((scans.rows, scans.cells), np.inf)
    rest[scans.y] = rng.normal(size=len(y))
    wanted = np.ones(scans.rows, dtype=np.bool_)
    wanted[0] = scans.rows == 1
    every = np.array(list(np.ndindex(shape)))
    full = np.array([[table[tuple(abs(one - other))] for other in every] for one in every]) + rest.ravel()
    expected = np.where(wanted[:, None], full.min(axis=1).reshape(rest.shape), 7.5)
    reach = np.array(shape)
    for lo, hi in ((0, scans.rows), (scans.rows // 2, scans.rows), (0, 0)):
        out = np.full(rest.shape, np.inf)
        scan.lattice_least(lo, hi, *grid, wanted, reach, rest, out)
        inside = np.zeros(scans.rows, dtype=bool)
        inside[lo:hi] = wanted[lo:hi]
        np.testing.assert_array_equal(out, np.where(inside[:, None], expected, np.inf))
        bar = np.median(full[np.isfinite(full)]) + np.zeros(rest.shape)
        hits = (full <= bar.ravel()[:, None]) & np.repeat(inside, scans.cells)[:, None]
        own, found = np.full((2, 3), -1)
        assert scan.lattice_below(lo, hi, *grid, wanted, reach, rest, bar, own, found) == hits.sum()
        pairs = set(zip(*np.nonzero(hits), strict=True))
        assert all((i, j) in pairs for i, j in zip(own, found, strict=True) if i >= 0)
        assert np.count_nonzero(own >= 0) == min(3, hits.sum())


def radial_cost(r, a, p, alpha):
    cost, s = np.empty(r.size), np.empty(r.size)
    radial.radial_each(np.ascontiguousarray(r).ravel(), a, p, alpha, False, 0.0, cost, s)
    return cost.reshape(r.shape)


def forms(seed):
    """Both kinds of costs between 9 sources and 7 targets, with their matrices."""
    rng = np.random.default_rng(seed)
    table = rng.random((3, 4))
    x, y = (np.stack(np.divmod(rng.permutation(12)[:k], 4), axis=1).astype(np.int64) for k in (9, 7))
    gap = np.abs(x[:, None] - y)
    none = np.empty((0, 0))
    yield (table.ravel(), x, y, np.array([4, 1]), none, none, 0.0, 0.0, 0.0), table[gap[..., 0], gap[..., 1]]
    px, py = rng.normal(size=(9, 2)), rng.normal(size=(7, 2))
    empty = np.empty((0, 0), dtype=np.int64)
    for a, p, alpha in ((0.8, 2.0, 1.0), (0.5, 1.0, 0.5)):
        form = np.empty(0), empty, empty, np.empty(0, dtype=np.int64), px, py, a, p, alpha
        r = cdist(px, py)
        huber = np.where(2 * a * r <= 1, a * r**2, r - 0.25 / a)
        yield form, huber if p == 2 else radial_cost(r, a, p, alpha)


@pytest.mark.parametrize("seed", range(3))
def test_pair_costs(seed):
    for form, cost in forms(seed):
        i, j = (k.ravel() for k in np.indices(cost.shape))
        out = np.full(len(i), np.nan)
        scan.pair_costs(form, i, j, out)
        np.testing.assert_allclose(out, cost.ravel(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_nearby(seed, flip):
    """The best few among the neighbours of the images, each once, below the bar; nodes in any order."""
    rng = np.random.default_rng(seed)
    for form, cost in forms(seed):
        square = cost.T if flip else cost
        n, m = square.shape
        near = np.array([rng.permutation(m)[:4] for _ in range(m)], dtype=np.int32)
        image, images = rng.integers(0, m, (n, 3)).astype(np.int32), rng.integers(0, 4, n).astype(np.int32)
        other, nodes = rng.normal(size=m), rng.permutation(n)[: n - 2]
        for best, bar in ((1, np.full(n, np.inf)), (3, np.full(n, np.inf)), (6, rng.normal(size=n) + 0.5)):
            own, found, price = np.full(best * n, -1), np.full(best * n, -1), np.full(best * n, np.nan)
            given = form, flip, nodes, image, images, near, other, bar, best
            count = scan.nearby(*given, own, found, price)
            wanted = []
            for v in nodes:
                around = np.unique(near[image[v, : images[v]]])
                around = around[np.argsort(square[v, around] + other[around])]
                wanted += [(v, w) for w in around if square[v, w] + other[w] < bar[v]][:best] if len(around) else []
            assert list(zip(own[:count], found[:count], strict=True)) == [(int(v), int(w)) for v, w in wanted]
            np.testing.assert_allclose(price[:count], square[own[:count], found[:count]], rtol=1e-13, atol=1e-15)
            assert np.all(own[count:] == -1)


def test_missing_cells_of_a_table():
    """Offsets that never occur are infinite: they are no minimum and no pair, unless all are."""
    table = np.array([[0.0, np.inf], [1.0, np.inf]])
    x = y = np.array([[0, 0], [1, 1]])
    scans = LatticeScan(table, x, y)
    assert scans.least(np.zeros(2)).tolist() == [0.0, 0.0]
    assert [k.tolist() for k in scans.below(np.full(2, 5.0), np.zeros(2))] == [[0, 1], [0, 1]]


def test_powers_of_a_grid_use_the_scans():
    """`LatticePower` answers as its matrix does."""
    grid = wrof.Grid((3, 5))
    rng = np.random.default_rng(0)
    i, j = (np.sort(rng.permutation(15)[:k]) for k in (6, 11))
    cost = power_cost(grid, i, grid, j, 0.5)
    dense, psi = cdist(grid.points[i], grid.points[j]) ** 0.5, rng.normal(size=11)
    np.testing.assert_allclose(cost.c_transform(psi), (dense - psi).min(axis=1), rtol=0, atol=1e-14)
