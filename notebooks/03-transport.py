# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Transport
#
# If mass may stop anywhere, a step of size τ is optimal transport with a cost of its own, and what it does is told by
# the theory of $d_1$: potentials, directions, rays. This notebook computes each of them, and holds every number against
# a closed form or a second program. An `assert` that passes says nothing, so what is compared is printed as well.

# %%
# %matplotlib inline
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import sqrtm

import wrof
from wrof import plot, transport


def same(found, expected, tol=1e-9):
    """Largest difference, asserted to be at most tol."""
    far = float(np.max(np.abs(np.asarray(found) - expected)))
    assert far <= tol, f"{far:.1e} > {tol:.0e}"
    return f"{far:.0e}"


def even(n):
    """n equal masses, 1 in all."""
    return np.full(n, 1 / n)


# %% [markdown]
# ## Duality
#
# The cheapest way to carry μ to ν at a cost of $|x-y|^p$ meets a bound from below, given by prices φ at the sources and
# ψ at the targets:
#
# $$\min_\pi \sum \pi(x, y)\,|x-y|^p = \max_{\varphi(x) + \psi(y) \le |x-y|^p} \sum \varphi\,\mu + \sum \psi\,\nu.$$
#
# `transport.plan` returns both sides. For $p = 1$ there is a third problem, over 1-Lipschitz functions (Kantorovich and
# Rubinstein). `transport_lp` and `kantorovich_rubinstein` solve the programs as lectures write them.

# %%
rng = np.random.default_rng(seed=7)
x, y = rng.normal(0, 0.3, (40, 2)), rng.normal(0.8, 0.3, (40, 2))
clouds = {"mu": even(40), "nu": even(40), "source_points": x, "target_points": y}
plan = transport.plan(**clouds)
print(plan)
print("gap:", same(plan.dual, plan.value))
print("against the primal program:", same(plan.value, transport.transport_lp(**clouds).value))
print("against the dual over Lipschitz functions:", same(plan.value, transport.kantorovich_rubinstein(**clouds).value))

# %% [markdown]
# The prices are feasible for *all* pairs and tight where the plan carries mass; that is the whole proof. For $p = 1$
# they are one function $u$, φ on μ and −ψ on ν, whose slope is nowhere more than 1.

# %%
every = np.linalg.norm(x[:, None] - y, axis=2)
print("least slack of all pairs:", f"{(every - plan.phi[:, None] - plan.psi).min():.0e}")
print("slack on the plan:       ", same(plan.phi[plan.source] + plan.psi[plan.target], plan.length()))
u, both = np.concatenate([plan.phi, -plan.psi]), np.concatenate([x, y])
apart = np.linalg.norm(both[:, None] - both, axis=2)
slope = (np.abs(u[:, None] - u)[apart > 0] / apart[apart > 0]).max()
print(f"greatest slope of u:      {slope:.12f}")
assert (every - plan.phi[:, None] - plan.psi).min() > -1e-12 and slope < 1 + 1e-9

# %% [markdown]
# ## c-transforms
#
# Given ψ, the best φ is its c-transform $\varphi(x) = \psi^c(x) = \min_y |x-y|^p - \psi(y)$. All pairs would do; on a
# grid lower envelopes of parabolas ($p = 2$) and on a line two sweeps ($p = 1$) do the same in $O(n)$ per axis.

# %%
plane, line = wrof.Grid((40, 50)), wrof.Grid((500,))
for method, p, grid in (("lattice", 1.5, plane), ("envelope", 2.0, plane), ("sweep", 1.0, line)):
    psi = 0.3 * rng.random(grid.size)
    dense = transport.c_transform(psi, p, target=grid, method="dense")
    print(f"{method:8s} against all pairs:", same(transport.c_transform(psi, p, target=grid, method=method), dense))

# %% [markdown]
# Transforming twice fills φ up: $\varphi^{cc} \ge \varphi$ is the least function above φ that is a c-transform at all,
# and then nothing changes any more, $\varphi^{ccc} = \varphi^c$. For $p = 1$ this is the least 1-Lipschitz function
# above φ, and for $p = 2$ it makes $x^2 - \varphi$ convex. Both by hand on [0, 1]: a hat too steep, a parabola too
# curved.

