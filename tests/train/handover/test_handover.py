"""A handover learns from switches that were tried which expert manages from where, and the arena waits for it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from library import untrained

from metaworld_rt.tasks import features
from metaworld_rt.train import tune
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate import returns
from metaworld_rt.train.handover import train, trials
from metaworld_rt.train.handover.train import HandoverConfig, Switches, fit, load_handover, train_handover
from metaworld_rt.train.handover.trials import Scene, awaiting, take_over
from metaworld_rt.train.world_model.arena import Arena, ArenaConfig
from metaworld_rt.train.world_model.collect import Score

BRIEF = HandoverConfig(states=12, steps=5)
FLOOR = Scene(ArenaConfig(decisions=100, switch_every_s=1.0), 5)


@pytest.fixture
def brief(monkeypatch):
    """Commands that change every second, and tries of five decisions."""
    monkeypatch.setattr(train, "SCENES", (FLOOR,))


def ruled(n=4000):
    """Switches to the first two of three experts: each manages by a rule of its own."""
    rng = np.random.default_rng(0)
    phi, awaited = rng.standard_normal((n, 6)).astype(np.float32), rng.integers(0, 2, n)
    return Switches(phi, awaited, np.where(awaited == 0, phi[:, 0] > 0, phi[:, 1] > 1))


def test_a_handover_learns_a_rule_and_waits_for_nobody_that_was_not_tried():
    switches = ruled()
    config = HandoverConfig(steps=600, hidden=(32,), lr=1e-2, ready=0.5)
    net, figures = fit(switches, 3, config)
    phi = switches.phi
    ready = net.ready(phi)
    assert (ready[:, 0] == (phi[:, 0] > 0)).mean() > 0.95
    assert (ready[:, 1] == (phi[:, 1] > 1)).mean() > 0.95
    assert ready[:, 2].all()
    assert figures["managed"] < 0.5
    assert figures["managed_ready"] > 0.95
    want = net(torch.from_numpy(phi[:5])).detach().numpy()
    assert np.allclose(net.exported().forward(phi[:5]), want, atol=1e-5)


def test_one_that_must_be_surer_is_ready_less_often():
    rng = np.random.default_rng(0)
    phi = rng.standard_normal((2000, 4)).astype(np.float32)
    switches = Switches(phi, np.zeros(2000, np.int64), phi[:, 0] + 0.5 * rng.standard_normal(2000) > 0)
    shares = {}
    for ready in (0.5, 0.95):
        _, figures = fit(switches, 1, HandoverConfig(steps=400, hidden=(16,), lr=1e-2, ready=ready))
        shares[ready] = figures["ready"], figures["managed_ready"]
    assert shares[0.95][0] < shares[0.5][0]
    assert shares[0.95][1] > shares[0.5][1]


def test_the_awaited_expert_takes_over_from_every_state():
    library = untrained()
    states, awaited = awaiting(library, FLOOR, 20, seed=0, count=8)
    assert (awaited != states.weights.argmax(-1)).mean() > 0.9  # weights move for a while after a switch
    states.qpos[3, 2] = 0.3  # lying
    seen = []
    phi, managed = take_over(library, FLOOR, states, awaited, count=7, progress=seen.append)
    assert phi.shape == (20, features.size(library.features))
    assert np.allclose(phi[:, 0], states.qpos[:, 2], atol=1e-6)
    assert seen == [7, 7, 6]
    assert not managed[3]


def test_who_stands_about_where_others_go_on_has_not_managed(monkeypatch):
    library = untrained()
    states, _ = awaiting(library, FLOOR, 30, seed=0, count=8)
    states.weights[:] = np.eye(3)[0]
    lazy = np.zeros(30, bool)

    def put(states, arena, rows, put=returns.Snapshot.put):
        put(states, arena, rows)
        arena.lazy = lazy[rows]

    def step(arena, action, step=Arena.step):
        return replace(step(arena, action), rewards=np.tile(np.where(arena.lazy, 0.3, 0.9)[:, None], (1, 3)))

    monkeypatch.setattr(returns.Snapshot, "put", put)
    monkeypatch.setattr(Arena, "step", step)
    monkeypatch.setattr(trials, "LATEST", 5)
    awaited = np.arange(30) % 2 + 1
    _, upright = take_over(library, FLOOR, states, awaited)
    lazy[[0, 3, 6, 9, 12, 15, 18]] = True
    _, managed = take_over(library, FLOOR, states, awaited)
    assert upright.sum() > 20
    assert np.array_equal(managed, upright & ~lazy)
    _, of_a_third = take_over(library, replace(FLOOR, usual=0.3), states, awaited)
    assert np.array_equal(of_a_third, upright)


def test_states_put_into_an_arena_are_seen_whole():
    """The hands, too: they are not a part of the state, and were once those of the pose at the reset."""
    library = untrained(layout=features.HOUSEHOLD)
    states, _ = awaiting(library, FLOOR, 8, seed=0, count=8)
    states.qpos[:, :3] += (5.0, 1.0, 0.0)
    arena = Arena(library, 8, 0)
    states.put(arena, np.arange(8))
    phi, senses = arena.view().phi, Senses(arena.physics)
    at = features.slices(library.features)["left_hand"]
    state = features.FeatureInput.from_state(
        arena.physics.qpos,
        arena.physics.qvel,
        arena.action,
        phase=arena.phase,
        heading=arena.heading,
        extra=senses.terms(arena.goal),
    )
    want = features.compute(library.features, state)
    arena.close()
    assert np.allclose(phi[:, at], want[:, at], atol=1e-6)


@pytest.mark.usefixtures("brief")
def test_a_handover_is_kept_and_refused_for_other_experts(tmp_path):
    library = untrained()
    _, figures = train_handover(library, tmp_path, replace(BRIEF, wait_ms=400.0))
    net, kept = load_handover(tmp_path / "handover.pt", library)
    assert kept == figures
    assert net.wait == 20
    assert net.config.hidden == (64, 64)
    other = type(library)(**{**vars(library), "names": ("stand", "walk", "hop")})
    with pytest.raises(CheckpointError, match="other experts"):
        load_handover(tmp_path / "handover.pt", other)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_handover(tmp_path / "none.pt", library)
    with pytest.raises(CheckpointError, match="of other experts; remove it"):
        train_handover(untrained(names=("stand", "walk")), tmp_path, BRIEF)


class Moody:
    """Ready at the given decisions."""

    def __init__(self, ready, wait=10):
        self.wait, self._ready, self.asked = wait, ready, 0

    def ready(self, phi):
        self.asked += 1
        return np.full((len(phi), 3), self.asked in self._ready)


def moved(handover, decisions=16):
    """At which decision the weights begin to move after another skill is commanded before the third."""
    arena = Arena(untrained(), 2, skills=[1, 1], handover=handover)
    begun = None
    for t in range(1, decisions + 1):
        if t == 3:
            arena.command = np.tile(np.eye(3)[2], (2, 1))
        view = arena.view()
        arena.step(view.reference)
        if begun is None and view.c[0, 2] > 0:
            begun = t
    arena.close()
    return begun


def test_the_arena_waits_as_the_controller_does():
    assert moved(None) == 3
    assert moved(Moody({2})) == 3  # what was seen at the decision before counts
    assert moved(Moody({3})) == 4
    assert moved(Moody({6})) == 7
    assert moved(Moody({7}, wait=2)) == 5
    assert moved(Moody(set(), wait=4)) == 7


def test_a_handover_must_gain_where_commands_change(monkeypatch):
    given = SimpleNamespace(returns=np.array([1.0]))

    def score(arena, *_):
        return Score(given.returns * (0.5 if arena.handover is None else 0.7), np.ones(1), 0.0, 0.0, 0.0)

    monkeypatch.setattr(tune, "score", score)
    library, seen = untrained(), []
    used, (without, with_it) = tune.waits_well(library, Moody(set()), episodes=1, progress=seen.append)
    assert used
    assert seen == [without, with_it]
    assert list(with_it.scores) == [("switches", "commands")]
    given.returns = np.array([-1.0])
    assert not tune.waits_well(library, Moody(set()), episodes=1)[0]


def test_commands_that_stay_are_not_touched():
    plain, waiting = Arena(untrained(), 3, 0), Arena(untrained(), 3, 0, handover=Moody(set()))
    for _ in range(5):
        one, other = plain.view(), waiting.view()
        assert np.array_equal(one.phi, other.phi)
        plain.step(one.reference)
        waiting.step(other.reference)
    config = ArenaConfig(decisions=3)
    again = Arena(untrained(), 1, 0, config, skills=[1], handover=Moody(set()))
    for _ in range(6):  # through a reset, where nobody is waited for
        assert again.view().c[0, 1] == 1.0
        again.step(np.zeros((1, 19)))
