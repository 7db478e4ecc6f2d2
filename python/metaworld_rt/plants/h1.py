"""H1 as a MuJoCo model: Menagerie's unitree_h1 edited into HumanoidBench's h1 with `mujoco.MjSpec`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import mujoco

from metaworld_rt.plants import foot as blade
from metaworld_rt.plants.assets import AssetError, h1_xml
from metaworld_rt.plants.door_scene import add_door
from metaworld_rt.plants.robot import H1

Scene = Literal["floor", "door"]
Collisions = Literal["full", "fast"]

TIMESTEP = 0.002
SUBSTEPS = 10
DECISION_DT = TIMESTEP * SUBSTEPS

# Links whose visual mesh's convex hull collides (hip_yaw keeps Menagerie's cylinder, the ankle gets the foot).
_HULL_LINKS = ("hip_roll_link", "hip_pitch_link", "knee_link")
_HULL_ARM_LINKS = ("shoulder_pitch_link", "shoulder_roll_link", "shoulder_yaw_link", "elbow_link")
_ANKLE_INERTIAL = {
    "mass": 0.552448,
    "ipos": (0.048568, 0.0, -0.045609),
    "iquat": (0.489385, 0.510394, 0.510394, 0.489385),
    "inertia": (0.00362, 0.00355701, 0.000149987),
}


def build(
    scene: Scene = "floor",
    foot: str | Path = "blade",
    collisions: Collisions = "full",
    timestep: float = TIMESTEP,
) -> mujoco.MjModel:
    """H1 in a scene, with the physics options, sensors and keyframe of HumanoidBench.

    Args:
        scene: "floor", or "door" (adds the door's two joints to qpos and qvel).
        foot: "blade" (what ships), or a folder holding ``hb_{left,right}_ankle_link.stl`` (the benchmark's own mesh).
        collisions: "full", or "fast": four small spheres a foot against the floor and nothing else in the robot
            (training physics for locomotion, about twice as fast); in the door scene Menagerie's primitives besides,
            against the door and its walls only.
        timestep: of the physics, s; a divisor of `DECISION_DT`. Training may take a coarser one.

    Returns:
        A compiled model: nq = 26, nv = 25 (28 and 27 with the door), nu = 19 position actuators.

    Raises:
        AssetError: the model data package or the foot meshes are missing.
        ValueError: an unknown scene or collisions setting.
    """
    spec = build_spec(scene, foot, collisions)
    spec.option.timestep = timestep
    return spec.compile()


def build_spec(scene: Scene = "floor", foot: str | Path = "blade", collisions: Collisions = "full") -> mujoco.MjSpec:
    """The same as `build`, uncompiled, for those who add to the scene."""
    if scene not in ("floor", "door"):
        raise ValueError(f"unknown scene {scene!r}: one of floor, door")
    if collisions not in ("full", "fast"):
        raise ValueError(f"unknown collisions {collisions!r}: one of full, fast")
    spec = mujoco.MjSpec.from_file(str(h1_xml()))
    spec.modelname = f"h1_{scene}"
    _set_options(spec)
    _set_actuators(spec)
    for side in ("left", "right"):
        spec.joint(f"{side}_hip_pitch").range = (-3.14, 2.53)
        ankle = spec.body(f"{side}_ankle_link")
        for key, value in _ANKLE_INERTIAL.items():
            setattr(ankle, key, value)
    if collisions == "full":
        _clear_collisions(spec)
        _add_hulls(spec)
        _add_feet(spec, foot)
    else:
        _simplify_collisions(spec, keep_body=scene == "door")
        _add_sole_spheres(spec)
    _add_sites(spec)
    _add_floor(spec)
    qpos = [0.0, 0.0, H1.stand_height, 1.0, 0.0, 0.0, 0.0, *H1.default_pos]
    if scene == "door":
        add_door(spec)
        qpos += [0.0, 0.0]
    _add_sensors(spec, scene)
    spec.add_key(name="stand", qpos=qpos)
    return spec


def _set_options(spec: mujoco.MjSpec) -> None:
    option = spec.option
    option.timestep = TIMESTEP
    option.iterations = 100
    option.ls_iterations = 50
    option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL


def _set_actuators(spec: mujoco.MjSpec) -> None:
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    for i, name in enumerate(H1.joints):
        kp, kd, force = float(H1.stiffness[i]), float(H1.damping[i]), float(H1.max_force[i])
        actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.gaintype = mujoco.mjtGain.mjGAIN_FIXED
        actuator.biastype = mujoco.mjtBias.mjBIAS_AFFINE
        actuator.gainprm[0] = kp
        actuator.biasprm[1] = -kp
        actuator.biasprm[2] = -kd
        actuator.forcerange = (-force, force)
        actuator.ctrlrange = (float(H1.lower[i]), float(H1.upper[i]))


def _clear_collisions(spec: mujoco.MjSpec) -> None:
    """Removes Menagerie's collision primitives, except hip_yaw's cylinder, and its contact excludes."""
    for exclude in list(spec.excludes):
        spec.delete(exclude)
    for body in spec.bodies:
        if body.name.endswith("hip_yaw_link"):
            continue
        for geom in list(body.geoms):
            if geom.contype:
                spec.delete(geom)


def _collision_geom(body: mujoco.MjsBody, **kwargs: object) -> mujoco.MjsGeom:
    geom = body.add_geom(group=3, **kwargs)
    geom.mass = 0.0
    geom.density = 0.0
    geom.contype = 1
    geom.conaffinity = 1
    return geom


def _add_hulls(spec: mujoco.MjSpec) -> None:
    sided = _HULL_LINKS + _HULL_ARM_LINKS
    links = ["pelvis", "torso_link", *(f"{s}_{link}" for s in ("left", "right") for link in sided)]
    for link in links:
        _collision_geom(spec.body(link), type=mujoco.mjtGeom.mjGEOM_MESH, meshname=_visual_mesh(spec, link))


def _visual_mesh(spec: mujoco.MjSpec, link: str) -> str:
    return next(g.meshname for g in spec.body(link).geoms if g.type == mujoco.mjtGeom.mjGEOM_MESH)


def _add_feet(spec: mujoco.MjSpec, foot: str | Path) -> None:
    for side in ("left", "right"):
        name = f"{side}_foot"
        if str(foot) == "blade":
            spec.add_mesh(name=name, uservert=blade.blade_vertices().ravel())
        else:
            path = Path(foot) / f"hb_{side}_ankle_link.stl"
            if not path.is_file():
                raise AssetError(f"no foot mesh {path}: pass foot='blade' or a folder that holds it")
            spec.add_mesh(name=name, file=str(path.resolve()))
        _collision_geom(spec.body(f"{side}_ankle_link"), name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name)


def _simplify_collisions(spec: mujoco.MjSpec, keep_body: bool) -> None:
    """Menagerie's collision primitives go, or meet the scene only; the foot's always go."""
    for exclude in list(spec.excludes):
        spec.delete(exclude)
    for body in spec.bodies:
        for geom in [g for g in body.geoms if g.contype]:
            if not keep_body or "ankle" in body.name:
                spec.delete(geom)
            else:
                geom.contype = 0  # the scene's contype meets this conaffinity; robot parts do not meet each other
    if not keep_body:
        return
    for side in ("left", "right"):
        # The forearm's knob is what handles the door: as large as the hull's.
        knob = _collision_geom(
            spec.body(f"{side}_elbow_link"),
            name=f"{side}_knob",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[0.035, 0, 0],
            pos=[0.281, 0.0, -0.018],
        )
        knob.contype = 0
    pelvis = _collision_geom(
        spec.body("pelvis"), name="pelvis", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.11, 0, 0], pos=[-0.02, 0, -0.08]
    )
    pelvis.contype = 0


def _add_sole_spheres(spec: mujoco.MjSpec) -> None:
    for side in ("left", "right"):
        for i, centre in enumerate(blade.sole_corners()):
            geom = _collision_geom(
                spec.body(f"{side}_ankle_link"),
                name=f"{side}_sole_{i}",
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=[blade.SOLE_SPHERE_RADIUS, 0, 0],
                pos=centre,
            )
            geom.contype = 0  # the floor's contype meets this conaffinity: spheres touch the floor, not each other


def _add_sites(spec: mujoco.MjSpec) -> None:
    spec.body("pelvis").add_site(name="com")
    spec.body("torso_link").add_site(name="head", pos=(0.0, 0.0, 0.7))
    for side in ("left", "right"):
        ankle = spec.body(f"{side}_ankle_link")
        ankle.add_site(name=f"{side}_foot", pos=(0.0, 0.0, -0.05))
        # The benchmark's touch sensors sit on a 1 mm site that no contact hits; this box holds the whole sole.
        box = mujoco.mjtGeom.mjGEOM_BOX
        ankle.add_site(name=f"{side}_sole", type=box, pos=(0.05, 0.0, -0.05), size=(0.17, 0.03, 0.04), group=4)
        elbow = spec.body(f"{side}_elbow_link")
        elbow.add_site(name=f"{side}_hand", pos=(0.31, 0.0, -0.01))
        elbow.add_body(name=f"{side}_hand", pos=(0.31, 0.0, -0.01))


def _add_floor(spec: mujoco.MjSpec) -> None:
    texture = spec.add_texture(
        name="grid",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        mark=mujoco.mjtMark.mjMARK_EDGE,
        rgb1=(0.86, 0.87, 0.88),
        rgb2=(0.80, 0.82, 0.84),
        markrgb=(0.65, 0.67, 0.70),
        width=256,
        height=256,
    )
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.93, 0.95, 0.97),
        rgb2=(0.70, 0.78, 0.86),
        width=256,
        height=256,
    )
    material = spec.add_material(name="grid", texrepeat=(1, 1), texuniform=True, reflectance=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture.name
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[20, 20, 1], material="grid")
    spec.worldbody.add_light(
        name="sun", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=(0, 0, 10), dir=(0.2, 0.3, -1), diffuse=(0.5,) * 3
    )
    spec.worldbody.lights[0].castshadow = True
    spec.visual.headlight.ambient = (0.35,) * 3
    spec.visual.headlight.diffuse = (0.45,) * 3


# Sensors come first in the benchmark's order, then what the rewards read, so that `mujoco.rollout` returns it.
_SENSOR = mujoco.mjtSensor
_OBJECT = mujoco.mjtObj


def _add_sensors(spec: mujoco.MjSpec, scene: Scene) -> None:
    site, body = _OBJECT.mjOBJ_SITE, _OBJECT.mjOBJ_XBODY
    rows = [
        ("left_foot_touch", _SENSOR.mjSENS_TOUCH, site, "left_sole"),
        ("right_foot_touch", _SENSOR.mjSENS_TOUCH, site, "right_sole"),
        ("com_velocity", _SENSOR.mjSENS_SUBTREELINVEL, _OBJECT.mjOBJ_BODY, "pelvis"),
        ("left_hand_velocity", _SENSOR.mjSENS_SUBTREELINVEL, _OBJECT.mjOBJ_BODY, "left_hand"),
        ("right_hand_velocity", _SENSOR.mjSENS_SUBTREELINVEL, _OBJECT.mjOBJ_BODY, "right_hand"),
        ("base_velocity", _SENSOR.mjSENS_VELOCIMETER, site, "com"),
        ("head_pos", _SENSOR.mjSENS_FRAMEPOS, site, "head"),
        ("torso_up", _SENSOR.mjSENS_FRAMEZAXIS, body, "torso_link"),
        ("pelvis_up", _SENSOR.mjSENS_FRAMEZAXIS, body, "pelvis"),
        ("imu_pos", _SENSOR.mjSENS_FRAMEPOS, site, "imu"),
        ("left_hand_pos", _SENSOR.mjSENS_FRAMEPOS, site, "left_hand"),
        ("right_hand_pos", _SENSOR.mjSENS_FRAMEPOS, site, "right_hand"),
        ("left_foot_pos", _SENSOR.mjSENS_FRAMEPOS, site, "left_foot"),
        ("right_foot_pos", _SENSOR.mjSENS_FRAMEPOS, site, "right_foot"),
    ]
    if scene == "door":
        rows.append(("hatch_pos", _SENSOR.mjSENS_FRAMEPOS, body, "door_hatch"))
    for name, kind, objtype, objname in rows:
        spec.add_sensor(name=name, type=kind, objtype=objtype, objname=objname)
    for joint in H1.joints:
        spec.add_sensor(
            name=f"force_{joint}", type=_SENSOR.mjSENS_ACTUATORFRC, objtype=_OBJECT.mjOBJ_ACTUATOR, objname=joint
        )
