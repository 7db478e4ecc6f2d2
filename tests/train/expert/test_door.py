import mujoco
import numpy as np
import pytest
import torch

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert.door import VARIETY, DoorEnv, score_following, training_model
from metaworld_rt.train.expert.skill import get_skill

AJAR = 0.275  # rad, where the locks hold the leaf when it falls back


@pytest.fixture
def make_env():
    """Makes a batch that follows a way."""
    made = []

    def make(way, count=40, skill="door_open", more=(), alone=None):
        made.append(DoorEnv(get_skill(skill), count=count, seed=3, threads=1, banks=[way, *more], alone=alone))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.mark.parametrize("skill", ["door_approach", "door_open", "door_pass"])
def test_a_batch_steps_and_its_phase_runs_along_the_way(skill, make_env, door_way):
    env = make_env(door_way(), skill=skill)
    outcome = env.step(np.zeros((40, 19)))
    assert np.isfinite(outcome.reward).all()
    assert outcome.phi.shape == (40, 91)
    assert env.skill.period == pytest.approx(60 * 0.02 / env.skill.busy)
    before = env.phase[0]
    env.advance_phase()
    assert (env.phase[0] - before) % 1.0 == pytest.approx(env.skill.busy / 60)


@pytest.mark.parametrize(
    ("clock", "difficulty", "late_is_lost"),
    [(40, 1.0, False), (40, 0.3, False), (40, 0.1, True), (40, 0.0, True), (59, 1.0, False), (59, 0.0, True)],
)
def test_on_a_pass_how_late_is_allowed_grows_with_the_difficulty(clock, difficulty, late_is_lost, make_env, door_way):
    way = door_way(hinge=0.9)
    way.qpos[:, 0] = np.linspace(0.0, 1.0, 60)
    env = make_env(way, skill="door_pass", count=3)
    env.difficulty = difficulty
    env.physics.qpos[:] = way.qpos[0]
    env.physics.qpos[1, :2] = -0.5, 1.0  # beside the way, and clear of the leaf
    signals = env.physics.step(H1.target(np.zeros((3, H1.n))))
    env.clock[:] = clock
    assert env._failed(signals).tolist() == [late_is_lost, True, late_is_lost]


def test_on_a_pass_who_is_early_has_lost_it(make_env, door_way):
    way = door_way(hinge=0.9)
    way.qpos[:, 0] = np.linspace(0.0, 1.0, 60)
    env = make_env(way, skill="door_pass", count=3)
    env.difficulty = 1.0
    env.physics.qpos[:] = way.qpos[-1]
    signals = env.physics.step(H1.target(np.zeros((3, H1.n))))
    env.clock[:] = 20, 30, 55
    assert env._failed(signals).tolist() == [True, True, False]


def test_who_rests_after_the_way_is_practised_at_every_age_of_the_rest(make_env, door_way):
    env = make_env(door_way(hinge=0.9), skill="door_pass", count=3)
    env.clock[:] = 59, 61, 10_000
    on_way, fresh, old = env._bin()
    assert (on_way, fresh) == (5, 7)  # the way's 60 decisions are bins 0 to 6
    assert old == len(env.losses) - 1 > fresh + 5
    opens = make_env(door_way(), skill="door_open", count=3)
    opens.clock[:] = 59, 61, 10_000
    assert opens._bin().tolist() == [5, 7, 7]  # its rest is another skill's


def test_practice_varies_the_scene_and_how_contacts_are_found():
    scene = training_model()
    models = VARIETY.scenes(scene, np.random.default_rng(0), 4)
    old = [bool(m.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_NATIVECCD) for m in models]
    assert old == [False, True, True, True]
    assert len({m.geom_friction[0, 0] for m in models} | {scene.geom_friction[0, 0]}) == 5
    pelvis, hinge = scene.body("pelvis").id, scene.joint("door_hinge").id
    for m in models:
        assert 0.95 < m.body_mass[pelvis] / scene.body_mass[pelvis] < 1.05
        assert 0.8 < m.jnt_stiffness[hinge] / scene.jnt_stiffness[hinge] < 1.2
        assert m.body_subtreemass[pelvis] == pytest.approx(m.body_mass[pelvis : scene.body("door").id].sum())


