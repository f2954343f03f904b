"""Figures: drawn from arrays that went through a file, the same bytes each time, with the masses that were stored."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

import wrof
from wrof import WrofError, plot, store, toys
from wrof.plot import animate, paper

FLOWS = {
    "line": lambda: wrof.flow(tau=0.05, steps=9, **toys.ramp_to_uniform(48)),
    "few bars": lambda: wrof.flow(tau=1.0, steps=9, **toys.lattice_dirac(4)),
    "stems": lambda: wrof.flow(tau=0.6, steps=9, **toys.gap()),
    "free line": lambda: wrof.flow(tau=0.1, steps=3, stops=wrof.FREE, **toys.bumps(40)),
    "image": lambda: wrof.flow(tau=0.15, steps=9, **toys.gaussians((6, 8))),
    "column": lambda: wrof.flow(tau=0.3, steps=9, **toys.gaussians((5, 1))),
    "solid": lambda: wrof.flow(tau=0.6, steps=9, **toys.gaussians((3, 4, 2))),
    "cloud": lambda: wrof.flow(tau=0.1, steps=9, **toys.scattered(8, 9)),
    "cloud in space": lambda: wrof.flow(tau=0.3, steps=9, **toys.scattered(5, 4, dim=3)),
    "free cloud": lambda: wrof.flow(tau=0.4, steps=3, stops=wrof.FREE, **toys.moons(10)),
    "grid to cloud": lambda: wrof.flow(toys.uniform((3, 3)), toys.scattered(3, 4)["nu"], 0.4, 9),
    "no steps": lambda: wrof.flow(tau=0.1, steps=0, **toys.two_point()),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Arrays of every flow, as read back from disk."""
    folder = tmp_path_factory.mktemp("runs")
    arrays = {}
    for name, flow in FLOWS.items():
        run = store.save_run(folder, "flow", {"name": name}, flow().arrays())
        arrays[name] = store.load_run(run).arrays
    return arrays


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small pictures are fast."""
    monkeypatch.setattr(paper, "DPI", 50)
    monkeypatch.setattr(animate, "GIF_DPI", 40)


def steps(arrays):
    return len(arrays["value"])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


# ---- every kind of flow ----


@pytest.mark.parametrize("name", FLOWS)
def test_figures_of_every_kind(stored, tmp_path, name):
    arrays, last = stored[name], steps(stored[name])
    figures = {
        "flow": plot.flow_figure(arrays),
        "triptych": plot.triptych(arrays, min(1, last)),
        "steps": plot.steps_figure(arrays, sorted({0, last // 2, last})),
    }
    for kind, figure in figures.items():
        path = plot.save(figure, tmp_path / f"{kind}.png")
        shown = pixels(path)
        assert shown.shape[1] == 8 * paper.DPI
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 20, kind
        assert (shown[0] == 255).all() and (shown[:, 0] == 255).all(), f"{kind}: something is cut off"


@pytest.mark.parametrize("name", ["line", "image", "cloud", "free line", "free cloud", "no steps"])
def test_animations_of_every_kind(stored, tmp_path, name):
    path = plot.flow_gif(stored[name], tmp_path / "flow.gif", fps=10)
    with Image.open(path) as gif:
        assert gif.n_frames == steps(stored[name]) + 1
        assert gif.info["loop"] == 0
        durations = []
        for k in range(gif.n_frames):
            gif.seek(k)
            durations.append(gif.info.get("duration"))
    assert name == "no steps" or durations[-1] >= 1500
    assert all(d == 100 for d in durations[:-1])


def test_a_long_animation_leaves_steps_out(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "MAX_FRAMES", 3)
    titles = []
    draw = animate.draw
    monkeypatch.setattr(animate, "draw", lambda ax, film, k, *rest: (titles.append(k), draw(ax, film, k, *rest)))
    with Image.open(plot.flow_gif(stored["few bars"], tmp_path / "flow.gif")) as gif:
        assert gif.n_frames == 3
    assert titles == [0, 0, 2, 4]  # one to find the layout; the first, the last, evenly


# ---- the same data, the same file; nothing left behind ----


def test_the_same_arrays_give_the_same_bytes(stored, tmp_path):
    for name in ("line", "cloud"):
        first = plot.save(plot.flow_figure(stored[name]), tmp_path / "a.png").read_bytes()
        with matplotlib.rc_context({"font.size": 25, "lines.linewidth": 9, "savefig.dpi": 20, "axes.grid": False}):
            again = plot.save(plot.flow_figure(stored[name]), tmp_path / "b.png").read_bytes()
        assert first == again
    first = plot.flow_gif(stored["cloud"], tmp_path / "a.gif").read_bytes()
    assert first == plot.flow_gif(stored["cloud"], tmp_path / "b.gif").read_bytes()


def test_files_are_not_dated(stored, tmp_path):
    path = plot.save(plot.triptych(stored["stems"]), tmp_path / "a.png")
    assert set(Image.open(path).info) <= {"dpi"}
    text = plot.save(plot.triptych(stored["stems"]), tmp_path / "a.pdf").read_bytes()
    assert text.startswith(b"%PDF") and b"CreationDate" not in text


def test_settings_and_arrays_stay_as_they_were(stored, tmp_path):
    before = dict(matplotlib.rcParams)
    arrays = {name: array.copy() for name, array in stored["cloud"].items()}
    for array in arrays.values():
        array.setflags(write=False)
    plot.flow_gif(arrays, tmp_path / "a.gif")
    plot.save(plot.steps_figure(arrays, [0, 1]), tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before
    assert all(np.array_equal(arrays[name], stored["cloud"][name]) for name in arrays)


def test_neither_import_nor_drawing_loads_pyplot(stored, tmp_path):
    np.savez(tmp_path / "a.npz", **stored["stems"])
    code = f"""
