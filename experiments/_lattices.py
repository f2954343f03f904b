"""Square lattices, p = 2, α = 1: pairs whose diagonal half gets stuck, what is stuck and how far, pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

import wrof
from wrof import plot, toys

OFFSETS = ("straight", "(1, 1)", "(2, 1)", "further")  # how far stuck mass is from where it is bound for, in cells
SHOWN = (0.45, 0.6, 0.8)  # τ/h of the pictures
DIAGONAL = 0.5**0.5  # above τ = h/√2 diagonal hops pay
CRUMB = 1e-12  # mass that rounding may leave


def pairs(size: int) -> toys.Toy:
    """Atoms far apart on a lattice, each bound for a neighbour: alternately the next one and the diagonal one."""
    grid, blocks = wrof.Grid((size, size)), np.arange(size // 4)
    row, column = (4 * index.ravel() + 1 for index in np.meshgrid(blocks, blocks, indexing="ij"))
    down = (row + column) // 4 % 2
    mu, nu = np.zeros((2, size, size))
    mu[row, column], nu[row + down, column + 1] = 1 / len(row), 1 / len(row)
    return {"mu": grid.measure(mu, normalize=True), "nu": grid.measure(nu, normalize=True)}


def stuck(result: wrof.StepResult, h: float) -> tuple[np.ndarray, float]:
    """Mass not at home by OFFSETS, and the most that a hop would pay for any of it (0 if all is at home)."""
    plan = result.plan
    way = np.sort(np.abs(np.rint((plan.nu.points[plan.target] - plan.stop_points()) / h)), axis=1)[:, ::-1]
    away = (way[:, 0] > 0) & (plan.mass > CRUMB)
    way, mass = way[away], plan.mass[away]
    kind = np.select([way[:, 1] == 0, (way == 1).all(axis=1), (way == (2, 1)).all(axis=1)], [0, 1, 2], 3)
    reach = np.arange(-4, 5)
    hops = np.stack(np.meshgrid(reach, reach), axis=-1).reshape(-1, 2)
    hops = hops[(hops != 0).any(axis=1)]
    gain = np.linalg.norm(way, axis=1)[:, None] - np.linalg.norm(way[:, None] - hops, axis=2)
    pays = gain - (hops**2).sum(axis=1) * h / (2 * result.tau)
    return np.bincount(kind, mass, len(OFFSETS)), float(h * pays.max(initial=-np.inf) if len(way) else 0.0)


# ---- pictures ----


def draw_lattices(h: float, arrays: dict[str, Any]) -> Any:
    """Draw where the flows end at three step sizes, and the mass that is stuck against τ."""
    fig = plot.figure(8.0, 5.0, "Square lattice, p = 2, α = 1: for h/2 < τ < h/√2 mass is stuck at diagonal neighbours")
    with plot.style():
        axes = fig.subplots(2, 4, width_ratios=(1, 1, 1, 1.45))
        for row, name in zip(axes, ("pairs", "random"), strict=True):
            sweep = {key.split("/")[-1]: array for key, array in arrays.items() if key.startswith(f"{name}/sweep/")}
            for ax, wanted in zip(row, SHOWN, strict=False):
                k = int(np.abs(sweep["tau"] / h - wanted).argmin())
                (draw_pairs if name == "pairs" else draw_excess)(ax, sweep, k)
                says = {"frozen": "frozen", "steady": "rests for ever", "target": "ρ = ν", "running": "running"}
                ax.set_title(f"τ = {sweep['tau'][k] / h:.2f} h: {says[str(sweep['regime'][k])]}", fontsize=8.5)
            draw_stuck(row[3], sweep["tau"] / h, arrays[f"{name}/stuck"])
        axes[0, 0].set_ylabel("pairs of neighbours:\nend of the flow")
        axes[1, 0].set_ylabel("random masses: at the end\nρ − ν > 0 orange, < 0 violet")
        axes[0, 3].set_xlabel("")
        disc: dict[str, Any] = {"marker": "o", "ls": "none"}
        keys = [mark(mfc="none", color=c, label=label, **disc) for c, label in ((plot.MU, "μ"), (plot.NU, "ν"))]
        keys.append(mark(color=plot.RHO, label="ρ", **disc))
        handles, _ = axes[1, 3].get_legend_handles_labels()
        fig.legend(handles=[*keys, *handles], loc="outside lower center", ncols=7, handlelength=1.2, columnspacing=1.2)
    return fig


def mark(**style: Any) -> Any:
    """Return a mark for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **style)


def draw_pairs(ax: Any, sweep: dict[str, Any], k: int) -> None:
    """Draw μ and ν as circles, ρ as discs, all stops as dots; rows of the lattice downwards."""
    where = sweep["points"][:, ::-1]
    ax.plot(*where.T, ".", color=plot.PALE, ms=1.5, zorder=1)
    area = 30 / sweep["source"].max()
    plot.discs(ax, where, sweep["rho_last"][k], area=0.6 * area, color=plot.RHO)
    for name, color in (("source", plot.MU), ("target", plot.NU)):
        plot.discs(ax, where, sweep[name], area=area, color=color, outline=True)
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-0.05, 1.05), ylim=(1.05, -0.05))
    ax.spines[:].set_visible(True)


def draw_excess(ax: Any, sweep: dict[str, Any], k: int) -> None:
    """Draw ρ − ν where the flow ends: orange too much, violet too little."""
    most = np.abs(sweep["source"] - sweep["target"]).max()
    excess = (sweep["rho_last"][k] - sweep["target"]).reshape(sweep["shape"])
    ax.imshow(excess, cmap="PuOr_r", vmin=-most, vmax=most, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)


def draw_stuck(ax: Any, tau: np.ndarray, held: np.ndarray) -> None:
    """Draw how much mass is not at home at the end, by how far that is."""
    colors = (plot.PALE, plot.OTHER, plot.SKY, plot.PURPLE)
    labels = [f"{name} from home" for name in OFFSETS]
    ax.stackplot(tau, held.T, colors=colors, labels=labels, step="mid", lw=0)
    for place, name in ((0.5, "h/2"), (DIAGONAL, "h/√2")):
        ax.axvline(place, color=plot.INK, lw=0.7)
        ax.text(place + 0.02, 0.98, name, transform=ax.get_xaxis_transform(), va="top")
    ax.set(xlim=(tau[0], 0.8), ylim=(0, None), xlabel="τ / h", title="mass stuck")