def test_a_batch_practises_on_varied_scenes_and_is_scored_on_the_task_itself(door_way):
    """Robots that stand alike and do the same part company in practice, and do not when they are scored."""

    def spread(alone):
        env = DoorEnv(get_skill("door_open"), count=8, seed=3, threads=1, banks=[door_way()], alone=alone)
        env.physics.qpos[:], env.physics.qvel[:] = env.model.key_qpos[0], 0.0
        for _ in range(5):
            env.physics.step(np.tile(H1.default_pos, (8, 1)))
        qpos = env.physics.qpos.copy()
        env.close()
        return np.abs(qpos - qpos[0]).max()

    assert spread(None) > 1e-6
    assert spread(0) == 0.0


def test_without_a_way_it_says_what_to_give(door_way):
    with pytest.raises(ValueError, match=r"--bank .*door_open"):
        DoorEnv(get_skill("door_open"), count=4, threads=1)
    robots = door_way().robot
    with pytest.raises(ValueError, match="--bank"):
        DoorEnv(get_skill("door_open"), count=4, threads=1, banks=[robots])


def test_a_way_through_an_open_door_never_begins_at_the_reset(make_env, door_way):
    assert (make_env(door_way(hinge=0.9), count=200).physics.qpos[:, -2] > 0.8).all()
    assert (make_env(door_way(), count=200).clock == 0).mean() > 0.15


def test_it_begins_where_the_skill_before_hands_over(make_env, door_way):
    before = door_way(hinge=np.linspace(0.0, 1.2, 60))
    before.qpos[:, 0], before.phase[:] = 0.33, 0.99
    before.qvel[:, -2] = 0.6 * (np.arange(60) % 2)  # every second leaf is still: its switch is long past
    env = make_env(door_way(hinge=0.9), skill="door_pass", count=200, more=[before])
    assert env.skill.begins == pytest.approx(0.89)
    handed = env.physics.qpos[:, 0] > 0.2
    assert 0.2 < handed.mean() < 0.45
    seen = handed & (env.physics.qpos[:, 0] == np.float64(0.33))
    assert 0.2 < seen.sum() / handed.sum() < 0.5  # the others stray from what was seen
    assert (env.physics.qpos[seen, -2] > 0.85).all()  # the door is about as far open as where the way begins
    assert (env.physics.qvel[seen, -2] > 0.5).all()
    assert (env.physics.qpos[handed, -2] > 0.7).all()
    assert (env.physics.qvel[handed, -2] > 0.4).all()
    assert env.clock[handed] == pytest.approx(0.1 * env.cycle)  # the phase runs on through the switch
    scored = make_env(door_way(hinge=0.9), skill="door_pass", count=50, more=[before], alone=0)
    assert (scored.physics.qpos[:, 0] == np.float64(0.33)).all()


def test_a_robot_that_stays_behind_the_way_has_lost_it(make_env, door_way):
    way = door_way(hinge=np.linspace(0.0, 1.0, 60))
    env = make_env(way, count=16)
    env.clock[:] = 45
    env.physics.qpos[:] = way.qpos[0]
    assert env.step(np.zeros((16, H1.n))).terminated.all()


def test_the_leaf_rests_ajar_on_its_locks():
    """What makes the door easier once it was pulled a little: it does not fall shut."""
    model = build("door")
    physics = VectorPhysics(model, 1, 1)
    physics.qpos[0, 0], physics.qpos[0, -2] = -1.5, 0.6
    for _ in range(200):
        physics.step(physics.qpos[:, 7:26] * 0 + model.key_qpos[0][7:26])
    physics.close()
    assert abs(physics.qpos[0, -2] - AJAR) < 0.02


def test_the_hatch_holds_the_door_until_it_is_turned():
    def pull(latch):
        model = build("door")
        data = mujoco.MjData(model)
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[0] = -0.6  # out of the way
        data.ctrl[:] = model.key_qpos[0][7:26]
        for _ in range(150):
            data.qpos[-1], data.qvel[-1] = latch, 0.0
            data.qfrc_applied[-2] = 60.0
            mujoco.mj_step(model, data)
        return data.qpos[-2]

    assert pull(0.0) < 0.03
    assert pull(1.2) > 0.04


def test_an_expert_is_scored_on_its_own_from_where_its_way_begins(door_way):
    class Still(torch.nn.Module):
        def forward(self, phi):
            return torch.zeros(len(phi), H1.n)

    skill = get_skill("door_pass")
    scores, states = score_following(Still(), skill, [door_way(hinge=0.9)], robots=8)
    assert scores["decisions"] == 660  # it rests in the doorway, and must not sink
    assert 0.0 < scores["return_min"] <= scores["return_mean"] < 110
    assert scores["ajar"] == 1.0
    assert 0.0 < scores["door"] < 0.9  # the spring pulls the leaf on, and nobody holds it
    assert states.qpos.shape[1] == 28
