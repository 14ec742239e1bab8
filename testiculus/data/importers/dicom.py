"""Ultrasound stills in DICOM files: their pixels and how they were acquired, nothing about whom.

Main function: `import_dicom`. The output is made from the pixels and a short list of acquisition
fields; no other field of the file is copied. What a scanner burnt into the pixels stays there
unless the crop removes it: files that say so, or say nothing, are listed in a warning.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testiculus.base.errors import InputProblems, UserError
from testiculus.base.progress import progress
from testiculus.data.importers.dicom_pixels import open_still
from testiculus.data.importers.labels import LabelColumns, read_labels
from testiculus.data.importers.names import (
    Found,
    checked_folder,
    checked_organ,
    listed,
    visible_files,
    warn,
)
from testiculus.data.importers.output import Output, Picture, write_import
from testiculus.data.views import Box

if TYPE_CHECKING:
    from pydicom import Dataset

CENTIMETRES = 3  # DICOM PS3.3 C.8.5.5.1.15: unit of a region's physical deltas
TWO_D, TISSUE = 1, 1  # same part, C.8.5.5.1.1 and .2: 2-D spatial format, tissue data
LATERALITY = {"L": "left", "R": "right"}


def import_dicom(
    folder: Path | str,
    output: Output,
    *,
    organ: str,
    labels: Path | None = None,
    columns: LabelColumns | None = None,
) -> Path:
    """Import every DICOM ultrasound still under `folder`; return the manifest's path.

    Patients are grouped by the keyed hash of PatientID, by that of the study where there is none
    (with a warning). Side comes from the laterality. Labels are matched by file name, or by
    PatientID (see `labels.read_labels`). Raises `UserError` for a folder, table or output that
    cannot be used and, naming every file, for pixels that cannot be decoded.
    """
    organ = checked_organ(organ)
    folder = checked_folder(folder, output.to, output.force)
    columns = columns or LabelColumns.of(organ)
    stills, oddities = _headers(folder)
    found = [still.file for still in stills]
    _warn_of(oddities, len(found) + len(oddities["other"]))
    rows = read_labels(labels, found, columns) if labels else {}
    pictures = [
        _picture(still, {"organ": organ}, rows.get(still.file.path, {})) for still in stills
    ]
    settings = output.settings() | {"group": "study" if oddities["study"] else "patient"}
    if labels:
        settings |= {"positive_class": columns.positive, "negative_class": columns.negative}
    return write_import(pictures, output, settings)


@dataclass(frozen=True)
class _Still:
    """What the header of one file says: its name and patient, the acquisition, the 2-D region."""

    file: Found
    acquisition: dict[str, Any]
    region: Box | None


def _picture(still: _Still, fixed: dict, labelled: dict) -> Picture:
    row = {**fixed, **still.acquisition, **labelled}
    row.pop("patient", None)  # the file's own PatientID counts
    if row.pop("mask", None):
        raise UserError(
            "masks of DICOM files are not read", still.file.relative, "leave the mask column out"
        )
    return Picture(
        identity=still.file.relative,
        patient=still.file.known["patient"],
        where=still.file.relative,
        open=partial(open_still, still.file.path),
        row=row,
        region=still.region,
    )


def _headers(folder: Path) -> tuple[list[_Still], dict[str, list[str]]]:
    """Return the ultrasound stills under a folder, and the names of files by what is odd."""
    import pydicom

    stills, oddities, problems = [], defaultdict(list), []
    for path in progress(visible_files(folder), desc="read headers", unit="file"):
        relative = path.relative_to(folder).as_posix()
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            oddities["other"].append(relative)
            continue
        except Exception as error:  # damaged headers raise all kinds
            problems.append(f"{relative}: the header is damaged ({type(error).__name__})")
            continue
        if header.get("Modality", "") != "US" or "Rows" not in header:
            oddities["other"].append(relative)
        elif not _patient(header):
            problems.append(f"{relative}: neither PatientID nor StudyInstanceUID says whose it is")
        else:
            stills.append(_still(path, relative, header))
            for oddity in _oddities(header, stills[-1].acquisition):
                oddities[oddity].append(relative)
    if problems:
        raise InputProblems(f"{len(problems)} DICOM files cannot be used", problems, "remove them")
    if not stills:
        where = f"{folder}: {listed(oddities['other'], 3) or 'no files'}"
        raise UserError("no DICOM ultrasound images in the folder", where, "check --from DIR")
    return stills, oddities


def _still(path: Path, relative: str, header: "Dataset") -> _Still:
    row = acquisition(header)
    known = {"patient": _patient(header)} | ({"side": row["side"]} if row["side"] else {})
    return _Still(Found(path, relative, known), row, tissue_region(header))


def _patient(header: "Dataset") -> str:
    return str(header.get("PatientID") or header.get("StudyInstanceUID") or "").strip()


def _oddities(header: "Dataset", row: dict[str, Any]) -> list[str]:
    odd = [f"burnt in: {row['burnt_in']}"] if row["burnt_in"] != "no" else []
    odd += ["frames"] if int(header.get("NumberOfFrames") or 1) > 1 else []
    return odd + ([] if header.get("PatientID") else ["study"])


def _warn_of(oddities: dict[str, list[str]], files: int) -> None:
    texts = {
        "burnt in: yes": "annotations are burnt into the pixels (BurnedInAnnotation YES): look at "
        "the output before sharing it",
        "burnt in: unknown": "nothing said on whether annotations are burnt into the pixels (no "
        "BurnedInAnnotation): look at the output before sharing it",
        "frames": "several frames, of which the first is used",
        "study": "no PatientID, grouped by study: two studies of one patient would count as two "
        "patients",
        "other": "no DICOM ultrasound images, left out",
    }
    for oddity, text in texts.items():
        names = oddities.get(oddity, [])
        if names:
            warn(f"{text}; in {len(names)} of {files} files: {listed(names)}")


def acquisition(header: "Dataset") -> dict[str, Any]:
    """Return what a header says about the acquisition, as manifest columns; "" where it is silent.

    device (manufacturer and model), manufacturer, model, transducer_mhz, mm_per_px_x and _y, depth
    (mm), side, burnt_in (yes, no, unknown).
    """
    maker, model = (
        str(header.get(k) or "").strip() for k in ("Manufacturer", "ManufacturerModelName")
    )
    region = _tissue(header)
    across, down = _millimetres(header, region)
    kilohertz = region.get("TransducerFrequency") if region is not None else None
    side = str(header.get("ImageLaterality") or header.get("Laterality") or "").upper()
    return {
        "side": LATERALITY.get(side, ""),
        "device": f"{maker} {model}".strip(),
        "manufacturer": maker,
        "model": model,
        "transducer_mhz": float(kilohertz) / 1000 if kilohertz else "",
        "mm_per_px_x": across,
        "mm_per_px_y": down,
        "depth_mm": _number(header.get("DepthOfScanField")),
        "burnt_in": {"YES": "yes", "NO": "no"}.get(header.get("BurnedInAnnotation"), "unknown"),
    }


def _number(value: Any) -> float | str:
    return float(value) if value not in (None, "") else ""


def _tissue(header: "Dataset"):
    """Return the first 2-D tissue region of the ultrasound regions, or None."""
    for region in header.get("SequenceOfUltrasoundRegions") or []:
        if (region.get("RegionSpatialFormat"), region.get("RegionDataType")) == (TWO_D, TISSUE):
            return region
    return None


def _millimetres(header: "Dataset", region) -> tuple[float | str, float | str]:
    """Return the size of a pixel across and down in mm, "" where the header does not say."""
    if region is not None and region.get("PhysicalUnitsXDirection") == CENTIMETRES:
        steps = (region.get("PhysicalDeltaX"), region.get("PhysicalDeltaY"))
        return tuple(round(abs(float(s)) * 10, 6) if s is not None else "" for s in steps)
    spacing = header.get("PixelSpacing")
    return (float(spacing[1]), float(spacing[0])) if spacing else ("", "")


def tissue_region(header: "Dataset") -> Box | None:
    """Return the part of the frame that the header says is the 2-D picture, or None.

    Burnt-in text usually lies outside it. A region that is not inside the frame is ignored.
    """
    region = _tissue(header)
    names = ("RegionLocationMinX0", "RegionLocationMinY0")
    ends = ("RegionLocationMaxX1", "RegionLocationMaxY1")
    if region is None or any(region.get(name) is None for name in names + ends):
        return None
    left, top = (int(region.get(name)) for name in names)
    right, bottom = (int(region.get(name)) + 1 for name in ends)  # the standard's ends are inside
    inside = 0 <= left < right <= header.Columns and 0 <= top < bottom <= header.Rows
    return Box(left, top, right, bottom) if inside else None
