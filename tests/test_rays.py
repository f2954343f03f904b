"""Transport rays for p = 1: the parabola's normals, the ring and the disk, clouds against extension by brute force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracles
import oracles_transport as independent
import pytest

import wrof
from wrof import WrofError, transport


def potential(plan: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points of both supports, and u there: phi on the source, -psi on the target."""
    x, y = plan.mu.weights > 0, plan.nu.weights > 0
    return np.vstack([plan.mu.points[x], plan.nu.points[y]]), np.concatenate([plan.phi[x], -plan.psi[y]])


def on_segment(z: Any, start: Any, end: Any) -> float:
    """How much longer the way by z is than the segment: 0 on it."""
    return float(np.linalg.norm(z - start) + np.linalg.norm(end - z) - np.linalg.norm(end - start))


def assert_rays(plan: Any, rays: Any, tol: float = 1e-9) -> None:
    """Ends, slopes, masses, maximality and disjoint interiors, for any optimal plan with p = 1."""
    points, u = potential(plan)
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    moving = plan.length() > 0
    np.testing.assert_array_equal(rays.atoms >= 0, moving)
    assert len(rays) == len(rays.mass) == len(rays.start) == len(rays.end) == rays.atoms.max(initial=-1) + 1
    np.testing.assert_allclose(rays.length, np.linalg.norm(rays.end - rays.start, axis=1), rtol=1e-14)
    assert np.all(rays.length > 0) and np.all(rays.mass > 0)
    carried = np.bincount(rays.atoms[moving], plan.mass[moving], len(rays))
    np.testing.assert_allclose(rays.mass, carried, rtol=1e-12, err_msg="mass carried")
    for k, (start, end) in enumerate(zip(rays.start, rays.end, strict=True)):
        values = [u[np.all(points == z, axis=1)] for z in (start, end)]
        assert min(map(len, values)) > 0, "a ray ends where no point is"
        fall = values[0][:, None] - values[1]
        assert np.abs(fall - rays.length[k]).min() <= tol * size, "u does not fall with slope 1"
        for atom in np.flatnonzero(rays.atoms == k):
            ways = on_segment(plan.x[atom], start, end), on_segment(plan.y[atom], start, end)
            assert max(ways) <= tol * size, "an atom off its ray"
            assert (plan.y[atom] - plan.x[atom]) @ (end - start) > 0, "an atom against its ray"
    expected = independent.rays(points, u, plan.x[moving], plan.y[moving], tol=1e-10 * size)
    found = np.hstack([rays.start, rays.end])
    wanted = np.hstack([expected.start, expected.end])
    assert len(found) == len(wanted), f"{len(found)} rays, not {len(wanted)}"
    order, other = (np.lexsort(np.round(part / size, 9).T[::-1]) for part in (found, wanted))
    np.testing.assert_allclose(
        found[order], wanted[other], rtol=0, atol=1e-9 * size, err_msg="not the maximal segments"
    )
    if found.shape[1] == 4:
        assert independent.crossings(rays.start, rays.end, tol=1e-7 * size**2) == [], "interiors cross"


def assert_monotone(plan: Any, rays: Any, again: Any) -> None:
    """The mass of every ray re-paired in order; marginals, value and potentials as before."""
    a, b = plan.mu.weights, plan.nu.weights
    oracles.assert_plan((again.source, again.target, again.mass), a, b, rtol=1e-12)
    assert again.value == pytest.approx(plan.value, rel=1e-12, abs=1e-15), "another value"
    assert abs(again.gap) <= 1e-9 * max(plan.value, 1e-12)
    np.testing.assert_array_equal(again.phi, plan.phi)
    np.testing.assert_array_equal(again.psi, plan.psi)
    after = transport.transport_rays(again)
    np.testing.assert_allclose(np.sort(after.mass), np.sort(rays.mass), rtol=1e-9, err_msg="mass moved off its ray")
    for k in range(len(after)):
        atoms = after.atoms == k
        way = (after.end[k] - after.start[k]) / after.length[k]
        s, t = again.x[atoms] @ way, again.y[atoms] @ way
        order = np.lexsort((t, s))
        assert np.all(np.diff(t[order]) >= -1e-12), "overtaken on a ray"


