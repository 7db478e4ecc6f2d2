"""Our tasks are HumanoidBench's: one decision from each recorded state gives the recorded next state and reward.

The traces were recorded on mujoco 4.0.0; contacts differ between versions, so other versions are skipped.
"""

import os
from pathlib import Path

import mujoco
import numpy as np
import pytest

from metaworld_rt.plants.h1 import SUBSTEPS, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import TASKS
from metaworld_rt.tasks.signals import SignalReader

REPO = Path(__file__).resolve().parents[2]
TRACES = REPO / "tests" / "data" / "humanoidbench_h1_traces.npz"
KINDS = ("gait", "random", "hold")


def benchmark_foot() -> Path | None:
    given = os.environ.get("MWRT_SHARED_DATA")
    folder = Path(given) if given else REPO.parent / "shared" / "data"
    return folder if (folder / "hb_left_ankle_link.stl").is_file() else None


@pytest.fixture(scope="module")
def traces():
    file = np.load(TRACES)
    recorded = str(file["mujoco_version"])
    if recorded.split(".")[:2] != mujoco.__version__.split(".")[:2]:
        pytest.skip(f"traces are from mujoco {recorded}, this is {mujoco.__version__}")
    return file


def replay(traces, task, kind, foot):
    """Errors of qpos, reward and termination over a trace: (T,), (T,), count; and of each named reward term."""
    model = build(task.scene, foot)
    data, reader = mujoco.MjData(model), SignalReader(model)
    get = lambda key: traces[f"{task.name}/{kind}/{key}"]  # noqa: E731
    qpos, qvel, info = get("qpos"), get("qvel"), get("info")
    goal = get("goal") if task.has_goal else None
    keys = [str(k) for k in get("info_keys")]
    q_error, r_error, wrong_end, term_error = [], [], 0, 0.0
    for t, action in enumerate(get("action")):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = qpos[t], qvel[t]
        data.ctrl[:] = H1.benchmark_target(action)
        mujoco.mj_step(model, data, SUBSTEPS)
        s = reader.read(data.qpos, data.qvel, data.sensordata)
        terms = task.terms(s, goal)
        q_error.append(np.abs(data.qpos - qpos[t + 1]).max())
        r_error.append(abs(terms["reward"] - get("reward")[t]))
        wrong_end += bool(task.terminated(s)) != bool(get("terminated")[t])
        for key, value in zip(keys, info[t], strict=True):
            if key in terms and key != "motion_penalty":
                term_error = max(term_error, abs(float(terms[key]) - value))
    return np.array(q_error), np.array(r_error), wrong_end, term_error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(TASKS))
def test_with_the_benchmarks_foot(traces, name, kind):
    foot = benchmark_foot()
    if foot is None:
        pytest.skip("the benchmark's foot meshes are not here (set MWRT_SHARED_DATA to the folder that holds them)")
    q, r, wrong_end, terms = replay(traces, TASKS[name], kind, foot)
    assert q.max() < (1e-4 if kind == "random" else 1e-6)
    assert r.max() < 1e-5
    assert wrong_end == 0
    assert terms < 1e-3


# What the shipped blade leaves (largest, median of |qpos| and of |reward|), about 1.5 times the measured values.
BLADE = {"gait": (4e-2, 1e-4, 1e-2, 1e-5), "random": (6e-2, 2e-4, 8e-3, 1e-5), "hold": (1e-6, 1e-7, 1e-6, 1e-7)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(TASKS))
def test_with_our_blade(traces, name, kind):
    q, r, wrong_end, _ = replay(traces, TASKS[name], kind, "blade")
    q_max, q_median, r_max, r_median = BLADE[kind]
    assert q.max() < q_max
    assert np.median(q) < q_median
    assert r.max() < r_max
    assert np.median(r) < r_median
    assert wrong_end == 0
