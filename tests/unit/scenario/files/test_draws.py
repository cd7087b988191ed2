"""Tables of draws that are damaged, empty, oversized or of another model: one message each."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from lupusim.errors import ModelError
from lupusim.scenario.files.draws import load_model_draws

MODELS = Path(__file__).parents[4] / "src/lupusim/data/models"
with np.load(MODELS / "msc-durable.draws.npz") as packaged:
    NAMES, VALUES = packaged["parameters"], packaged["values"][:5]


def npz(**arrays: object) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)
    return target.getvalue()


def bomb() -> bytes:
    header = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (10**11, VALUES.shape[1])}
    np.lib.format.write_array_header_1_0(header, described)
    target = io.BytesIO(npz(parameters=NAMES))
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("values.npy", header.getvalue())
    return target.getvalue()


def inflated() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", bytes(110_000_000))
    return target.getvalue()


def load(tmp_path: Path, content: bytes) -> object:
    model = tmp_path / "mine.yaml"
    model.write_text((MODELS / "msc-durable.yaml").read_text())
    (tmp_path / "mine.draws.npz").write_bytes(content)
    return load_model_draws(model)


WHOLE = npz(parameters=NAMES, values=VALUES)
BAD = {
    "empty": (b"", "no table of draws"),
    "text": (b"a,b\n1,2\n", "no table of draws"),
    "cut off": (WHOLE[: len(WHOLE) // 2], "no table of draws"),
    "bomb": (bomb(), "its header states"),
    "inflated": (inflated(), "would unpack to 110,000,000 bytes"),
    "pickle": (npz(parameters=NAMES, values=np.array([{}] * 5)), "no table of draws"),
    "words": (npz(parameters=NAMES, values=VALUES.astype(str)), "another kind"),
    "one row": (npz(parameters=NAMES, values=VALUES[0]), "the shape"),
    "no row": (npz(parameters=NAMES, values=VALUES[:0]), "the shape"),
    "too wide": (npz(parameters=NAMES, values=np.hstack([VALUES, VALUES])), "the shape"),
    "no names": (npz(values=VALUES), "no table of draws"),
    "other names": (npz(parameters=NAMES[::-1], values=VALUES), "free numbers are others"),
    "not a number": (npz(parameters=NAMES, values=VALUES * np.nan), "draw 1 is no model"),
    "negative": (npz(parameters=NAMES, values=-VALUES), r"draw 1 is no model: .+ = -\d"),
    "zero": (npz(parameters=NAMES, values=VALUES * 0), "draw 1 is no model"),
    "infinite": (npz(parameters=NAMES, values=VALUES * np.inf), "draw 1 is no model"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_of_draws_is_one_message(tmp_path, case) -> None:
    content, words = BAD[case]
    with np.errstate(all="ignore"), pytest.raises(ModelError, match=words) as told:
        load(tmp_path, content)
    assert len(told.value.problems) == 1
    assert "mine.draws.npz" in str(told.value)


def test_a_whole_table_is_read_in_either_order_of_memory(tmp_path) -> None:
    first = load(tmp_path, WHOLE)
    assert load(tmp_path, npz(parameters=NAMES, values=np.asfortranarray(VALUES))) == first


def test_any_byte_may_be_wrong(tmp_path) -> None:
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(WHOLE), 60).tolist():
        damaged = bytearray(WHOLE)
        damaged[place] ^= 255
        with suppress(ModelError):  # and no other error
            load(tmp_path, bytes(damaged))
