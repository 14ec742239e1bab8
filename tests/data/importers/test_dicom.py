import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data.importers.dicom import import_dicom
from testiculus.data.importers.dicom_pixels import open_still
from testiculus.data.importers.output import Output
from testiculus.data.manifest import read_manifest

SECRETS = ("Rossi", "PID-4711", "19700102", "San Marco", "ACC99", "Dr Verdi")


def grey_frame(height=30, width=40):
    frame = np.zeros((height, width), np.uint8)
    frame[5:-5, 10:-10] = np.random.default_rng(0).integers(50, 250, (height - 10, width - 20))
    return frame


def still(path, pixels, kind="MONOCHROME2", **fields):
    """Write a small uncompressed ultrasound still; `fields` are set on the data set."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = UltrasoundImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID = generate_uid()
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "US", "Esaote", "MyLab25"
    data.PatientName, data.PatientID, data.PatientBirthDate = "Rossi^Mario", "PID-4711", "19700102"
    data.InstitutionName, data.AccessionNumber = "San Marco", "ACC99"
    data.ReferringPhysicianName = "Dr Verdi"
    data.BurnedInAnnotation = "NO"
    colour = kind not in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    frames = pixels.shape[0] if pixels.ndim == (4 if colour else 3) else 1
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    if frames > 1:
        data.NumberOfFrames = frames
    bits = 8 * pixels.dtype.itemsize
    data.PhotometricInterpretation = kind
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = 0
    data.PixelData = pixels.tobytes()
    for name, value in fields.items():
        setattr(data, name, value)
        if value is None:
            delattr(data, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def region(box=(8, 4, 31, 25), unit=3):
    one = Dataset()
    one.RegionSpatialFormat, one.RegionDataType, one.RegionFlags = 1, 1, 0
    one.RegionLocationMinX0, one.RegionLocationMinY0 = box[:2]
    one.RegionLocationMaxX1, one.RegionLocationMaxY1 = box[2:]
    one.PhysicalUnitsXDirection = one.PhysicalUnitsYDirection = unit
    one.PhysicalDeltaX, one.PhysicalDeltaY = 0.0125, 0.02
    one.TransducerFrequency = 10000
    return one


def test_pixels_and_acquisition_arrive_and_no_patient_field_does(tmp_path, all_bytes):
    frame = grey_frame()
    for name in ("PID-4711_Rossi.dcm", "second"):
        still(
            tmp_path / "in" / name,
            frame,
            ImageLaterality="L",
            SequenceOfUltrasoundRegions=[region()],
            DepthOfScanField=60,
        )
    output = Output(tmp_path / "out", key=tmp_path / "key", min_side=20)
    manifest = read_manifest(import_dicom(tmp_path / "in", output, organ="testis"))
    row = manifest.frame.iloc[0]
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "out" / row["image"])), frame[5:25, 10:30]
    )
    told = {
        "side": "left",
        "device": "Esaote MyLab25",
        "transducer_mhz": "10.0",
        "mm_per_px_x": "0.125",
        "mm_per_px_y": "0.2",
        "depth_mm": "60.0",
        "burnt_in": "no",
        "crop_left": "10",
        "crop_bottom": "25",
    }
    assert {name: row[name] for name in told} == told
    assert manifest.frame["patient"].nunique() == 1 and manifest.settings["group"] == "patient"
    raw = all_bytes(tmp_path / "out")
    assert not [secret for secret in SECRETS if secret.encode() in raw]


def test_monochrome1_is_inverted_and_colour_goes_through_rgb(tmp_path):
    frame = grey_frame()
    assert np.array_equal(
        np.asarray(open_still(still(tmp_path / "a", 255 - frame, "MONOCHROME1"))), frame
    )
    colours = np.stack([frame, frame // 2, frame // 3], axis=-1)
    assert np.array_equal(np.asarray(open_still(still(tmp_path / "b", colours, "RGB"))), colours)
    grey_in_ybr = np.stack([frame, np.full_like(frame, 128), np.full_like(frame, 128)], axis=-1)
    back = np.asarray(open_still(still(tmp_path / "c", grey_in_ybr, "YBR_FULL")))
    assert np.abs(back.astype(int) - frame[..., None]).max() <= 1


def test_twelve_bits_are_scaled_by_their_stored_range_or_the_files_window(tmp_path):
    ramp = np.linspace(0, 4095, 1200).reshape(30, 40).astype(np.uint16)
    path = still(tmp_path / "a", ramp, BitsStored=12, HighBit=11)
    assert np.array_equal(np.asarray(open_still(path)), np.rint(ramp.astype(float) * 255 / 4095))
    path = still(
        tmp_path / "b", ramp, BitsStored=12, HighBit=11, WindowCenter=1024, WindowWidth=512
    )
    windowed = np.asarray(open_still(path))
    assert (windowed[ramp < 767] == 0).all() and (windowed[ramp > 1281] == 255).all()


def test_a_palette_is_applied(tmp_path):
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    table = np.arange(256, dtype=np.uint16)[::-1] << 8
    fields = {
        f"{c}PaletteColorLookupTableDescriptor": [256, 0, 16] for c in ("Red", "Green", "Blue")
    }
    fields |= {f"{c}PaletteColorLookupTableData": table.tobytes() for c in ("Red", "Green", "Blue")}
    picture = np.asarray(open_still(still(tmp_path / "a", index, "PALETTE COLOR", **fields)))
    assert np.array_equal(picture, np.repeat(255 - index[..., None], 3, axis=2))


def test_what_is_odd_about_the_files_is_said_with_their_names(tmp_path):
    frame = grey_frame()
    still(tmp_path / "in/burnt", frame, BurnedInAnnotation="YES")
    still(tmp_path / "in/silent", frame, BurnedInAnnotation=None)
    still(tmp_path / "in/film", np.stack([frame, frame // 2]))
    still(tmp_path / "in/nobody", frame, PatientID="")
    still(tmp_path / "in/ct", frame, Modality="CT")
    (tmp_path / "in/notes.txt").write_text("notes")
    output = Output(tmp_path / "out", min_side=5)
    with pytest.warns(InputWarning) as caught:
        path = import_dicom(tmp_path / "in", output, organ="testis")
    said = "\n".join(str(w.message) for w in caught)
    for part in (
        "BurnedInAnnotation YES): look at the output before sharing it; in 1 of 6 files: burnt",
        "no BurnedInAnnotation): look at the output before sharing it; in 1 of 6 files: silent",
        "the first is used; in 1 of 6 files: film",
        "two patients; in 1 of 6 files: nobody",
        "left out; in 2 of 6 files: ct, notes.txt",
    ):
        assert part in said
    manifest = read_manifest(path)
    assert len(manifest) == 4 and manifest.settings["group"] == "study"
    assert manifest.frame["burnt_in"].tolist() == ["yes", "no", "no", "unknown"]


def test_a_region_outside_the_frame_is_ignored(tmp_path):
    still(tmp_path / "in/a", grey_frame(), SequenceOfUltrasoundRegions=[region((0, 0, 99, 99), 0)])
    output = Output(tmp_path / "out", crop=False)
    row = read_manifest(import_dicom(tmp_path / "in", output, organ="testis")).frame.iloc[0]
    assert (row["crop_right"], row["crop_bottom"], row["mm_per_px_x"]) == ("40", "30", "")


def test_labels_are_matched_by_patient_id(tmp_path):
    still(tmp_path / "in/a", grey_frame())
    (tmp_path / "labels.csv").write_text("patient,label\nPID-4711,1\n")
    path = import_dicom(
        tmp_path / "in",
        Output(tmp_path / "out", min_side=5),
        organ="testis",
        labels=tmp_path / "labels.csv",
    )
    assert read_manifest(path).frame["label"].tolist() == [1]


def test_damaged_pixels_are_listed_and_nothing_is_written(tmp_path):
    path = still(tmp_path / "in/a.dcm", grey_frame())
    damaged = pydicom.dcmread(path)
    damaged.PixelData = damaged.PixelData[:100]
    damaged.save_as(path)
    with pytest.raises(InputProblems, match="a.dcm has pixels that cannot be decoded"):
        import_dicom(tmp_path / "in", Output(tmp_path / "out"), organ="testis")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_text("x")
    with pytest.raises(UserError, match="no DICOM ultrasound images(?s:.*)a.png"):
        import_dicom(tmp_path / "in", Output(tmp_path / "out"), organ="testis")
