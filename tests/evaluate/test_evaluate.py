"""Lockstep evaluation: observations by name, our tasks, and the adapter to the real benchmark (with a stand-in)."""

import importlib.machinery
import sys
import types
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import metaworld_rt as mw
from metaworld_rt.evaluate import evaluate
from metaworld_rt.evaluate.benchmark import BenchmarkTask
from metaworld_rt.evaluate.builtin import BuiltinTask
from metaworld_rt.evaluate.controllers import Driver
from metaworld_rt.evaluate.observation import Observer
from metaworld_rt.export.toy import write_toy_bundle
from metaworld_rt.plants.robot import H1
from metaworld_rt.plants.suite import SUITE, Perturbation
from metaworld_rt.tasks.env import H1Env

HELD = types.SimpleNamespace(mode=0, q=H1.default_pos, kp=H1.stiffness, kd=H1.damping)
TOY = Path(__file__).parent.parent / "data" / "toy_bundle"


@pytest.fixture(scope="module")
def bundle():
    return mw.load(TOY)


def test_observer_orders_terms_as_the_bundle_says():
    observer = Observer([("b", 2), ("a", 1)], ["a", "b", "c"])
    np.testing.assert_array_equal(observer.fill({"a": 1.0, "b": np.array([2.0, 3.0]), "c": 9}), [2.0, 3.0, 1.0])
    with pytest.raises(mw.UserError, match="cannot observe d"):
        Observer([("d", 1)], ["a"])


@pytest.mark.parametrize("name", ["walk", "reach", "door"])
def test_terms_are_the_state_that_the_benchmark_observes(name):
    task, env = BuiltinTask(name), H1Env(name)
    terms = task.reset(3)
    observation, _ = env.reset(seed=3)
    n, doors = H1.n, 2 * (name == "door")
    said = [terms[key] for key in ("base_pos", "base_quat", "joint_pos")]
    np.testing.assert_array_equal(np.concatenate(said), observation[: 7 + n])
    said = [terms[key] for key in ("base_lin_vel", "base_ang_vel", "joint_vel")]
    np.testing.assert_array_equal(np.concatenate(said), observation[7 + n + doors : 13 + 2 * n + doors])
    assert terms["door_present"] == (name == "door")
    if name == "reach":
        np.testing.assert_array_equal(terms["left_hand_pos"], observation[-6:-3])
        np.testing.assert_array_equal(terms["goal_pos"], observation[-3:])


def test_a_step_is_the_tasks_own_step(bundle):
    task, env = BuiltinTask("walk"), H1Env("walk")
    controller = mw.Controller(bundle, sensor_checks=False)
    observer = Observer(bundle.observation, task.observes)
    terms = task.reset(0)
    env.reset(seed=0)
    for k in range(10):
        command = controller.step(k * 20_000_000, observer.fill(terms))
        outcome = task.step(command)
        observation, reward, terminated, _, _ = env.step_target(command.q)
        assert outcome.reward == pytest.approx(reward, abs=1e-12)
        assert outcome.terminated == terminated
        np.testing.assert_allclose(outcome.terms["joint_pos"], observation[7:26], atol=1e-12)
        terms = outcome.terms


def test_stop_command_is_obeyed_as_damping(bundle):
    task = BuiltinTask("stand")
    controller = mw.Controller(bundle, sensor_checks=False)
    observer = Observer(bundle.observation, task.observes)
    terms = task.reset(0)
    controller.request_stop()
    for k in range(60):
        terms = task.step(controller.step(k * 20_000_000, observer.fill(terms))).terms
    np.testing.assert_array_equal(task.env.model.actuator_gainprm[:19, 0], 0.0)
    assert terms["base_pos"][2] < 0.9, "a damped robot sinks"


def test_driver_is_as_new_in_every_episode(bundle):
    first = evaluate(bundle, ["stand"], ["experts"], episodes=2, seed=4)[0]["returns"]
    second = evaluate(bundle, ["stand"], ["experts"], episodes=1, seed=5)[0]["returns"]
    assert first[1] == second[0], "episode k starts from seed + k, whatever came before"


