"""Chaos beside the real loop: whatever the backend does, the C++ controller ticks on and is handed nothing invalid."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from semantic_chaos import KINDS, Chaos

from metaworld_rt.semantic import Skills
from metaworld_rt.semantic.callers import InProcess
from metaworld_rt.semantic.runner import RunnerConfig, SemanticRunner

mw = pytest.importorskip("metaworld_rt")
pytest.importorskip("metaworld_rt._core")

TOY = Path(__file__).parents[1] / "data" / "toy_bundle"
FAST = RunnerConfig(
    period_s=0.01, timeout_s=0.05, start_timeout_s=30.0, backoff_s=0.005, watch_s=0.002, settle_s=0.0, ttl_s=0.5
)
RUNS = 5  # of each; benchmarks/semantic.py chaos does 100


class Loop:
    """The 1 kHz loop on the toy bundle, fed by the calling thread."""

    def __init__(self):
        self.bundle = mw.load(TOY)
        self.controller = mw.Controller(self.bundle)
        self.loop = mw.RealtimeLoop(self.controller, priority=0, lock_memory=False)
        self.skills = Skills.of(list(self.bundle.descriptions.items()), self.bundle.safe_skill)
        rest = {"base_pos": [0, 0, 0.98], "base_quat": [1, 0, 0, 0], "joint_pos": self.bundle.default_pos}
        parts = [np.asarray(rest.get(name, np.zeros(size)), float) for name, size in self.bundle.observation]
        self.observation = np.concatenate(parts)
        ends = np.cumsum([len(part) for part in parts])
        names = [name for name, _ in self.bundle.observation]
        end = ends[names.index("joint_pos")]
        self._joints = slice(end - len(rest["joint_pos"]), end)
        self.noise = np.random.default_rng(0)

    def stir(self):
        """Sensors that never change would be taken for frozen."""
        self.observation[2] = 0.98 + 1e-6 * self.noise.standard_normal()
        self.observation[self._joints] = self.bundle.default_pos + 1e-6 * self.noise.standard_normal(19)

    def feed_until(self, condition, timeout_s=40.0):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.stir()
            self.loop.observe(time.monotonic_ns(), self.observation)
            weights = np.asarray(self.loop.status().mixture)
            assert np.isfinite(weights).all()
            assert weights.min() >= 0.0
            time.sleep(0.002)

    def __enter__(self):
        self.loop.start()
        return self

    def __exit__(self, *_):
        self.loop.stop()
        self.loop.join()


def finish(world):
    """The loop has ticked all the time, and refused nothing (how evenly it ticks is the benchmark's business)."""
    assert world.loop.running
    world.loop.stop()
    world.loop.join()
    assert world.loop.report().ticks > 20
    rungs = world.controller.statistics()["rungs"]
    assert rungs["semantic_rejected"] == 0
    assert rungs["output_rejected"] == 0


@pytest.mark.parametrize("mode", list(KINDS))
def test_an_object_that_fails(mode):
    backend = Chaos("good", hang_s=0.3)
    with Loop() as world, SemanticRunner(backend, world.skills, world.controller.post, config=FAST) as runner:
        runner.ask("walk")
        world.feed_until(lambda: runner.report()["posted"] == 1)
        backend.mode = mode
        calls = backend.calls
        world.feed_until(lambda: backend.calls >= calls + RUNS)
        if KINDS[mode]:
            world.feed_until(lambda: runner.report()["failures"] >= RUNS - 1)
        backend.mode = "good"
        before = runner.report()["calls"]
        world.feed_until(lambda: runner.report()["calls"] >= before + 3)
        kinds = runner.report()["failures_by_kind"]
        finish(world)
    assert set(kinds) <= {KINDS[mode], "timeout", "saturated"}
    assert KINDS[mode] is None or kinds[KINDS[mode]] >= 1


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_is_killed_or_stopped(what):
    command = [sys.executable, str(Path(__file__).with_name("semantic_chaos.py")), "good"]
    caller = InProcess("chaos", command=command)
    with Loop() as world, SemanticRunner(caller, world.skills, world.controller.post, config=FAST) as runner:
        runner.ask("walk")
        for run in range(2):
            answers = runner.report()["renewed"] + runner.report()["posted"]
            world.feed_until(lambda: runner.report()["renewed"] + runner.report()["posted"] > answers)  # noqa: B023
            os.kill(caller.pid, what)
            world.feed_until(lambda: caller.restarts > run)  # noqa: B023
        failures = runner.report()["failures_by_kind"]
        finish(world)
    assert set(failures) <= {"died", "timeout"}
    assert sum(failures.values()) >= 2


def test_silence_ends_in_the_safe_skill():
    """A backend that goes silent: the command grows old, and the ladder fades it out. Nothing else is needed."""
    backend, world = Chaos("good"), Loop()
    walk, safe = (world.bundle.skills.index(name) for name in ("walk", world.bundle.safe_skill))
    with SemanticRunner(backend, world.skills, world.controller.post, config=FAST) as runner:
        runner.ask("walk")
        runner.wait()
        for skill, enough in ((walk, 0.6), (safe, 0.99)):  # a gate has its say until the end
            end = time.monotonic() + 40.0
            weight = 0.0
            while weight < enough:
                assert time.monotonic() < end
                world.stir()
                world.observation[7:26] += 1e-9  # encoders live
                world.controller.step(time.monotonic_ns(), world.observation)
                weight = world.controller.status.mixture[skill]
                time.sleep(0.002)
            backend.mode = "raising"
    assert world.controller.status.rungs["semantic_safe"] > 0
