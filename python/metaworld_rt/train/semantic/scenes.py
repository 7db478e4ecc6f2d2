"""Scenes for the eye: the simulator's door and floor with a ball, seen from the robot's head, and what is in them.

A `Scene` says exactly what is shown; `Studio.render` gives its image. `random_scene` draws one for training with
random colours, light, clutter, pose of the robot and of the camera.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import mujoco
import numpy as np

from ...plants import h1
from ...semantic.camera import FOVY, PITCH, SIZE, HeadCamera, head_pose

DOORS = ("none", "closed", "ajar", "open")
TARGETS = ("none", "near", "far")
NEAR = 1.0  # m, horizontally: what is closer can be reached for without walking
_HINGE = {"closed": (0.0, 0.03), "ajar": (0.15, 0.7), "open": (0.95, 1.4)}
_CLUTTER = 4


@dataclass(frozen=True)
class Scene:
    """What is shown. Lengths m, angles rad; world frame: the door is at x = 0.8 and is passed along +x.

    door: none, closed, ajar or open; `hinge` is its angle. ball: (bearing from the robot, horizontal distance from
    its base, height), or None. x, y, yaw: the robot's base. look: (pitch deg, fovy deg, roll of the light).
    """

    door: str = "none"
    hinge: float = 0.0
    ball: tuple[float, float, float] | None = None
    ball_radius: float = 0.1
    ball_rgb: tuple[float, float, float] = (0.85, 0.1, 0.1)
    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    look: tuple[float, float, float] = (PITCH, FOVY, 0.0)
    shadows: bool = False
    decor: int = 0  # seed of colours, light, clutter and arm pose; 0: the plant as it is

    @property
    def target(self) -> str:
        """None, near or far."""
        return "none" if self.ball is None else "near" if self.ball[1] < NEAR else "far"

    def to_json(self) -> dict[str, Any]:
        """The scene as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, source: dict[str, Any]) -> Scene:
        """The scene that `to_json` wrote."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in source.items()})


class Studio:
    """Renders scenes. One GL context for each of its two models; not thread-safe."""

    def __init__(self, size: int = SIZE):
        self._sets = {kind: _Set(kind, size) for kind in ("floor", "door")}

    def render(self, scene: Scene) -> np.ndarray:
        """The image of a scene, [size, size, 3] uint8."""
        return self._sets["door" if scene.door != "none" or _behind(scene) else "floor"].render(scene)

    def visible(self, scene: Scene) -> bool:
        """Whether the ball of the scene last rendered is in the image, and nothing hides its centre."""
        return self._sets["door" if scene.door != "none" or _behind(scene) else "floor"].ball_visible(scene)


def _behind(scene: Scene) -> bool:
    """The corridor of the door scene, seen with the back to the door."""
    return scene.door == "none" and abs(scene.yaw) > 2.0


class _Set:
    def __init__(self, kind: str, size: int):
        spec = h1.build_spec(kind)
        spec.visual.quality.shadowsize = 1024
        for i in range(_CLUTTER):
            body = spec.worldbody.add_body(name=f"clutter{i}", mocap=True, pos=(0, 0, -10))
            shape = (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER)[i % 2]
            body.add_geom(name=f"clutter{i}", type=shape, size=(0.2, 0.2, 0.2), contype=0, conaffinity=0)
        ball = spec.worldbody.add_body(name="ball", mocap=True, pos=(0, 0, -10))
        ball.add_geom(name="ball", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=(0.1, 0, 0), contype=0, conaffinity=0)
        self.model = model = spec.compile()
        self.data = mujoco.MjData(model)
        self.cameras = {shadows: HeadCamera(model, size, shadows) for shadows in (False, True)}
        self.door = kind == "door"
        self._plain = {
            name: getattr(model, name).copy() for name in ("geom_rgba", "mat_rgba", "light_diffuse", "light_dir")
        }
        self._headlight = model.vis.headlight.ambient.copy(), model.vis.headlight.diffuse.copy()
        self._ball = model.geom("ball").id

    def render(self, scene: Scene) -> np.ndarray:
        model, data = self.model, self.data
        mujoco.mj_resetDataKeyframe(model, data, 0)
        for name, value in self._plain.items():
            getattr(model, name)[:] = value
        headlight = model.vis.headlight
        headlight.ambient[:], headlight.diffuse[:] = self._headlight
        data.qpos[:2] = scene.x, scene.y
        data.qpos[3:7] = math.cos(scene.yaw / 2), 0.0, 0.0, math.sin(scene.yaw / 2)
        if self.door:
            data.qpos[26] = scene.hinge
        data.mocap_pos[:] = (0, 0, -10)
        if scene.decor:
            self._decorate(scene)
        if scene.ball is not None:
            bearing, distance, height = scene.ball
            angle = scene.yaw + bearing
            data.mocap_pos[_CLUTTER] = (
                scene.x + distance * math.cos(angle), scene.y + distance * math.sin(angle), height
            )  # fmt: skip
            model.geom_size[self._ball, 0] = scene.ball_radius
            model.geom_rgba[self._ball] = (*scene.ball_rgb, 1.0)
        mujoco.mj_forward(model, data)
        pitch, fovy, _ = scene.look
        return self.cameras[scene.shadows].render(data, pitch=pitch, fovy=fovy)

    def _decorate(self, scene: Scene) -> None:
        model, data = self.model, self.data
        rng = np.random.default_rng(scene.decor)
        model.mat_rgba[:, :3] = np.clip(model.mat_rgba[:, :3] * rng.uniform(0.4, 1.1, 3), 0, 1)
        model.light_diffuse[:] = rng.uniform(0.2, 0.9)
        model.light_dir[0] = (rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), -1.0)
        model.vis.headlight.ambient[:] = rng.uniform(0.2, 0.55)
        model.vis.headlight.diffuse[:] = rng.uniform(0.2, 0.6)
        for name in ("post_left", "post_right", "lintel", "wall_left", "wall_right", "wall_behind"):
            if self.door:
                geom = model.geom(name).id
                model.geom_rgba[geom] = (*_muted(rng, 0.15), rng.choice([0.3, 1.0]))
        if self.door:
            model.geom_rgba[model.geom("door_leaf").id, :3] = _muted(rng, 0.35)
            handle = rng.uniform(0.1, 0.9, 3)
            for geom in range(model.ngeom):
                if (model.geom(geom).name or "").startswith("hatch_"):
                    model.geom_rgba[geom, :3] = handle
        for i in range(rng.integers(0, _CLUTTER + 1)):
            geom = model.geom(f"clutter{i}").id
            model.geom_rgba[geom, :3] = _muted(rng, 0.35)
            model.geom_size[geom] = rng.uniform(0.05, 0.45, 3)
            angle, distance = scene.yaw + rng.uniform(-1.2, 1.2), rng.uniform(1.5, 6.0)
            x, y = scene.x + distance * math.cos(angle), scene.y + distance * math.sin(angle)
            if self.door and x < 1.3:  # beyond the door only: nothing stands in the corridor
                continue
            data.mocap_pos[i] = (x, y, rng.uniform(0.0, 0.8))
            turn = rng.uniform(0, math.pi)
            data.mocap_quat[i] = (math.cos(turn / 2), 0, 0, math.sin(turn / 2))
        data.qpos[18:26] += rng.normal(0.0, 0.35, 8) * (rng.random() < 0.5)

    def ball_visible(self, scene: Scene) -> bool:
        model, data = self.model, self.data
        eye, yaw = head_pose(model, data)
        towards = data.geom_xpos[self._ball] - eye
        distance = float(np.linalg.norm(towards))
        bearing = math.atan2(towards[1], towards[0]) - yaw
        bearing = math.atan2(math.sin(bearing), math.cos(bearing))
        pitch, fovy, _ = scene.look
        rise = math.degrees(math.asin(towards[2] / distance)) - pitch
        edge = 0.5 * fovy - math.degrees(math.asin(min(1.0, scene.ball_radius / distance)))
        if abs(math.degrees(bearing)) > edge or abs(rise) > edge:
            return False
        hit = np.full(1, -1, np.int32)
        mujoco.mj_ray(model, data, eye, towards / distance, None, 1, -1, hit)
        return int(hit[0]) == self._ball


def _muted(rng: np.random.Generator, saturation: float) -> np.ndarray:
    """A colour that is not the ball's: of limited saturation."""
    return np.clip(rng.uniform(0.15, 0.95) * (1 + saturation * rng.uniform(-1, 1, 3)), 0.02, 1.0)