# %%
unit = wrof.Grid((201,))
s = unit.points[:, 0]
hat, bowl = np.maximum(0.3 - 3 * np.abs(s - 0.5), 0), 3 * (s - 0.5) ** 2
figure, panels = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
for axes, p, phi, exact in zip(
    panels,
    (1.0, 2.0),
    (hat, bowl),
    (np.maximum(0.3 - np.abs(s - 0.5), 0), s**2 - s + 0.75),
    strict=True,
):
    once = transport.c_transform(phi, p, target=unit)
    twice = transport.c_transform(once, p, target=unit)
    thrice = transport.c_transform(twice, p, target=unit)
    print(f"p = {p:g}: φᶜᶜ by hand {same(twice, exact)}, φᶜᶜᶜ = φᶜ {same(thrice, once)}")
    assert not transport.is_c_concave(phi, p, source=unit) and transport.is_c_concave(twice, p, source=unit)
    axes.plot(s, phi, color=plot.PALE, lw=3, label="φ")
    axes.plot(s, twice, color=plot.RHO, label="φᶜᶜ")
    axes.set(title=f"p = {p:g}", xlabel="x")
    axes.legend(frameon=False)

# %% [markdown]
# If φ is 1-Lipschitz to begin with, then $\varphi^c = -\varphi$ over the whole space, but only $\ge -\varphi$ over a
# part of it. A critic trained on samples of μ alone is no critic elsewhere.

# %%
wave = np.sin(7 * s) / 7
print("whole line:", same(transport.c_transform(wave, target=unit), -wave))
some = s < 0.4
part = transport.c_transform(np.where(some, wave, -np.inf), target=unit)
print(f"only x < 0.4 known: least of φᶜ + φ {(part + wave).min():.0e}, greatest {(part + wave).max():.3f}")
assert np.abs((part + wave)[some]).max() < 1e-12 and (part + wave)[~some].min() > 0

# %% [markdown]
# ## p > 1: the potential is the map
#
# Where mass moves from $x$ to $y = T(x)$, $\varphi(x) + \psi(y)$ touches $|x-y|^p$, so the gradients in $x$ agree. For
# $p > 1$ that can be solved for $y$: $T(x) = x - (\nabla|\cdot|^p)^{-1}(\nabla\varphi(x))$.
#
# Between Gaussians, $p = 2$: an affine map $T(x) = b + Ax$ with $A = S^{-1/2} (S^{1/2} S' S^{1/2})^{1/2} S^{-1/2}$, and
# $\varphi = |x|^2 - 2\,b \cdot x - x \cdot A x$, whose finite differences are exact.

# %%
cov, goal, shift = np.array([[0.5, 0.3], [0.3, 0.4]]), np.array([[0.2, -0.15], [-0.15, 0.3]]), np.array([2.0, 1.0])
root = sqrtm(cov)
A = np.linalg.inv(root) @ sqrtm(root @ goal @ root) @ np.linalg.inv(root)
print("A S A = S':", same(A @ cov @ A, goal))
grid = wrof.Grid((15, 15), bounds=(-1.5, 1.5))
phi = (grid.points**2).sum(axis=1) - 2 * grid.points @ shift - ((grid.points @ A) * grid.points).sum(axis=1)
print("map of the potential on a grid:", same(transport.monge_map(phi, 2.0, grid=grid), shift + grid.points @ A))

# %% [markdown]
# And back: given only a sample and its image, the optimal plan finds the map again, every point to its own image.

# %%
sample = rng.multivariate_normal([0, 0], cov, 120)
image = shift + sample @ A
pairs = transport.plan(even(120), even(120), 2.0, source_points=sample, target_points=image)
print("map of the plan:", same(pairs.barycentric_map(), image), "over", len(pairs.mass), "atoms")
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(*np.stack([pairs.x, pairs.y]).transpose(2, 0, 1), color=plot.PALE, lw=0.6)
axes.plot(*sample.T, "o", ms=3, color=plot.MU, label="μ")
axes.plot(*image.T, "o", ms=3, color=plot.NU, label="ν")
axes.set(aspect="equal", title="p = 2: one Gaussian onto another")
_ = axes.legend(frameon=False, loc="upper left")

# %% [markdown]
# $p = 3$ on [0, 1], $T(x) = x^2 + 2$: the potential has $\varphi' = -3\,(x^2 - x + 2)^2$. With that gradient the map is
# exact, and by finite differences it is of second order: four times better on a grid twice as fine.