# ---- clouds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_rays_of_clouds(d: int) -> None:
    """General position: every arc is a ray of its own in the plane; on a line rays are long."""
    for seed in range(6):
        rng = np.random.default_rng([seed, d])
        x, y, a, b = rng.normal(size=(9, d)), rng.normal(size=(8, d)), rng.random(9) + 0.1, rng.random(8) + 0.1
        plan = transport.plan(a, b, 1.0, source_points=x, target_points=y, normalize=True)
        rays = transport.transport_rays(plan)
        assert_rays(plan, rays)
        assert_monotone(plan, rays, transport.ray_monotone_map(plan, rays))
        if d > 1:
            assert len(rays) == len(plan.mass)


@pytest.mark.parametrize("shape", [(9,), (4, 4), (3, 5), (2, 3, 2)])
def test_rays_on_grids(shape: tuple[int, ...]) -> None:
    """Collinear points everywhere, mass that both measures share."""
    for seed in range(5):
        rng = np.random.default_rng([seed, *shape])
        a, b = rng.integers(0, 4, (2, *shape)).astype(float)
        a.flat[0] += 1
        b.flat[-1] += 1
        plan = transport.plan(a, b, 1.0, grid=wrof.Grid(shape), normalize=True)
        rays = transport.transport_rays(plan)
        assert_rays(plan, rays)
        assert_monotone(plan, rays, transport.ray_monotone_map(plan, rays))


def test_rays_through_shared_points() -> None:
    """{0, 1} to {1, 2}, in a row and askew: one ray from 0 to 2, whatever the plan does at 1."""
    for way in ([1.0], [0.6, 0.8], [2 / 3, -1 / 3, 2 / 3]):
        x, y = (np.array([[s], [s + 1.0]]) * np.array(way) for s in (0.0, 1.0))
        plan = transport.plan([0.5, 0.5], [0.5, 0.5], 1.0, source_points=x, target_points=y)
        rays = transport.transport_rays(plan)
        assert len(rays) == 1
        np.testing.assert_allclose(rays.start, x[:1], rtol=0, atol=1e-15)
        np.testing.assert_allclose(rays.end, y[1:], rtol=0, atol=1e-15)
        again = transport.ray_monotone_map(plan)
        assert again.value == pytest.approx(1.0, rel=1e-14)


def test_nothing_moves() -> None:
    """mu = nu: no ray, every atom -1, no direction; and the map is the plan."""
    for d in (1, 2):
        x = np.random.default_rng(d).normal(size=(5, d))
        plan = transport.plan(np.ones(5), np.ones(5), 1.0, points=x)
        rays = transport.transport_rays(plan)
        assert len(rays.mass) == 0 and rays.start.shape == rays.end.shape == (0, d) and rays.length.shape == (0,)
        assert np.all(rays.atoms == -1)
        assert np.all(transport.transport_direction(plan) == 0)
        assert transport.ray_monotone_map(plan).value == 0


def test_directions() -> None:
    """Unit vectors along the arcs, exactly 0 where mass stays, no division warning."""
    where: dict[str, Any] = {"source_points": [[0.0, 0], [9, 9]], "target_points": [[3.0, 4], [9, 9]]}
    plan = transport.plan([1.0, 2.0], [1.0, 2.0], 1.0, **where)
    with np.errstate(all="raise"):
        found = transport.transport_direction(plan)
    expected = np.where(plan.source[:, None] == 0, [[0.6, 0.8]], [[0.0, 0.0]])
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_direction_is_minus_the_gradient() -> None:
    """u falls by the length of the way along the direction: on all atoms of random plans."""
    for d in (1, 2, 3):
        rng = np.random.default_rng(d)
        x, y = rng.normal(size=(9, d)), rng.normal(size=(7, d))
        plan = transport.plan(np.ones(9) / 9, np.ones(7) / 7, source_points=x, target_points=y)
        way = transport.transport_direction(plan)
        np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1, rtol=1e-14)
        fall = plan.phi[plan.source] + plan.psi[plan.target]
        np.testing.assert_allclose(plan.x + fall[:, None] * way, plan.y, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "spoil",
    [
        {"start": lambda r: r.start + 1e-6},
        {"start": lambda r: (r.start + r.end) / 2},
        {"end": lambda r: r.end[::-1]},
        {"mass": lambda r: r.mass * 1.01},
        {"atoms": lambda r: r.atoms[::-1]},
        {"atoms": lambda r: np.full(len(r.atoms), -1)},
    ],
)
def test_the_check_of_rays_can_fail(spoil: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(5, 2))
    plan = transport.plan(np.ones(6) / 6, np.ones(5) / 5, source_points=x, target_points=y)
    rays = transport.transport_rays(plan)
    assert_rays(plan, rays)
    with pytest.raises(AssertionError):
        assert_rays(plan, replace(rays, **{name: change(rays) for name, change in spoil.items()}))


