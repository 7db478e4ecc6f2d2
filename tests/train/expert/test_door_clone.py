from functools import partial

import numpy as np
import torch

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert import checkpoint, door_clone, imitation
from metaworld_rt.train.expert.door_hook import ARMS
from metaworld_rt.train.expert.door_search import footwork
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.skill import get_skill
from metaworld_rt.train.expert.trainer import train_expert


def test_it_moves_the_arms_as_the_way_and_the_legs_as_their_expert(commanded_way, monkeypatch):
    monkeypatch.setattr(imitation, "STEPS", 30)
    monkeypatch.setattr(door_clone, "_ROBOTS", 48)
    legs, way = Expert(features.size(features.HOUSEHOLD)).eval(), commanded_way()
    student = door_clone.clone(get_skill("door_open"), way, legs, 0.8, rounds=2, updates=150)
    env = door_clone.DoorEnv(get_skill("door_open"), 32, 5, 1, banks=[way.states])
    with torch.no_grad():
        action = student(torch.from_numpy(env.observe())).double().numpy()
    walked = footwork(legs, env.physics, env.action, np.zeros(32), way.place[:32], np.zeros(32), env.senses)
    env.close()
    error = np.abs(action - np.where(ARMS, way.command[0], walked)) * H1.action_scale
    assert np.median(error) < 0.06  # rad, where the arms' targets differ from the legs' expert by 0.2


def test_an_approach_learns_where_footwork_would_go(monkeypatch):
    monkeypatch.setattr(imitation, "STEPS", 30)
    monkeypatch.setattr(door_clone, "_ROBOTS", 64)

    class Leans(torch.nn.Module):
        """In place of footwork: stands, and the first joint's target says how far off the place is."""

        def forward(self, phi):
            away = phi[:, features.slices(features.HOUSEHOLD)["base_to_goal"]]
            stands = torch.from_numpy(H1.action_of_target(H1.default_pos)).float().expand(len(phi), -1)
            return torch.cat([away[:, :1], stands[:, 1:]], dim=1)

    student = door_clone.clone_approach(get_skill("door_approach"), Leans(), 0.8, rounds=2, updates=300)
    env = door_clone.ApproachEnv(get_skill("door_approach"), 64, 5)
    with torch.no_grad():
        action = student(torch.from_numpy(env.observe())).double().numpy()
    away = door_clone.IN_FRONT[0] - env.physics.qpos[:, 0]
    env.close()
    near, far = away < 0.1, (away > 0.25)
    assert action[far, 0].mean() > action[near, 0].mean() + 0.08


def test_who_never_moves_has_not_arrived():
    class Still(torch.nn.Module):
        def forward(self, phi):
            return torch.zeros(len(phi), H1.n)

    scores = door_clone.score_approach(Still(), get_skill("door_approach"), robots=4)
    assert scores["arrived"] == 0.0  # some lean on a wall, upright
    assert scores["upright"] < 1.0


def test_the_command_writes_a_start_that_training_takes(tmp_path, commanded_way, save_expert, monkeypatch, unscored):
    monkeypatch.setattr(imitation, "STEPS", 2)
    monkeypatch.setattr(imitation, "_BATCH", 8)
    monkeypatch.setattr(door_clone, "_ROBOTS", 8)
    monkeypatch.setattr(door_clone, "make", partial(door_clone.make, rounds=1))
    way, legs = tmp_path / "way.npz", save_expert("footwork", "stand", 0.8)
    commanded_way().save(way)
    arguments = ["door_open", "--way", str(way), "--legs", str(legs), "--out", str(tmp_path / "start.pt")]
    assert door_clone.main(arguments) == 0
    result = train_expert(
        "door_open", tmp_path / "run", decisions=400, start=tmp_path / "start.pt", banks=[way], envs=8, threads=1
    )  # fmt: skip
    assert unscored
    assert checkpoint.load(result.path)["period"] == 60 * 0.02
