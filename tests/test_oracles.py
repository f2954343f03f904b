"""Each oracle against a case worked out by hand, and each checking helper made to fail."""

import numpy as np
import oracles
import pytest

CLOSE = {"rtol": 0, "atol": 1e-12}


# ---- the three-layer program ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r", "tau", "alpha", "p", "value", "moved"),
    [
        (2.0, 0.8, 1.0, 2.0, 2.0, 0),  # 4/1.6 = 2.5 > 2
        (2.0, 4.0, 1.0, 2.0, 0.5, 1),  # 4/8 < 2
        (0.25, 0.3, 0.5, 1.0, 0.25 / 0.6, 1),  # sqrt(0.25) = 0.5 > 0.41667
        (3.0, 2.0, 2.0, 3.0, 6.75, 1),  # 27/4 < 9
    ],
)
def test_three_layer_two_points(r: float, tau: float, alpha: float, p: float, value: float, moved: int) -> None:
    """Dirac 0 to Dirac r costs the lesser of r^p/2tau and r^alpha; atoms without weight change nothing."""
    a, b = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    answer = oracles.three_layer_lp([7.0, 0.0], a, [r, -5.0], b, [0.0, r], tau, alpha, p)
    assert answer.value == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(answer.rho, [1 - moved, moved], **CLOSE)
    oracles.assert_plan(answer.gamma1, a, answer.rho)
    oracles.assert_plan(answer.gamma2, answer.rho, b)


def test_three_layer_uses_the_middle_stop() -> None:
    """{0, 1, 3}, 2 tau = 1.5: by way of 1, 1/1.5 + 2; stay costs 3, go costs 6. Mass 5 costs five times that."""
    answer = oracles.three_layer_lp([0.0], [5.0], [3.0], [5.0], [0.0, 1.0, 3.0], 0.75)
    assert answer.value == pytest.approx(5 * (1 / 1.5 + 2), abs=1e-11)
    np.testing.assert_allclose(answer.rho, [0, 5, 0], **CLOSE)


@pytest.mark.parametrize(
    ("stops", "tau", "expected"),
    [
        ([0.0, 2.0], 1.0, (0, 4)),  # the tie: 4/2 = 2
        ([0.0, 2.0], 0.9, (0, 0)),
        ([0.0, 2.0], 1.1, (4, 4)),
        ([0.0, 1.0, 2.0], 1.5, (1, 4)),  # lattice, 2 tau = 3: one cell or two
    ],
)
def test_movement_range(stops: list[float], tau: float, expected: tuple[float, float]) -> None:
    """Dirac 0 to Dirac 2: an interval of K exactly at the thresholds."""
    found = oracles.movement_range_lp([0.0], [1.0], [2.0], [1.0], stops, tau)
    np.testing.assert_allclose(found, expected, **CLOSE)


@pytest.mark.parametrize(("left", "expected"), [(1.0, 0.5), (0.75, 0.5), (0.5001, 0.5), (0.25, 0.25)])
def test_min_norm_at_the_two_point_tie(left: float, expected: float) -> None:
    """Of `left` mass at 0 any part may go to 1: the least squares are at one half, if there is that much."""
    rho = oracles.min_norm_qp([0.0, 1.0], [left, 1 - left], [1.0], [1.0], [0.0, 1.0], 0.5)
    np.testing.assert_allclose(rho, [expected, 1 - expected], rtol=0, atol=1e-7)


def test_min_norm_spreads_over_all_tied_stops() -> None:
    """Unit square, alpha = 2, 2 tau = 1: all four corners cost 2, the far stop is no minimiser."""
    stops = [[0.0, 0], [1, 0], [0, 1], [1, 1], [4, 4]]
    rho = oracles.min_norm_qp([[0.0, 0]], [1.0], [[1.0, 1]], [1.0], stops, 0.5, alpha=2.0)
    np.testing.assert_allclose(rho, [0.25, 0.25, 0.25, 0.25, 0], rtol=0, atol=1e-7)


