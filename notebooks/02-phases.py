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
# # Phases
#
# A step of size τ takes μ to a ρ that minimises $J(\rho) = \frac{1}{2\tau} K(\mu, \rho) + F(\rho, \nu)$. Whoever runs
# it for many τ sees three regimes: nothing moves, ν is reached at once, and in between a flow that comes to rest
# somewhere else. Over finitely many stops none of this has to be searched for. This notebook shows how every τ at which
# the answer changes is computed, how ties are told from steady states, and what geometry says without solving.

# %%
# %matplotlib inline
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import wrof
from wrof import plot

warnings.filterwarnings("ignore", message="tau = .* no mass can move")  # that a flow is frozen is no surprise here

# %% [markdown]
# ## Three regimes
#
# The published pictures: $p = 1$, $\alpha = 1/2$, a decreasing ramp towards the uniform measure on 128 points. A sweep
# is one flow per τ, its table one row per flow.

# %%
ramp = wrof.toys.ramp_to_uniform(128)
plotted = {"p": 1, "alpha": 0.5, **ramp}
sweep = wrof.sweep(taus=np.geomspace(0.02, 1, 40), steps=4, **plotted)
for row in sweep.table()[::6]:
    end = f"{row['regime']:7s} from step {row['settled_at']}, F left = {row['last_discrepancy']:.4f}"
    print(f"tau = {row['tau']:.3f}: {end}")

# %% [markdown]
# And this is the same, exactly: `wrof.phases` returns every interval of τ on which the step has one $K$ and one $F$.
# Below the sampled cells, which end half way to the next sample; the ticks above them are the exact critical τ.

# %%
phases = wrof.phases(**plotted)
print(phases)
plot.phase_diagram(sweep.arrays(), phases.critical_taus)

# %% [markdown]
# ## Why $K(\tau)$ is a staircase
#
# Write $s = 1/2\tau$. For every fixed ρ, $s\,K(\mu,\rho) + F(\rho,\nu)$ is a straight line in $s$. The least value
# $V(s) = \min_\rho J$ is the lower envelope of these lines: concave, and, as a linear program has finitely many
# vertices, piecewise linear. Its slope is $K$. So $K$ and $F$ are constant between the corners of $V$, and a corner is
# a critical τ. Mass at 0 bound for 3, stops 0, 1, 2, 3, one line per stop:

# %%
dirac = wrof.toys.lattice_dirac(3)
exact = wrof.phases(**dirac)
s = np.linspace(0.01, 1.3, 300)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for phase in exact:
    axes.plot(s, s * phase.movement + phase.discrepancy, color=plot.PALE)
axes.plot(s, [exact.value(1 / (2 * each)) for each in s], color=plot.RHO, lw=2.5)
for tau in exact.critical_taus:
    axes.plot(1 / (2 * tau), exact.value(tau), "o", color=plot.OTHER)
    axes.annotate(f"τ = {tau:g}", (1 / (2 * tau), exact.value(tau)), (6, -10), textcoords="offset points")
axes.set(xlabel="s = 1/2τ", ylabel="J", ylim=(0, 4))
_ = axes.set_title("V(s), the least of the lines s K(ρ) + F(ρ), and its corners")
# %% [markdown]
# The staircase of the ramp, with the first steps of the sweep as dots:

# %%
plot.staircase(phases.arrays(), sweep.arrays())

# %% [markdown]
# ## Checked where the answer is known
#
# On a lattice with $p = 2$, $\alpha = 1$ an atom hops round(τ/h) cells, so that the critical τ are h/2, 3h/2, ... up to
# the longest way that an atom has to go: 33 cells on the ramp.

# %%
print(wrof.critical_taus(**wrof.toys.lattice_dirac(5)))
h = 1 / 127
found = wrof.critical_taus(**ramp)
print(len(found), "critical tau; largest |tau / h - (k + 1/2)|:", np.abs(found / h - (np.arange(33) + 0.5)).max())

# %% [markdown]
# ## The Pareto front
#
# The pairs $(K, F)$ of the phases are the corners of the trade-off between moving little and being near ν. No ρ lies
# below it, and a step of size τ picks the corner at which a line of slope $-1/2\tau$ touches it.

# %%
plot.pareto(wrof.phases(**wrof.toys.clusters(4, 3, seed=1)).arrays())

# %% [markdown]
# ## Two kinds of ties
#
# *Threshold ties*: τ is critical, and two phases are equally good. Two points at equality are the simplest case: any
# split of the mass is optimal, and $K$ fills the interval between the slopes of $V$ on both sides.

# %%
step = wrof.step(tau=1.0, **wrof.toys.two_point(2.0))
print(f"only minimiser: {step.unique}; K in {step.movement_range}; next critical tau {step.tie_margin:.2f} tau away")
low, high = step.rho_range()
print("mass that may be at 0 and at 2: between", low, "and", high)
print(step.ties)

# %% [markdown]
# *Plan ties*: τ is not critical, $K$ is one number, and still ρ is not unique. Two corners of a square are bound for
# the other two, over a 3 × 3 lattice: both atoms go one step, along the rows or along the columns. A solver's answer is
# one vertex of what is possible; `rho_range` bounds them all, and `min_norm` takes the middle.