def test_disturbances_are_drawn_from_the_episodes_seed(bundle):
    def returns(seed, *names):
        rows = evaluate(bundle, ["stand"], ["experts"], episodes=2, seed=seed, disturbances=names)
        return {row["disturbance"]: row["returns"] for row in rows}

    names = ("payload", "late-20ms", "late-40ms", "noise")
    first = returns(4, "calm", *names)
    for name in names:
        assert first[name] != first["calm"], f"{name} changes nothing"
    assert returns(5, "noise")["noise"][0] == first["noise"][1]


def test_pushes_come_at_their_times():
    seen = []
    for perturbation in (Perturbation(), SUITE["pushes"]):
        task = BuiltinTask("stand", perturbation)
        task.reset(0)
        seen.append([task.step(HELD).terms["base_lin_vel"].copy() for _ in range(105)])
    differs = [not np.array_equal(a, b) for a, b in zip(*seen, strict=True)]
    assert differs.index(True) == 100, "the first push is at 2 s"


def test_a_delay_delays_by_whole_decisions():
    task = BuiltinTask("stand", SUITE["late-40ms"])
    task.reset(0)
    heard = []
    for k in range(5):
        heard.append(task.sense(np.full(51, float(k)))[0])
        task.step(HELD)
    assert heard == [0.0, 1.0, 0.0, 1.0, 2.0], "as it is until the first arrives, then two decisions late"


def test_unknown_disturbance_and_a_disturbed_benchmark_are_refused(bundle, stand_in):
    with pytest.raises(mw.UserError, match="no disturbance 'wind': one of calm, pushes"):
        evaluate(bundle, ["stand"], disturbances=["wind"])
    with pytest.raises(mw.UserError, match="need --suite builtin"):
        evaluate(bundle, ["walk"], suite="humanoid_bench", disturbances=["pushes"])


def test_motion_figures_of_an_episode(bundle):
    [row] = evaluate(bundle, ["stand"], ["experts"], episodes=1)
    assert 0 < row["action_rate"] < 1
    assert row["jerk"] > 0


def test_alone_expert_has_all_the_weight(bundle):
    controller = Driver("expert:run", bundle, "walk").begin()
    task = BuiltinTask("walk")
    observation = Observer(bundle.observation, task.observes).fill(task.reset(0))
    for k in range(100):
        controller.step(k * 20_000_000, observation)
    np.testing.assert_allclose(controller.status.mixture, [0.0, 0.0, 1.0], atol=1e-6)


def mixture_of(controller, chosen):
    task = BuiltinTask("walk")
    observation = Observer(chosen.observation, task.observes).fill(task.reset(0))
    for k in range(100):
        controller.step(k * 20_000_000, observation)
    return np.asarray(controller.status.mixture)


def test_no_semantic_is_told_nothing(bundle):
    """The gate alone: the instruction changes nothing, and the weights are not those of the whole method."""
    walk, stand, full = (
        mixture_of(Driver(name, bundle, task).begin(), bundle)
        for name, task in (("no-semantic", "walk"), ("no-semantic", "stand"), ("full", "walk"))
    )
    np.testing.assert_array_equal(walk, stand)
    assert np.abs(walk - full).max() > 0.1


def test_no_semantic_without_a_gate_weighs_all_skills_the_same(tmp_path):
    plain = mw.load(write_toy_bundle(tmp_path / "plain", world_model=False))
    assert not plain.has_gate
    mixture = mixture_of(Driver("no-semantic", plain, "walk").begin(), plain)
    np.testing.assert_allclose(mixture, np.full(3, 1 / 3), atol=1e-6)


