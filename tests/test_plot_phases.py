"""Figures of sweeps and phases: what is drawn is what is stored, what is left out is said, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

import wrof
from wrof import WrofError, plot, toys
from wrof.plot import densities, paper, phases, sweeps, tables, taus
from wrof.plot.hops import _candidates, _labels


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small pictures are fast."""
    monkeypatch.setattr(paper, "DPI", 50)


# ---- arrays ----


def sweep_by_hand():
    """Six step sizes, four steps: frozen, steady from 1, at nu from 3, still running, failed, missing."""
    nan = np.nan
    distance = [
        [1.0] * 5,
        [1.0, 0.5, 0.5, 0.5, 0.5],
        [1.0, 0.8, 0.3, 0, 0],
        [1, 0.9, 0.8, 0.7, 0.6],
        [nan] * 5,
        [nan] * 5,
    ]
    grid = np.linspace(0.0, 1.0, 3)[:, None]
    rho = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.8, 0], [0.1, 0.9, 0], [nan] * 3, [nan] * 3])
    return {
        "tau": np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        "status": np.array(["ok", "ok", "ok", "ok", "failed", "missing"]),
        "regime": np.array(["frozen", "steady", "target", "running", "", ""]),
        "settled_at": np.array([0, 1, 3, -1, -1, -1]),
        "taken": np.array([1, 2, 3, 4, 0, 0]),
        "distance": np.array(distance),
        "movement": np.array([[k, 0, 0, 0] for k in (0, 0.25, 0.5, 0.75, nan, nan)]),
        "discrepancy": np.array([[f, f, 0, 0] for f in (1, 0.75, 0.5, 0.25, nan, nan)]),
        "rho_first": rho,
        "rho_last": rho,
        "source": np.array([1.0]),
        "source_points": grid[:1],
        "target": np.array([1.0]),
        "target_points": grid[2:],
        "points": grid,
        "shape": np.array([3]),
        "p": np.array(2.0),
        "alpha": np.array("1+tau"),
    }


def lattice_phases(n=5):
    """Dirac 0 -> n with spacing 1: rho is a Dirac at i for i - 1/2 < tau < i + 1/2, so K = i^2 and F = n - i."""
    corner, i = np.arange(n) + 0.5, np.arange(n + 1.0)
    return {
        "tau_lo": np.append(0.0, corner),
        "tau_hi": np.append(corner, np.inf),
        "movement": i**2,
        "discrepancy": n - i,
        "critical": corner,
        "resolved": np.ones(n, dtype=bool),
        "p": np.array(2.0),
        "alpha": np.array(1.0),
    }


def many_phases(count=1000):
    """A convex front with random corners."""
    rng = np.random.default_rng(7)
    tau, way = np.sort(rng.lognormal(-2, 1, count - 1)), rng.random(count - 1)
    move, left = np.append(0.0, np.cumsum(way)), np.append(0.0, np.cumsum((way / 2 / tau)[::-1]))[::-1]
    ends = {"tau_lo": np.append(0.0, tau), "tau_hi": np.append(tau, np.inf), "critical": tau}
    return {**ends, "movement": move, "discrepancy": left, "resolved": np.ones(count - 1, dtype=bool)}


def one_phase(left):
    none = np.empty(0)
    ends = {"tau_lo": np.zeros(1), "tau_hi": np.array([np.inf]), "critical": none}
    return {**ends, "movement": np.zeros(1), "discrepancy": np.array([left]), "resolved": none.astype(bool)}