# %%
points = unit.points
exact = -3 * (points**2 - points + 2) ** 2
print("exact gradient:", same(transport.map_from_gradient(points, exact, 3.0), points**2 + 2))
primitive = np.polynomial.Polynomial([0, 4, -2, 5 / 3, -1 / 2, 1 / 5])  # of (x^2 - x + 2)^2
errors = []
for n in (51, 101, 201):
    grid = wrof.Grid((n,))
    t = grid.points
    errors.append(np.abs(transport.monge_map(-3 * primitive(t[:, 0]), 3.0, grid=grid) - t**2 - 2).max())
print("finite differences:", [f"{each:.1e}" for each in errors])
assert all(3.5 < a / b < 4.5 for a, b in pairwise(errors)) and errors[-1] < 1e-4

# %% [markdown]
# ## p = 1: only a direction
#
# Mass goes $(|\nabla\varphi|/p)^{1/(p-1)}$ far. As $p$ falls to 1 this becomes a wall: all distances, from nothing to
# as far as you like, belong to one slope. At $p = 1$ the gradient is a unit vector, and says *where to*, not *how far*.

# %%
slopes = np.linspace(0, 1.5, 301)[:, None]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
for p, colour in ((3, plot.PALE), (2, plot.SKY), (1.3, plot.RHO), (1.05, plot.INK)):
    far = -transport.map_from_gradient(0 * slopes, p * slopes, p)
    print(f"p = {p}: {same(far, slopes ** (1 / (p - 1)))}")
    axes.plot(slopes, far, color=colour, label=f"p = {p}")
axes.set(xlabel="|∇φ| / p", ylabel="distance", ylim=(0, 2), title="How far a slope moves mass")
axes.legend(frameon=False)
try:
    transport.map_from_gradient(slopes, slopes, 1.0)
except wrof.WrofError as error:
    print("p = 1:", error)
else:
    raise AssertionError("p = 1 has no map")

# %% [markdown]
# Indeed one $u$ serves many targets: $u(x) = -x$ is optimal however far to the right ν lies. What is left of a map is
# `transport_direction`, $-\nabla u$ on every atom of a plan; the rest, how far, is in the plan.

# %%
for far in (1.0, 2.0, 5.0):
    moved = transport.plan([0.5, 0.5], [0.5, 0.5], source_points=[0.0, 0.5], target_points=[far, far + 0.5])
    print(f"moved by {far:g}: value of u {same(0.5 * (-(0.0 + 0.5) + far + far + 0.5), moved.value)}")
way = transport.transport_direction(plan)
fall = plan.phi[plan.source] + plan.psi[plan.target]
print("y = x + (u(x) - u(y)) times the direction:", same(plan.x + fall[:, None] * way, plan.y))

# %% [markdown]
# ## Transport rays
#
# The segments along which $u$ falls with slope 1 are parts of maximal ones, the rays. Rays meet at their ends only, so
# mass stays on its ray for ever. A potential one can draw is the distance to the parabola $y = x^2$: its rays are the
# normals, from the parabola up to the ridge $\{x = 0, y \ge 1/2\}$, where left and right meet.

# %%
t = np.linspace(-3, 3, 6001)
curve = np.stack([t, t**2], axis=1)
c = np.array([0.1, 0.3, 0.5, 1.0, 2.0])
axis = transport.c_transform(np.zeros(6001), target=curve, source=np.stack([0 * c, c], axis=1))
print("u(0, c) = c, from 1/2 on √(c - 1/4):", same(axis, np.where(c <= 0.5, c, np.sqrt(np.abs(c - 0.25))), 1e-6))

# %% [markdown]
# Mass on the normals at a few feet $(t, t^2)$, some of it on the ridge, is bound for the feet. The plan knows nothing
# of parabolas; its rays are the normals, $\tfrac12\sqrt{1+4t^2}$ long.

# %%
feet = np.array([-1.2, -0.95, -0.7, -0.45, -0.2, 0.1, 0.35, 0.6, 0.85, 1.1])
foot, top = np.stack([feet, feet**2], axis=1), np.stack([0 * feet, feet**2 + 0.5], axis=1)
above = np.concatenate([foot + part * (top - foot) for part in (0.3, 0.6, 1.0)])
normals = transport.plan(even(30), even(10), source_points=above, target_points=foot)
rays = transport.transport_rays(normals)
by_foot = np.argsort(rays.end[:, 0])
print(len(rays), "rays; ends at the feet:", same(rays.end[by_foot], foot), end=", ")
print("starts on the ridge:", same(rays.start[by_foot], top), end=", ")
print("lengths:", same(rays.length[by_foot], np.sqrt(1 + 4 * feet**2) / 2))

