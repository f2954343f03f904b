"""The commands show, plot and verify: what has been stored."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import WrofError
from .speech import say, spoken

MARKS = {True: "ok   ", False: "WRONG", None: "open "}  # of what is right, is not, and is still to come


def show(args: argparse.Namespace) -> int:
    """Print what is stored, or draw it to a file."""
    from .. import report

    stored = report.read(Path(args.path))
    if args.figure is not None:
        report.draw(stored.arrays, Path(args.figure))
    told = stored.report
    told["errors"] = {tau: spoken(error) for tau, error in told.get("errors", {}).items()}
    report.tell(told, args.json)
    return 0


def plot(args: argparse.Namespace) -> int:
    """Draw figures of what is stored, and say which."""
    from .. import readers, report

    fps = readers.frames_per_second(args.fps)
    stored = report.read(Path(args.path))
    names = report.usual(stored.arrays) if args.what is None else [args.what]
    if not names:
        raise WrofError(f"'{args.path}' holds no arrays that wrof plot can draw; its experiment draws them.")
    if args.figure is None:
        drawn = [report.picture(stored.arrays, name, stored.picture(name), fps) for name in names]
    else:
        file = Path(args.figure)
        drawn = [report.picture(stored.arrays, _only(names, file), file, fps)]
    report.tell({"drawn": [path.as_posix() for path in drawn]}, True) if args.json else print(*drawn, sep="\n")
    return 0


def _only(names: list[str], file: Path) -> str:
    """Return the figure that one file is for: of the animation and the others, as its suffix says."""
    moving = file.suffix.lower() == ".gif"
    fits = [name for name in names if (name == "animation") == moving]
    if not fits:
        cure = "give a .png or .pdf file" if moving else "give a .gif file"
        raise WrofError(f"'{file}' cannot hold {' or '.join(names)}; {cure}.")
    if len(fits) > 1:
        raise WrofError(f"'{file}' is one file, and there are {' and '.join(fits)}; say which with --what.")
    return fits[0]


def verify(args: argparse.Namespace) -> int:
    """Check what is stored again, a line per item."""
    from .. import report
    from ..measure import positive_number

    rtol, found = positive_number(args.rtol, "rtol"), []
    for check in report.verify(Path(args.path), rtol):
        check = check._replace(says=spoken(check.says))
        found.append(check)
        if not args.json:
            print(f"{MARKS[check.ok]}  {check.item}: {check.says}")
    wrong = sum(check.ok is False for check in found)
    if args.json:
        report.tell({"ok": not wrong, "items": [check._asdict() for check in found]}, True)
    if not wrong:
        return 0
    return say(
        f"wrof: failed: of {len(found)} things that were looked at {wrong} {'is' if wrong == 1 else 'are'} wrong.", 1
    )