# %%
lattice = wrof.Grid((3, 3), bounds=(0.0, 2.0))
mu = lattice.measure([[0.5, 0, 0], [0, 0, 0], [0, 0, 0.5]])
nu = lattice.measure([[0, 0, 0.5], [0, 0, 0], [0.5, 0, 0]])
step = wrof.step(mu, nu, tau=0.75)
print(f"only minimiser: {step.unique}; K in {step.movement_range}; next critical tau {step.tie_margin:.2f} tau away")
print(step.ties)
print(wrof.step(mu, nu, tau=0.75, select="min_norm").rho.array)
plot.rho_ranges(*step.rho_range(), step.rho.weights, lattice.points)

# %% [markdown]
# Neither kind is a steady state: that needs a *lazy* step, the one that moves least among the minimisers, to move
# nothing. At the threshold of two points the lazy flow rests and the eager one arrives:

# %%
for select in ("lazy", "eager"):
    print(select, wrof.flow(tau=1.0, steps=5, select=select, **wrof.toys.two_point(2.0)))

# %% [markdown]
# ## The two thresholds one asks for first
#
# `frozen_below` and `target_above` are the first and the last corner of $V$, found without the others. Both are floats
# that know what holds at the threshold itself.

# %%
clusters = wrof.toys.clusters(4, 3, seed=1)
frozen, target = wrof.frozen_below(**clusters), wrof.target_above(**clusters)
print(f"frozen below {frozen:.6f} (at it, lazy: {frozen.lazy}, eager: {frozen.eager})")
print(f"target above {target:.6f} (at it, lazy: {target.lazy}, eager: {target.eager})")
for tau in (0.999999 * frozen, 1.000001 * frozen, 0.999999 * target, 1.000001 * target):
    first = wrof.flow(tau=tau, steps=1, **clusters).results[0]
    print(f"tau = {tau:.6f}: mass moved {first.moved:.3f}, arrived: {first.arrived}")

# %% [markdown]
# ## What geometry knows
#
# With $p = 2$, $\alpha = 1$ a hop of length $r$ costs $r^2/2\tau$ and gains at most $r$: only hops shorter than 2τ pay.
# So no mass leaves a component of the graph of these hops. Here three clusters lie 1 apart, and with 2τ < 1 what the
# first has too much is locked in for ever:

# %%
graph = wrof.hop_graph(tau=0.3, **clusters)
print(f"{graph.count} components, {graph.locked:.4f} of the mass is locked in")
plot.hop_graph(graph.arrays())

# %% [markdown]
# `predict` collects what theorems say of the whole flow, and which ones; nothing is solved. Where they leave a choice,
# `regimes` lists it.

# %%
problems = {
    "three points": {"tau": 0.6, **wrof.toys.three_point(1.0, 1.0)},
    "p = 1": {"tau": 0.3, **plotted},
    "uniform line": {"tau": 2 * h, **ramp},
    "clusters": {"tau": 0.3, **clusters},
}
for name, problem in problems.items():
    said, flow = wrof.predict(**problem), wrof.flow(steps=50, **problem)
    by = "" if said.settled_by is None else f", settled by step {said.settled_by}"
    print(f"{name}: {' or '.join(sorted(said.regimes))}{by}")
    print(*(f"    {sentence}" for sentence in said.theorems), sep="\n")
    print(f"    the flow: {flow.regime} from step {flow.settled_at}")

# %% [markdown]
# ## Re-entrance: α = 1 + τ
#
# If the exponent grows with τ, $V$ is no function of $s$ alone and the regimes need not follow each other in order. Two
# points ½ apart move only for 0.3099 < τ < 4, the roots of $r^2/2\tau = r^{1+\tau}$, branches of Lambert's W: at τ = 4
# both sides are 1/32, and beyond it nothing moves *again*. With a stop in between, hops go on for longer.

# %%
print("two points, Lambert W:   ", wrof.hop_thresholds(0.5))
print("two points, frozen in:   ", wrof.frozen_below(alpha="1+tau", **wrof.toys.two_point(0.5)))
middle = {"alpha": "1+tau", **wrof.toys.three_point(0.125, 0.375)}
print("stops 0, 1/8, 1/2, frozen:", wrof.frozen_below(**middle))
print("stops 0, 1/8, 1/2, at ν:  ", wrof.target_above(**middle))
plot.density_map(wrof.sweep(taus=np.geomspace(0.03, 30, 120), steps=1, **middle).arrays())

# %% [markdown]
# ## Sweeps that resume
#
# With a folder, each flow of a sweep gets a file of its own, written whole or not at all. Say a machine dies half way
# (here: only every second τ is asked for). The same call goes on from there, `load_sweep` reads what is there, and
# `verify` checks every stored step again, its lower bound over all pairs included, without solving.

# %%
with tempfile.TemporaryDirectory() as folder:
    asked = {"taus": np.geomspace(0.02, 2, 8), "steps": 20, "out": Path(folder) / "clusters", **clusters}
    print(wrof.sweep(task=(1, 2), **asked))
    before = {path: path.stat().st_mtime_ns for path in asked["out"].rglob("*.npz")}
    print(wrof.sweep(**asked))
    print("flows written again:", sum(path.stat().st_mtime_ns != time for path, time in before.items()))
    again = wrof.load_sweep(asked["out"])
    print("regimes:", ", ".join(row["regime"] for row in again.table()))
    print("verified:", all(row["ok"] for row in again.verify()))

# %% [markdown]
# The same from the command line: `wrof phases TOY`, `wrof sweep TOY --tau 0.01:0.6:40 -j 2 --out FOLDER`,
# `wrof plot FOLDER`, `wrof verify FOLDER`. The experiments `phase_diagram.py`, `scales.py`, `alpha.py` and `refine.py`
# go on from here.
