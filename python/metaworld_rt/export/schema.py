"""What bundle.json must say, checked before anything is written and after anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from metaworld_rt.errors import UserError

SCHEMA = "metaworld_rt.bundle/1"

#: Sizes of the features of docs/bundle.md; "n" stands for the number of joints.
FEATURE_SIZES = {
    "height": 1,
    "gravity": 3,
    "heading": 3,
    "lin_vel": 3,
    "ang_vel": 3,
    "joint_pos": "n",
    "joint_vel": "n",
    "prev_action": "n",
    "phase": 2,
    "speed": 1,
    "hand_to_goal": 3,
    "base_to_goal": 3,
    "base_xy": 2,
    "door": 4,
    "door_present": 1,
    "left_hand": 3,
    "right_hand": 3,
}
_JOINT_ARRAYS = ("default_pos", "lower", "upper", "stiffness", "damping", "max_force")
_MAX_JOINTS, _MAX_SKILLS, _MAX_FEATURES = 64, 32, 512


class BundleError(UserError):
    """A bundle cannot be written or used; the message is one line and says what is wrong."""


def feature_size(description: Mapping) -> int:
    """Length of phi."""
    return sum(feature["size"] for feature in description["features"])


def network_keys(description: Mapping) -> list[str]:
    """The file keys of every network that bundle.json references, but for plan.onnx."""
    keys = [expert["file"] for expert in description["experts"]]
    keys += [expert["latent_file"] for expert in description["experts"] if expert.get("latent_file")]
    keys += [description[part]["file"] for part in ("gate", "handover") if description.get(part)]
    model = description.get("world_model")
    if model:
        keys += [model["encoder"], model["dynamics"], model["reward"], model["prior"], *model["q"]]
        if model.get("termination"):
            keys.append(model["termination"])
    return keys


def check_description(description: Mapping) -> None:
    """Raise BundleError unless bundle.json is consistent in itself."""
    try:
        _check(description)
    except (KeyError, TypeError) as error:
        raise BundleError(f"bundle.json: missing or of the wrong type: {error}") from error


def _check(description: Mapping) -> None:
    if description["schema"] != SCHEMA:
        raise BundleError(f"bundle.json: schema {description['schema']!r}, this version reads {SCHEMA!r}")
    robot = description["robot"]
    joints = len(robot["joints"])
    _require(1 <= joints <= _MAX_JOINTS and len(set(robot["joints"])) == joints, "robot.joints must be 1..64 names")
    for key in _JOINT_ARRAYS:
        _numbers(f"robot.{key}", robot[key], joints)
    _require(all(a < b for a, b in zip(robot["lower"], robot["upper"], strict=True)), "robot.lower must be below upper")
    _numbers("action.scale", description["action"]["scale"], joints)
    _require(description["action"]["between_decisions"] in ("hold", "interpolate"), "action.between_decisions")
    limits = description["limits"]
    for key in ("command_rate", "stop_damping"):
        _numbers(f"limits.{key}", limits[key], joints)
    rates = description["rates"]
    _require(rates["tick_hz"] >= rates["decision_hz"] > 0, "rates: tick_hz must be at least decision_hz")

    for feature in description["features"]:
        known = FEATURE_SIZES.get(feature["name"])
        _require(known is not None, f"features: unknown {feature['name']!r}")
        expected = joints if known == "n" else known
        _require(feature["size"] == expected, f"features: {feature['name']} has size {expected}")
        _require(math.isfinite(feature["scale"]), f"features: {feature['name']}.scale")
    _require(0 < feature_size(description) <= _MAX_FEATURES, "features: 1..512 numbers in all")

    names = [expert["name"] for expert in description["experts"]]
    _require(1 <= len(names) <= _MAX_SKILLS and len(set(names)) == len(names), "experts: 1..32 different names")
    _require(all(expert["description"] for expert in description["experts"]), "experts: each needs a description")
    _require(description["safe_skill"] in names, f"safe_skill: one of {', '.join(names)}")
    _require(0 <= description["fusion"]["alpha"] <= 1, "fusion.alpha must be in 0..1")
    model = description.get("world_model")
    if model:
        _require(model["condition"] in (0, len(names)), f"world_model.condition must be 0 or {len(names)}")
        _require(model["latent"] % model["simnorm"] == 0, "world_model.latent must be a multiple of simnorm")
        _require(len(model["q"]) >= 1, "world_model.q: at least one head")
        _require(0 < model["discount"] <= 1, "world_model.discount must be in (0, 1]")


def _numbers(name: str, values, count: int) -> None:
    good = len(values) == count and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    _require(good, f"{name} must be {count} finite numbers")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(f"bundle.json: {message}")