import sys
import numpy as np
from wrof import plot
assert "matplotlib" not in sys.modules
arrays = dict(np.load({str(tmp_path / "a.npz")!r}))
plot.save(plot.flow_figure(arrays), {str(tmp_path / "a.png")!r})
plot.flow_gif(arrays, {str(tmp_path / "a.gif")!r})
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- what is drawn is what is stored ----


def axes():
    return plot.figure().subplots()


def test_bars_have_the_masses_as_heights():
    ax, weights = axes(), np.array([0.5, 0.0, 0.25, 0.125])
    plot.bars(ax, [2.0, 0.0, 4.0, 6.0], weights)
    drawn = {(b.get_x() + b.get_width() / 2, b.get_height()) for b in ax.patches}
    assert drawn == {(2.0, 0.5), (4.0, 0.25), (6.0, 0.125)}
    ax, many = axes(), np.random.default_rng(0).random(plot.BAR_LIMIT + 1)
    plot.bars(ax, np.linspace(0, 1, len(many)), many)
    (stairs,) = ax.patches
    assert np.array_equal(stairs.get_data().values, many)
    assert np.allclose(stairs.get_data().edges[:2], [-0.0125, 0.0125])


@pytest.mark.parametrize("outline", [False, True])
def test_stems_have_the_masses_as_heights(outline):
    ax = axes()
    plot.bars(ax, [0.0, 3.0, 1.0], [0.5, 0.25, 0.0], outline=outline)
    (heads,) = ax.lines
    assert heads.get_xydata().tolist() == [[0.0, 0.5], [3.0, 0.25]]
    assert len(ax.collections) == (0 if outline else 1)


def test_many_stems_lose_their_heads():
    ax = axes()
    plot.bars(ax, np.arange(200.0) ** 2, np.full(200, 0.1), label="μ")
    assert not ax.lines and ax.get_legend_handles_labels()[1] == ["μ"]


def test_discs_have_the_masses_as_areas():
    ax = axes()
    plot.discs(ax, [[0, 0], [1, 1], [2, 2]], [1.0, 0.0, 4.0], area=7.0)
    (scatter,) = ax.collections
    assert scatter.get_sizes().tolist() == [7.0, 28.0]
    assert scatter.get_offsets().tolist() == [[0, 0], [2, 2]]


def test_images_show_the_masses(stored):
    arrays = stored["image"]
    shown = [ax.images[0].get_array().data for ax in plot.triptych(arrays, 1).axes if ax.images]
    stored_ones = [arrays["source"], arrays["rho"][0], arrays["target"]]
    for image, weights in zip(shown, stored_ones, strict=True):
        assert np.array_equal(image, weights.reshape(6, 8))
    tall = plot.triptych(stored["column"], 1).axes[0].images[0]
    assert tall.get_array().shape == (5, 1)
    deep = plot.triptych(stored["solid"], 1).axes[1].images[0].get_array().data
    assert np.allclose(deep, stored["solid"]["rho"][0].reshape(3, 4, 2).sum(axis=2))