# %%
window = wrof.Grid((150, 120), bounds=[(-1.5, 1.5), (-0.3, 2.1)])
level = transport.c_transform(np.zeros(6001), target=curve, source=window).reshape(window.shape)
figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
axes.contour(*window.points.T.reshape(2, *window.shape), level, levels=12, colors=plot.PALE, linewidths=0.7)
axes.plot(t, t**2, color=plot.INK)
axes.plot([0, 0], [0.5, 2.1], color=plot.OTHER, lw=2.5, label="ridge")
axes.plot(*np.stack([rays.start, rays.end]).transpose(2, 0, 1), color=plot.RHO, lw=1)
axes.plot(*above.T, "o", ms=4, color=plot.MU, label="μ")
axes.plot(*foot.T, "o", ms=4, color=plot.NU, label="ν")
axes.set(aspect="equal", xlim=(-1.5, 1.5), ylim=(-0.3, 2.1), title="Distance to a parabola, and its rays")
_ = axes.legend(frameon=False, loc="lower left")

# %% [markdown]
# ## Along a ray mass may be arranged at will
#
# A ring, $2 \le |x| \le 3$, is bound for the unit disk. The rays are radii, $d_1 = 28/15$, and any plan that keeps the
# mass of each radius costs the same. One of them is a monotone map, $|T(x)| = \sqrt{(|x|^2 - 4)/5}$; a solver returns
# just anyone. `ray_monotone_map` puts the mass of every ray in order, under the same potentials.

# %%
share = (np.arange(20) + 0.5) / 20
angle = 2 * np.pi * np.arange(45) / 45
spokes = np.stack([np.cos(angle), np.sin(angle)], axis=1)
ring, disk = ((r[:, None, None] * spokes).reshape(-1, 2) for r in (np.sqrt(4 + 5 * share), np.sqrt(share)))
vertex = transport.plan(even(900), even(900), source_points=ring, target_points=disk)
rays = transport.transport_rays(vertex)
ordered = transport.ray_monotone_map(vertex, rays)
print(len(rays), "rays; value - 28/15:", same(vertex.value, 28 / 15, 1e-3), "(20 points a radius)")
print("put in order:", same(ordered.value, vertex.value), "and its gap:", same(ordered.gap, 0))

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
panels[0].plot(*np.stack([rays.start, rays.end]).transpose(2, 0, 1), color=plot.RHO, lw=0.7)
panels[0].plot(*ring.T, ".", ms=2, color=plot.MU)
panels[0].plot(*disk.T, ".", ms=2, color=plot.NU)
panels[0].set(aspect="equal", title="Transport rays")
panels[0].axis("off")
for each, style in ((vertex, {"color": plot.PALE, "label": "the solver's plan"}), (ordered, {"color": plot.RHO})):
    r, goes = (np.linalg.norm(ends, axis=1) for ends in (each.x, each.y))
    panels[1].plot(r, goes, ".", ms=4, **style)
print("|T(x)|, in order:", same(goes, np.sqrt((r**2 - 4) / 5)))
fine = np.linspace(2, 3, 200)
panels[1].plot(fine, np.sqrt((fine**2 - 4) / 5), color=plot.INK, lw=1, label="√((r² - 4)/5)")
panels[1].set(xlabel="|x|", ylabel="|T(x)|", title="In order along each ray")
_ = panels[1].legend(frameon=False)

# %% [markdown]
# ## Side by side: p = 1 and p = 2
#
# In general position no two segments of a plan for $p = 1$ cross: exchanging the ends of two that do would be shorter.
# For $p = 2$ they may.


# %%
def crossings(plan):
    """Count pairs of segments whose interiors cross."""

    def side(a, b, c):
        return np.sign((b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0])

    a, b = plan.x[:, None], plan.y[:, None]
    parted = side(a, b, plan.x) * side(a, b, plan.y) < 0
    return int((parted & parted.T).sum()) // 2


figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
start, end = rng.normal(0, [0.3, 1], (25, 2)), rng.normal([1, 0], [1, 0.3], (25, 2))
found = []
for axes, p in zip(panels, (1.0, 2.0), strict=True):
    each = transport.plan(even(25), even(25), p, source_points=start, target_points=end)
    found.append(crossings(each))
    axes.plot(*np.stack([each.x, each.y]).transpose(2, 0, 1), color=plot.INK, lw=0.9)
    axes.plot(*start.T, "o", ms=4, color=plot.MU)
    axes.plot(*end.T, "o", ms=4, color=plot.NU)
    axes.set(title=f"p = {p:g}, crossings: {found[-1]}", aspect="equal", xticks=[], yticks=[])
