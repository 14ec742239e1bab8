"""Thyroid B-mode: lobes, isthmus, trachea, vessels and muscles, as a `Scene` for each view.

Transverse views show one lobe, the isthmus and the trachea with its shadow, often part of the
other lobe; sagittal views show one lobe lengthwise under the strap muscles. Lengths are in mm,
after ordinary adult values. There is no label: the organ serves as unlabelled pretraining data.
"""

from dataclasses import dataclass

import torch

from testiculus.data.phantom.draws import Draws, in_plane, on_side
from testiculus.data.phantom.settings import PhantomSettings
from testiculus.data.phantom.shapes import (
    Plane,
    Scene,
    degrees,
    ellipse_distance,
    empty_scene,
    inside,
    line,
    make_plane,
    smooth_fields,
    turned,
)

BLOOD_DB, BLOOD_LOSS = -27.0, 0.1
MUSCLE_DB, MUSCLE_LOSS = -8.0, 0.6
GLAND_DB = 2.0
AIR_LOSS = 1.7  # dB / (cm MHz): nothing but reverberation comes back from beyond
TISSUE = 0.5


@dataclass
class Neck:
    """Where things lie, V x 1 x 1 in mm.

    out: +1 where the examined lobe lies to the right of the trachea in the picture, else -1.
    trachea_x, trachea_z, trachea: centre and radius. top: depth of the gland's front. width,
    height: semi-axes of the examined lobe. lobe_x, lobe_z: its centre.
    """

    out: torch.Tensor
    trachea_x: torch.Tensor
    trachea_z: torch.Tensor
    trachea: torch.Tensor
    top: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor
    lobe_x: torch.Tensor
    lobe_z: torch.Tensor
    isthmus: torch.Tensor


def thyroid_scene(settings: PhantomSettings, anatomy: Draws, texture: Draws) -> tuple[Scene, Plane]:
    """Return what lies in the four views of a patient's thyroid (two per lobe)."""
    field = anatomy.uniform(42, 50, per="patient") + anatomy.uniform(-1.5, 1.5)
    plane = make_plane(anatomy, field, settings.pixels, bend_mm=0.6)
    neck = _place(anatomy)
    scene = _layers(anatomy, plane, neck)
    _deep(anatomy, scene, plane, neck)
    _vessels(anatomy, scene, plane, neck)
    _trachea(anatomy, scene, plane, neck)
    _gland(anatomy, texture, scene, plane, neck)
    _nodule(settings, texture, scene, plane, neck)
    return scene, plane


def _place(draws: Draws) -> Neck:
    across = in_plane("transverse", draws.device)
    out = on_side("left", draws.device) * 2 - 1  # pictures show the patient's left on the right
    trachea = draws.uniform(7.5, 9.5, per="patient")
    top = draws.uniform(8.0, 11.5, per="patient")
    isthmus = draws.uniform(2.2, 4.5, per="patient")
    half_width = draws.uniform(6.5, 9.5, per="side")
    half_length = draws.uniform(20, 26, per="side")
    height = draws.uniform(6.0, 9.0, per="side")
    trachea_x = -out * draws.uniform(3.0, 11.0)
    lobe_x = trachea_x + out * (trachea + half_width - 1.5)
    return Neck(
        out=out,
        trachea_x=trachea_x,
        trachea_z=top + isthmus + trachea,
        trachea=trachea,
        top=top,
        width=across * half_width + (1 - across) * half_length,
        height=height * draws.uniform(0.93, 1.05),
        lobe_x=across * lobe_x + (1 - across) * draws.uniform(-4, 4),
        lobe_z=top + height + across * draws.uniform(0.5, 2.0),
        isthmus=isthmus,
    )


def _layers(draws: Draws, plane: Plane, neck: Neck) -> Scene:
    """Return the neck's flat layers: deep tissue, strap muscles, fat, platysma, skin."""
    slow = smooth_fields(draws, 3, 6, plane.size)
    z = plane.z + 0.5 * slow[2]
    scene = empty_scene(plane, -5.0 + 3.0 * slow[0], TISSUE)
    fibres = torch.cos(z * draws.uniform(3.5, 5.0)) * 2.0
    skin = draws.uniform(1.0, 1.6, per="patient")
    fat = skin + draws.uniform(1.5, 3.5, per="patient")
    muscle = inside(z - neck.top - 0.2, 0.3)
    scene.paint(muscle, MUSCLE_DB + fibres, MUSCLE_LOSS)
    scene.brighten(line(z - neck.top, 0.3), 7.0)
    between = (fat + neck.top) * 0.5 + 0.4 * slow[1]
    scene.brighten(line(z - between, 0.3), 8.0)  # fascia between sternohyoid and sternothyroid
    scene.paint(inside(z - fat, 0.3), -2.0 + 2.5 * slow[1], TISSUE)
    scene.brighten(line(z - fat, 0.35), 7.0)
    scene.paint(inside(z - skin, 0.25), 10.0, TISSUE)
    return scene


def _deep(draws: Draws, scene: Scene, plane: Plane, neck: Neck) -> None:
    """Lay the long muscle of the neck behind the lobe, and the muscle beside it."""
    across = in_plane("transverse", draws.device)
    x = across * (neck.lobe_x - neck.out * 2) + (1 - across) * draws.uniform(-5, 5)
    z = neck.lobe_z + neck.height + draws.uniform(4.0, 5.5)
    longus = ellipse_distance(
        plane.x - x, plane.z - z, 9 + 21 * (1 - across), draws.uniform(3.0, 4.2)
    )
    scene.paint(inside(longus, 0.4), MUSCLE_DB, MUSCLE_LOSS)
    scene.brighten(line(longus, 0.4), 6.0)
    beside = neck.lobe_x + neck.out * (neck.width + 6)
    cover = ellipse_distance(
        plane.x - beside, plane.z - neck.top - 1, neck.width + 3, neck.top * 0.42
    )
    scene.paint(across * inside(cover, 0.4), MUSCLE_DB + 1.5, MUSCLE_LOSS)
    scene.brighten(across * line(cover, 0.35), 5.0)


