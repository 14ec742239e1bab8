"""The command line of the importers: `add_arguments` describes it, `from_arguments` runs one.

Needs nothing but the standard library until an import is asked for.
"""

import argparse
from pathlib import Path

KINDS = {
    "screenshots": "screenshots that hold several views side by side",
    "folder": "a folder of single views, with labels and masks from a CSV",
    "dicom": "DICOM ultrasound stills: pixels and acquisition fields, no patient fields",
    "public": "public sets by name: liver, nerve, lung, or all of them in one manifest",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the four importers to a parser, as sub-commands."""
    kinds = parser.add_subparsers(dest="importer", metavar="KIND", required=True)
    parsers = {
        name: kinds.add_parser(name, help=text, description=text.capitalize() + ".")
        for name, text in KINDS.items()
    }
    parsers["public"].add_argument("set", metavar="SET", help="liver, nerve, lung or all")
    for name, kind in parsers.items():
        _add_common(kind, cropped=name != "screenshots")
        if name != "public":
            _add_key_and_labels(kind, organ="testis" if name == "screenshots" else None)
    for name in ("screenshots", "folder"):
        parsers[name].add_argument(
            "--pattern",
            metavar="REGEX",
            help="regular expression searched in the path without its ending; named groups "
            "(?P<patient>...), side, view, device, split (default: patient_side or "
            "patient_side_view)",
        )
    parsers["screenshots"].add_argument(
        "--box",
        action="append",
        metavar="NAME=LEFT,TOP,WIDTH,HEIGHT",
        help="a view's place in the screenshot, in pixels; give it once per view (default: the "
        "released code's, first=185,130,300,300 and second=485,130,300,300)",
    )
    parsers["folder"].add_argument(
        "--masks", type=Path, metavar="DIR", help="folder of masks named like their images"
    )
    _add_public(parsers["public"])


def _add_common(parser: argparse.ArgumentParser, cropped: bool) -> None:
    add = parser.add_argument
    add("--from", dest="folder", type=Path, required=True, metavar="DIR", help="source folder")
    add("--to", type=Path, required=True, metavar="DIR", help="output folder")
    add(
        "--crop",
        action=argparse.BooleanOptionalAction,
        default=cropped,
        help="cut away the black surround and the scanner's furniture (default: "
        + ("yes)" if cropped else "no, for the boxes cut it away already)"),
    )
    add(
        "--min-side",
        type=int,
        default=200,
        metavar="PX",
        help="smallest crop that is believed (default: 200)",
    )
    add("--name", help="name of the data set (default: from the output folder)")
    add("--licence", default="", help="licence of the images, for the manifest's settings")
    add("--source", default="", help="what to cite for the images")
    add("--force", action="store_true", help="replace an earlier import in the output folder")


def _add_key_and_labels(parser: argparse.ArgumentParser, organ: str | None) -> None:
    add = parser.add_argument
    add(
        "--key",
        type=Path,
        metavar="FILE",
        help="file with the secret of the patients' names, made if absent; keep it, and keep it "
        "from whoever gets the images (default: <output folder>.key beside it)",
    )
    default = f" (default: {organ})" if organ else ""
    text = f"organ of all images, for example testis or thyroid{default}"
    add("--organ", default=organ, required=organ is None, help=text)
    add(
        "--labels",
        type=Path,
        metavar="CSV",
        help="table of labels: a column of file names, or patient (and side, view)",
    )
    add("--image-column", default="image", help="its column of file names (default: image)")
    add("--label-column", default="label", help="its column of labels (default: label)")
    add("--mask-column", default="mask", help="its column of mask files (default: mask)")
    for number, testis in (("positive", "inhomogeneous"), ("negative", "homogeneous")):
        add(
            f"--{number}",
            metavar="WORD",
            help=f"the word for label {int(number == 'positive')} (default: {testis} if the organ "
            f"is testis, else {number})",
        )


def _add_public(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--flip-rate",
        type=float,
        default=0.1,
        help="liver: share of labels turned over at random, on purpose (default: 0.1)",
    )
    add("--seed", type=int, default=0, help="liver: seed of that draw (default: 0)")
    add(
        "--all-labels",
        action="store_true",
        help="liver: label also the images whose scanner tells the class",
    )


def from_arguments(args: argparse.Namespace) -> Path:
    """Run the importer that the parsed arguments name; return its manifest's path.

    Raises `UserError` as the importers do.
    """
    return {
        "screenshots": _screenshots,
        "folder": _folder,
        "dicom": _dicom,
        "public": _public,
    }[args.importer](args)


def _output(args: argparse.Namespace):
    from testiculus.data.importers.output import Output

    return Output(
        to=args.to,
        key=getattr(args, "key", None),
        crop=args.crop,
        min_side=args.min_side,
        name=args.name,
        licence=args.licence,
        source=args.source,
        force=args.force,
    )


def _columns(args: argparse.Namespace):
    from testiculus.data.importers.labels import LabelColumns

    return LabelColumns.of(
        args.organ,
        args.positive,
        args.negative,
        image=args.image_column,
        label=args.label_column,
        mask=args.mask_column,
    )


def _screenshots(args: argparse.Namespace) -> Path:
    from testiculus.data.importers.names import DEFAULT_PATTERN
    from testiculus.data.importers.screenshots import import_screenshots, parse_boxes

    return import_screenshots(
        args.folder,
        _output(args),
        boxes=parse_boxes(args.box),
        labels=args.labels,
        pattern=args.pattern or DEFAULT_PATTERN,
        columns=_columns(args),
        organ=args.organ,
    )


def _folder(args: argparse.Namespace) -> Path:
    from testiculus.data.importers.folder import import_folder
    from testiculus.data.importers.names import DEFAULT_PATTERN

    return import_folder(
        args.folder,
        _output(args),
        pattern=args.pattern or DEFAULT_PATTERN,
        labels=args.labels,
        columns=_columns(args),
        masks=args.masks,
        organ=args.organ,
    )


def _dicom(args: argparse.Namespace) -> Path:
    from testiculus.data.importers.dicom import import_dicom

    return import_dicom(
        args.folder, _output(args), labels=args.labels, columns=_columns(args), organ=args.organ
    )


def _public(args: argparse.Namespace) -> Path:
    from testiculus.data.importers.public import import_public

    return import_public(
        args.set,
        args.folder,
        _output(args),
        flip_rate=args.flip_rate,
        flip_seed=args.seed,
        matched_only=not args.all_labels,
    )
