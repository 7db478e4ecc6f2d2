"""The asynchronous runner: the newest wins, faults are counted and harmless, progress is kept."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from semantic_chaos import KINDS, NAMES, SKILLS, Chaos, plan

from metaworld_rt.semantic import InstructionError, StateSummary, checked
from metaworld_rt.semantic.callers import InProcess
from metaworld_rt.semantic.runner import RunnerConfig, SemanticRunner

FAST = RunnerConfig(
    period_s=0.05, timeout_s=0.5, start_timeout_s=30.0, backoff_s=0.01, watch_s=0.005, settle_s=0.01, ttl_s=1.0
)
QUIET = RunnerConfig(period_s=60.0, timeout_s=0.5, watch_s=0.005, settle_s=0.0)


class Sink:
    """Stands for the controller: refuses what is not valid, keeps the rest."""

    def __init__(self):
        self.posts = []

    def __call__(self, plan, *, t_ns, ttl_ns, id):
        assert checked(plan, NAMES) == plan
        assert 0 < t_ns <= time.monotonic_ns()
        assert ttl_ns > 0
        self.posts.append((plan, t_ns, id))

    @property
    def skills(self):
        return [each.skills for each, _, _ in self.posts]


def until(condition, timeout_s=20.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.003)


class Script:
    """Answers by a function of (instruction, image, state)."""

    name = "script"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def plan(self, instruction, image, skills, state_summary=None):
        self.asked.append((instruction, image, state_summary))
        return self.answer(*self.asked[-1])


def test_an_instruction_becomes_a_command():
    sink = Sink()
    image = np.zeros((16, 16, 3), np.uint8)
    backend = Script(lambda text, _, __: plan(text, confidence=0.5))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: StateSummary(heading=0.7), config=QUIET) as runner:
        before = time.monotonic_ns()
        runner.ask("walk", image)
        assert runner.wait().skills == ["walk"]
        assert sink.posts[0][1] >= before
        report = runner.report()
    assert np.array_equal(backend.asked[0][1], image)
    assert backend.asked[0][2].origin == 0.7
    assert (report["backend"], report["calls"], report["failures"], report["weights"]) == (
        "script",
        1,
        0,
        {"walk": 1.0},
    )
    assert report["latency_ms"]["max"] < 500
    assert report["reasons"] == {"instruction": 1}


def test_the_newest_instruction_wins():
    sink, gate = Sink(), threading.Event()
    backend = Script(lambda text, _, __: (gate.wait(5), plan(text))[1])
    with SemanticRunner(backend, SKILLS, sink, config=RunnerConfig(period_s=60, timeout_s=10, watch_s=0.005)) as runner:
        for text in ("walk", "stand", "run"):
            runner.ask(text)
            time.sleep(0.05)
        gate.set()
        assert runner.wait().skills == ["run"]
        time.sleep(0.05)
        assert sink.skills == [["run"]]
        assert runner.report()["superseded"] >= 1


def test_bad_instructions_do_not_get_in():
    with SemanticRunner(Chaos(), SKILLS, Sink(), config=QUIET) as runner:
        with pytest.raises(InstructionError):
            runner.ask("x" * 1_000_000)
        with pytest.raises(InstructionError):
            runner.ask(None)
        with pytest.raises(ValueError, match="image"):
            runner.ask("walk", np.zeros(3))
        assert runner.report()["calls"] == 0


@pytest.mark.parametrize("mode", [mode for mode, kind in KINDS.items() if kind and mode != "hanging"])
def test_faults_are_counted_and_post_nothing(mode):
    sink, backend = Sink(), Chaos(mode)
    with SemanticRunner(backend, SKILLS, sink, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: runner.report()["failures"] >= 3)
        assert sink.posts == []
        assert set(runner.report()["failures_by_kind"]) == {KINDS[mode]}
        backend.mode = "good"
        until(lambda: sink.posts)
        assert runner.report()["failures"] + 1 <= runner.report()["calls"]


def test_goals_are_clipped():
    sink = Sink()
    with SemanticRunner(Chaos("wild_thresholds"), SKILLS, sink, config=QUIET) as runner:
        runner.ask("walk")
        runner.wait()
    assert sink.posts[0][0].stages[0].threshold <= 100.0


def test_a_hanging_object_is_given_up():
    before = set(threading.enumerate())  # of other tests, which may have left some behind
    sink = Sink()
    backend = Chaos("hanging", hang_s=1.5)
    config = RunnerConfig(period_s=0.02, timeout_s=0.05, backoff_s=0.01, watch_s=0.005)
    with SemanticRunner(backend, SKILLS, sink, config=config) as runner:
        runner.ask("walk")
        until(lambda: runner.report()["failures_by_kind"].get("saturated"))
        assert runner.report()["failures_by_kind"]["timeout"] == 4
        assert len(set(threading.enumerate()) - before) < 8
        backend.mode = "good"
        until(lambda: sink.posts)


def test_retries_back_off_to_the_low_rate():
    times = []
    backend = Script(lambda *_: times.append(time.monotonic()) or 1 / 0)
    config = RunnerConfig(period_s=0.4, timeout_s=1.0, backoff_s=0.05, retries=3, watch_s=0.005)
    with SemanticRunner(backend, SKILLS, Sink(), config=config) as runner:
        runner.ask("walk")
        until(lambda: len(times) >= 6)
    gaps = np.diff(times)
    assert (gaps >= np.array([0.05, 0.1, 0.2, 0.4, 0.4])[: len(gaps)] - 0.01).all()


def test_the_same_answer_renews_the_command():
    sink = Sink()
    with SemanticRunner(Chaos("good"), SKILLS, sink, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: len(sink.posts) >= 4)
        assert runner.report()["posted"] == 1
    assert len({number for _, _, number in sink.posts}) == 1
    stamps = [t_ns for _, t_ns, _ in sink.posts]
    assert stamps == sorted(set(stamps))


def test_a_backend_in_many_minds_is_not_followed():
    sink = Sink()
    with SemanticRunner(Chaos("changing"), SKILLS, sink, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: runner.report()["calls"] > 12)
        report = runner.report()
    assert report["posted"] == 1
    assert report["unconfirmed"] >= 8


def test_a_change_of_mind_that_lasts_is_followed():
    sink, backend = Sink(), Chaos("good")
    with SemanticRunner(backend, SKILLS, sink, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: sink.posts)
        backend.mode = "too_few"
        backend.good = lambda: plan("run")
        backend.mode = "good"
        until(lambda: sink.skills[-1] == ["run"])
        assert runner.report()["unconfirmed"] >= 1


class World:
    """A state that the test changes."""

    def __init__(self, **fields):
        self.state = StateSummary(**fields)

    def set(self, **fields):
        self.state = StateSummary(**{**vars(self.state), **fields})


def test_progress_is_kept():
    """A stage is done: the backend is asked again, says the whole plan again, and nothing starts anew."""
    sink, world = Sink(), World()
    backend = Script(lambda *_: plan("walk", "stand", "run"))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: world.state, config=QUIET) as runner:
        runner.ask("walk, wait, run")
        runner.wait()
        world.set(stage=1)
        until(lambda: len(sink.posts) == 2)
        assert sink.posts[1][2] == sink.posts[0][2]
        assert runner.report()["reasons"] == {"instruction": 1, "stage": 1}


def test_a_change_of_scene_is_followed_at_once_from_where_the_robot_is():
    sink, world = Sink(), World(door_present=True, door_hinge=0.0)
    backend = Script(lambda _, __, state: plan("run") if state.door_hinge > 0.8 else plan("walk", "stand", "run"))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: world.state, config=QUIET) as runner:
        runner.ask("go through")
        runner.wait()
        world.set(stage=1)
        until(lambda: len(sink.posts) == 2)
        world.set(door_hinge=1.2)
        until(lambda: len(sink.posts) == 3)
    assert sink.skills == [["walk", "stand", "run"], ["walk", "stand", "run"], ["run"]]
    assert sink.posts[2][2] != sink.posts[1][2]


def test_what_is_done_is_not_done_again():
    """A new scene, and the backend says: walk, stand, run. Walking was done, so standing is next."""
    sink, world = Sink(), World(door_present=True, door_hinge=0.0)
    backend = Script(lambda _, __, state: plan("walk", "stand", "run") if state.door_hinge else plan("walk", "run"))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: world.state, config=QUIET) as runner:
        runner.ask("...")
        runner.wait()
        world.set(stage=1)
        until(lambda: len(sink.posts) == 2)
        world.set(door_hinge=1.0, stage=1)
        until(lambda: len(sink.posts) == 3)
    assert sink.skills[-1] == ["stand", "run"]


def test_a_failed_stage_is_told_to_the_backend():
    sink, world = Sink(), World()
    backend = Script(lambda _, __, state: plan("stand") if state.failed == "walk" else plan("walk", "run"))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: world.state, config=QUIET) as runner:
        runner.ask("...")
        runner.wait()
        world.set(failed="walk")
        until(lambda: len(sink.posts) == 2)
        assert runner.report()["reasons"]["failure"] == 1
    assert sink.skills[-1] == ["stand"]


def test_what_was_begun_is_not_refused_half_way():
    sink, world = Sink(), World()
    backend = Script(lambda _, __, state: plan("stand", refused=True) if state.stage else plan("walk", "run"))
    with SemanticRunner(backend, SKILLS, sink, state=lambda: world.state, config=FAST) as runner:
        runner.ask("...")
        runner.wait()
        world.set(stage=1)
        until(lambda: runner.report()["renewed"] >= 3 and len(backend.asked) > 5)
    assert {tuple(skills) for skills in sink.skills} == {("walk", "run")}


def test_callbacks_that_raise_are_counted():
    def broken(*_, **__):
        raise OSError("broken")

    with SemanticRunner(Chaos(), SKILLS, broken, state=broken, image=broken, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: {"state", "camera", "post"} <= set(runner.report()["failures_by_kind"]))


# --- in a process of its own


def chaos_process(mode):
    return InProcess("chaos", command=[sys.executable, str(Path(__file__).with_name("semantic_chaos.py")), mode])


def test_a_child_answers_like_an_object():
    sink = Sink()
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    with SemanticRunner(InProcess("matcher"), SKILLS, sink, config=QUIET) as runner:
        runner.ask("向前走", image)
        assert runner.wait(60).skills == ["walk"]
        assert runner.report()["restarts"] == 0


def test_a_child_that_cannot_load_says_why():
    with SemanticRunner("transformers:/nowhere", SKILLS, Sink(), config=FAST) as runner:
        runner.ask("walk")
        runner.wait(60)
        report = runner.report()
    assert report["failures_by_kind"] == {"unavailable": report["failures"]}
    assert "/nowhere" in report["last_failure"]


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
def test_a_child_that_is_killed_or_stopped_is_replaced(what):
    sink, caller = Sink(), chaos_process("good")
    with SemanticRunner(caller, SKILLS, sink, config=FAST) as runner:
        runner.ask("walk")
        until(lambda: len(sink.posts) >= 2, 60)
        pid, count = caller.pid, len(sink.posts)
        os.kill(pid, what)
        until(lambda: caller.restarts == 1, 60)
        until(lambda: len(sink.posts) > count + 1, 60)
        assert runner.report()["failures"] >= 1
        assert set(runner.report()["failures_by_kind"]) <= {"died", "timeout"}
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        last = caller.pid
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


@pytest.mark.parametrize(
    "mode", ["noise", "huge", "endless", "not json", "deep", "no plan", "half", "old id", "exits", "hanging"]
)
def test_a_child_that_breaks_the_protocol(mode):
    sink = Sink()
    config = RunnerConfig(period_s=0.05, timeout_s=0.3, start_timeout_s=2.0, backoff_s=0.01, watch_s=0.005)
    with SemanticRunner(chaos_process(mode), SKILLS, sink, config=config) as runner:
        runner.ask("walk")
        until(lambda: runner.report()["failures"] >= 1, 60)
        assert set(runner.report()["failures_by_kind"]) <= {"garbage", "timeout", "died"}
    assert sink.posts == []
