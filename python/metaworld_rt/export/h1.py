"""The parts of a bundle that describe the robot alone: HumanoidBench's H1 without hands."""

from __future__ import annotations

_LEG = ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")

#: Plant order.
JOINTS = (
    *(f"left_{j}" for j in _LEG),
    *(f"right_{j}" for j in _LEG),
    "torso",
    *(f"left_{j}" for j in _ARM),
    *(f"right_{j}" for j in _ARM),
)
# joint: default, lower, upper (left side), stiffness, damping, force
_TABLE = {
    "hip_yaw": (0.0, -0.43, 0.43, 200, 5, 200),
    "hip_roll": (0.0, -0.43, 0.43, 200, 5, 200),
    "hip_pitch": (-0.4, -3.14, 2.53, 200, 5, 200),
    "knee": (0.8, -0.26, 2.05, 300, 6, 300),
    "ankle": (-0.4, -0.87, 0.52, 40, 2, 40),
    "torso": (0.0, -2.35, 2.35, 300, 6, 200),
    "shoulder_pitch": (0.0, -2.87, 2.87, 100, 2, 40),
    "shoulder_roll": (0.0, -0.34, 3.11, 100, 2, 40),
    "shoulder_yaw": (0.0, -1.3, 4.45, 100, 2, 18),
    "elbow": (0.0, -1.25, 2.61, 100, 2, 18),
}
_MIRRORED = ("right_shoulder_roll", "right_shoulder_yaw")


def robot() -> dict:
    """The `robot` object of bundle.json."""
    rows = [_TABLE[name.removeprefix("left_").removeprefix("right_")] for name in JOINTS]
    lower = [-row[2] if name in _MIRRORED else row[1] for name, row in zip(JOINTS, rows, strict=True)]
    upper = [-row[1] if name in _MIRRORED else row[2] for name, row in zip(JOINTS, rows, strict=True)]
    return {
        "name": "h1",
        "joints": list(JOINTS),
        "default_pos": [row[0] for row in rows],
        "lower": lower,
        "upper": upper,
        "stiffness": [row[3] for row in rows],
        "damping": [row[4] for row in rows],
        "max_force": [row[5] for row in rows],
    }


def observation() -> list[dict]:
    """The `observation` array: MuJoCo's [qpos, qvel] of the robot."""
    n = len(JOINTS)
    sizes = {"base_pos": 3, "base_quat": 4, "joint_pos": n, "base_lin_vel": 3, "base_ang_vel": 3, "joint_vel": n}
    return [{"name": name, "size": size} for name, size in sizes.items()]


def limits() -> dict:
    """The `limits` object: generous enough for running, tight enough to keep a fault slow."""
    n = len(JOINTS)
    return {
        "command_rate": [30.0] * n,
        "stop_damping": [row * 4.0 for row in robot()["damping"]],
        "plan_max_age_ms": 200,
        "observation_max_age_ms": 60,
        "observation_frozen_ms": 100,
        "missed_deadlines_stop": 20,
        "weight_slew_per_s": 4.0,
    }


def metadata(action_scale, features) -> dict[str, str]:
    """ONNX `metadata_props` of an expert, under the keys the field uses; lists are comma-separated."""
    description = robot()
    commands = [f["name"] for f in features if f["name"] in ("heading", "speed", "phase", "hand_to_goal")]

    def join(values) -> str:
        return ",".join(v if isinstance(v, str) else f"{v:g}" for v in values)

    return {
        "joint_names": join(description["joints"]),
        "joint_stiffness": join(description["stiffness"]),
        "joint_damping": join(description["damping"]),
        "default_joint_pos": join(description["default_pos"]),
        "action_scale": join(action_scale),
        "observation_names": join([f["name"] for f in features]),
        "command_names": join(commands),
    }