def test_min_norm_on_a_square_grid_beats_every_minimiser_found() -> None:
    """Grid 3 x 3 full of ties: the answer is a minimiser, and least squares imply |rho|^2 <= <rho, other minimiser>."""
    grid = np.stack(np.meshgrid([0.0, 1, 2], [0.0, 1, 2], indexing="ij"), axis=-1).reshape(-1, 2)
    a, b = np.array([3.0, 0, 2, 1, 1, 0, 0, 1, 0]) / 8, np.array([0.0, 2, 0, 0, 1, 3, 0, 0, 2]) / 8
    tau = 0.5  # exactly h/2
    vertex = oracles.three_layer_lp(grid, a, grid, b, grid, tau)
    rho = oracles.min_norm_qp(grid, a, grid, b, grid, tau)
    value = oracles.power_transport(grid, a, grid, rho, 2) / (2 * tau) + oracles.power_transport(grid, rho, grid, b, 1)
    assert value == pytest.approx(vertex.value, abs=1e-9)
    for other in (vertex.rho, a):  # at tau = h/2 staying is optimal too
        assert rho @ rho <= rho @ other + 1e-8
    assert rho @ rho < vertex.rho @ vertex.rho - 1e-3


@pytest.mark.parametrize(
    ("cost", "a", "b", "value"),
    [
        ([[0, 1], [1, 0]], [0.7, 0.3], [0.5, 0.5], 0.2),
        ([[4, 1], [2, 3]], [0.5, 0.5], [0.5, 0.5], 1.5),
        ([[5, 0, 9]], [2.0], [1.0, 1.0, 0.0], 5.0),
    ],
)
def test_transport_lp(cost: list[list[float]], a: list[float], b: list[float], value: float) -> None:
    """Small tables solved by hand, one with a zero-weight atom."""
    assert oracles.transport_lp(cost, a, b) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("q", "value"), [(1.0, 2.0), (2.0, 4.0), (0.5, (np.sqrt(3) + 1) / 2)])
def test_power_transport(q: float, value: float) -> None:
    """{0, 1} to {2, 3}: convex costs keep the order, concave ones cross, (sqrt 3 + 1)/2 < sqrt 2."""
    assert oracles.power_transport([0.0, 1.0], [0.5, 0.5], [2.0, 3.0], [0.5, 0.5], q) == pytest.approx(value, abs=1e-12)


# ---- the joint cost -------------------------------------------------------------------------------------------------


def test_joint_cost_bruteforce() -> None:
    """From 0 on stops {0, 1, 2, 1}, tau = 1/2: to 2, staying (2) and going to either 1 (1 + 1) are tied."""
    cost, near = oracles.joint_cost_bruteforce([0.0], [2.0, 0.0, 1.5], [0.0, 1, 2, 1], 0.5)
    np.testing.assert_allclose(cost, [[2.0, 0.0, 1.5]], **CLOSE)
    assert near == [[[0, 1, 3], [0], [0, 1, 3]]]
    cost, near = oracles.joint_cost_bruteforce([[0.0, 0]], [[3.0, 4]], [[0.0, 0], [3, 4]], 3.0, alpha=1.0, p=2.0)
    assert cost[0, 0] == pytest.approx(25 / 6) and near == [[[1]]]


@pytest.mark.parametrize(
    ("r", "tau", "alpha", "p", "s", "cost"),
    [
        (1.0, 0.3, 1.0, 2.0, 0.3, 0.85),  # Huber: tau, r - tau/2
        (0.2, 0.3, 1.0, 2.0, 0.2, 0.04 / 0.6),  # Huber: r, r^2/2tau
        (1.0, 0.3, 2.0, 2.0, 0.375, 0.625),  # 2 tau r/(1 + 2 tau), r^2/(1 + 2 tau)
        (1.0, 0.3, 1.5, 2.0, 0.36, 0.728),  # 0.36/0.3 = 1.5 sqrt(0.64)
        (1.0, 0.5, 2.0, 1.0, 0.5, 0.75),  # p = 1: r - 1/(4 tau)
        (0.2, 0.3, 2.0, 1.0, 0.0, 0.04),  # p = 1, too near to move
        (0.5, 0.3, 0.5, 2.0, 0.5, 0.25 / 0.6),  # alpha < 1: all the way
        (4.0, 2.0, 1.0, 0.5, 4.0, 0.5),  # p < 1: one end or the other
        (4.0, 0.1, 1.0, 0.5, 0.0, 4.0),
    ],
)
def test_free_move(r: float, tau: float, alpha: float, p: float, s: float, cost: float) -> None:
    """Distances and costs in closed form."""
    found = oracles.free_move(r, tau, alpha, p)
    assert found[0] == pytest.approx(s, abs=1e-7)
    assert found[1] == pytest.approx(cost, abs=1e-14)