def random_scene(rng: np.random.Generator) -> Scene:
    """One training scene; the ball may turn out to be hidden (see `Studio.visible`)."""
    door = DOORS[rng.choice(4, p=[0.34, 0.22, 0.2, 0.24])]
    behind = door == "none" and rng.random() < 0.15
    in_corridor = door != "none" or behind
    while True:
        x = rng.uniform(-1.9, 0.15) if in_corridor else rng.uniform(-3, 3)
        y = rng.uniform(-0.3, 0.3) if in_corridor else rng.uniform(-3, 3)
        yaw = math.pi * behind + rng.uniform(-0.4, 0.4) if in_corridor else rng.uniform(-math.pi, math.pi)
        hinge = rng.uniform(*_HINGE[door]) if door != "none" else 0.0
        if door == "none" or _clear_of_leaf(x, y, hinge):
            break
    if not in_corridor:
        yaw = math.copysign(min(abs(yaw), 1.9), yaw)  # larger means the corridor, see `_behind`
    ball = None
    if rng.random() < (0.25 if in_corridor else 0.7):
        near = rng.random() < 0.5
        distance = rng.uniform(0.3, 0.8) if near else rng.uniform(1.25, 3.5)
        height = rng.uniform(0.7, 1.5) if near else rng.uniform(0.1, 2.0)
        ball = (rng.uniform(-0.75, 0.75), distance, height)
    return Scene(
        door=door,
        hinge=float(hinge),
        ball=ball,
        ball_radius=float(rng.uniform(0.06, 0.13)),
        ball_rgb=_reddish(rng) if rng.random() < 0.8 else _vivid(rng),
        x=float(x),
        y=float(y),
        yaw=float(yaw),
        look=(PITCH + float(rng.uniform(-7, 7)), FOVY + float(rng.uniform(-6, 6)), 0.0),
        shadows=bool(rng.random() < 0.06),
        decor=int(rng.integers(1, 2**31)) if rng.random() < 0.85 else 0,
    )


def _reddish(rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = np.clip(np.array([0.85, 0.1, 0.1]) + rng.normal(0, 0.08, 3), 0, 1)
    return float(r), float(g), float(b)


def _vivid(rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = rng.permutation([rng.uniform(0.7, 1.0), rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.2)])
    return float(r), float(g), float(b)


def _clear_of_leaf(x: float, y: float, hinge: float) -> bool:
    """Whether a robot at (x, y) stands clear of the leaf, which turns about (0.75, -0.5)."""
    tip = np.array([-math.sin(hinge), math.cos(hinge)])
    along = np.clip(np.dot((x - 0.75, y + 0.5), tip), 0.0, 0.98)
    return float(np.hypot(x - 0.75 - along * tip[0], y + 0.5 - along * tip[1])) > 0.35
