"""The gate learns who does best, from trials that start where they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from library import untrained

from metaworld_rt.tasks import features
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate import returns
from metaworld_rt.train.gate.returns import VISITED, expert_returns, visit
from metaworld_rt.train.gate.train import GateConfig, Trials, fit, load_gate, train_gate
from metaworld_rt.train.world_model.arena import AT_DOOR, Arena


@pytest.fixture
def brief(monkeypatch):
    """Episodes of two seconds to visit states in."""
    monkeypatch.setattr(returns, "VISITED", replace(VISITED, decisions=100))
    monkeypatch.setattr(returns, "AT_DOOR", replace(AT_DOOR, decisions=100))


def test_a_gate_learns_a_rule():
    rng = np.random.default_rng(0)
    phi = rng.standard_normal((2000, 6)).astype(np.float32)
    best = (phi[:, 0] > 0).astype(int) + (phi[:, 1] > 1)
    scores = 0.9 + 0.1 * np.eye(3)[best]
    none = np.zeros((2000, 3))
    gate, figures = fit(
        Trials(phi, scores, none > 0, none), GateConfig(steps=400, hidden=(32,), lr=1e-2, condition=True)
    )
    assert figures["agreement"] > 0.9
    assert figures["regret"] < 0.2 * figures["regret_best_single"]
    p = gate.probabilities(phi, none)
    assert np.allclose(p.sum(-1), 1)
    assert (p.argmax(-1) == best).mean() > 0.9
    c = rng.dirichlet(np.ones(3), 5).astype(np.float32)
    want = gate(torch.from_numpy(phi[:5]), torch.from_numpy(c)).detach().numpy()
    assert np.allclose(gate.exported().forward(np.concatenate([phi[:5], c], -1)), want, atol=1e-5)


@pytest.mark.usefixtures("brief")
def test_trials_start_from_the_visited_states():
    library = untrained()
    states = visit(library, 20, seed=0, count=8, every=3)
    assert states.qpos.shape == (20, 26)
    phi, scores, upright = expert_returns(library, states, decisions=5, tail=5, count=7)
    assert phi.shape == (20, 72)
    assert np.allclose(phi[:, 0], states.qpos[:, 2], atol=1e-6)
    assert scores.shape == (20, 3)
    assert np.isfinite(scores).all()
    assert upright[states.qpos[:, 2] > 0.8].all()  # five decisions are too few to fall in
    assert (scores.max(0) >= 1).all()


def test_the_visited_states_are_of_whole_episodes(monkeypatch):
    lived = []
    monkeypatch.setattr(Arena, "step", lambda arena, action, step=Arena.step: lived.append(1) or step(arena, action))
    visit(untrained(), 60, seed=0, count=8, every=3)
    assert len(lived) > 0.6 * VISITED.decisions


@pytest.mark.usefixtures("brief")
def test_a_gate_is_kept_and_refused_for_other_experts(tmp_path):
    library = untrained()
    config = GateConfig(states=12, steps=5)
    _, figures = train_gate(library, tmp_path, config)
    gate, kept = load_gate(tmp_path / "gate.pt", library)
    assert kept == figures
    assert gate.skills == 3
    other = type(library)(**{**vars(library), "names": ("stand", "walk", "hop")})
    with pytest.raises(CheckpointError, match="other experts"):
        load_gate(tmp_path / "gate.pt", other)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_gate(tmp_path / "none.pt", library)


@pytest.fixture(scope="module")
def rescue(tmp_path_factory):
    """A gate where the first expert always earns 1.2, and one of the others, in charge, 0.9; it may be falling."""
    folder, library, rng = tmp_path_factory.mktemp("gate"), untrained(), np.random.default_rng(0)
    phi = rng.normal(size=(600, 72)).astype(np.float32)
    weights = np.eye(3)[rng.integers(1, 3, 600)]  # which one is in charge does not show in the state
    scores, upright = np.tile([1.2, 0.9, 0.9], (600, 1)), np.ones((600, 3), bool)
    upright[phi[:, 1] > 0.0, 1:] = False
    np.savez(folder / "returns.npz", phi=phi, scores=scores, weights=weights, upright=upright)
    train_gate(library, folder, GateConfig(loyalty=1.0, condition=True, steps=600, hidden=(32,), lr=1e-2))
    gate, figures = load_gate(folder / "gate.pt", library)
    return gate, figures, phi, weights


def test_the_expert_in_charge_stays_while_it_is_on_its_feet(rescue):
    gate, figures, phi, weights = rescue
    choice = gate.probabilities(phi, weights).argmax(-1)
    calm, trouble = phi[:, 1] < -0.4, phi[:, 1] > 0.4
    assert (choice[calm] == weights[calm].argmax(-1)).mean() > 0.97
    assert (choice[trouble] == 0).mean() > 0.97
    assert figures["kept"] > 0.7
    assert figures["called"] > 0.7


def test_without_a_command_the_gate_says_who_is_best_from_here(rescue):
    gate, _, phi, weights = rescue
    assert (gate.probabilities(phi, 0.0 * weights).argmax(-1) == 0).mean() > 0.97


@pytest.mark.usefixtures("brief")
def test_a_gate_from_before_the_command_was_read_still_works(tmp_path):
    library = untrained()
    train_gate(library, tmp_path, GateConfig(states=12, steps=1))
    content = torch.load(tmp_path / "gate.pt", weights_only=False)
    del content["condition"]
    torch.save(content, tmp_path / "gate.pt")
    gate, _ = load_gate(tmp_path / "gate.pt", library)
    phi, c = np.zeros((2, 72), np.float32), np.eye(3)[:2]
    p = gate.probabilities(phi, c)
    assert np.array_equal(p[0], p[1])
    assert gate.exported().inputs == (("phi", 72),)


def test_a_gate_of_the_state_alone_learns_who_is_in_charge_and_whom_to_call(tmp_path):
    library, rng = untrained(), np.random.default_rng(0)
    phi = rng.normal(size=(600, 72)).astype(np.float32)
    weights = np.eye(3)[np.where(phi[:, 0] > 0, 1, 2)]  # which one is in charge shows in the state
    scores = np.full((600, 3), 0.9)
    scores[phi[:, 1] > 0.5, 0] = 1.5  # here the first one saves the day
    np.savez(tmp_path / "returns.npz", phi=phi, scores=scores, weights=weights, upright=scores > 0)
    gate, figures = train_gate(library, tmp_path, GateConfig(steps=600, hidden=(32,), lr=1e-2))
    assert figures["agreement"] > 0.7
    clear = np.abs(phi[:, 0]) > 0.3
    choice = gate.probabilities(phi, weights).argmax(-1)
    calm, trouble = clear & (phi[:, 1] < 0.2), clear & (phi[:, 1] > 0.8)
    assert (choice[calm] == weights[calm].argmax(-1)).mean() > 0.95
    assert (choice[trouble] == 0).mean() > 0.95


def test_trials_of_another_version_are_refused(tmp_path):
    np.savez(tmp_path / "returns.npz", phi=np.zeros((4, 72)), scores=np.zeros((4, 3)), weights=np.zeros((4, 3)))
    with pytest.raises(CheckpointError, match="of another version; remove it"):
        train_gate(untrained(), tmp_path)


@pytest.mark.usefixtures("brief")
def test_at_a_door_the_trials_are_judged_by_the_door(tmp_path):
    names, tasks = ("stand", "walk", "door_approach"), ("stand", "walk", "door")
    library = untrained(names=names, tasks=tasks, layout=features.HOUSEHOLD)
    states = visit(library, 10, seed=0, scene="door", count=8, every=3)
    assert states.qpos.shape == (10, 28)
    assert (states.weights[:, 2] == 1).all()  # the plan for the door knows one skill here
    phi, scores, _ = expert_returns(library, states, decisions=5, tail=5)
    assert (phi[:, features.slices(features.HOUSEHOLD)["door_present"]] == 1).all()
    assert np.allclose(scores.max(-1), 1)  # relative to the best from each state
    assert (scores[:, 1] > 0).all()  # walking has no reward of its own here
    train_gate(library, tmp_path, GateConfig(states=12, steps=5))
    with np.load(tmp_path / "returns.npz") as kept:
        present = kept["phi"][:, features.slices(features.HOUSEHOLD)["door_present"]]
    assert present.mean() == 0.5