assert found[0] == 0 < found[1]

# %% [markdown]
# ## Explicit steps
#
# Trust-the-critics moves mass by $\tau$ down the gradient of a critic, $x \mapsto x - \tau \nabla u$: an explicit step.
# `explicit_step` does so with an exact critic. The implicit, WROF step with free stops moves $\min(\tau, r)$ towards a
# mate $r$ away. So the two agree as long as nobody has less than τ to go: up to the shortest arc, of the optimal plan
# whose shortest arc is longest. There $d_1$ falls by exactly τ. Beyond, atoms overshoot, and $J$ exceeds its minimum.

# %%
arc = wrof.explicit_step(tau=0.1, **clouds).shortest_arc
taus = arc * np.array([0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0])
steps = [wrof.explicit_step(tau=tau, **clouds) for tau in taus]
below = taus <= arc
print(f"shortest arc {arc:.4f}; up to it: excess", same([each.excess for each in steps[:4]], 0, 1e-12), end=", ")
print("d_1 falls by τ:", same([each.d1 - each.d1_after for each in steps[:4]], taus[:4]))
assert [each.equals_wrof for each in steps] == below.tolist() and min(each.excess for each in steps[4:]) > 0
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.axvline(arc, color=plot.PALE, label="shortest arc")
axes.semilogy(taus, [max(each.excess, 1e-17) for each in steps], "o-", color=plot.OTHER)
axes.set(xlabel="τ", ylabel="excess of J", title="Explicit equals implicit up to the shortest arc")
_ = axes.legend(frameon=False)

# %% [markdown]
# A caution: mass that μ and ν share stays in place in an explicit step, but need not in an implicit one, as two hops
# cost less than one of twice the length. Halves at 0 and 1 are bound for halves at 1 and 2. The explicit step leaves
# the half at 1 alone and moves the other, $J = 1 - \tau/4$. The implicit one moves both, $J = 1 - \tau/2$, although τ
# is below the shortest arc, which is 2.

# %%
chain = wrof.PointCloud([0.0, 1.0, 2.0])
shared = {"mu": chain.measure([0.5, 0.5, 0.0]), "nu": chain.measure([0.0, 0.5, 0.5])}
for tau in (0.25, 0.5, 1.0):
    each = wrof.explicit_step(tau=tau, **shared)
    print(f"τ = {tau}: explicit {same(each.value, 1 - tau / 4)}, implicit {same(each.least, 1 - tau / 2)}")
    assert tau < each.shortest_arc == 2 and not each.equals_wrof

# %% [markdown]
# ## Free flows
#
# Iterated, the explicit scheme with a constant τ ends in a dither of overshoots. The implicit one arrives: every atom
# moves τ a step until it has reached its mate, no gap is too wide, and $d_1$ falls at least by the factor
# $1 - \tau/2R$ a step, $R$ the diameter of both clouds.

# %%
tau = 0.1
free = wrof.flow(tau=tau, steps=25, stops=wrof.FREE, **clouds)
explicit = wrof.explicit_flow(tau=tau, steps=25, **clouds)
falls = np.concatenate([[plan.value], [each.discrepancy for each in free.results]])
print(free, explicit, f"explicit flow, left over: {explicit.distances[-1]:.4f}", sep="\n")
assert np.all(falls[1:] <= (1 - tau / (2 * apart.max())) * falls[:-1] + 1e-12)
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.plot(explicit.distances, "o-", ms=3, color=plot.OTHER, label="explicit")
axes.plot(falls, "o-", ms=3, color=plot.RHO, label="implicit, free stops")
axes.set(xlabel="step", ylabel="d₁ to ν", title=f"τ = {tau}")
_ = axes.legend(frameon=False)

# %% [markdown]
# On a line all of it is one formula: after $k$ steps the quantile function is that of ν, clipped to within $k\tau$ of
# that of μ. No steady states, no rounding to cells; that is the limit $h \to 0$ of the flows on grids.

