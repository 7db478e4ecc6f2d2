import numpy as np

from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.vector import VectorPhysics
from metaworld_rt.train.expert import bank
from metaworld_rt.train.expert.door import TIMESTEP
from metaworld_rt.train.expert.door_search import SEGMENT, search
from metaworld_rt.train.expert.policy import Expert


def test_the_way_found_is_one_robots_way(tmp_path):
    """Each state follows from the one before by the action noted with it: nothing is spliced."""
    expert = Expert(features.size(features.HOUSEHOLD)).eval()
    found = search([expert, expert], segments=3, robots=16, seed=1)
    states = found.states
    assert len(states) == 3 * SEGMENT
    model = build("door")
    model.opt.timestep = TIMESTEP
    physics = VectorPhysics(model, len(states) - 1, 1)
    physics.qpos[:], physics.qvel[:] = states.qpos[:-1], states.qvel[:-1]
    physics.step(H1.target(states.action[1:]))  # the action noted with a state led to it
    physics.close()
    np.testing.assert_allclose(physics.qpos, states.qpos[1:], atol=1e-6)
    states.save(tmp_path / "shown.npz")
    assert bank.load(tmp_path / "shown.npz").qpos.shape[1] == 28
