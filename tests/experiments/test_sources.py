import pytest
import torch
from PIL import Image

from testiculus.base.errors import UserError
from testiculus.experiments.sources import labelled, load_source

CPU = torch.device("cpu")


def manifest(folder, rows):
    Image.new("L", (20, 30), 90).save(folder / "a.png")
    Image.new("L", (20, 30), 10).save(folder / "b.png")
    (folder / "manifest.csv").write_text("image,patient,organ,label\n" + rows)
    return str(folder / "manifest.csv")


def test_a_manifest_becomes_its_labelled_images_at_the_size_asked_for(tmp_path):
    data = manifest(tmp_path, "a.png,p1,liver,1\nb.png,p2,liver,\n")
    images = load_source(data, pixels=16, patients=1, device=CPU)
    assert images.pixels.shape == (1, 1, 16, 16) and images.frame["patient"].tolist() == ["p1"]


def test_a_manifest_without_labels_is_refused(tmp_path):
    data = manifest(tmp_path, "a.png,p1,liver,\nb.png,p2,liver,\n")
    with pytest.raises(UserError, match="no image .* has a label"):
        load_source(data, pixels=16, patients=1, device=CPU)


def test_the_phantom_has_four_labelled_views_a_patient():
    images = load_source("phantom", pixels=32, patients=2, device=CPU)
    assert len(images) == 8 and images.frame["label"].notna().all()
    assert labelled(images) is images