@pytest.mark.parametrize(("alpha", "s"), [(1.2, 0.332083), (3.0, 0.364022)])
def test_free_move_digits(alpha: float, s: float) -> None:
    """Values at tau = 0.3, r = 1; and only part of the way at alpha = 1/2, r = 0.8."""
    assert oracles.free_move(1.0, 0.3, alpha)[0] == pytest.approx(s, abs=5e-7)
    part = oracles.free_move(0.8, 0.3, 0.5)[0]
    assert 0 < part < 0.4 and part / 0.3 == pytest.approx(0.5 / np.sqrt(0.8 - part), rel=1e-12)


# ---- closed forms ---------------------------------------------------------------------------------------------------


def test_quantile_flow_line_by_hand() -> None:
    """Monotone plan 0->1, 0->3 (a quarter each), 1->3 (a half), one cell a step."""
    mu, nu = [0.5, 0.5, 0, 0], [0, 0.25, 0, 0.75]
    expected = [mu, [0, 0.5, 0.5, 0], [0, 0.25, 0.25, 0.5], nu, nu]
    for k, weights in enumerate(expected):
        np.testing.assert_allclose(oracles.quantile_flow_line(mu, nu, 1.0, 1.2, k), weights, **CLOSE)
    np.testing.assert_allclose(oracles.quantile_flow_line(mu, nu, 1.0, 0.4, 9), mu, **CLOSE)
    np.testing.assert_allclose(oracles.quantile_flow_line(mu, nu, 1.0, 2.7, 1), nu, **CLOSE)
    with pytest.raises(AssertionError, match="half-integer"):
        oracles.quantile_flow_line(mu, nu, 1.0, 1.5, 1)


def test_quantile_flow_line_solves_the_step() -> None:
    """On nine random cells, some empty, rho_1 costs what the three-layer program says is the least."""
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 9)) * (rng.random((2, 9)) < 0.7)
    a, b, line = a / a.sum(), b / b.sum(), np.arange(9) / 8
    for tau in (0.05, 0.11, 0.3):
        rho = oracles.quantile_flow_line(a, b, 1 / 8, tau, 1)
        movement = oracles.power_transport(line, a, line, rho, 2)
        value = movement / (2 * tau) + oracles.power_transport(line, rho, line, b, 1)
        assert value == pytest.approx(oracles.three_layer_lp(line, a, line, b, line, tau).value, abs=1e-10)


@pytest.mark.parametrize(("tau", "steps"), [(0.00398, 33), (0.012, 17), (0.03, 9), (0.1, 3), (0.26, 1)])
def test_quantile_flow_line_arrives(tau: float, steps: int) -> None:
    """Decreasing ramp to uniform on 128 points: the known number of steps, and not one fewer."""
    mu, nu = np.linspace(1, 0, 128) / 64, np.full(128, 1 / 128)
    before, after = (oracles.quantile_flow_line(mu, nu, 1 / 127, tau, k) for k in (steps - 1, steps))
    assert np.abs(after - nu).sum() < 1e-12 < 1e-4 < np.abs(before - nu).sum()