def swept(toy, sizes, steps=4, **exponents):
    """The arrays of a sweep, put together from flows; for toys whose measures live on all stops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)  # some step sizes are too small on purpose
        flows = [wrof.flow(tau=float(tau), steps=steps, **exponents, **toy) for tau in sizes]
    nu, out = flows[0].arrays()["target"], flows[0].arrays()
    rho = [[flow.measures[min(k, len(flow.results))].weights for k in range(steps + 1)] for flow in flows]
    first = {name: np.array([flow.energies[name][:1] for flow in flows]) for name in ("movement", "discrepancy")}
    kept = {name: out[name] for name in tables.SAME if name in out} | (
        {"shape": out["shape"]} if "shape" in out else {}
    )
    return {
        **kept,
        **first,
        "tau": np.array(sizes, dtype=float),
        "status": np.full(len(flows), "ok"),
        "regime": np.array([flow.regime for flow in flows]),
        "settled_at": np.array([-1 if flow.settled_at is None else flow.settled_at for flow in flows]),
        "taken": np.array([len(flow.results) for flow in flows]),
        "distance": np.abs(np.array(rho) - nu).sum(axis=2) / (2 * nu.sum()),
        "rho_first": np.array([measures[1] for measures in rho]),
        "rho_last": np.array([measures[-1] for measures in rho]),
        "p": np.array(2.0),
        "alpha": np.array(1.0),
    }


def cloud_sweep(dim=2):
    """A sweep on a cloud, by hand: mass goes from stop to stop in order as tau grows, a step size has failed."""
    points = np.random.default_rng(3).random((6, dim))
    mu, nu = np.array([0.5, 0.5, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0.25, 0.75])
    rho = np.array([mu, mu, [0, 0.5, 0.5, 0, 0, 0], [np.nan] * 6, [0, 0, 0, 0.5, 0.5, 0], nu, nu])
    ok = ~np.isnan(rho[:, 0])
    return {
        "tau": np.geomspace(0.01, 1.0, 7),
        "status": np.where(ok, "ok", "failed"),
        "regime": np.where(ok, "running", ""),
        "points": points,
        "source": mu[:2],
        "source_points": points[:2],
        "target": nu,
        "target_points": points,
        "rho_first": rho,
    }


def graph_by_hand():
    """Two triangles and a lone stop: 0.3 too much left, 0.2 too little right, 0.1 too little at the stop."""
    points = [[0, 0], [0.1, 0], [0, 0.1], [1, 1], [1.1, 1], [1, 1.1], [0, 1]]
    return {
        "points": np.array(points, dtype=float),
        "component": np.array([0, 0, 0, 1, 1, 1, 2]),
        "edges": np.array([[0, 1], [0, 2], [3, 4], [3, 5]]),
        "source_mass": np.array([0.7, 0.3, 0.0]),
        "target_mass": np.array([0.4, 0.5, 0.1]),
        "tau": np.array(0.1),
    }


def many_hops(count):
    """A graph of pairs on a circle, each with an excess of its own."""
    turn = np.repeat(2 * np.pi * np.arange(count) / count, 2) + np.tile([0, 0.2 / count], count)
    edges, mass = np.arange(2 * count).reshape(-1, 2), 1 + np.arange(count) / count
    ring = {"points": np.stack([np.cos(turn), np.sin(turn)], axis=1), "component": np.repeat(np.arange(count), 2)}
    return {**ring, "edges": edges, "source_mass": mass, "target_mass": mass[::-1].copy(), "tau": np.array(0.2)}


RANGES = (np.array([0.1, 0.2, 0.0]), np.array([0.5, 0.2, 0.4]), np.array([0.3, 0.2, 0.3]), np.array([0.0, 1.0, 2.0]))


def ranges_in(points):
    rng = np.random.default_rng(1)
    rho = rng.random(len(points))
    return rho * 0.5, rho + 0.25, rho, points


FIGURES = {
    "phase diagram": lambda: plot.phase_diagram(sweep_by_hand(), [0.15, 0.35]),
    "phase diagram, logarithmic": lambda: plot.phase_diagram(sweep_by_hand(), np.geomspace(0.1, 0.6, 200), log=True),
    "staircase": lambda: plot.staircase(lattice_phases()),
    "1000 phases": lambda: plot.staircase(many_phases()),
    "one phase": lambda: plot.staircase(one_phase(0.5)),
    "front": lambda: plot.pareto(lattice_phases()),
    "front of 1000": lambda: plot.pareto(many_phases()),
    "front of one": lambda: plot.pareto(one_phase(0.0)),
    "density on a line": lambda: plot.density_map(sweep_by_hand()),
    "density on a grid": lambda: plot.density_map(swept(toys.gaussians((4, 5)), [0.1, 0.3, 0.5])),
    "density on a cloud": lambda: plot.density_map(cloud_sweep()),
    "density in space": lambda: plot.density_map(cloud_sweep(3)),
    "graph": lambda: plot.hop_graph(graph_by_hand()),
    "graph of 40": lambda: plot.hop_graph(many_hops(40)),
    "graph on a line": lambda: plot.hop_graph({**graph_by_hand(), "points": np.arange(7.0)[:, None] ** 2}),
    "ranges": lambda: plot.rho_ranges(*RANGES),
    "ranges on a long line": lambda: plot.rho_ranges(*ranges_in(np.linspace(0, 1, 100))),
    "ranges on a grid": lambda: plot.rho_ranges(*ranges_in(wrof.Grid((3, 5)).points)),
    "ranges on a cloud": lambda: plot.rho_ranges(*ranges_in(np.random.default_rng(0).random((9, 2)))),
}


def cut_off(shown):
    """Whether something touches the top, left or right edge of a picture."""
    return not all((edge == 255).all() for edge in (shown[0], shown[:, 0], shown[:, -1]))


def overlapping(figure):
    """Whether any two texts inside the first panel lie over each other."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_checks_of_pictures_can_fail(tmp_path):
    figure = plot.figure(title="x" * 200)
    ax = figure.subplots()
    ax.text(0.5, 0.5, "here")
    assert not overlapping(figure)
    ax.text(0.52, 0.5, "and here")
    assert overlapping(figure)
    assert cut_off(np.asarray(Image.open(plot.save(figure, tmp_path / "a.png")).convert("RGB")))


# ---- every figure ----


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_within_its_paper_in_letters_that_can_be_read(name, tmp_path):
    figure = FIGURES[name]()
    shown = np.asarray(Image.open(plot.save(figure, tmp_path / "a.png")).convert("RGB"))
    assert shown.shape[1] == 8 * paper.DPI
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 10
    assert (shown[0] == 255).all() and (shown[:, 0] == 255).all() and (shown[:, -1] == 255).all(), (
        "something is cut off"
    )
    seen = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in seen) >= 7.5


@pytest.mark.parametrize("name", ["phase diagram", "staircase", "front", "density on a cloud", "graph", "ranges"])
def test_the_same_arrays_give_the_same_bytes(name, tmp_path):
    first = plot.save(FIGURES[name](), tmp_path / "a.png").read_bytes()
    with matplotlib.rc_context({"font.size": 25, "lines.linewidth": 9, "savefig.dpi": 20, "image.cmap": "gray"}):
        again = plot.save(FIGURES[name](), tmp_path / "b.png").read_bytes()
    assert first == again
    assert first != plot.save(FIGURES["front of one"](), tmp_path / "c.png").read_bytes()


def test_arrays_and_settings_stay_as_they_were():
    before = dict(matplotlib.rcParams)
    for arrays, draw in (
        (sweep_by_hand(), plot.phase_diagram),
        (sweep_by_hand(), plot.density_map),
        (cloud_sweep(), plot.density_map),
        (lattice_phases(), plot.staircase),
        (lattice_phases(), plot.pareto),
        (graph_by_hand(), plot.hop_graph),
    ):
        for array in arrays.values():
            array.setflags(write=False)
        draw(arrays)
    assert dict(matplotlib.rcParams) == before