def _vessels(draws: Draws, scene: Scene, plane: Plane, neck: Neck) -> None:
    """Lay the common carotid (a round one) and the jugular vein (a flat one) beside the lobe."""
    across = in_plane("transverse", draws.device)
    radius = draws.uniform(2.7, 3.6, per="side")
    x = neck.lobe_x + neck.out * (neck.width + radius * draws.uniform(0.6, 1.0))
    z = neck.lobe_z + neck.height * draws.uniform(0.2, 0.6)
    carotid = ellipse_distance(plane.x - x, plane.z - z, radius, radius * 0.96)
    vein_x = x + neck.out * draws.uniform(3.5, 5.5)
    vein = ellipse_distance(
        plane.x - vein_x, plane.z - z + draws.uniform(4.5, 6.5), draws.uniform(3.5, 5.5),
        draws.uniform(1.2, 2.8),
    )  # fmt: skip
    for distance, wall in ((vein, 2.0), (carotid, 7.0)):
        scene.paint(across * inside(distance), BLOOD_DB, BLOOD_LOSS)
        scene.brighten(across * line(distance - 0.35, 0.35), wall)


def _trachea(draws: Draws, scene: Scene, plane: Plane, neck: Neck) -> None:
    """Lay the trachea: bright front wall, air behind it, reverberations fading into shadow."""
    across = in_plane("transverse", draws.device)
    dx, dz = plane.x - neck.trachea_x, plane.z - neck.trachea_z
    outside = ellipse_distance(dx, dz, neck.trachea, neck.trachea * 0.92)
    front = torch.sigmoid(-dz * 0.6)
    rings = 3.5 * torch.cos(outside * draws.uniform(3.0, 4.2, per="patient"))
    scene.paint(across * inside(outside), -4.0 + rings, AIR_LOSS)
    scene.paint(
        across * front * inside((outside + 0.2).abs() - 1.0, 0.3), -6.0, TISSUE
    )  # cartilage
    scene.brighten(across * front * line(outside + 1.4, 0.4), 17.0)  # cartilage against air
    scene.brighten(across * front * line(outside - 0.9, 0.3), 5.0)


def _gland(draws: Draws, texture: Draws, scene: Scene, plane: Plane, neck: Neck) -> None:
    """Lay both lobes and the isthmus, with their capsule."""
    across = in_plane("transverse", draws.device)
    tilt = degrees(draws.uniform(-8, 8)) + across * neck.out * 0.25
    u, v = turned(plane.x - neck.lobe_x, plane.z - neck.lobe_z, tilt)
    lobe = ellipse_distance(u, v, neck.width, neck.height)
    across_x = 2 * neck.trachea_x - neck.lobe_x
    u, v = turned(plane.x - across_x, plane.z - neck.lobe_z, -tilt)
    other = ellipse_distance(u, v, neck.width * 0.95, neck.height * 0.97) + 60 * (1 - across)
    dx, dz = plane.x - neck.trachea_x, plane.z - neck.trachea_z
    ring = ellipse_distance(dx, dz, neck.trachea + 0.9, neck.trachea * 0.92 + 0.9)
    bridge = (ring - neck.isthmus / 2).abs() - neck.isthmus / 2
    bridge = bridge.maximum(dz + 2.0) + 60 * (1 - across)
    distance = lobe.minimum(other).minimum(bridge)
    windpipe = across * inside(ring + 0.2)
    body = inside(distance) * (1 - windpipe)
    fields = smooth_fields(texture, 2, 7, plane.size)
    echo = GLAND_DB + texture.normal(0, 1.2, per="patient") + 0.8 * fields[0] + 0.5 * fields[1]
    scene.paint(body, echo, TISSUE)
    scene.brighten(line(distance - 0.2, 0.3) * (1 - windpipe), 5.0)
    scene.parenchyma = body


def _nodule(
    settings: PhantomSettings, draws: Draws, scene: Scene, plane: Plane, neck: Neck
) -> None:
    """Lay a nodule in some lobes: hypoechoic, isoechoic with a dark halo, or a cyst."""
    there = draws.chance(settings.nodule_rate, per="side")
    kind = draws.uniform(0, 3, per="side").floor()
    radius = draws.uniform(2.2, 5.0, per="side") * draws.uniform(0.85, 1.0)
    x = neck.lobe_x + draws.uniform(-0.4, 0.4) * neck.width
    z = neck.lobe_z + draws.uniform(-0.3, 0.3) * neck.height
    distance = ellipse_distance(plane.x - x, plane.z - z, radius * 1.15, radius * 0.85)
    lump = there * inside(distance, 0.3) * scene.parenchyma
    cyst = (kind == 2).float()
    grain = smooth_fields(draws, 1, 10, plane.size)[0]
    solid = torch.where(kind == 0, -6.0, 0.5) + 1.5 * grain
    scene.paint(lump, (1 - cyst) * solid + cyst * BLOOD_DB, (1 - cyst) * TISSUE + cyst * BLOOD_LOSS)
    halo = there * (kind == 1) * line(distance, 0.45) * scene.parenchyma
    scene.brighten(halo, -8.0)
    scene.lesion = lump
