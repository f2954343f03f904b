"""The benchmark of sizes: its arithmetic, and that its contestants answer the same question."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def rooms(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def rows_of(power, sizes, **also):
    return [
        {"series": "s", "who": "w", "size": k, "n": k * k, "seconds": 1e-9 * (k * k) ** power, "gap": 0.0, **also}
        for k in sizes
    ]


def test_growth_is_the_power_that_made_the_times(rooms):
    from _growth import fit, growth, predicted

    rows = [*rows_of(2.5, (32, 64, 128)), *rows_of(0.0, (8, 16))]  # below 1000 points another law, to be left out
    assert fit(rows, "seconds") == pytest.approx((2.5, 1e-9))
    assert predicted(rows, "seconds", 10.0**6) == pytest.approx(1e6)
    assert fit(rows[:1], "seconds") is None
    assert growth(rows)[0]["sizes fitted"] == [32, 64, 128]


def test_what_was_not_run_is_extrapolated_only_so_far(rooms):
    from _growth import extrapolate

    blank = [{"series": "s", "who": "w", "size": k, "n": k * k, "failed": "why"} for k in (256, 1024)]
    rows = [*rows_of(2.0, (64, 128)), *map(dict, blank)]
    extrapolate(rows)
    assert rows[2]["seconds extrapolated"] == pytest.approx(1e-9 * 256**4)
    assert "seconds extrapolated" not in rows[3] and "seconds extrapolated" not in rows[0]
    known = [*rows_of(2.0, (64, 128)), {**blank[0], "exceeded": 100.0}]
    extrapolate(known)
    assert "seconds extrapolated" not in known[2]  # the fit says 4.3 s of what took more than 100


def test_crossing_is_where_the_ratio_passes_one_for_good(rooms):
    from _extra import crossing

    def duels(*ratios):
        return [{"pairs": 10**k, "ratio": ratio} for k, ratio in enumerate(ratios, 3)]

    assert crossing(duels(0.1, 10.0)) == "3.2e+03"  # half way between 10^3 and 10^4
    assert crossing(duels(2.0, 0.1, 10.0)) == "3.2e+04"
    assert crossing(duels(2.0, 3.0)) == "below 1e+03"
    assert crossing(duels(2.0, 0.5)) == "above 1e+04"


def test_whole_masses_sum_to_the_total_and_stay_near(rooms):
    from _peers import MASSES, in_wholes

    masses = np.random.default_rng(0).random(1000)
    whole = in_wholes(masses)
    assert whole.sum() == MASSES
    assert np.abs(whole - masses / masses.sum() * MASSES).max() <= 1


def test_fields_are_the_same_at_every_size_and_as_rough_as_asked(rooms):
    from _data import field

    fine, coarse = np.log(field(256, 2.0, 1)), np.log(field(64, 2.0, 1))
    assert np.corrcoef(fine[::4, ::4].ravel(), coarse.ravel())[0, 1] > 0.99
    white = np.log(field(64, 0.0, 1))
    assert abs(np.corrcoef(white[:, 1:].ravel(), white[:, :-1].ravel())[0, 1]) < 0.05
    assert white.mean() == pytest.approx(0, abs=1e-12) and white.std() == pytest.approx(1)


@pytest.mark.slow
def test_all_contestants_find_the_same_optimum(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "sizes.py"), "--quick", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "sizes.png").stat().st_size > 10_000
    rows = [row for row in json.loads((tmp_path / "table.json").read_text())["rows"] if "seconds" in row]
    assert {"ours", "ours, lazy", "POT dense", "POT sparse re-solved", "HiGHS three-layer"} <= {r["who"] for r in rows}
    for row in rows:
        assert row["status"] == "OPTIMAL" and abs(row["gap"]) <= (1e-2 if "rtol" in row["who"] else 1e-9)
        same = [r["value"] for r in rows if (r["series"], r["size"]) == (row["series"], row["size"])]
        assert same == pytest.approx([row["value"]] * len(same), rel=1e-9)
    assert "| ours |" in (tmp_path / "table.md").read_text()
