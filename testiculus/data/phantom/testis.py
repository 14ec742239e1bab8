"""Scrotal B-mode: the testis and what surrounds it, as a `Scene` for each of a patient's views.

One ellipsoid per testis, cut in a transverse and a sagittal plane; its tunica and mediastinum; the
epididymis, the sac with or without fluid, the scrotal wall in front and behind, and in transverse
views sometimes the other testis beyond the septum. Lengths are in mm, after ordinary adult values.
"""

from dataclasses import dataclass

import torch

from testiculus.data.phantom.draws import Draws, in_plane
from testiculus.data.phantom.inhomogeneity import base_variation, patterns, strength_of
from testiculus.data.phantom.settings import PhantomSettings
from testiculus.data.phantom.shapes import (
    Plane,
    Scene,
    capsule_distance,
    degrees,
    ellipse_distance,
    empty_scene,
    inside,
    line,
    make_plane,
    smooth_fields,
    squareness,
    turned,
)

FLUID_DB, FLUID_LOSS = -29.0, 0.03  # anechoic but for clutter; hardly attenuates
TUNICA_DB = 2.5
WALL_DB, WALL_LOSS = 2.5, 0.6
DEEP_DB = -10.0
TISSUE = 0.5  # dB / (cm MHz)


@dataclass
class Section:
    """The outline of the testis in each view: values V x 1 x 1, coordinate maps V x H x W.

    a, b: semi-axes in mm, across and down. x, z: centre. u, v: coordinates along the axes in mm.
    distance: mm to the outline, negative inside. lesion, radius: where the plane cuts a focal
    lesion (u, v) and how large it is there. sac: how far the sac reaches beyond the testis in mm.
    """

    a: torch.Tensor
    b: torch.Tensor
    x: torch.Tensor
    z: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor
    distance: torch.Tensor
    lesion: tuple[torch.Tensor, torch.Tensor]
    radius: torch.Tensor
    sac: torch.Tensor
    fluid: torch.Tensor
    wall: torch.Tensor


def testis_scene(
    settings: PhantomSettings,
    anatomy: Draws,
    texture: Draws,
    kinds: torch.Tensor,
    strength_db: torch.Tensor,
    shows: torch.Tensor,
) -> tuple[Scene, Plane]:
    """Return what lies in the four views of a patient's testes.

    anatomy, texture: the patient's random streams. kinds, strength_db, shows: V x 1 x 1, the
    pattern's index, its depth in dB, and whether it counts as a lesion in this frame.
    """
    field = anatomy.uniform(41, 49, per="patient") + anatomy.uniform(-1.5, 1.5)
    plane = make_plane(anatomy, field, settings.pixels, bend_mm=0.55)
    section = cut(settings, anatomy, plane)
    scene = surroundings(anatomy, plane, section)
    _epididymis(anatomy, scene, section)
    _parenchyma(texture, scene, plane, section, kinds, strength_db, shows)
    _tunica(anatomy, scene, section)
    _mediastinum(anatomy, scene, section)
    return scene, plane


def cut(settings: PhantomSettings, draws: Draws, plane: Plane) -> Section:
    """Cut each testis's ellipsoid in the planes of its two views.

    Both planes pass near the point where a focal lesion would be, in every testis, sick or well,
    so that neither the outline nor the plane tells the label.
    """
    half = [draws.uniform(*span, per="side") / 2 for span in ((38, 48), (25, 33), (21, 27))]
    point = [draws.uniform(-0.45, 0.45, per="side") * h for h in half]  # length, width, depth
    full = draws.uniform(3.8, 6.2, per="side")
    miss = draws.uniform(-0.45, 0.45) * full  # of the plane past the lesion's centre
    across = in_plane("transverse", draws.device)
    normal = across * (point[0] / half[0]) + (1 - across) * (point[1] / half[1])
    thickness = across * half[0] + (1 - across) * half[1]
    shrink = (1 - (normal + miss / thickness).square()).clamp(min=0.4).sqrt()
    a = (across * half[1] + (1 - across) * half[0]) * shrink
    b = half[2] * shrink
    fluid = draws.chance(settings.fluid_rate, per="side")
    sac = fluid * draws.uniform(2.0, 4.5, per="side") + (1 - fluid) * draws.uniform(0.3, 0.9)
    wall = draws.uniform(3.0, 5.5, per="patient")
    x = draws.uniform(-2.5, 2.5)
    z = wall + 2 * sac + b + draws.uniform(0.2, 1.2)
    tilt = degrees(draws.uniform(-7, 7))
    u, v = turned(plane.x - x, plane.z - z, tilt)
    lesion = (across * point[1] + (1 - across) * point[0], point[2])
    return Section(
        a, b, x, z, u, v,
        distance=ellipse_distance(u, v, a, b),
        lesion=lesion,
        radius=(full.square() - miss.square()).sqrt(),
        sac=sac,
        fluid=fluid,
        wall=wall,
    )  # fmt: skip


