import importlib.util

import numpy as np
import pytest

from metaworld_rt.plants.robot import H1

if importlib.util.find_spec("torch") is None:  # the train extra is not installed
    collect_ignore_glob = ["test_*.py"]


def _motion(fps, seconds=1.6, yaw_rate=0.5):
    """A made-up stride: legs swing once in 0.8 s, the root walks at 1 m/s and turns."""
    t = np.arange(round(seconds * fps)) / fps
    qpos = np.zeros((len(t), 26))
    qpos[:, 0], qpos[:, 2] = t, 0.98
    qpos[:, 3], qpos[:, 6] = np.cos(0.5 * yaw_rate * t), np.sin(0.5 * yaw_rate * t)
    qpos[:, 7:] = H1.default_pos
    swing = 0.3 * np.sin(2 * np.pi * t / 0.8)
    qpos[:, 7 + H1.joints.index("left_hip_pitch")] += swing
    qpos[:, 7 + H1.joints.index("right_hip_pitch")] -= swing
    return qpos


@pytest.fixture
def motion():
    """Makes poses (T, 26) of a made-up motion at a rate."""
    return _motion


@pytest.fixture
def door_way():
    """Makes a way at the door (a `Bank` of whole states): a robot that stands before it and does nothing."""
    from metaworld_rt.plants.h1 import build
    from metaworld_rt.train.expert.bank import Bank

    def make(length=60, hinge=0.0):
        qpos = np.tile(build("door").key_qpos[0], (length, 1))
        qpos[:, -2] = hinge
        return Bank(qpos, np.zeros((length, 27)), np.zeros((length, H1.n)), np.zeros(length))

    return make


@pytest.fixture
def commanded_way(door_way):
    """Makes a `Way`: the same robot, told to stand where it is with its arms a little raised."""
    from metaworld_rt.train.expert.door_hook import ARMS
    from metaworld_rt.train.expert.door_way import Way

    def make(length=60, raised=0.2):
        target = np.where(ARMS, H1.default_pos + raised, H1.default_pos)
        place = np.tile([0.0, 0.0, 1.0], (length, 1))
        command = np.tile(H1.action_of_target(target), (length, 1))
        return Way(command, place, np.zeros(length), door_way(length))

    return make


@pytest.fixture
def save_expert(tmp_path):
    """Writes a checkpoint of an expert of the household, untrained if none is given, and gives its path."""
    from metaworld_rt.tasks import features
    from metaworld_rt.train.expert import checkpoint
    from metaworld_rt.train.expert.policy import Expert

    def save(name, task, period, expert=None):
        expert = expert or Expert(features.size(features.HOUSEHOLD))
        about = {"name": name, "description": "", "task": task, "period": period, "hidden": list(expert.hidden)}
        layout = checkpoint.pack_features(features.HOUSEHOLD)
        path = tmp_path / f"{name}.pt"
        checkpoint.save(path, {**about, "provenance": {}, "features": layout, "actor": expert.state_dict()})
        return path

    return save


@pytest.fixture
def unscored(monkeypatch):
    """Trainings end without the episodes that score them, which take longer than a short training; lists those ends."""
    from metaworld_rt.train.expert import bank
    from metaworld_rt.train.expert.door import DoorEnv
    from metaworld_rt.train.expert.env import SkillEnv

    ends = []

    def score(env, actor, threads):
        ends.append(env)
        return {"return_mean": 0.0}, bank.join([])

    for batch in (SkillEnv, DoorEnv):
        monkeypatch.setattr(batch, "score", score)
    return ends
