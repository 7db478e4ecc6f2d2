"""The arena follows the controller's rules."""

import numpy as np
import pytest
from library import untrained

from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.train.expert.practice import Variety
from metaworld_rt.train.world_model.arena import Arena, ArenaConfig, fuse
from metaworld_rt.train.world_model.collect import collect, score
from metaworld_rt.train.world_model.policies import Bursts, follow_experts


def test_reference_is_the_weighted_experts_and_c_is_the_weights():
    arena = Arena(untrained(), 5, seed=1, config=ArenaConfig(blend_share=1.0))
    view = arena.view()
    assert np.allclose(view.c.sum(-1), 1)
    assert (view.c.max(-1) < 1).any()
    assert np.allclose(view.reference, np.einsum("bk,bka->ba", view.c, view.experts), atol=1e-6)
    assert view.fresh.all()
    arena.close()


def test_weights_slew_and_the_phase_advances_with_them():
    library = untrained()
    arena = Arena(library, 1, seed=0, skills=[1])
    arena.view()
    assert arena.phase[0] == pytest.approx(0.02 / 0.8)
    arena.step(np.zeros((1, H1.n)))
    arena.command[:] = [[0, 0, 1]]
    view = arena.view()
    assert view.c[0] == pytest.approx([0, 0.92, 0.08])
    assert arena.phase[0] == pytest.approx(0.02 / 0.8 + 0.02 * (0.92 / 0.8 + 0.08 / 0.5))
    for _ in range(12):
        arena.step(np.zeros((1, H1.n)))
        view = arena.view()
    assert view.c[0] == pytest.approx([0, 0, 1])
    arena.close()


def test_phi_is_the_features_of_the_state():
    arena = Arena(untrained(), 2, seed=0)
    action = np.full((2, H1.n), 2.0)
    for _ in range(3):
        view = arena.view()
        arena.step(action)
    at = features.slices(features.LOCOMOTION)
    assert np.allclose(view.phi[:, at["prev_action"]], 1.0)  # what was applied, after clamping
    assert np.allclose(view.phi[:, at["phase"]] @ [1, 0], np.sin(2 * np.pi * arena.phase), atol=1e-6)
    arena.close()


def test_a_fallen_robot_is_seen_dead_once_and_then_reset():
    arena = Arena(untrained(), 2, seed=0)
    arena.view()
    arena.physics.qpos[0, 2:7] = [0.13, 0.7071, 0, 0.7071, 0]  # flat on its face
    outcome = arena.step(np.zeros((2, H1.n)))
    assert outcome.dead.tolist() == [True, False]
    assert outcome.over.tolist() == [True, False]
    assert arena.view().phi[0, 0] < 0.25
    outcome = arena.step(np.zeros((2, H1.n)))
    assert not outcome.over[0]
    assert not outcome.dead[0]
    view = arena.view()
    assert view.fresh.tolist() == [True, False]
    assert view.phi[0, 0] > 0.9
    arena.close()


def test_recorded_streams_mark_ends_pushes_and_noise():
    config = ArenaConfig(decisions=10, push_every_s=0.1, push=0.1)
    arena = Arena(untrained(), 4, seed=2, config=config)
    streams = collect(arena, follow_experts, 4 * 30, Bursts(4, H1.n, 0, quiet=(3, 6)))
    arena.close()
    assert len(streams["phi"]) == 120
    per_robot = streams["last"].reshape(4, 30)
    assert per_robot[:, -1].all()
    assert per_robot[:, 10].all()  # ten decisions, then the state after the last one
    clean = np.abs(streams["action"] - streams["clean"]).max(-1) < 1e-7
    noisy_next = ~clean.reshape(4, 30)[:, 1:]
    assert streams["cut"].reshape(4, 30)[:, :-1][noisy_next].all()
    assert 0.2 < clean.mean() < 0.95


def test_score_counts_until_the_fall():
    arena = Arena(untrained(), 3, seed=0, skills=[0] * 3)
    result = score(arena, follow_experts, 0, decisions=8)
    arena.close()
    assert (result.lengths == 8).all()
    assert (result.returns > 4).all()
    assert result.away == 0.0


def test_fuse_drops_what_cannot_be_seen():
    out = fuse(np.array([[1.0, 0, 0]]), np.array([[0.0, 1.0, 0.001]]), 0.9)
    assert out[0] == pytest.approx([0.9, 0.1, 0.0])