def surroundings(draws: Draws, plane: Plane, section: Section) -> Scene:
    """Return the scrotum without its testis: wall, sac, deep tissue, sometimes the other testis."""
    slow = smooth_fields(draws, 2, 6, plane.size)
    layers = smooth_fields(draws, 1, 14, plane.size)[0]
    scene = empty_scene(plane, DEEP_DB + 3.0 * slow[0] + 1.5 * layers, TISSUE)
    _other_testis(draws, scene, plane, section)
    sac_z = section.z - section.sac  # the testis rests on the back of its sac
    around = ellipse_distance(
        plane.x - section.x,
        plane.z - sac_z,
        section.a + 1.4 * section.sac,
        section.b + section.sac * 2,
    )
    thick = draws.uniform(2.0, 4.0, per="patient")
    scene.paint(inside(around - thick, 0.5), WALL_DB + 1.5 * slow[1] + 2.0 * layers, WALL_LOSS)
    front = inside(plane.z - section.wall, 0.4)
    scene.paint(front, WALL_DB + 1.0 * slow[1] + 2.5 * layers, WALL_LOSS)
    scene.brighten(line(plane.z - section.wall * 0.55, 0.35), 3.5)  # dartos against fascia
    scene.paint(inside(plane.z - draws.uniform(0.8, 1.4, per="patient"), 0.25), 11.0, TISSUE)
    space = section.fluid * FLUID_DB + (1 - section.fluid) * -6.0
    loss = section.fluid * FLUID_LOSS + (1 - section.fluid) * TISSUE
    haze = section.fluid * (2.0 * slow[1] - 0.15 * (plane.z - section.wall))
    scene.paint(inside(around), space + haze, loss)
    scene.brighten(line(around - 0.4, 0.35), 5.0)  # parietal layer
    return scene


def _other_testis(draws: Draws, scene: Scene, plane: Plane, section: Section) -> None:
    """Lay the other testis beyond the septum, at the edge of some transverse views."""
    there = in_plane("transverse", draws.device) * draws.chance(0.4)
    side = draws.sign()
    gap = draws.uniform(4.0, 7.0)
    a, b = section.a * 0.95, section.b * 0.95
    x = section.x + side * (section.a + 1.4 * section.sac + gap + a)
    distance = ellipse_distance(plane.x - x, plane.z - section.z - draws.uniform(-1, 3), a, b)
    scene.paint(there * inside(distance), -0.5, TISSUE)
    scene.paint(there * line(distance - 0.3, 0.4), TUNICA_DB + 3, TISSUE)


def _epididymis(draws: Draws, scene: Scene, section: Section) -> None:
    """Lay the epididymis: its head at the upper pole (sagittal), its body behind (transverse)."""
    there = draws.chance(0.55)
    across = in_plane("transverse", draws.device)
    pole = draws.sign(per="side")
    u = pole * section.a * (across * 0.92 + (1 - across) * 0.93)
    v = section.b * (across * 0.62 + (1 - across) * -0.42)
    long = across * draws.uniform(2.6, 3.8) + (1 - across) * draws.uniform(4.2, 5.8)
    thin = across * draws.uniform(1.8, 2.6) + (1 - across) * draws.uniform(3.0, 4.0)
    distance = ellipse_distance(section.u - u, section.v - v, long, thin)
    scene.paint(there * inside(distance), draws.uniform(-1.0, 2.5), TISSUE)
    scene.brighten(there * line(distance, 0.3), 3.0)


def _parenchyma(
    draws: Draws,
    scene: Scene,
    plane: Plane,
    section: Section,
    kinds: torch.Tensor,
    strength_db: torch.Tensor,
    shows: torch.Tensor,
) -> None:
    """Lay the testis itself, with its slow unevenness and its pattern."""
    body = inside(section.distance)
    level = draws.normal(0.0, 1.0, per="side")
    darker = 1 - 2 * draws.chance(0.2, per="side")  # most changes are hypoechoic
    pattern = patterns(draws, plane, section.u, section.v, section.lesion, section.radius, kinds)
    depth_db = darker * strength_db * strength_of(kinds)
    echo = level + base_variation(draws, plane) - depth_db * pattern
    scene.paint(body, echo, TISSUE)
    scene.parenchyma = body
    scene.lesion = body * pattern * shows


def _tunica(draws: Draws, scene: Scene, section: Section) -> None:
    """Draw the albuginea: a thin bright coat, a mirror where it lies square to the beam.

    Where the beam grazes it, refraction takes the echo away: the edge shadows.
    """
    coat = line(section.distance - 0.25, draws.uniform(0.2, 0.32, per="side"))
    square = squareness(section.u, section.v, section.a, section.b)
    scene.paint(coat, TUNICA_DB + 6.0 * square + draws.normal(0, 1, per="side"), TISSUE)
    scene.mirror = scene.mirror + coat * square * draws.uniform(3.0, 9.0)
    graze = torch.sigmoid(((section.u / section.a).abs() - 0.93) * 40)
    scene.loss = scene.loss + line(section.distance, 1.0) * graze * draws.uniform(0.0, 0.7)


def _mediastinum(draws: Draws, scene: Scene, section: Section) -> None:
    """Draw the mediastinum testis: a bright wedge at the rim, or a bright line lengthwise."""
    across = in_plane("transverse", draws.device)
    there = across * draws.chance(0.75) + (1 - across) * draws.chance(0.6)
    side = draws.sign(per="side")
    length = across * draws.uniform(4.0, 7.5) + (1 - across) * draws.uniform(11, 22)
    wide = across * draws.uniform(1.2, 2.0) + (1 - across) * draws.uniform(0.45, 0.8)
    thin = across * 0.3 + (1 - across) * wide
    start_u = across * side * section.a * 0.9 + (1 - across) * -length / 2
    start_v = section.b * (
        across * draws.uniform(0.05, 0.35) + (1 - across) * draws.uniform(0, 0.5)
    )
    turn = degrees(draws.uniform(-12, 12)) + across * (side > 0) * torch.pi
    along, off = turned(section.u - start_u, section.v - start_v, turn)
    wedge = inside(capsule_distance(along, off, length, wide, thin), 0.35) * scene.parenchyma
    scene.paint(there * wedge, draws.uniform(5.5, 8.5, per="side"), TISSUE)
