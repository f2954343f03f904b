"""The house rules: who may import whom, where Numba lives, what `--help` must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "wrof"

# From left to right: a room may import what stands to its left, and itself; never what stands to its right.
ROOMS = (
    "errors",
    "files",
    "_kernels",
    "measure",
    "coincide",
    "threads",
    "blocks",
    "scans",
    "clusters",
    "cost",
    "problem",
    "result",
    "certify",
    "face",
    "solvers",
    "min_norm",
    "ties",
    "chords",
    "minimisers",
    "step",
    "transport",
    "flow",
    "explicit",
    "hierarchy",
    "phases",
    "sweep",
    "toys",  # imports errors and measure only; for the rooms that face the user
    "store",
    "plot",
    "readers",
    "report",
    "cli",
)
TOYS_MAY_IMPORT = {"errors", "measure", "toys"}
DOORS = {"__init__", "__main__"}  # open onto every room
HEAVY = ("ot", "matplotlib.pyplot", "numba", "scipy.optimize")


def room_of(file, package):
    return file.relative_to(package).parts[0].removesuffix(".py")


def sources(package):
    return sorted(package.rglob("*.py"))


def syntax(file):
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported(file, package):
    """Absolute dotted names of everything a file imports, inside functions too."""
    inside = (package.name, *file.relative_to(package).with_suffix("").parts)
    for node in ast.walk(syntax(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: -node.level] if node.level else ()
            for alias in node.names:
                yield ".".join([*base, *filter(None, [node.module]), alias.name])


def wrong_imports(package):
    """Imports against the order, as readable lines."""
    wrong = []
    for file in sources(package):
        room = room_of(file, package)
        if room in DOORS:
            continue
        if room not in ROOMS:
            wrong.append(f"{file.name} stands in no known room: give {room} a place in ROOMS")
            continue
        allowed = TOYS_MAY_IMPORT if room == "toys" else set(ROOMS[: ROOMS.index(room) + 1])
        for name in imported(file, package):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if top == package.name and target not in allowed and target != "__version__":
                wrong.append(f"{file.relative_to(package)} imports {name}")
    return wrong


def stray_numba(package):
    """Files outside the kernels that import Numba."""
    return [
        str(file.relative_to(package))
        for file in sources(package)
        if room_of(file, package) != "_kernels"
        and any(name.partition(".")[0] == "numba" for name in imported(file, package))
    ]


def fast_math(package):
    """Places where `fastmath` is anything but the literal False."""
    return [
        f"{file.relative_to(package)}:{node.value.lineno}"
        for file in sources(package)
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.keyword) and node.arg == "fastmath"
        if not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]


def loaded(code):
    """Which of the heavy packages a fresh interpreter has loaded after running `code`."""
    report = f"import sys\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    last = run.stdout.splitlines()[-1].split()
    assert last[0] == "loaded:", run.stdout
    return last[1:]


HELP = """
import runpy, sys
sys.argv = ["wrof", "--help"]
try:
    runpy.run_module("wrof", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


def test_rooms_import_from_the_left_only():
    assert len(sources(PACKAGE)) > 3
    assert wrong_imports(PACKAGE) == []


def test_numba_lives_in_the_kernels():
    assert stray_numba(PACKAGE) == []


def test_no_fast_math():
    assert fast_math(PACKAGE) == []


def test_help_loads_nothing_heavy():
    assert loaded(HELP) == []


def test_loading_is_noticed():
    assert loaded("import scipy.optimize") == ["scipy.optimize"]
    assert loaded("import json") == []


# ---- the checkers can fail ----


def house(root, files):
    package = root / "wrof"
    for name, text in {"__init__.py": "from .cli import main", **files}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize(
    ("name", "text", "reported"),
    [
        ("measure.py", "from .cost import Joint", "measure.py imports wrof.cost.Joint"),
        ("measure.py", "from . import cost", "measure.py imports wrof.cost"),
        ("measure.py", "import wrof.step", "measure.py imports wrof.step"),
        ("measure.py", "from wrof import step", "measure.py imports wrof.step"),
        ("measure.py", "import wrof", "measure.py imports wrof"),
        ("measure.py", "def f():\n    from .plot import draw", "measure.py imports wrof.plot.draw"),
        ("measure.py", "if TYPE_CHECKING:\n    from .flow import Flow", "measure.py imports wrof.flow.Flow"),
        ("solvers/lp.py", "from ..ties import select", "solvers/lp.py imports wrof.ties.select"),
        ("solvers/lp.py", "from .. import step", "solvers/lp.py imports wrof.step"),
        ("_kernels/line.py", "from ..measure import Floats", "_kernels/line.py imports wrof.measure.Floats"),
        ("errors.py", "from .measure import Grid", "errors.py imports wrof.measure.Grid"),
        ("files.py", "from .store import Run", "files.py imports wrof.store.Run"),
        ("store.py", "from .plot import draw", "store.py imports wrof.plot.draw"),
        ("toys.py", "from .cost import radial", "toys.py imports wrof.cost.radial"),
        ("toys/exact.py", "from ..cost import radial", "toys/exact.py imports wrof.cost.radial"),
        ("toys/__init__.py", "from ..files import load", "toys/__init__.py imports wrof.files.load"),
        ("flow.py", "from .toys import ramp", "flow.py imports wrof.toys.ramp"),
        ("attic.py", "", "attic.py stands in no known room: give attic a place in ROOMS"),
    ],
)
def test_the_import_check_can_fail(tmp_path, name, text, reported):
    package = house(tmp_path, {name: text})
    assert [line.replace("\\", "/") for line in wrong_imports(package)] == [reported]


def test_the_import_check_lets_the_rest_pass(tmp_path):
    files = {
        "measure.py": "import numpy as np\nfrom .errors import WrofError\nfrom ._kernels.line import fill",
        "solvers/__init__.py": "from .lp import solve\nfrom ..problem import StepProblem",
        "solvers/lp.py": "from . import dense\nfrom ..certify import certify\nimport scipy.optimize",
        "toys.py": "from .measure import Grid\nfrom .errors import WrofError",
        "cli.py": "from . import __version__, toys\ndef main():\n    from wrof.plot import draw",
    }
    assert wrong_imports(house(tmp_path, files)) == []


def test_the_numba_check_can_fail(tmp_path):
    files = {
        "_kernels/a.py": "import numba",
        "cost.py": "from numba import njit",
        "flow.py": "def f():\n    import numba.core",
    }
    assert stray_numba(house(tmp_path, files)) == ["cost.py", "flow.py"]


def test_the_fast_math_check_can_fail(tmp_path):
    text = "@njit(fastmath=True)\ndef f(): ...\n@njit(fastmath=False)\ndef g(): ...\nh = njit(fastmath={'nnan'})(f)"
    found = fast_math(house(tmp_path, {"_kernels/a.py": text}))
    assert [place.rpartition(":")[2] for place in found] == ["1", "5"]