def test_two_point() -> None:
    """The tie of r = 3 is at tau = 3/2 for alpha = 1 and at 1/2 for alpha = p."""
    assert oracles.two_point(3.0, 1.5) == (0.0, 1.0, 3.0)
    assert oracles.two_point(3.0, 1.4) == (1.0, 1.0, 3.0)
    assert oracles.two_point(3.0, 2.25) == (0.0, 0.0, 2.0)
    assert oracles.two_point(3.0, 0.5, alpha=2.0) == (0.0, 1.0, 9.0)


@pytest.mark.parametrize(
    ("r", "roots"),
    [(2, [0.641186]), (3, [0.697277]), (1, [0.5]), (0.1, [0.057014, 1.467654]), (0.5, [0.309907, 4])],
)
def test_lambert_threshold(r: float, roots: list[float]) -> None:
    """Known digits, and the equation itself."""
    found = np.array(oracles.lambert_threshold(r))
    np.testing.assert_allclose(found, roots, rtol=0, atol=1e-6)
    np.testing.assert_allclose(r**2 / (2 * found), r ** (1 + found), rtol=1e-12)


# ---- data and checks ------------------------------------------------------------------------------------------------


def test_read_published() -> None:
    """The first picture is nu on cells 41..86 and mu elsewhere; a name that is not there is an error."""
    rho = np.arange(128, 0, -1) / (64 * 129)
    rho[41:87] = 1 / 128
    assert np.abs(oracles.read_published("ramp_to_uniform_rho1") - rho).max() < 4e-5
    assert oracles.read_published("random_source").sum() == pytest.approx(0.937, abs=5e-4)
    assert oracles.read_published("random_to_ramp_rho1").sum() == pytest.approx(1, abs=5e-3)
    with pytest.raises(FileNotFoundError):
        oracles.read_published("no_such_picture")


def test_assert_plan_accepts() -> None:
    """A dense and a sparse plan, repeated entries and an empty atom included."""
    oracles.assert_plan([[0.25, 0.25], [0.0, 0.5], [0, 0]], [0.5, 0.5, 0], [0.25, 0.75])
    oracles.assert_plan(([0, 0, 1, 1], [0, 1, 1, 1], [0.25, 0.25, 0.2, 0.3]), [0.5, 0.5, 0], [0.25, 0.75])


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ([[0.25, 0.25], [0.0, 0.5 + 1e-8]], "source margin"),
        ([[0.3, 0.2], [0.0, 0.5]], "target margin"),
        ([[0.6, -0.1], [-0.35, 0.85]], "least mass"),
        ([[np.nan, 0.25], [0.0, 0.5]], "least mass"),
        ([[0.25, 0.75]], "shape"),
        (([0, 0, 1], [0, 1, 2], [0.25, 0.25, 0.5]), "out of range"),
        (([0, 0, -1], [0, 1, 1], [0.25, 0.25, 0.5]), "out of range"),
        (([0, 0], [0, 1], [0.25, 0.25, 0.5]), "length"),
        (([0, 1, 1], [0, 1, 1], [0.25, 0.25, 0.5]), "source margin"),
    ],
)
def test_assert_plan_can_fail(plan: object, complaint: str) -> None:
    """Wrong margins, negative or undefined masses, wrong shapes and indices."""
    with pytest.raises(AssertionError, match=complaint):
        oracles.assert_plan(plan, [0.5, 0.5], [0.25, 0.75])


def test_assert_dual_feasible() -> None:
    """Equality is feasible; a little above it, NaN and mismatched lengths are not."""
    cost = [[0.0, 1.0], [1.0, 0.0]]
    oracles.assert_dual_feasible([0.5, -0.5], [-0.5, 0.5], cost)
    for phi, complaint in (([0.5, -0.5 + 1e-8], "slack"), ([0.5, np.nan], "slack"), ([0.5], "potentials")):
        with pytest.raises(AssertionError, match=complaint):
            oracles.assert_dual_feasible(phi, [-0.5, 0.5], cost)


def test_infeasible_program_is_loud() -> None:
    """A linear program that cannot be solved is an assertion, not an answer."""
    with pytest.raises(AssertionError):
        oracles.min_norm_qp([0.0], [1.0], [1.0], [2.0], [0.0, 1.0], 0.5)