# %%
left, right = np.sort(rng.random(50)), np.sort(rng.random(50) ** 3 + 0.5)
where = {"source_points": left, "target_points": right}
walk = wrof.flow(even(50), even(50), tau=0.05, steps=30, stops=wrof.FREE, **where)
for k, rho in enumerate(walk.measures):
    order = np.argsort(rho.points[:, 0])
    places = np.repeat(rho.points[order, 0], np.rint(50 * rho.weights[order]).astype(int))
    last = same(places, np.clip(right, left - 0.05 * k, left + 0.05 * k), 1e-12)
print(walk, "\nagainst the clipped quantiles, all steps: below 1e-12, the last", last)

# %% [markdown]
# ## Features and details
#
# A step splits the way of every atom at its stop, $x \to z \to y$. What fits into $|z - x| \le \tau$ is a *detail*,
# what is left of a longer way, $y - z$, a *feature*. Here ν is a noisy copy of a circle, a fifth of it carried off.

# %%
turn = 2 * np.pi * np.arange(150) / 150
rim = np.stack([np.cos(turn), np.sin(turn)], axis=1)
torn = rim + rng.normal(0, 0.03, rim.shape)
torn[:30] += [1.2, 0.6]
circles = {"mu": even(150), "nu": even(150), "source_points": rim, "target_points": torn}
step = wrof.step(tau=0.25, stops=wrof.FREE, **circles)
parts = wrof.features(step)
far = np.linalg.norm(parts.details + parts.features, axis=1)
print(f"features: {parts.feature_mass:.3f} of the mass")
print("a detail is min(τ, r) long:", same(np.linalg.norm(parts.details, axis=1), np.minimum(0.25, far)), end=", ")
print("a feature the rest:", same(np.linalg.norm(parts.features, axis=1), np.maximum(far - 0.25, 0)))
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
places = rim[step.plan.source]
for way, colour, label, origin in (
    (parts.details, plot.RHO, "details", places),
    (parts.features[parts.is_feature], plot.OTHER, "features", (places + parts.details)[parts.is_feature]),
):
    axes.quiver(*origin.T, *way.T, color=colour, label=label, angles="xy", scale_units="xy", scale=1, width=0.003)
axes.plot(*torn.T, ".", ms=4, color=plot.NU, label="ν")
axes.set(aspect="equal", title="One step, τ = 0.25")
_ = axes.legend(frameon=False, loc="lower right")

# %% [markdown]
# ## Scale by scale
#
# Multiscale transport (Milne and Nachman) takes ν towards μ with steps that halve, $\nu_{k+1} = \arg\min_\rho
# K(\mu, \rho)/2\lambda_{k+1} + F(\rho, \nu_k)$, $\lambda_k = \lambda_0 2^{-k}$: first the features, then ever finer
# details. On free stops nothing of $\nu_k$ is further than $\lambda_k$ from its place in μ, so $d_1(\mu, \nu_k) \le
# \lambda_k$.

# %%
scales = wrof.multiscale_flow(lam=2.0, scales=6, stops=wrof.FREE, **circles)
for k, (lam, way, far, part) in enumerate(
    zip(scales.lams, scales.displacements, scales.distances[1:], scales.features(), strict=True), 1
):
    print(f"k = {k}: λ = {lam:.4f}, way ≤ {way:.4f}, d_1 = {far:.4f}, mass of features {part.feature_mass:.3f}")
assert np.all(scales.displacements <= scales.lams + 1e-12) and np.all(scales.distances[1:] <= scales.lams + 1e-12)
figure, panels = plt.subplots(1, 4, figsize=(9, 2.3), sharex=True, sharey=True, layout="constrained")
for axes, k in zip(panels, (0, 2, 3, 5), strict=True):
    axes.plot(*rim.T, color=plot.MU, lw=1)
    axes.plot(*scales.measures[k].points.T, ".", ms=4, color=plot.RHO)
    axes.set(aspect="equal", title=f"ν{'₀₁₂₃₄₅'[k]}" + (f", λ = {scales.lams[k - 1]:.3g}" if k else " = ν"))

# %% [markdown]
# On a grid mass cannot go just anywhere: the bounds are then $2\lambda_k$ in general and $\lambda_k + h/2$ on a uniform
# line.

# %%
cells = wrof.multiscale_flow(lam=0.5, scales=5, **wrof.toys.random_to_ramp(128))
print("way / λ on the line:", np.round(cells.displacements / cells.lams, 3))
assert np.all(cells.displacements <= cells.lams + 0.5 / 127 + 1e-12)