def test_the_check_of_monotone_maps_can_fail() -> None:
    """0, 1 to 2, 3: the crossed pairing is optimal as well, and not monotone."""
    plan = transport.plan([0.5, 0.5], [0.5, 0.5], source_points=[0.0, 1.0], target_points=[2.0, 3.0])
    crossed = replace(plan, source=np.array([0, 1]), target=np.array([1, 0]), mass=np.array([0.5, 0.5]))
    rays = transport.transport_rays(crossed)
    assert_rays(crossed, rays)
    assert_monotone(crossed, rays, transport.ray_monotone_map(crossed))
    with pytest.raises(AssertionError, match="overtaken"):
        assert_monotone(crossed, rays, crossed)
    other = replace(crossed, mass=np.array([0.5, 0.4]))
    with pytest.raises(AssertionError):
        assert_monotone(crossed, rays, other)


def test_the_oracle_of_rays() -> None:
    """u = -s on the line 0, 1, 2 and flat beyond: arcs 0-1 and 1-2 lie on the ray 0-2, which does not go on to 3."""
    points, u = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, -1.0, -2.0, -2.0])
    found = independent.rays(points, u, [0.0, 1.0], [1.0, 2.0])
    assert (found.start.tolist(), found.end.tolist(), found.of.tolist()) == ([[0.0]], [[2.0]], [0, 0])
    two = independent.rays([[0.0, 0], [0, 1], [1, 0]], [0.0, -1, -1], [[0.0, 0], [0, 0]], [[0.0, 1], [1, 0]])
    assert len(two.start) == 2 and two.of.tolist() == [0, 1]
    with pytest.raises(AssertionError, match="slope 1"):
        independent.rays(points, u, [2.0], [3.0])


# ---- any map that keeps the mass of the rays is optimal -------------------------------------------------------------


def test_every_rearrangement_along_rays_is_optimal() -> None:
    """Sources beyond all targets on five rays: any pairing on a ray costs the same; across rays more."""
    rng = np.random.default_rng(3)
    angle = 2 * np.pi * np.arange(5) / 5
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    out, inn = np.sort(rng.uniform(2, 3, (5, 4))), np.sort(rng.uniform(0.2, 1, (5, 4)))
    x, y = (np.concatenate([r[:, None] * w for r, w in zip(part, way, strict=True)]) for part in (out, inn))
    plan = transport.plan(np.ones(20), np.ones(20), source_points=x, target_points=y)
    rays = transport.transport_rays(plan)
    assert len(rays) == 5 and plan.value == pytest.approx(float((out - inn).sum()), rel=1e-12)
    assert_rays(plan, rays)
    np.testing.assert_allclose(np.sort(rays.length), np.sort(out[:, -1] - inn[:, 0]), rtol=1e-12)
    for _ in range(5):
        target = np.concatenate([4 * k + rng.permutation(4) for k in range(5)])
        mixed = replace(plan, source=np.arange(20), target=target, mass=np.ones(20))
        assert mixed.value == pytest.approx(plan.value, rel=1e-12) and abs(mixed.gap) <= 1e-9
        again = transport.ray_monotone_map(mixed, transport.transport_rays(mixed))
        np.testing.assert_array_equal(again.target[np.argsort(again.source)], np.arange(20))
    across = replace(plan, source=np.arange(20), target=np.roll(np.arange(20), 4), mass=np.ones(20))
    assert across.value > plan.value + 1


# ---- the parabola ---------------------------------------------------------------------------------------------------