def test_colours_say_what_is_as_in_mu_and_nu():
    ax = axes()
    plot.compare(ax, [0, 1, 2, 3], [0.1, 0.2, 0.3, 0.4], mu=[0.1, 0.3, 0.2, 0.4], nu=[0.4, 0.2, 0.0, 0.4])
    colors = {round(b.get_x() + b.get_width() / 2): to_hex(b.get_facecolor()).upper() for b in ax.patches}
    assert colors == {0: plot.MU, 1: plot.NU, 2: plot.RHO, 3: plot.NU}


def test_energies_are_the_stored_ones(stored):
    ax, arrays = axes(), stored["few bars"]
    plot.energies(ax, arrays)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.array_equal(drawn["J"], arrays["value"]) and np.array_equal(drawn["F"], arrays["discrepancy"])
    assert np.allclose(drawn["K/2τ"] + drawn["F"], drawn["J"], rtol=1e-12)


def test_every_atom_of_a_free_flow_is_drawn(stored):
    arrays = stored["free cloud"]
    first, last = arrays["rho_start"][:2]
    middle = plot.triptych(arrays, 1).axes[1]
    full = [c for c in middle.collections if len(c.get_facecolors())]
    assert np.array_equal(full[0].get_offsets().data, arrays["rho_points"][first:last])


# ---- titles ----


@pytest.mark.parametrize(
    ("toy", "tau", "count", "says"),
    [
        (toys.gap(), 0.4, 9, "frozen: no mass moves, τ = 0.4"),
        (toys.gap(), 0.6, 9, "a steady state that is neither μ nor ν: ρ₁ stays, τ = 0.6"),
        (toys.gap(), 1.1, 9, "ν is reached at step 1, τ = 1.1"),
        (toys.lattice_dirac(12), 1.0, 20, "ν is reached at step 12, τ = 1"),
        (toys.lattice_dirac(5), 1.0, 1, "1 step on the way from μ to ν, τ = 1"),
        (toys.lattice_dirac(5), [1.0, 2.0], 2, "2 steps on the way from μ to ν"),
        (toys.gap(), 1.0, 0, "no step has been taken"),
        ({"mu": toys.uniform(4), "nu": toys.uniform(4)}, 1.0, 9, "μ = ν: nothing has to move, τ = 1"),
    ],
)
def test_titles_say_what_happened(toy, tau, count, says):
    arrays = wrof.flow(tau=tau, steps=count, **toy).arrays()
    assert plot.flow_figure(arrays).get_suptitle() == says
    assert plot.flow_figure(arrays, title="mine").get_suptitle() == "mine"


def test_steps_are_named_with_subscripts():
    assert plot.rho_name(0) == "ρ₀" and plot.rho_name(1234567890) == "ρ₁₂₃₄₅₆₇₈₉₀"


# ---- what cannot be drawn ----


@pytest.mark.parametrize("name", ["source", "target_points", "points", "value", "movement"])
def test_missing_arrays(stored, name):
    arrays = {key: array for key, array in stored["cloud"].items() if key != name}
    with pytest.raises(WrofError, match=f"there is no array '{name}'; draw from the arrays of a flow"):
        plot.flow_figure(arrays)


def test_arrays_that_do_not_fit(stored):
    with pytest.raises(WrofError, match=r"arrays\['source'\] has shape \(7,\) for points of shape \(8, 2\)"):
        plot.flow_figure({**stored["cloud"], "source": np.ones(7)})
    with pytest.raises(WrofError, match=r"arrays\['rho'\] has 5 masses a step for 17 points"):
        plot.flow_figure({**stored["cloud"], "rho": np.ones((2, 5))})


def test_steps_that_were_not_taken(stored):
    for draw in (lambda: plot.triptych(stored["few bars"], 5), lambda: plot.steps_figure(stored["few bars"])):
        with pytest.raises(WrofError, match=r"there is no step (5|10): the stored flow has steps 0 to 4"):
            draw()


def test_files_that_cannot_be_written(stored, tmp_path):
    figure = plot.triptych(stored["stems"])
    with pytest.raises(WrofError, match=r"figures are \.png or \.pdf files"):
        plot.save(figure, tmp_path / "a.jpeg")
    with pytest.raises(WrofError, match=r"an animation is a \.gif file"):
        plot.flow_gif(stored["stems"], tmp_path / "a.mp4")
    with pytest.raises(WrofError, match="fps must be from 1 to 50, got 0"):
        plot.flow_gif(stored["stems"], tmp_path / "a.gif", fps=0)
    with pytest.raises(WrofError, match="cannot write"):
        plot.save(figure, tmp_path / "missing" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_animation_leaves_nothing(stored, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(animate, "outer_labels", interrupt)
    with pytest.raises(KeyboardInterrupt):
        plot.flow_gif(stored["stems"], tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []
