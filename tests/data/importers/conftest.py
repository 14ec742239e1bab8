import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path):
    """A function that saves a small picture, bright in a black surround; returns its path."""

    def save(name, size=(40, 30), mode="L", seed=0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.zeros((size[1], size[0]), np.uint8)
        inside = np.random.default_rng(seed).integers(50, 250, (size[1] - 10, size[0] - 20))
        values[5:-5, 10:-10] = inside
        Image.fromarray(values).convert(mode).save(path)
        return path

    return save


@pytest.fixture
def all_bytes():
    """A function that returns everything below a folder as bytes: names and contents."""

    def read(folder):
        files = sorted(folder.rglob("*"))
        return b"\n".join(str(p.relative_to(folder)).encode() for p in files) + b"".join(
            p.read_bytes() for p in files if p.is_file()
        )

    return read