def test_without_the_gate_nobody_is_waited_for(tmp_path):
    """A handover is part of dynamic selection: `no-gate` switches at once, in a bundle that has only this, too."""
    waits = mw.load(write_toy_bundle(tmp_path / "waits", world_model=False, handover=True, seed=1))
    assert waits.has_handover
    moved = {}
    for name in ("experts", "no-gate"):
        controller, task = Driver(name, waits, "stand").begin(), BuiltinTask("stand")
        observation = Observer(waits.observation, task.observes).fill(task.reset(0))
        for t in range(40):
            if t == 5:
                controller.post_command(mw.skill_command(waits, "run"))
            controller.step(t * 20_000_000, observation)
            if controller.status.mixture[2] > 0 and name not in moved:
                moved[name] = t
        assert controller.status.rungs["handover_unready"] == (name == "experts")
    assert moved == {"experts": 5 + 15, "no-gate": 5}  # by this seed's weights run is never ready
    with pytest.raises(mw.UserError, match="a gate or a handover"):
        Driver("no-gate", mw.load(write_toy_bundle(tmp_path / "plain", world_model=False)), "walk")


class StandInEnv(gymnasium.Env):
    """Has the benchmark's shapes; remembers its last action."""

    doors, extra = 0, 0
    robot = types.SimpleNamespace(left_hand_position=lambda: [51, 52, 53], right_hand_position=lambda: [57, 58, 59])

    def __init__(self):
        size = 51 + 2 * self.doors + self.extra
        self.action_space = gymnasium.spaces.Box(-1, 1, (19,))
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)

    def reset(self, *, seed=None, options=None):
        return np.arange(self.observation_space.shape[0], dtype=float), {}

    def step(self, action):
        self.action = action
        return self.reset()[0], 2.0, False, False, {}


@pytest.fixture
def stand_in(monkeypatch):
    module = types.ModuleType("humanoid_bench")
    module.__spec__ = importlib.machinery.ModuleSpec("humanoid_bench", None)
    monkeypatch.setitem(sys.modules, "humanoid_bench", module)
    classes = {
        "walk": StandInEnv,
        "door": type("Door", (StandInEnv,), {"doors": 2}),
        "reach": type("Reach", (StandInEnv,), {"extra": 6}),
    }
    for name, kind in classes.items():
        monkeypatch.setitem(
            gymnasium.registry,
            f"h1-{name}-v0",
            gymnasium.envs.registration.EnvSpec(f"h1-{name}-v0", entry_point=kind, disable_env_checker=True),
        )


@pytest.mark.parametrize(("name", "doors"), [("walk", 0), ("door", 2), ("reach", 0)])
def test_benchmark_observations_are_cut_where_they_should_be(stand_in, name, doors):
    terms = BenchmarkTask(name).reset(0)
    np.testing.assert_array_equal(terms["base_pos"], [0, 1, 2])
    np.testing.assert_array_equal(terms["joint_pos"], np.arange(7, 26))
    np.testing.assert_array_equal(terms["base_lin_vel"], 26 + doors + np.arange(3))
    np.testing.assert_array_equal(terms["joint_vel"], 32 + doors + np.arange(19))
    if name == "door":
        np.testing.assert_array_equal(terms["door"], [26, 27, 53, 54])
    if name == "reach":
        np.testing.assert_array_equal(terms["goal_pos"], [54, 55, 56])
    np.testing.assert_array_equal(terms["left_hand_pos"], [51, 52, 53])
    np.testing.assert_array_equal(terms["right_hand_pos"], [57, 58, 59])


def test_benchmark_gets_its_own_actions(stand_in, bundle):
    task = BenchmarkTask("walk")
    command = mw.Controller(bundle, sensor_checks=False).step(
        0, Observer(bundle.observation, task.observes).fill(task.reset(0) | {"base_quat": [1, 0, 0, 0]})
    )
    assert task.step(command).reward == 2.0
    np.testing.assert_allclose(H1.benchmark_target(task._env.action), command.q, atol=1e-12)


def test_benchmark_that_is_absent_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "humanoid_bench", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(mw.UserError, match="needs the benchmark itself"):
        BenchmarkTask("walk")


def test_a_driver_takes_planner_settings_in_place_of_the_bundles(bundle):
    whole = Driver("full", bundle, "walk").planner
    small = Driver("full", bundle, "walk", settings={"samples": 16, "iterations": 1, "elites": 4}).planner
    assert small.flop < whole.flop / 2
    assert Driver("experts", bundle, "walk").planner is None
