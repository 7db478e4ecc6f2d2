"""The parts of a bundle that describe the robot alone."""

from __future__ import annotations

from metaworld_rt.plants.robot import Robot

TICK_HZ = 1000
COMMAND_STEP = 0.5  #: largest change of a joint's spring torque in a tick, as a share of its largest torque

#: Features that carry a command rather than a measurement.
_COMMANDS = ("heading", "speed", "phase", "hand_to_goal", "base_to_goal")


def robot_section(robot: Robot) -> dict:
    """The `robot` object of bundle.json."""
    columns = ("default_pos", "lower", "upper", "stiffness", "damping", "max_force")
    return {
        "name": robot.name,
        "joints": list(robot.joints),
        **{column: getattr(robot, column).tolist() for column in columns},
    }


def observation_section(robot: Robot, extra: tuple[tuple[str, int], ...] = ()) -> list[dict]:
    """The `observation` array: MuJoCo's [qpos, qvel] of the robot, then `extra` (name, size) terms."""
    n = robot.n
    sizes = {"base_pos": 3, "base_quat": 4, "joint_pos": n, "base_lin_vel": 3, "base_ang_vel": 3, "joint_vel": n}
    return [{"name": name, "size": size} for name, size in [*sizes.items(), *extra]]


def limits_section(robot: Robot) -> dict:
    """The `limits` object.

    A policy holds its targets for a decision and then steps them. No tick may step a target by more than what changes
    the joint's torque by half of its largest (0.5 max_force / stiffness): healthy experts stay within that, a broken
    one is spread over several ticks.
    """
    return {
        "command_rate": (COMMAND_STEP * robot.max_force / robot.stiffness * TICK_HZ).tolist(),
        "stop_damping": (4.0 * robot.damping).tolist(),
        "plan_max_age_ms": 200,
        "observation_max_age_ms": 60,
        "observation_frozen_ms": 100,
        "missed_deadlines_stop": 20,
        "weight_slew_per_s": 4.0,
    }


def expert_metadata(robot: Robot, features: list[dict]) -> dict[str, str]:
    """ONNX `metadata_props` of an expert, under the keys the field uses; lists are comma-separated."""

    def join(values) -> str:
        return ",".join(v if isinstance(v, str) else f"{v:g}" for v in values)

    names = [feature["name"] for feature in features]
    return {
        "joint_names": join(robot.joints),
        "joint_stiffness": join(robot.stiffness),
        "joint_damping": join(robot.damping),
        "default_joint_pos": join(robot.default_pos),
        "action_scale": join(robot.action_scale),
        "observation_names": join(names),
        "command_names": join(name for name in names if name in _COMMANDS),
    }
