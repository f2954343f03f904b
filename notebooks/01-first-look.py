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
# # A first look
#
# One step of the Wasserstein Rudin–Osher–Fatemi (WROF) minimizing movement takes a measure μ a little way towards ν:
#
# $$\rho \in \arg\min_\rho \; \frac{1}{2\tau} K(\mu, \rho) + F(\rho, \nu),$$
#
# where $K$ is what it costs to move ($p = 2$: $d_2^2$) and $F$ is what is still to go ($\alpha = 1$: $d_1$).
# This notebook goes from two points, where everything can be computed by hand, to 128 points, where steady states
# were first seen, to data of your own.

# %%
import matplotlib.pyplot as plt
import numpy as np

import wrof

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"

# %% [markdown]
# ## Two points
#
# All mass sits at 0 and wants to be at $r = 2$. Moving it costs $r^2/2\tau$, leaving it costs $r$: it moves if and
# only if $\tau > r/2 = 1$. There is no halfway house, because there is nowhere halfway to stop.

# %%
toy = wrof.toys.two_point(r=2.0)
for tau in (0.9, 1.0, 1.1):
    result = wrof.step(tau=tau, **toy)
    print(f"tau = {tau}: mass left at 0 = {result.rho.weights[0]:.0f}, J = {result.value:.4f}, gap = {result.gap:.0e}")

# %% [markdown]
# At $\tau = 1$ exactly the two costs are equal, and *every* split of the mass is optimal. A solver returns whichever
# vertex it happens to end in; `select` says which minimiser you mean.

# %%
for select in ("lazy", "eager", "min_norm"):
    print(f"{select:9s}", wrof.step(tau=1.0, select=select, **toy).rho.weights)

# %% [markdown]
# The closed form, as an interval of optimal masses left at 0:

# %%
wrof.toys.two_point_exact(r=2.0, tau=1.0)

# %% [markdown]
# Dots: the solver. Lines: the closed form, for three distances.

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
taus = np.linspace(0.05, 2, 400)
for r, colour in ((0.5, BLUE), (1.0, ORANGE), (2.0, GREEN)):
    axes.plot(taus, [wrof.toys.two_point_exact(r, tau).value for tau in taus], color=colour, label=f"r = {r}")
    few = taus[::25]
    axes.plot(few, [wrof.step(tau=tau, **wrof.toys.two_point(r)).value for tau in few], "o", color=colour, ms=4)
axes.set(xlabel="τ", ylabel="J", title="Two points: the mass moves once τ > r/2")
axes.legend(frameon=False)
# %% [markdown]
# ## 128 points: a steady state
#
# The pictures that started this, a decreasing ramp flowing towards the uniform measure, were made with $p = 1$ and
# $\alpha = 1/2$. After one step the flow never moves again, and it is not at ν.

# %%
flow = wrof.flow(tau=0.3, steps=10, p=1, alpha=0.5, **wrof.toys.ramp_to_uniform(128))
flow

# %%
x = flow.measures[0].points[:, 0]
figure, panels = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True, layout="constrained")
for axes, measure, title in zip(
    panels,
    (flow.measures[0], flow.measures[1], flow.target),
    ("μ", "ρ₁ = ρ₂ = …", "ν"),
    strict=True,
):
    axes.bar(x, measure.weights, width=1 / 127, color=BLUE)
    axes.set(title=title, xlabel="x")

# %% [markdown]
# Why it freezes: with $p = 1$ the movement cost $|x - z|$ obeys the triangle inequality. If it paid to move mass from
# $z$ further to $z'$ in the second step, it would have paid to send it to $z'$ in the first. So one step is all there
# is, for every $F$. The proof that it is a steady state, not a slow one, is a certificate: nothing moves (K = 0), and
# the value of the step meets a lower bound over all plans.

# %%
last = flow.results[-1]
print(last.status.value)
print(f"mass moved: {last.moved:.1e}, value - lower bound: {last.gap:.1e}")

# %% [markdown]
# With the exponents that are usually written, $p = 2$ and $\alpha = 1$, the same line has no steady state in the
# middle: either nothing moves (τ ≤ h/2), or every atom walks round(τ/h) cells a step until it has arrived.

# %%
h = 1 / 127
for tau in (0.6 * h, 2 * h, 10 * h, 40 * h):
    walk = wrof.flow(tau=tau, steps=100, **wrof.toys.ramp_to_uniform(128))
    print(f"tau = {tau / h:4.1f} h: {walk.regime} at step {walk.settled_at}")

# %% [markdown]
# ## Your own data
#
# Two clouds in the plane. Mass may stop at any point of either cloud (the default), or anywhere (`stops=wrof.FREE`).

# %%
rng = np.random.default_rng(seed=7)
source, target = rng.normal(0, 0.3, (60, 2)), rng.normal(1, 0.3, (60, 2))
weights = np.full(60, 1 / 60)
places = {"source_points": source, "target_points": target}
stuck = wrof.flow(weights, weights, tau=0.2, steps=50, **places)
free = wrof.flow(weights, weights, tau=0.2, steps=50, stops=wrof.FREE, **places)
print("stops on the clouds:", stuck)
print("stops anywhere:     ", free)

# %%
figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True, sharey=True, layout="constrained")
for axes, walk, k, title in zip(
    panels,
    (stuck, free, free),
    (len(stuck.results), 2, len(free.results)),
    ("stops on the clouds, at rest", "stops anywhere, step 2", "stops anywhere, at rest"),
    strict=True,
):
    rho = walk.measures[k]
    axes.plot(*source.T, "o", ms=3, color=GREY, label="μ")
    axes.plot(*target.T, "+", ms=6, color=GREEN, label="ν")
    axes.scatter(*rho.points.T, s=1500 * rho.weights, color=BLUE, alpha=0.6, label="ρ")
    axes.set(title=title, aspect="equal")

# %% [markdown]
# Arrays on a grid work the same way (`grid=wrof.Grid(shape)`), and so do pictures (`wrof.toys.images`), from the
# command line too:
#
#     wrof flow first.png second.png --size 48 --tau 0.02 --steps 20 --out results/mine
#
# Everything a step returns is certified: `value` is attained by `plan`, `dual` is a lower bound that holds over *all*
# pairs of points, and a step that misses its tolerance raises instead of returning.
