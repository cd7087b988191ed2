"""``lupusim decide`` and ``lupusim draw``: published numbers from the command line, pictures."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("hiv", ["44,663", "7.991", "50,602", "8.937", "6,276"]),
        ("sick-sicker-yearly", ["151,580", "284,805", "dominated", "72,988", "125,764"]),
        ("sick-sicker", ["147,743", "355,059", "62,785"]),
    ],
)
def test_a_decision_prints_its_table(lupusim, name, numbers) -> None:
    code, out, err = lupusim("decide", name)
    assert code == 0, err
    assert [n for n in numbers if n not in out] == []


def test_draws_and_pictures(lupusim, tmp_path) -> None:
    plot = tmp_path / "curve.svg"
    code, out, err = lupusim(
        "decide", "sick-sicker", "--draws", "10", "--plot", str(plot), "--format", "json"
    )
    assert code == 0, err
    content = json.loads(out)
    assert {"acceptability", "evpi", "net_benefit", "strategies"} <= set(content)
    assert plot.read_text().startswith("<?xml")
    _, out, _ = lupusim("decide", "sick-sicker", "--draws", "10")
    assert "value of perfect" in out


def test_single_patients_come_with_their_errors(lupusim) -> None:
    for method, name in (("vector", "sick-sicker"), ("walks", "sick-sicker-yearly")):
        _, out, _ = lupusim("decide", name, "--method", method, "--patients", "200")
        assert "below each estimate its Monte Carlo standard error" in out
        rows = [line.split("│") for line in out.splitlines() if line.startswith("│")]
        first, error = rows[0], rows[1]
        assert float(first[2].replace(",", "")) > 1000
        assert error[2].strip()[0] + error[2].strip()[-1] == "()"
    code, _, err = lupusim("decide", "hiv", "--method", "exact")
    assert code == 2
    assert "moves in cycles" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["msc-durable", "--plot", "x.svg"],
        ["hiv-chancellor", "--plot", "x.svg"],
        ["illness-death", "--picture", "occupancy", "--plot", "x.svg"],
        ["illness-death", "--picture", "patients", "--plot", "x.svg"],
        ["illness-death", "--picture", "trace", "--until", "3 years", "--plot", "x.svg"],
        ["hiv-chancellor", "--picture", "trace", "--patients", "1000", "--plot", "x.png"],
    ],
)
def test_models_are_drawn(lupusim, tmp_path, monkeypatch, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = lupusim("draw", *arguments)
    assert code == 0, err
    assert (tmp_path / arguments[-1]).stat().st_size > 1000


def test_what_cannot_be_drawn_is_said(lupusim, tmp_path) -> None:
    code, _, err = lupusim("draw", "survival", "--plot", str(tmp_path / "x.png"))
    assert (code, "written as .svg" in " ".join(err.replace("│", " ").split())) == (2, True)
    code, _, err = lupusim(
        "draw", "hiv-chancellor", "--picture", "patients", "--plot", str(tmp_path / "x.svg")
    )
    assert code == 2
    assert "a diagram and a trace" in " ".join(err.replace("│", " ").split())