def normals(t: np.ndarray, parts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points at some parts of the way from (t, t^2) to its end on the ridge (0, t^2 + 1/2), and the feet."""
    foot, end = np.stack([t, t**2], axis=1), np.stack([0 * t, t**2 + 0.5], axis=1)
    return np.stack([foot + s * (end - foot) for s in parts], axis=1), foot


def test_the_distance_to_the_parabola() -> None:
    """The oracle, in closed form: on the axis c up to 1/2 and sqrt(c - 1/4) beyond; on normals their part."""
    c = np.array([0.0, 0.2, 0.5, 0.6, 1.0, 4.0])
    found = independent.parabola(np.stack([0 * c, c], axis=1))
    np.testing.assert_allclose(found.distance, np.where(c <= 0.5, c, np.sqrt(np.maximum(c - 0.25, 0))), rtol=1e-12)
    t = np.array([-2.0, -0.7, 0.1, 0.5, 1.3])
    points, _ = normals(t, (0.1, 0.5, 0.99))
    for k, s in enumerate((0.1, 0.5, 0.99)):
        found = independent.parabola(points[:, k])
        np.testing.assert_allclose(found.distance, s * 0.5 * np.sqrt(1 + 4 * t**2), rtol=1e-9)
        np.testing.assert_allclose(found.t, t, rtol=0, atol=1e-7)
    wide = np.linspace(-4, 4, 80001)
    points = np.random.default_rng(0).uniform(-2, 2, (40, 2))
    near = np.hypot(wide - points[:, :1], wide**2 - points[:, 1:]).min(axis=1)
    np.testing.assert_allclose(independent.parabola(points).distance, near, rtol=0, atol=1e-6)


def test_the_c_transform_of_zero_is_the_distance() -> None:
    """u = 0 on the parabola: its c-transform is the distance to it, below, above, on the ridge and near its tip."""
    rng = np.random.default_rng(4)
    points = np.vstack([rng.uniform(-2, 3, (60, 2)), [[0.0, c] for c in (0.0, 0.3, 0.5, 0.5001, 2.0)]])
    known = independent.parabola(points)
    t = np.concatenate([known.t, -known.t, np.linspace(-3, 3, 301)])
    curve = np.stack([t, t**2], axis=1)
    u = transport.c_transform(np.zeros(len(curve)), 1.0, target=curve, source=points)
    np.testing.assert_allclose(u, known.distance, rtol=0, atol=1e-12)


def test_rays_of_the_parabola() -> None:
    """Mass on normals goes to the feet: one ray per normal, as long as its farthest mass; u is the distance."""
    t = np.array([-1.9, -1.2, -0.75, -0.3, 0.2, 0.6, 1.05, 1.7])  # no two of one size: no shared ends
    points, foot = normals(t, (0.15, 0.4, 0.7, 1.0))
    x = points.reshape(-1, 2)
    a, b = np.full(32, 1 / 32), np.full(8, 1 / 8)
    plan = transport.plan(a, b, source_points=x, target_points=foot)
    far = independent.parabola(x).distance
    assert plan.value == pytest.approx(float(far @ a), rel=1e-12)
    assert plan.target[np.argsort(plan.source)].tolist() == np.repeat(np.arange(8), 4).tolist()
    rays = transport.transport_rays(plan)
    assert_rays(plan, rays)
    order = np.argsort(rays.end[:, 0])
    np.testing.assert_allclose(rays.end[order], foot, rtol=0, atol=1e-15)
    np.testing.assert_allclose(rays.start[order], np.stack([0 * t, t**2 + 0.5], axis=1), rtol=0, atol=1e-15)
    np.testing.assert_allclose(rays.length[order], 0.5 * np.sqrt(1 + 4 * t**2), rtol=1e-12)
    np.testing.assert_allclose(rays.mass, 1 / 8, rtol=1e-12)


def test_rays_meet_on_the_ridge() -> None:
    """Feet (t, t^2) and (-t, t^2): both rays start at (0, t^2 + 1/2), whose atom splits."""
    t = np.array([-1.5, -0.8, 0.8, 1.5])
    points, foot = normals(t, (0.5,))
    ridge = np.array([[0.0, 0.8**2 + 0.5], [0.0, 1.5**2 + 0.5]])
    x = np.vstack([points[:, 0], ridge])
    a, b = np.array([0.1] * 4 + [0.3, 0.3]), np.full(4, 0.25)
    plan = transport.plan(a, b, source_points=x, target_points=foot)
    assert plan.value == pytest.approx(float(independent.parabola(x).distance @ a), rel=1e-12)
    rays = transport.transport_rays(plan)
    assert_rays(plan, rays)
    assert len(rays) == 4 and len(np.unique(np.round(rays.start, 12), axis=0)) == 2
    np.testing.assert_allclose(np.sort(rays.length), np.sort(0.5 * np.sqrt(1 + 4 * t**2)), rtol=1e-12)


# ---- ring to disk ---------------------------------------------------------------------------------------------------


def ring_and_disk(angles: int, radii: int) -> tuple[np.ndarray, np.ndarray]:
    """Equal-area points on common angles, an odd number so that no two are opposite; ring 2..3, unit disk."""
    assert angles % 2 == 1
    share = (np.arange(radii) + 0.5) / radii
    angle = 2 * np.pi * np.arange(angles) / angles
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ring, disk = np.sqrt(4 + 5 * share), np.sqrt(share)
    return (r[None, :, None] * way[:, None, :] for r in (ring, disk))  # type: ignore[return-value]


def test_the_map_from_ring_to_disk() -> None:
    """Along rays towards the centre T(r) = sqrt((r^2 - 4)/5); the rays are the angles, the value that of 28/15."""
    x, y = (part.reshape(-1, 2) for part in ring_and_disk(15, 12))
    n = len(x)
    plan = transport.plan(np.full(n, 1 / n), np.full(n, 1 / n), source_points=x, target_points=y)
    share = (np.arange(12) + 0.5) / 12
    assert plan.value == pytest.approx(float((np.sqrt(4 + 5 * share) - np.sqrt(share)).mean()), rel=1e-12)
    rays = transport.transport_rays(plan)
    assert_rays(plan, rays)
    assert len(rays) == 15
    np.testing.assert_allclose(rays.length, np.sqrt(4 + 5 * share[-1]) - np.sqrt(share[0]), rtol=1e-12)
    again = transport.ray_monotone_map(plan, rays)
    assert_monotone(plan, rays, again)
    r = np.linalg.norm(again.x, axis=1)
    assert np.abs(again.mass - 1 / n).max() <= 1e-12 / n
    np.testing.assert_allclose(again.y, np.sqrt((r**2 - 4) / 5)[:, None] * again.x / r[:, None], rtol=0, atol=1e-12)


@pytest.mark.slow
def test_ring_to_disk_with_many_points() -> None:
    """1500 equal-area points each, 75 angles: within 1e-3 of 28/15; and with the disk turned by half an angle."""
    x, y = (part.reshape(-1, 2) for part in ring_and_disk(75, 20))
    n = len(x)
    assert n == 1500
    weights = np.full(n, 1 / n)
    plan = transport.plan(weights, weights, source_points=x, target_points=y)
    assert abs(plan.value - 28 / 15) <= 1e-3
    assert len(transport.transport_rays(plan)) == 75
    turn = np.pi / 75
    turned = y @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    off = transport.distance(weights, weights, source_points=x, target_points=turned)
    assert off == pytest.approx(independent.power_distance(x, weights, turned, weights), rel=1e-9)
    assert plan.value < off <= 28 / 15 + 1e-3


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["transport_rays", "transport_direction", "ray_monotone_map"])
def test_plans_of_other_powers_are_refused(verb: str) -> None:
    for p in (0.5, 2.0):
        plan = transport.plan([1.0, 0.0], [0.0, 1.0], p, points=[0.0, 1.0])
        with pytest.raises(WrofError, match=rf"^{verb}.* p = 1.* p = {p:g}"):
            getattr(transport, verb)(plan)
    with pytest.raises(WrofError, match="TransportPlan"):
        getattr(transport, verb)(np.eye(2))


def test_rays_of_another_plan_are_refused() -> None:
    """Rays that do not number the plan's atoms cannot re-pair them."""
    line = [0.0, 1.0, 2.0, 3.0]
    plan = transport.plan([0.25, 0.75, 0, 0], [0, 0, 0.5, 0.5], points=line)
    other = transport.transport_rays(transport.plan([1.0, 0, 0, 0], [0, 0, 0, 1.0], points=line))
    assert len(other.atoms) != len(plan.mass)
    with pytest.raises(WrofError):
        transport.ray_monotone_map(plan, other)


@pytest.mark.parametrize("tol", [0, -1, float("nan"), "small"])
def test_bad_tolerances(tol: Any) -> None:
    plan = transport.plan([1.0, 0.0], [0.0, 1.0], points=[0.0, 1.0])
    with pytest.raises(WrofError, match="tol must be"):
        transport.transport_rays(plan, tol=tol)


def test_rays_of_nothing() -> None:
    plan = wrof.transport.plan([1.0, 0.0], [0.0, 1.0], points=[0.0, 1.0])
    with pytest.raises(WrofError, match="rays must be TransportRays, got int"):
        wrof.transport.ray_monotone_map(plan, 3)
