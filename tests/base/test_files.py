import errno
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base import files
from testiculus.base.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def half(part):
        part.write_text("ha")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        files.atomic_write(target, half)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_told_as_such(tmp_path):
    def full(part):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="disk is full"):
        files.atomic_write(tmp_path / "a", full)


def test_arrays_survive_a_round_trip(tmp_path):
    files.write_arrays(tmp_path / "a.npz", x=np.arange(4, dtype=np.int32), y=np.eye(2))
    loaded = files.read_arrays(tmp_path / "a.npz")
    assert loaded["x"].dtype == np.int32
    np.testing.assert_array_equal(loaded["y"], np.eye(2))


def test_pickled_objects_are_refused(tmp_path):
    with (tmp_path / "a.npz").open("wb") as stream:
        np.savez(stream, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        files.read_arrays(tmp_path / "a.npz")


def test_a_csv_round_trip_keeps_ten_digits(tmp_path):
    frame = pd.DataFrame({"v": [1 / 3]})
    files.write_csv(tmp_path / "a.csv", frame)
    assert pd.read_csv(tmp_path / "a.csv")["v"][0] == pytest.approx(1 / 3, rel=1e-9)


def test_malformed_json_is_told_with_its_place(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(UserError, match="line 1"):
        files.read_json(tmp_path / "a.json")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s}])
def test_weights_are_read_from_pth_under_any_usual_key(tmp_path, wrap):
    torch.save(wrap({"w": torch.ones(2)}), tmp_path / "a.pth")
    assert torch.equal(files.load_state_dict(tmp_path / "a.pth")["w"], torch.ones(2))


def test_weights_are_read_from_safetensors(tmp_path):
    files.write_tensors(tmp_path / "a.safetensors", {"w": torch.ones(2, 3).T})
    assert files.load_state_dict(tmp_path / "a.safetensors")["w"].shape == (3, 2)


class Evil:
    """Unpickling it would run code."""

    def __reduce__(self):
        return (print, ("code ran",))


def test_weights_that_would_run_code_are_refused(tmp_path, capsys):
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match="cannot read these weights safely"):
        files.load_state_dict(tmp_path / "a.pth")
    assert "code ran" not in capsys.readouterr().out


def test_absent_weights_are_named(tmp_path):
    with pytest.raises(UserError, match="not found"):
        files.load_state_dict(tmp_path / "none.pth")


def test_a_full_disk_is_told_as_such_for_weights_too(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*args, **kwargs):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        files.write_tensors(tmp_path / "a.safetensors", {"w": torch.ones(2)})
    assert list(tmp_path.iterdir()) == []
