"""What the benchmark of sizes runs: who takes part on which problems at which sizes, in each mode."""

from __future__ import annotations

from dataclasses import dataclass

from _data import SERIES
from _peers import HIGHS, LAZY, LEMON, OURS, POT, POT_LAZY, ROUGH, SPARSE

CENTRAL = ("white field, tau = 0.05", "smooth field, tau = 0.05", "cloud, 2-D, tau = 0.05")  # everyone runs on these
RATIOS = tuple(f"{kind} field, tau = {tau}" for kind in ("white", "smooth") for tau in ("h", "0.05", "0.5"))
PAIRED = (32, 48, 64)
EVERYONE = (OURS, LAZY, POT, SPARSE, LEMON, HIGHS)
PATIENCE = {OURS: 3, LAZY: 3, ROUGH: 12}  # times the limit for ours: its largest sizes are beyond all others
SLOW = 0.4  # part of `Mode.slow` from which one run is enough where no ratio is taken
SURE = 1.5  # times the limit that a prediction must be to count


@dataclass(frozen=True)
class Mode:
    """How much is run.

    Attributes
    ----------
    series : names. grids, clouds : sizes. few : sizes of the series that are neither central nor in the ratios.
    turns, slow : how often everyone runs, and the seconds from which once is enough where ratios are taken.
    limit : seconds.
    everyone : all contestants on all series.
    alone : (series, contestant, sizes) beyond those. warm, duels : sizes of what `_extra` does.
    """

    series: tuple[str, ...]
    grids: tuple[int, ...]
    clouds: tuple[int, ...]
    few: tuple[int, ...]
    turns: int
    slow: float
    limit: float
    alone: tuple[tuple[str, str, tuple[int, ...]], ...]
    warm: tuple[int, int, int]
    duels: tuple[int, ...]
    everyone: bool = False


ALL, DUELS = tuple(SERIES), (8, 12, 16, 20, 24, 32, 40)
MODES = {
    "quick": Mode(
        series=("smooth field, tau = 0.05", "digits 0..16, tau = 0.05", "cloud, 2-D, p = alpha = 1"),
        grids=(8, 16, 32),
        clouds=(300, 1000),
        few=(16, 32),
        turns=1,
        slow=1.0,
        limit=10.0,
        alone=(("smooth field, tau = 0.05", ROUGH, (48,)),),
        warm=(16, 3, 3),
        duels=(8, 16),
    ),
    "default": Mode(
        series=ALL,
        grids=(8, 16, 32, 48, 64, 128),
        clouds=(300, 1000, 3000, 10_000),
        few=(32, 64, 128),
        turns=3,
        slow=8.0,
        limit=30.0,
        alone=(
            ("white field, tau = 0.05", OURS, (256, 512)),
            ("smooth field, tau = 0.05", OURS, (256,)),
            ("cloud, 2-D, tau = 0.05", OURS, (50_000, 100_000)),
            ("smooth field, tau = 0.05", ROUGH, (512, 1024)),
            ("cloud, 2-D, tau = 0.05", ROUGH, (100_000, 200_000)),
        ),
        warm=(64, 10, 20),
        duels=DUELS,
    ),
    "full": Mode(
        series=ALL,
        grids=(8, 16, 32, 48, 64, 128, 256),
        clouds=(300, 1000, 3000, 10_000, 50_000, 100_000),
        few=(16, 32, 48, 64, 128, 256),
        turns=3,
        slow=120.0,
        limit=900.0,
        alone=(
            *((name, OURS, (512,)) for name in RATIOS),
            *((name, ROUGH, (256, 512, 1024)) for name in CENTRAL[:2]),
        ),
        warm=(64, 10, 20),
        duels=DUELS,
        everyone=True,
    ),
}


def jobs(mode: Mode, name: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return the sizes of a series, rising, and who runs at each."""
    series, central = SERIES[name], name in CENTRAL or mode.everyone
    whos = EVERYONE if central else (OURS, POT)
    if series.metric is not None:
        whos = (*whos, POT_LAZY)
    if not series.grid:
        whos = tuple(who for who in whos if who != HIGHS)  # its stops are finitely many
    sizes = mode.grids if series.grid else mode.clouds
    if series.grid and not central:
        sizes = mode.few if name not in RATIOS else tuple(n for n in sizes if n >= min(mode.few))
    extra = [(size, (who,)) for where, who, larger in mode.alone if where == name for size in larger]
    return sorted([(size, whos) for size in sizes] + extra)


def limit_of(mode: Mode, who: str) -> float:
    """Seconds a contestant may take."""
    return mode.limit * PATIENCE.get(who, 1)


def slow(mode: Mode, name: str, who: str) -> float:
    """Seconds from which one run is enough."""
    return mode.slow * (1 if name in RATIOS and who in (OURS, POT) else SLOW)


def too_slow(mode: Mode, who: str, guess: float | None) -> str | None:
    """Why a contestant is not run that is predicted to take so long."""
    limit = limit_of(mode, who)
    sure = guess is not None and guess > SURE * limit
    return f"predicted {guess:.0f} s, the limit is {limit:g} s" if sure else None