def test_nothing_loads_pyplot(tmp_path):
    np.savez(tmp_path / "sweep.npz", **sweep_by_hand())
    np.savez(tmp_path / "phases.npz", **lattice_phases())
    np.savez(tmp_path / "graph.npz", **graph_by_hand())
    code = f"""
import sys
import numpy as np
from wrof import plot
assert "matplotlib" not in sys.modules
sweep, phases, graph = (dict(np.load({str(tmp_path)!r} + "/" + name + ".npz")) for name in ("sweep", "phases", "graph"))
plot.save(plot.phase_diagram(sweep, phases["critical"]), {str(tmp_path / "a.png")!r})
for figure in (plot.staircase(phases), plot.pareto(phases), plot.density_map(sweep), plot.hop_graph(graph)):
    figure.draw_without_rendering()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the τ axis ----


def test_cells_reach_half_way_to_the_next_step_size():
    assert np.allclose(taus.cell_edges(np.array([1.0, 2.0, 4.0]), False), [0.5, 1.5, 3.0, 5.0])
    assert np.allclose(taus.cell_edges(np.array([1.0, 4.0, 16.0]), True), [0.5, 2.0, 8.0, 32.0])
    assert np.allclose(taus.cell_edges(np.array([0.1, 10.0]), False), [0.0, 5.05, 14.95])  # never below 0
    for log in (False, True):
        low, high = taus.cell_edges(np.array([3.0]), log)
        assert low < 3 < high
    assert np.allclose(taus.position_edges(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])


@pytest.mark.parametrize(
    ("tau", "log"),
    [
        (np.geomspace(0.01, 1, 20), True),
        (np.linspace(0.01, 1, 20), False),
        ([0.1, 0.2], False),
        ([0.1, 1.0], True),
        ([0.1], False),
        ([], False),
    ],
)
def test_the_axis_follows_the_spacing(tau, log):
    assert taus.prefers_log(np.asarray(tau, dtype=float)) is log
    if len(tau) > 2:
        many = {name: np.repeat(sweep_by_hand()[name][:1], len(tau), axis=0) for name in PER_TAU}
        assert plot.phase_diagram({**many, "tau": tau}).axes[0].get_xscale() == ("log" if log else "linear")
        assert plot.phase_diagram({**many, "tau": tau}, log=not log).axes[0].get_xscale() == (
            "linear" if log else "log"
        )


PER_TAU = ("status", "regime", "settled_at", "taken", "distance")


# ---- phase diagram ----


def meshes(figure):
    return [ax.collections[0].get_array() for ax in figure.axes[:2]]


def hatched(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_hatch()]


def test_cells_show_distance_and_regime():
    figure = plot.phase_diagram(sweep_by_hand())
    distance, regime = meshes(figure)
    assert np.array_equal(distance[:, :4].data, sweep_by_hand()["distance"][:4].T)
    assert distance.mask[:, 4:].all() and not distance.mask[:, :4].any()
    mu, go, rest, nu = range(4)
    says = [[mu] * 5, [mu, rest, rest, rest, rest], [mu, go, go, nu, nu], [mu, go, go, go, go]]
    assert np.array_equal(regime[:, :4].data.T, says)
    assert regime.mask[:, 4:].all()
    mesh = figure.axes[1].collections[0]
    colors = [to_hex(mesh.cmap(mesh.norm(code))).upper() for code in range(4)]
    assert colors == [plot.MU, plot.SKY, plot.RHO, plot.NU]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["ρ = μ", "moving", "at rest, neither μ nor ν", "ρ = ν", "no result"]
    assert figure.get_suptitle() == (
        "p = 2, α = 1+τ: of 6 τ: 1 frozen, 1 steady, 1 reach ν, 1 still running, 1 failed, 1 missing"
    )


def test_cells_without_a_result_are_hatched():
    arrays = sweep_by_hand()
    for ax in plot.phase_diagram(arrays).axes[:2]:
        (patch,) = hatched(ax)  # two neighbours are one
        assert np.allclose([patch.get_x(), patch.get_width(), patch.get_y(), patch.get_height()], [0.45, 0.2, -0.5, 5])
    arrays["taken"][3] = 2  # a flow that runs, of which steps 3 and 4 are not there
    arrays["distance"][3, 3:] = np.nan
    first, second = hatched(plot.phase_diagram(arrays).axes[1])
    assert (first.get_y(), first.get_height(), second.get_height()) == (2.5, 2.0, 5.0)
    whole = {name: arrays[name][:3] for name in ("tau", *PER_TAU)}
    figure = plot.phase_diagram(whole)
    assert not hatched(figure.axes[0]) and len(figure.legends[0].get_texts()) == 4
    none = {**sweep_by_hand(), "status": np.full(6, "failed")}
    assert hatched(plot.phase_diagram(none).axes[0])[0].get_width() == pytest.approx(0.6)


def test_a_single_step_size_is_a_cell():
    figure = plot.phase_diagram({name: sweep_by_hand()[name][2:3] for name in ("tau", *PER_TAU)})
    assert meshes(figure)[0].shape == (5, 1)
    assert figure.get_suptitle() == "of 1 τ: 1 reach ν"
    low, high = figure.axes[1].get_xlim()
    assert low < 0.3 < high


def marks(ax):
    return [c for c in ax.collections if isinstance(c, matplotlib.collections.LineCollection)]


def test_critical_step_sizes_are_lines_or_ticks_where_they_are():
    figure = plot.phase_diagram(sweep_by_hand(), [0.15, 0.35, 7.0])
    for ax in figure.axes[:2]:
        segments = [segment.tolist() for segment in marks(ax)[0].get_segments()]
        assert segments == [[[0.15, 0], [0.15, 1]], [[0.35, 0], [0.35, 1]]]
    assert "(1 of 3 exact critical τ lie outside)" in figure.axes[1].get_title(loc="left")
    assert figure.legends[0].get_texts()[-1].get_text() == "exact critical τ"
    many = np.linspace(0.2, 0.3, 61)
    ticks = marks(plot.phase_diagram(sweep_by_hand(), many).axes[0])[0].get_segments()
    assert len(ticks) == 61 and all(segment[:, 1].min() > 1 for segment in ticks)  # above the cells
    assert np.array_equal([segment[0, 0] for segment in ticks], many)
    empty = plot.phase_diagram(sweep_by_hand(), [])
    assert not marks(empty.axes[0]) and "there is no critical τ" in empty.axes[1].get_title(loc="left")
    assert plot.phase_diagram(sweep_by_hand()).axes[1].get_title(loc="left") == "regime of ρₖ"


def test_a_sweep_of_flows_is_drawn_as_it_went():
    arrays = swept(toys.lattice_dirac(3), [0.4, 0.7, 1.6, 3.0])
    distance, regime = meshes(plot.phase_diagram(arrays))
    assert regime.data.T.tolist() == [[0] * 5, [0, 1, 1, 3, 3], [0, 1, 3, 3, 3], [0, 3, 3, 3, 3]]
    assert np.array_equal(distance.data.T == 0, regime.data.T == 3)


def test_mu_equal_to_nu_is_at_nu_from_the_start():
    arrays = swept({"mu": toys.uniform(4), "nu": toys.uniform(4)}, [0.5])
    distance, regime = meshes(plot.phase_diagram(arrays))
    assert (regime == 3).all() and (distance == 0).all()


# ---- staircase ----


def drawn(ax, marker="None", style="-"):
    return [
        line for line in ax.lines if line.get_marker() == marker and (marker != "None" or line.get_linestyle() == style)
    ]


def test_steps_are_exact():
    figure = plot.staircase(lattice_phases(2))
    for ax, y in zip(figure.axes, ([0, 1, 4], [2, 1, 0]), strict=True):
        (line,) = drawn(ax)
        x = line.get_xdata()
        assert x[1:-1].tolist() == [0.5, 0.5, 1.5, 1.5] and x[0] == 0 and 1.5 < x[-1] <= 2
        assert line.get_ydata().tolist() == np.repeat(y, 2).tolist()
        lazy, eager = drawn(ax, "o")
        assert lazy.get_xydata().tolist() == [[0.5, y[0]], [1.5, y[1]]]
        assert eager.get_xydata().tolist() == [[0.5, y[1]], [1.5, y[2]]]
        assert eager.get_markerfacecolor() == "white" and lazy.get_markerfacecolor() != "white"
    assert [ax.get_ylabel() for ax in figure.axes] == ["movement K", "discrepancy F"]
    assert figure.get_suptitle() == "p = 2, α = 1: 3 phases, 2 critical τ"
    assert figure.axes[0].get_title(loc="left") == "frozen: ρ = μ for τ < 0.5"
    assert figure.axes[0].get_title(loc="right") == "ρ = ν for τ > 1.5"


def spans(ax):
    return [(to_hex(p.get_facecolor()).upper(), p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]


def test_the_first_and_the_last_phase_are_named_only_if_they_are():
    assert spans(plot.staircase(lattice_phases(2)).axes[1])[0] == (plot.MU, 0.0, 0.5)
    assert spans(plot.staircase(lattice_phases(2)).axes[1])[1][:2] == (plot.NU, 1.5)
    moving = {**lattice_phases(2), "movement": np.array([0.1, 1, 4]), "discrepancy": np.array([2, 1, 0.1])}
    figure = plot.staircase(moving)
    assert not figure.axes[0].patches
    assert figure.axes[0].get_title(loc="left") == figure.axes[0].get_title(loc="right") == ""


@pytest.mark.parametrize(
    ("left", "says", "band"), [(0.0, "μ = ν: nothing has to move", plot.NU), (0.5, "frozen: ρ = μ", plot.MU)]
)
def test_a_single_phase(left, says, band):
    figure = plot.staircase(one_phase(left))
    assert figure.axes[0].get_title(loc="left") == says
    assert [color for color, *_ in spans(figure.axes[0])] == [band]
    assert np.all(drawn(figure.axes[1])[0].get_ydata() == left)
    assert figure.get_suptitle() == "1 phase, no critical τ"


def test_boundaries_that_are_not_proven_are_dashed():
    arrays = lattice_phases(3)
    arrays["resolved"][1] = False
    arrays["critical"] = arrays["critical"][[0, 2]]
    arrays["tau_hi"][1], arrays["tau_lo"][2] = 1.4, 1.6  # between them nothing is known
    figure = plot.staircase(arrays)
    ax = figure.axes[0]
    (solid,), (dashed,) = drawn(ax), drawn(ax, style="--")
    assert dashed.get_xydata()[:2].tolist() == [[1.4, 1], [1.6, 4]]
    assert np.isnan(solid.get_ydata()[4])  # the line has a gap there
    assert len(drawn(ax, "o")[0].get_xdata()) == 2
    assert figure.get_suptitle().endswith("2 proven critical τ; 1 boundary not proven (dashed)")
    assert ax.get_title(loc="left") == "frozen: ρ = μ for τ < 0.5"
    front = plot.pareto(arrays)
    (dashed,) = drawn(front.axes[0], style="--")
    assert dashed.get_xydata().tolist() == [[1, 2], [4, 1]]
    assert "not proven" in front.get_suptitle() and front.axes[0].get_legend() is not None


def test_a_phase_at_neither_end_and_many_open_boundaries():
    between = {**one_phase(0.5), "movement": np.ones(1), "discrepancy": np.ones(1)}
    figure = plot.staircase({**between, "p": np.array(1.0)})
    assert not figure.legends and not figure.axes[0].patches
    assert figure.get_suptitle() == "p = 1: 1 phase, no critical τ"
    arrays = {**many_phases(100), "critical": np.empty(0), "resolved": np.zeros(99, dtype=bool)}
    ax = plot.staircase(arrays).axes[0]
    assert len(drawn(ax, style="--")[0].get_xdata()) == 3 * 99
    assert ax.get_title(loc="left").startswith("frozen: ρ = μ up to some τ ≤ 0.0")
    assert ax.get_title(loc="right").startswith("ρ = ν from some τ ≥ ")
    assert not [c for c in marks(ax) if len(c.get_segments())]  # no lines across the panel
    assert len([text for text in plot.pareto(arrays).axes[0].texts if "slope" in text.get_text()]) == 0


def test_samples_of_a_sweep_lie_on_the_steps():
    arrays = swept(toys.lattice_dirac(5), [0.4, 0.7, 1.6, 3.0, 6.0])
    arrays["status"] = np.array(["ok", "ok", "failed", "ok", "ok"])
    arrays["movement"][2], arrays["discrepancy"][2] = np.nan, np.nan
    figure = plot.staircase(lattice_phases(), arrays)
    for ax, exact in zip(figure.axes, ([0, 1, 9, 25], [5, 4, 2, 0]), strict=True):
        (dots,) = drawn(ax, ".")
        there = ~np.isnan(dots.get_ydata())
        assert dots.get_xdata()[there].tolist() == [0.4, 0.7, 3.0, 6.0]
        assert np.allclose(dots.get_ydata()[there], exact, atol=1e-12)
    assert figure.get_suptitle().endswith("5 critical τ; 1 sampled τ without a result")
    assert figure.axes[0].get_xlim()[1] > 6


def test_a_sweep_of_another_problem_is_refused():
    arrays = swept(toys.lattice_dirac(5), [0.4])
    for name, value in (("p", np.array(1.0)), ("alpha", np.array("1+tau"))):
        with pytest.raises(WrofError, match=rf"arrays\['{name}'\] of the sweep is not that of the phases"):
            plot.staircase(lattice_phases(), {**arrays, name: value})
    with pytest.raises(WrofError, match=r"arrays\['source'\] of the sweep"):
        plot.staircase({**lattice_phases(), "source": np.ones(6)}, arrays)


def test_many_phases_have_ticks_instead_of_corners():
    figure = plot.staircase(many_phases())
    ax = figure.axes[0]
    assert ax.get_xscale() == "log"
    assert not drawn(ax, "o")
    assert len(marks(ax)[0].get_segments()) == 999 and marks(ax)[0].get_segments()[0][:, 1].min() >= 1
    assert len(drawn(ax)[0].get_xdata()) == 2000


# ---- Pareto front ----


def test_the_front_has_the_corners_and_the_slopes():
    figure = plot.pareto(lattice_phases())
    ax = figure.axes[0]
    corners = next(line for line in drawn(ax, "o") if len(line.get_xdata()) == 6)
    assert corners.get_xydata().tolist() == [[0, 5], [1, 4], [4, 3], [9, 2], [16, 1], [25, 0]]
    texts = {text.get_text(): text.xy for text in ax.texts}
    assert tuple(texts.pop("ρ = μ")) == (0, 5) and tuple(texts.pop("ρ = ν")) == (25, 0)
    assert 1 <= len(texts) <= phases.SLOPES
    for text, (x, y) in texts.items():
        i = int(np.sqrt(x))  # beside the segment from (i², 5 - i) to ((i + 1)², 4 - i), of slope -1/(2i + 1)
        assert np.allclose([x, y], [(i**2 + (i + 1) ** 2) / 2, 4.5 - i])
        assert text == f"τ = {i + 0.5:.3g}, slope −{1 / (2 * i + 1):.3g}"


def test_ends_of_the_front_are_named_only_if_they_are():
    ends = {**lattice_phases(), "movement": np.arange(6.0) ** 2 + 1, "discrepancy": 6 - np.arange(6.0)}
    assert not [text for text in plot.pareto(ends).axes[0].texts if "ρ" in text.get_text()]
    (text,) = plot.pareto(one_phase(0.0)).axes[0].texts
    assert text.get_text() == "ρ = μ = ν"


def test_slopes_do_not_overlap():
    figure = plot.pareto(many_phases())
    assert len(figure.axes[0].texts) > 3 and not overlapping(figure)


# ---- densities ----


def test_a_density_map_on_a_line_shows_the_masses():
    figure = plot.density_map(sweep_by_hand())
    mu, rho, nu = (ax.collections[0].get_array() for ax in figure.axes[:3])
    assert mu.data.T.tolist() == [[1, 0, 0]] and nu.data.T.tolist() == [[0, 0, 1]]
    assert np.array_equal(rho.data[:, :4], sweep_by_hand()["rho_first"][:4].T) and rho.mask[:, 4:].all()
    (patch,) = hatched(figure.axes[1])
    assert (patch.get_x(), patch.get_height()) == (pytest.approx(0.45), 1.5)
    assert figure.get_suptitle() == "p = 2, α = 1+τ: ρ₁ against τ; no result at 2 τ (hatched)"
    assert plot.density_map(sweep_by_hand(), "rho_last").get_suptitle().startswith("p = 2, α = 1+τ: the last ρ")


def test_stops_in_any_order_and_measures_off_the_stops():
    arrays = sweep_by_hand()
    arrays["points"] = np.array([[2.0], [0.0], [2.0]])  # two of them coincide
    arrays["source_points"], arrays["target_points"] = np.array([[0.0]]), np.array([[1.0]])
    mu, rho, nu = (ax.collections[0].get_array() for ax in plot.density_map(arrays).axes[:3])
    assert rho[:, 2].tolist() == [0.8, 0, 0.2]  # at 0, 1, 2; nothing may rest at 1
    assert mu.data.T.tolist() == [[1, 0, 0]] and nu.data.T.tolist() == [[0, 1, 0]]


def line_of(x):
    """A sweep of one step size on stops x, the masses 1, 2, ... in order."""
    mass = np.arange(1.0, len(x) + 1)
    ends = {"source": mass, "source_points": x[:, None], "target": mass, "target_points": x[:, None]}
    told = {"tau": np.array([0.1]), "status": np.array(["ok"]), "regime": np.array(["frozen"])}
    return {**ends, **told, "points": x[:, None], "rho_first": mass[None]}


def test_no_stop_is_too_thin_to_see():
    close = np.append(np.linspace(0, 1, 20), [0.5, 0.5 + 1e-6, 0.5 + 2e-6])
    figure = plot.density_map(line_of(np.sort(close)))
    assert figure.axes[0].get_ylabel() == "x, stops in order"
    assert np.allclose(np.diff(figure.axes[0].collections[0].get_coordinates()[:, 0, 1]), 1)
    long = plot.density_map(line_of(np.arange(1001.0)))
    mass = long.axes[1].collections[0].get_array()
    assert mass.shape == (334, 1) and mass[:2, 0].tolist() == [3, 6] and mass[-1, 0] == 1001
    assert long.axes[0].get_ylabel() == "x (greatest of 3 stops a row)"


def test_one_stop():
    (mass,) = plot.density_map(line_of(np.array([2.0]))).axes[1].collections[0].get_array().data
    assert mass == 1
    assert plot.rho_ranges([0.5], [1.0], [0.75], [2.0]).axes[0].get_xlim() == (1, 3)


def test_faint_masses_are_lifted():
    x = np.arange(10.0)
    arrays = {**line_of(x), "rho_first": np.array([[1.0, *[0.001] * 9]]), "source": np.full(10, 0.001)}
    arrays["target"] = arrays["source"]
    assert isinstance(plot.density_map(arrays).axes[1].collections[0].norm, matplotlib.colors.PowerNorm)
    assert not isinstance(plot.density_map(line_of(x)).axes[1].collections[0].norm, matplotlib.colors.PowerNorm)


def test_a_grid_of_one_column_is_a_line():
    arrays = swept(toys.gaussians((6, 1)), [0.1, 0.3])
    figure = plot.density_map(arrays)
    assert np.array_equal(figure.axes[1].collections[0].get_array(), arrays["rho_first"].T)


def test_density_maps_in_the_plane_show_one_of_each_run():
    figure = plot.density_map(cloud_sweep())
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["μ", "τ = 0.01 to 0.0215", "τ = 0.0464", "τ = 0.215", "τ = 0.464 to 1", "ν"]
    assert figure.get_suptitle() == "ρ₁ at 4 of 7 τ, the others are the same; no result at 1"
    third = [c for c in figure.axes[2].collections if len(c.get_facecolors())][-1]
    assert np.array_equal(third.get_offsets(), cloud_sweep()["points"][1:3])
    assert plot.density_map(cloud_sweep(3)).get_suptitle().endswith("seen along the other axes; no result at 1")
    lost = {**cloud_sweep(), "status": np.full(7, "missing")}
    assert [ax.get_title(loc="left") for ax in plot.density_map(lost).axes] == ["μ", "ν"]


def test_images_of_a_grid_are_the_masses():
    arrays = swept(toys.gaussians((4, 5)), np.linspace(0.05, 1.0, 15), steps=1)
    figure = plot.density_map(arrays)
    images = [ax.images[0].get_array().data for ax in figure.axes if ax.images]
    runs = densities.runs_of_equal(arrays["rho_first"], np.ones(15, dtype=bool))
    assert len(images) == 2 + min(len(runs), densities.IMAGES)
    assert np.array_equal(images[1], arrays["rho_first"][0].reshape(4, 5))
    assert np.array_equal(images[0], arrays["source"].reshape(4, 5))


# ---- 2τ-graph ----


def test_a_graph_shows_components_edges_and_what_is_locked():
    figure = plot.hop_graph(graph_by_hand())
    ax = figure.axes[0]
    forest, *groups = ax.collections
    assert [segment.tolist() for segment in forest.get_segments()[:2]] == [[[0, 0], [0.1, 0]], [[0, 0], [0, 0.1]]]
    colors = {tuple(c.get_offsets()[0]): to_hex(c.get_facecolors()[0]).upper() for c in groups}
    assert colors == {(0, 0): plot.RHO, (1, 1): plot.MU, (0, 1): "#9A9A9A"}
    assert {text.get_text() for text in ax.texts} == {"locked: +0.3", "missing: −0.2", "missing: −0.1"}
    near = next(text for text in ax.texts if text.get_text() == "locked: +0.3")
    assert np.hypot(*near.get_position()) < 0.4
    assert figure.get_suptitle() == "τ = 0.1: 3 components of 7 stops, 30 % of the mass locked in"


def test_no_excess_no_text():
    level = {**graph_by_hand(), "target_mass": graph_by_hand()["source_mass"] + [1e-15, 0, 0]}
    figure = plot.hop_graph(level)
    assert not figure.axes[0].texts and figure.get_suptitle().endswith("no mass locked in")
    off = {**graph_by_hand(), "target_mass": np.array([0.4, 0.35, 0.0])}
    assert plot.hop_graph(off).get_suptitle().endswith("25 % of ν is off the stops")


def test_labels_of_a_crowd_are_numbers_that_do_not_overlap_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(paper, "DPI", 130)
    figure = plot.hop_graph(many_hops(40))
    texts = figure.axes[0].texts
    assert all(text.get_text()[0] in "+−" for text in texts) and len(texts) > 15
    assert not overlapping(figure)
    assert figure.get_suptitle().endswith(f"{40 - len(texts)} numbers left out")
    assert _labels(np.arange(3), np.array([0.1, -0.4, 0.0]), 1.0) == [(1, "missing: −0.4"), (0, "locked: +0.1")]


def test_colours_come_back_with_other_markers():
    groups = plot.hop_graph(many_hops(10)).axes[0].collections[1:-1]
    looks = [(to_hex(c.get_facecolors()[0]), c.get_paths()[0].vertices.shape) for c in groups]
    assert len(looks) == 10 == len(set(looks)) and len({color for color, _ in looks}) == 6


def test_a_graph_on_a_grid_is_seen_as_pictures_are():
    arrays = wrof.hop_graph(tau=0.3, **toys.gaussians((2, 3))).arrays()
    ax = plot.hop_graph(arrays).axes[0]
    assert ax.yaxis_inverted() and (ax.get_xlabel(), ax.get_ylabel()) == ("x₂", "x₁")
    assert np.array_equal(ax.collections[1].get_offsets(), arrays["points"][:, ::-1])


def test_a_graph_on_a_line_has_arcs_over_other_stops():
    arrays = {**graph_by_hand(), "points": np.arange(7.0)[:, None]}
    straight = {**arrays, "edges": np.array([[0, 1], [1, 2], [3, 4], [4, 5]])}
    assert all(np.all(s[:, 1] == 0) for s in plot.hop_graph(straight).axes[0].collections[0].get_segments())
    arc = plot.hop_graph(arrays).axes[0].collections[0].get_segments()[1]  # from 0 to 2, below 1
    assert np.allclose(arc[[0, -1]], [[0, 0], [2, 0]], atol=1e-12) and arc[:, 1].min() < -0.3
    assert [spot[1] for spot in _candidates(np.zeros((2, 2)), np.ones(2), False)] == pytest.approx([0.2, 0.37, 0.54])


def test_a_graph_in_space_says_so():
    cube = {**graph_by_hand(), "points": np.random.default_rng(0).random((7, 3))}
    assert plot.hop_graph(cube).get_suptitle().endswith("seen along the other axes")
    lone = {"component": np.zeros(1, int), "edges": np.empty((0, 2), int), "tau": np.array(1.0)}
    masses = {"source_mass": np.ones(1), "target_mass": np.ones(1)}
    assert plot.hop_graph({**lone, **masses, "points": np.zeros((1, 2))}).axes


# ---- ranges ----


def test_ranges_are_error_bars_around_rho():
    figure = plot.rho_ranges(*RANGES)
    ax = figure.axes[0]
    (bars,) = [c for c in ax.containers if isinstance(c, matplotlib.container.BarContainer)]
    assert [bar.get_height() for bar in bars] == [0.3, 0.2, 0.3]
    assert np.allclose(marks(ax)[0].get_segments(), [[[0, 0.1], [0, 0.5]], [[2, 0], [2, 0.4]]])
    assert figure.get_suptitle() == "2 of 3 masses are not unique: minimisers differ by up to 0.4"
    same = plot.rho_ranges(*[RANGES[2]] * 3, RANGES[3])
    assert same.get_suptitle() == "every minimiser has the same mass at each of 3 stops" and not marks(same.axes[0])


def test_ranges_on_a_grid_are_four_images():
    lo, hi, rho, points = ranges_in(wrof.Grid((3, 5)).points)
    figure = plot.rho_ranges(lo, hi, rho, points)
    images = [ax.images[0] for ax in figure.axes if ax.images]
    for image, mass in zip(images, (lo, rho, hi, hi - lo), strict=True):
        assert np.array_equal(image.get_array().data, mass.reshape(3, 5))
    assert [image.get_clim()[1] for image in images] == [hi.max()] * 3 + [(hi - lo).max()]
    assert [ax.get_title(loc="left") for ax in figure.axes[:4]] == ["least", "ρ", "greatest", "greatest − least"]


def test_ranges_on_a_cloud_are_discs():
    points = np.random.default_rng(0).random((9, 2))
    lo, hi, rho, _ = ranges_in(points)
    figure = plot.rho_ranges(lo, hi, rho, points)
    sizes = [ax.collections[0].get_sizes() for ax in figure.axes]
    unit = sizes[0][0] / lo[0]
    for drawn_sizes, mass in zip(sizes, (lo, rho, hi, hi - lo), strict=True):
        assert np.allclose(drawn_sizes, unit * mass)
    shuffled = wrof.Grid((3, 3)).points[[1, 0, 2, 3, 4, 5, 6, 7, 8]]
    assert not any(ax.images for ax in plot.rho_ranges(lo, hi, rho, shuffled).axes)
    deep = np.random.default_rng(0).random((9, 3))
    assert plot.rho_ranges(lo, hi, rho, deep).get_suptitle().endswith("seen along the other axes")


# ---- what cannot be drawn ----


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("draw", "arrays", "names", "owner"),
    [
        (plot.phase_diagram, sweep_by_hand(), ("tau", *PER_TAU), "a sweep, as Sweep"),
        (plot.density_map, sweep_by_hand(), ("rho_first", "points", "source", "target_points"), "a sweep, as Sweep"),
        (plot.staircase, lattice_phases(), tuple(lattice_phases())[:6], "a phases, as Phases"),
        (plot.pareto, lattice_phases(), ("movement", "resolved"), "a phases, as Phases"),
        (plot.hop_graph, graph_by_hand(), tuple(graph_by_hand()), "a graph, as HopGraph"),
    ],
)
def test_missing_arrays_are_named(draw, arrays, names, owner):
    draw(arrays)
    for name in names:
        with pytest.raises(WrofError, match=rf"there is no array '{name}'; .* of {owner}\.arrays\(\) gives them"):
            draw(without(arrays, name))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("tau", [0.1, 0.2, 0.2, 0.4, 0.5, 0.6], r"arrays\['tau'\] must be finite, > 0 and rising, got 0.2 at place 2"),
        ("tau", [0.1, np.nan, 0.3, 0.4, 0.5, 0.6], "got nan at place 1"),
        ("tau", [0, 0.2, 0.3, 0.4, 0.5, 0.6], "got 0 at place 0"),
        ("tau", [0.1, 0.2], r"arrays\['status'\] has shape \(6,\): 6 where arrays\['tau'\] has 2"),
        ("tau", ["a"] * 6, r"arrays\['tau'\] must be numbers"),
        ("status", [1] * 6, r"arrays\['status'\] must be text"),
        ("status", ["fine"] * 6, r"unknown word in arrays\['status'\]: 'fine'"),
        ("regime", ["frosen"] * 6, r"unknown word in arrays\['regime'\]: 'frosen'; did you mean 'frozen'"),
        ("settled_at", [0, -1, 3, -1, -1, -1], r"arrays\['settled_at'\] is -1 at τ = 0.2, .*'steady'; one of them"),
        ("settled_at", [0, 1, 3, 2, -1, -1], r"arrays\['settled_at'\] is 2 at τ = 0.4, .*'running'"),
        ("distance", np.ones(6), r"arrays\['distance'\] has shape \(6,\), it needs 2 axes"),
        ("distance", np.full((6, 5), np.nan), r"arrays\['distance'\] has no number at τ = 0.1"),
        ("taken", np.ones((6, 1)), r"arrays\['taken'\] has shape \(6, 1\), it needs 1 axes"),
    ],
)
def test_sweeps_that_contradict_themselves(name, value, says):
    with pytest.raises(WrofError, match=says):
        plot.phase_diagram({**sweep_by_hand(), name: np.array(value)})


def test_an_empty_sweep_and_wrong_critical_step_sizes():
    empty = {name: sweep_by_hand()[name][:0] for name in ("tau", *PER_TAU)}
    with pytest.raises(WrofError, match=r"arrays\['tau'\] is empty"):
        plot.phase_diagram(empty)
    for wrong in ([0.3, 0.2], [np.nan], [-1.0]):
        with pytest.raises(WrofError, match="critical must be finite, > 0 and rising"):
            plot.phase_diagram(sweep_by_hand(), wrong)


def test_densities_that_do_not_fit():
    with pytest.raises(WrofError, match="unknown density 'rho'; known: rho_first, rho_last"):
        plot.density_map(sweep_by_hand(), "rho")
    with pytest.raises(WrofError, match=r"arrays\['points'\] has shape \(2, 1\): 2 where arrays\['rho_first'\] has 3"):
        plot.density_map({**sweep_by_hand(), "points": np.zeros((2, 1))})
    with pytest.raises(WrofError, match=r"arrays\['source'\] must be finite, it has nan"):
        plot.density_map({**sweep_by_hand(), "source": np.array([np.nan])})
    holes = sweep_by_hand()
    holes["rho_first"][1, 2] = np.nan
    with pytest.raises(WrofError, match=r"arrays\['rho_first'\] has no number at τ = 0.2"):
        plot.density_map(holes)
    holes["movement"][2, 0] = np.nan
    with pytest.raises(WrofError, match=r"arrays\['movement'\] has no number at τ = 0.3"):
        plot.staircase(many_phases(), holes)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("tau_lo", [0.0, 2, 1, 3, 4, 5], "must be intervals one after the other"),
        ("tau_hi", [0.0, 1.5, 2.5, 3.5, 4.5, np.inf], "must be intervals one after the other"),
        ("movement", [np.nan] * 6, r"arrays\['movement'\] must be finite, it has nan"),
        ("discrepancy", [1.0, 0.0], r"arrays\['discrepancy'\] has shape \(2,\): 2 where arrays\['tau_lo'\] has 6"),
        ("resolved", [True], r"arrays\['resolved'\] has 1 entries for 6 phases, not 5"),
        ("critical", [2.0, 1.0], r"arrays\['critical'\] must be finite, > 0 and rising"),
    ],
)
def test_phases_that_contradict_themselves(name, value, says):
    for draw in (plot.staircase, plot.pareto):
        with pytest.raises(WrofError, match=says):
            draw({**lattice_phases(), name: np.array(value)})
    with pytest.raises(WrofError, match="there is no phase"):
        draw({key: np.empty(0) for key in lattice_phases()})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("component", [0, 0, 0, 1, 1, 1, 3], r"arrays\['component'\] must be numbers from 0 to 2, got 3"),
        ("component", [0, 0, 0, 1, 1, 1, 1], r"arrays\['component'\] gives no stop to component 2"),
        ("edges", [[0, 7]], r"arrays\['edges'\] must be numbers from 0 to 6, got 7"),
        ("edges", [[0, -1]], r"arrays\['edges'\] .* got -1"),
        ("edges", [[0, 1, 2]], r"arrays\['edges'\] has shape \(1, 3\): 3 where it needs 2"),
        ("points", np.full((7, 2), np.inf), r"arrays\['points'\] must be finite, it has inf"),
        ("tau", [0.1], r"arrays\['tau'\] has shape \(1,\), it needs 0 axes \(none\)"),
    ],
)
def test_graphs_that_contradict_themselves(name, value, says):
    with pytest.raises(WrofError, match=says):
        plot.hop_graph({**graph_by_hand(), name: np.array(value)})
    nothing = {"points": np.empty((0, 2)), "component": np.empty(0), "edges": np.empty((0, 2)), "tau": np.array(1.0)}
    with pytest.raises(WrofError, match="there is no stop to draw"):
        plot.hop_graph({**nothing, "source_mass": np.empty(0), "target_mass": np.empty(0)})


def test_ranges_that_contradict_themselves():
    lo, hi, rho, points = RANGES
    with pytest.raises(WrofError, match=r"rho\[1\] = 0.2 is not between lo\[1\] = 0.3 and hi\[1\] = 0.2"):
        plot.rho_ranges([0.1, 0.3, 0.0], hi, rho, points)
    with pytest.raises(WrofError, match=r"hi has shape \(2,\) for 3 points"):
        plot.rho_ranges(lo, hi[:2], rho, points)
    with pytest.raises(WrofError, match="lo must be finite, got nan"):
        plot.rho_ranges([np.nan, 0, 0], hi, rho, points)
    with pytest.raises(WrofError, match="points must be"):
        plot.rho_ranges(lo, hi, rho, np.zeros((3, 1, 1)))
    plot.rho_ranges(lo + 1e-12, hi, rho - 0.2 * (lo == 0.1), points)  # rounding is no contradiction


def test_titles_are_broken_where_they_may_be():
    assert tables.caption("short") == "short"
    assert tables.caption("a" * 50 + "; " + "b, " * 20) == "a" * 50 + ";\n" + "b, " * 20
    assert tables.caption("a" * 50 + ", " + "b" * 50) == "a" * 50 + ",\n" + "b" * 50
    assert tables.caption("word " * 20).split("\n")[0] == ("word " * 18).strip()
    own = "mine"
    for draw, arrays in ((plot.phase_diagram, sweep_by_hand()), (plot.density_map, cloud_sweep())):
        assert draw(arrays, title=own).get_suptitle() == own
    assert plot.pareto(lattice_phases(), title=own).get_suptitle() == own
    assert plot.staircase(lattice_phases(), title=own).get_suptitle() == own
    assert plot.hop_graph(graph_by_hand(), title=own).get_suptitle() == own
    assert plot.rho_ranges(*RANGES, title=own).get_suptitle() == own


def test_codes_of_cells_are_those_of_the_legend():
    assert [sweeps.CELLS[code][0] for code in range(4)] == ["ρ = μ", "moving", "at rest, neither μ nor ν", "ρ = ν"]
