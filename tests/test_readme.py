"""The README is true: its example runs, what it links to exists, what it names can be imported."""

import re
from pathlib import Path

import pytest

import wrof

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_ten_lines_run_and_say_what_their_comments_say(capsys):
    code = blocks("python")[0]
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    out = capsys.readouterr().out.splitlines()
    assert "regime='steady', settled_at=1" in out[0] and "regime='steady', settled_at=1" in code
    assert out[1].endswith("optimal: gap and marginal error are within rtol")
    assert float(out[2]) == pytest.approx(names["step"].value, rel=1e-9)
    assert names["rho"].shape == (128,)


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    assert len(links) >= 4
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing, f"README links to {missing}"


def test_every_name_of_the_interface_exists():
    names = set(re.findall(r"\bwrof\.([A-Za-z_]\w*)", TEXT))
    assert {"step", "flow", "Grid", "FREE", "certify", "toys"} <= names
    missing = sorted(name for name in names if not hasattr(wrof, name))
    assert not missing, f"README names wrof.{missing}"


def test_the_fields_of_the_results_exist():
    toy = wrof.toys.two_point(2.0)
    step, flow = wrof.step(tau=1.0, **toy), wrof.flow(tau=1.0, steps=1, **toy)
    for kind, result in (("StepResult", step), ("Flow", flow)):
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{kind}` |"))
        fields = re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", row.split("|")[2])))
        assert len(fields) >= 6
        missing = [name for name in fields if not hasattr(result, name)]
        assert not missing, f"{kind} has no {missing}"