def test_the_state_comes_late_and_noisy_and_the_body_is_heavier():
    plain, late = Arena(untrained(), 2, 0), Arena(untrained(), 2, 0, ArenaConfig(delay_s=0.04))
    rows = []
    for arena in (plain, late):
        rows.append([])
        for t in range(5):
            rows[-1].append(arena.view().phi[:, 0].copy())
            arena.step(np.full((2, H1.n), 0.3 + 0.1 * t))
    assert np.allclose(rows[1][4], rows[0][2])
    assert not np.allclose(rows[0][4], rows[0][2], atol=1e-6)
    noisy = Arena(untrained(), 2, 0, ArenaConfig(noise=0.05))
    at = features.slices(features.LOCOMOTION)["joint_pos"]
    spread = np.std(noisy.view().phi[:, at] - Arena(untrained(), 2, 0).view().phi[:, at])
    assert 0.03 < spread < 0.08
    heavy = Arena(untrained(), 1, 0, ArenaConfig(payload_kg=10.0))
    extra = heavy.physics.model.body_mass.sum() - plain.physics.model.body_mass.sum()
    assert extra == pytest.approx(10.0)


HOUSE = ("stand", "walk", "reach", "door_open")
HOUSE_TASKS = ("stand", "walk", "reach", "door")


def household():
    return untrained(names=HOUSE, tasks=HOUSE_TASKS, layout=features.HOUSEHOLD)


def test_scenes_differ_where_they_are_told_to():
    def after(variety: Variety) -> np.ndarray:
        arena = Arena(untrained(), 3, seed=0, config=ArenaConfig(variety=variety))
        qpos = arena.physics.qpos[0].copy()
        arena.physics.qpos[:] = qpos
        for _ in range(5):
            arena.view()
            arena.step(np.zeros((3, H1.n)))
        arena.close()
        return np.ptp(arena.physics.qpos, axis=0).max()

    assert after(Variety()) == 0.0
    assert after(Variety(masses=(0.8, 1.2))) > 1e-4


def test_goals_are_drawn_seen_and_rewarded_as_a_share_of_the_best():
    library = household()
    arena = Arena(library, 3, seed=0, config=ArenaConfig(switch_every_s=0.2), skills=[2] * 3)
    first = arena.goal.copy()
    assert (np.abs(first[:, :2]) < 2.02).all()
    where = features.slices(features.HOUSEHOLD)
    view = arena.view()
    away = np.linalg.norm(first - arena.physics.qpos[:, :3], axis=-1)
    assert np.linalg.norm(view.phi[:, where["base_to_goal"]], axis=-1) == pytest.approx(away, rel=1e-5)
    outcome = arena.step(np.zeros((3, H1.n)))
    assert outcome.rewards[:, 3].tolist() == [0.0] * 3  # no door here
    near = np.linalg.norm(arena._senses.left - first, axis=-1) < 1.0
    assert outcome.rewards[:, 2] == pytest.approx((5.0 + 5.0 * near) / 20.0, abs=0.03)
    moved = np.zeros(3, bool)
    for _ in range(20):
        pushed = arena.view().pushed
        moved |= pushed
        assert (arena.goal[~moved] == first[~moved]).all()
        arena.step(np.zeros((3, H1.n)))
    assert moved.all()  # a new goal is nothing that could be foreseen
    arena.close()


def test_a_scene_has_the_skills_of_its_tasks_and_stand():
    library = household()
    for scene, names in {"floor": {"stand", "walk", "reach"}, "door": {"stand", "door_open"}}.items():
        arena = Arena(library, 64, seed=0, config=ArenaConfig(scene=scene))
        assert {HOUSE[i] for i in arena.command.argmax(-1)} == names
        phi = arena.view().phi[:, features.slices(features.HOUSEHOLD)["door_present"]]
        assert (phi == (scene == "door")).all()
        arena.close()
    with pytest.raises(ValueError, match="no skill of walk is for the scene door"):
        Arena(untrained(names=("walk",)), 1, config=ArenaConfig(scene="door"))


def test_the_gate_sees_the_command_and_is_fused_in():
    arena = Arena(untrained(), 2, skills=[1, 2], gate=lambda phi, c: np.roll(c, 1, axis=-1), alpha=0.7)
    mixture = arena.view().mixture
    arena.close()
    assert np.allclose(mixture, [[0, 0.7, 0.3], [0.3, 0, 0.7]])
