"""One command from nothing to a bundle, tiny: what it writes loads, and a second call does nothing twice."""

from dataclasses import replace

import numpy as np
import pytest
from library import untrained

from metaworld_rt.cli import main
from metaworld_rt.errors import UserError
from metaworld_rt.export import verify_bundle
from metaworld_rt.train import pipeline, tune
from metaworld_rt.train.curriculum import CURRICULA, skills_of
from metaworld_rt.train.expert.trainer import Result
from metaworld_rt.train.files import CheckpointError
from metaworld_rt.train.gate import returns
from metaworld_rt.train.gate.train import GateConfig
from metaworld_rt.train.handover import train as handover
from metaworld_rt.train.handover import trials as handover_trials
from metaworld_rt.train.handover.train import HandoverConfig
from metaworld_rt.train.handover.trials import Scene
from metaworld_rt.train.revise import revise
from metaworld_rt.train.world_model.arena import ArenaConfig, View
from metaworld_rt.train.world_model.collect import Score
from metaworld_rt.train.world_model.config import ModelConfig, PlannerConfig
from metaworld_rt.train.world_model.model import WorldModel
from metaworld_rt.train.world_model.trainer import Schedule

QUICK = PlannerConfig(samples=8, iterations=1, elites=4, prior_trajectories=1, expert_trajectories=1, guidance=1.0)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Experts that are not trained, and two planner settings tried for a moment."""
    calls = []

    def train_expert(name, out, *_, start, banks, **__):
        calls.append(out.name)
        assert all(path.exists() for path in [*banks, *([start] if start else [])])
        out.mkdir(parents=True)
        (out / "best.pt").write_bytes(b"")
        (out / "states.npz").write_bytes(b"")
        return Result(out / "best.pt", {}, 0, 0.0)

    def clone(out, legs, way):
        calls.append(out.parent.name)
        assert legs.exists()
        assert way is None or way.exists()
        out.parent.mkdir(parents=True)
        out.write_bytes(b"")

    choose, earns_place, waits_well = tune.choose, tune.earns_place, tune.waits_well
    monkeypatch.setattr(pipeline, "train_expert", train_expert)
    monkeypatch.setattr(pipeline.reach_clone, "make", lambda out, legs, *_: clone(out, legs, None))
    monkeypatch.setattr(pipeline.door_clone, "make", lambda _, out, legs, way, *__: clone(out, legs, way))
    monkeypatch.setattr(pipeline, "load_library", lambda *_: untrained())
    monkeypatch.setattr(pipeline, "CANDIDATES", {"q": QUICK})
    monkeypatch.setattr(pipeline, "choose", lambda *a, **k: choose(*a, allowed_loss=1.0, decisions=5, **k))
    monkeypatch.setattr(pipeline, "earns_place", lambda *a, **k: (True, earns_place(*a, decisions=5, **k)[1]))
    monkeypatch.setattr(pipeline, "waits_well", lambda *a, **k: (True, waits_well(*a, decisions=5, **k)[1]))
    monkeypatch.setattr(returns, "VISITED", replace(returns.VISITED, decisions=100))
    monkeypatch.setattr(handover, "SCENES", (Scene(ArenaConfig(decisions=100, switch_every_s=1.0), 5),))
    schedule = Schedule(
        size="xs", robots=4, expert_decisions=120, expert_updates=2, rounds=1, round_decisions=40, round_updates=2,
        batch=8, planner=QUICK,
    )  # fmt: skip
    plan = pipeline.Plan(
        "h1", tmp_path / "out", tmp_path / "bundle", threads=1, schedule=schedule, episodes=2,
        gate=GateConfig(states=10, steps=5), handover=HandoverConfig(states=10, steps=5),
    )  # fmt: skip
    return plan, calls


def test_everything_and_then_nothing_twice(quick):
    plan, calls = quick
    seen = []
    result = pipeline.train_all(plan, lambda phase, *_: seen.append(phase))
    assert calls == [lesson.folder for lesson in CURRICULA["h1", "locomotion"]]
    description = verify_bundle(plan.bundle)
    assert description["world_model"]["latent"] == 64
    assert description["provenance"]["world_model"]["updates"] == 4
    assert "gate" in description
    assert description["handover"] == {"file": "handover.onnx", "ready": 0.9, "wait_ms": 1000.0}
    rows = {(row["controller"], row["situation"], row["skill"]) for row in result["trials"]}
    assert ("experts", "calm", "walk") in rows
    assert ("q", "changes", "commands") in rows
    assert len(rows) == 3 * (2 * 3 + 1)
    assert {"gate: trials", "handover: switches", "decisions, round 1", "planner settings"} <= set(seen)
    seen.clear()
    again = pipeline.train_all(plan, lambda phase, *_: seen.append(phase))
    assert calls == [lesson.folder for lesson in CURRICULA["h1", "locomotion"]]
    assert set(seen) == {"gate", "handover", "planner settings"}
    assert {**again, "minutes": 0} == {**result, "minutes": 0}


def test_the_planner_is_tried_with_what_the_bundle_has_beside_it(quick, monkeypatch):
    plan, _ = quick
    given, choose = [], pipeline.choose
    monkeypatch.setattr(pipeline, "choose", lambda *a, **k: given.append(k) or choose(*a, **k))
    pipeline.train_all(plan)
    (how,) = given
    assert how["handover"] is not None
    assert how["gate"] is not None
    assert len(how["experts"].scores) == 2 * 3  # as they were flown with the gate


def interrupted_after(n, function):
    """The function, stopped from the keyboard after so many calls; it counts on."""
    calls = []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == n + 1:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return call, calls


def test_a_kill_in_the_trials_loses_the_one_that_was_flown(quick, monkeypatch):
    plan = replace(quick[0], schedule=None)
    score, calls = interrupted_after(9, tune.score)
    monkeypatch.setattr(tune, "score", score)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train_all(plan)
    assert not plan.bundle.exists()
    pipeline.train_all(plan)
    # Of the gate two controllers of seven scores each, of the handover two of one; one of them was flown twice.
    assert len(calls) == 2 * 7 + 2 + 1
    pipeline.train_all(replace(plan, episodes=1))
    assert len(calls) == 2 * (2 * 7 + 2) + 1  # of other trials none is taken


@pytest.mark.parametrize(("part", "batches"), [("gate", 3), ("handover", 1)])
def test_a_kill_in_a_stages_tries_loses_the_batch_that_was_tried(quick, monkeypatch, part, batches):
    """The last try is stopped; what was visited and tried before it is not done again."""
    plan, _ = quick
    module = {"gate": returns, "handover": handover_trials}[part]
    arena, calls = interrupted_after(batches, module.Arena)  # one to visit, then one a batch
    monkeypatch.setattr(module, "Arena", arena)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train_all(replace(plan, schedule=None))
    assert (plan.out / part / "tries").is_dir()
    pipeline.train_all(replace(plan, schedule=None))
    assert len(calls) == batches + 1 + 1
    assert not (plan.out / part / "tries").exists()


def test_the_household_stands_on_footwork_and_follows_ways(quick, monkeypatch):
    plan, calls = quick

    def search(legs, out):
        calls.append("ways")
        assert legs.exists()
        out.mkdir()
        for name in ("door_open", "door_pass"):
            (out / f"{name}.npz").write_bytes(b"")

    monkeypatch.setattr(pipeline.door_search, "search_ways", search)
    household = replace(plan, library="household", schedule=None)
    pipeline.train_all(household)
    lessons = [lesson.folder for lesson in CURRICULA["h1", "household"]]
    assert [name for name in calls if name != "ways"] == lessons
    assert calls.count("ways") == 1
    assert calls.index("ways") > lessons.index("footwork-1")
    done = len(calls)
    pipeline.train_all(household)
    assert len(calls) == done


def test_ways_that_are_not_there_are_missed_at_once(tmp_path):
    plan = pipeline.Plan("h1", tmp_path, tmp_path / "b", "household", tmp_path / "ways")
    with pytest.raises(CheckpointError, match=r"no state bank in .*door_open\.npz"):
        pipeline.train_all(plan)
    assert not (tmp_path / "lessons").exists()


def left_out(part, trial, plan, monkeypatch):
    """(controller, situation) of the trials in the provenance of a bundle whose part has lost its trial."""
    try_it = getattr(tune, trial)
    monkeypatch.setattr(pipeline, trial, lambda *a, **k: (False, try_it(*a, decisions=5, **k)[1]))
    pipeline.train_all(replace(plan, schedule=None))
    description = verify_bundle(plan.bundle)
    assert part not in description
    kept = description["provenance"][part]
    assert kept["used"] is False
    return {(row["controller"], row["situation"]) for row in kept["trials"]}


def test_a_gate_that_does_not_earn_its_place_is_left_out_and_said_so(quick, monkeypatch):
    rows = left_out("gate", "earns_place", quick[0], monkeypatch)
    assert {("no-gate", "calm"), ("gate", "pushes"), ("gate", "switches")} <= rows


def test_a_handover_that_gains_nothing_is_left_out_and_said_so(quick, monkeypatch):
    rows = left_out("handover", "waits_well", quick[0], monkeypatch)
    assert rows == {("at once", "switches"), ("handover", "switches")}


def test_what_the_trials_refuse_can_be_exported_for_an_ablation(quick, monkeypatch, tmp_path):
    plan, _ = quick
    pipeline.train_all(plan)
    for trial in ("earns_place", "waits_well", "choose"):
        monkeypatch.setattr(pipeline, trial, lambda *_, **__: pytest.fail("tried"))
    parts = {"gate": plan.out / "gate" / "gate.pt", "handover": plan.out / "handover" / "handover.pt"}
    result = pipeline.write(
        untrained(), tmp_path / "whole", **parts, world_model=plan.out / "world_model", untried="q", version="1.0.0"
    )
    assert result["planner"]
    assert result["trials"] == []
    description = verify_bundle(tmp_path / "whole")
    assert description["planner"]["samples"] == QUICK.samples
    assert {"gate", "handover"} <= set(description)
    assert description["provenance"]["untried"] == "q"
    assert description["provenance"]["gate"]["used"] is True


def test_a_bundle_that_is_there_is_given_a_handover(quick, tmp_path):
    plan, _ = quick
    pipeline.train_all(replace(plan, schedule=None))
    handover_file, revised = plan.out / "handover" / "handover.pt", tmp_path / "revised"
    how = {"version": "9.0.0", "episodes": 1, "threads": 1, "trials": tmp_path / "trials"}
    with pytest.raises(UserError, match=r"give its gate\.pt"):
        revise(untrained(), plan.bundle, revised, handover_file, **how)
    with pytest.raises(UserError, match="has the experts stand, walk, run, not stand, walk"):
        revise(untrained(names=("stand", "walk")), plan.bundle, revised, handover_file, **how)
    assert not revised.exists()
    result = revise(untrained(), plan.bundle, revised, handover_file, keep_gate=False, **how)
    assert result["handover"]["used"]
    assert {path.name for path in (tmp_path / "trials").glob("*.npz")} == {
        "at once-switches-commands.npz",
        "handover-switches-commands.npz",
    }
    before, after = verify_bundle(plan.bundle), verify_bundle(revised)
    assert after["version"] == "9.0.0"
    assert "gate" not in after
    assert after["handover"] == before["handover"]
    assert after["provenance"]["gate"]["used"] is False
    assert after["provenance"]["revised"]["version"] == before["version"]
    assert all(after["files"][e["file"]] == before["files"][e["file"]] for e in before["experts"])


def test_the_gate_is_judged_by_what_it_changes():
    """Skills whose tasks are alike but for the command: a gate that always stands loses to walking as commanded."""
    library = untrained()
    k = len(library.names)

    def wrong(phi, c):
        return np.roll(np.eye(k)[c.argmax(-1)], 1, -1)

    def loyal(phi, c):
        return c

    settings = {"alpha": 0.5, "episodes": 4, "decisions": 30}
    used, (without, with_it) = tune.earns_place(library, loyal, **settings)
    assert not used  # the same to the last digit: nothing gained
    for key, score in without.scores.items():
        np.testing.assert_allclose(with_it.scores[key].returns, score.returns, rtol=1e-6)
    _, (_, other) = tune.earns_place(library, wrong, **settings)
    assert any(not np.allclose(other.scores[key].returns, s.returns) for key, s in without.scores.items())


def test_every_lesson_follows_what_it_builds_on():
    for lessons in CURRICULA.values():
        seen = set()
        for lesson in lessons:
            assert {lesson.start, *lesson.banks} - {""} <= seen
            seen.add(lesson.folder)
    assert skills_of(CURRICULA["h1", "locomotion"]) == ("stand", "walk", "run")
    doors = ("door_approach", "door_open", "door_pass")
    assert skills_of(CURRICULA["h1", "household"]) == ("stand", "walk", "run", "reach", *doors)


def test_experts_that_were_flown_with_the_gate_are_not_flown_again(monkeypatch):
    library, model = untrained(), WorldModel(ModelConfig.of_size("xs", 72, 19, 3))
    settings = {"episodes": 2, "decisions": 20}
    _, (without, _) = tune.earns_place(library, lambda phi, c: c, alpha=0.7, **settings)
    _, trials = tune.choose(library, model, {"q": QUICK}, **settings)
    for key, score in trials[0].scores.items():
        if key[0] in tune.SITUATIONS:
            np.testing.assert_array_equal(without.scores[key].returns, score.returns)
    flown, given = [], []
    real = tune.try_policy

    def try_policy(name, *args, situations=tune.SITUATIONS, **settings):
        flown.append(name)
        given.append(situations)
        return real(name, *args, situations=situations, **settings)

    monkeypatch.setattr(tune, "try_policy", try_policy)
    _, again = tune.choose(library, model, {"q": QUICK}, experts=trials[0], **settings)
    assert flown[:3] == ["experts", "prior", "q"]
    assert given[:3] == [{}, tune.SITUATIONS, tune.SITUATIONS]
    np.testing.assert_array_equal(again[0].scores["calm", "walk"].returns, trials[0].scores["calm", "walk"].returns)


def test_a_planner_that_loses_to_the_experts_is_not_chosen():
    library = untrained()
    model = WorldModel(ModelConfig.of_size("xs", 72, 19, 3))
    wild = PlannerConfig(samples=16, iterations=2, elites=4, prior_trajectories=0, max_std=2.0)
    chosen, trials = tune.choose(
        library, model, {"wild": wild}, episodes=2, decisions=40, situations={"calm": ArenaConfig()}
    )
    assert [t.name for t in trials] == ["experts", "prior", "wild"]
    lost = {
        name
        for name in library.names
        if trials[2].scores["calm", name].returns.max() < trials[0].scores["calm", name].returns.min()
    }
    assert lost
    assert not lost & set(chosen.skills if chosen else ())


def test_a_planner_is_for_the_skills_that_it_gains_on(monkeypatch):
    """It gains on walk, loses when run is pushed and when stand is calm; where commands change it plans for walk."""
    gains = {("calm", "stand"): -5.0, ("pushes", "run"): -5.0, ("pushes", "walk"): 5.0}
    flown = {}

    def try_policy(name, library, make, *, situations=tune.SITUATIONS, commands=None, **_):
        flown[name] = make
        keys = [(where, what) for where in situations for what in library.names]
        keys += [(where, "commands") for where in commands or ()]
        returns = {key: 100.0 + (gains.get(key, 0.0) if name == "q" else 0.0) for key in keys}
        return tune.Trial(name, {key: Score(np.full(4, r), *[np.zeros(4)] * 4) for key, r in returns.items()})

    class Loud:
        def __call__(self, view):
            self.fresh = view.fresh
            return np.ones_like(view.reference)

    loud = Loud()
    monkeypatch.setattr(tune, "try_policy", try_policy)
    monkeypatch.setattr(tune, "planner_policy", lambda *_: loud)
    chosen, trials = tune.choose(untrained(), None, {"q": QUICK})
    assert chosen == tune.Choice(QUICK, ("walk",))
    assert {("changes", "commands"), ("pushes", "run")} <= set(trials[-1].scores)
    policy, still = flown["q"](), np.zeros(3, bool)
    none = np.zeros((3, 19))

    def act(c):
        return policy(View(none, np.asarray(c, np.float32), none, none, none, still, still))[:, 0]

    stand, walk, run = np.eye(3)
    np.testing.assert_array_equal(act([stand, walk, run]), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(act([walk, walk, (walk + stand) / 2]), [1.0, 1.0, 0.0])
    np.testing.assert_array_equal(loud.fresh, [True, False, True])


@pytest.mark.parametrize(("between", "chosen"), [(0.7, "calm"), (0.95, "bold")])
def test_a_planner_that_falls_where_commands_change_is_not_chosen(monkeypatch, between, chosen):
    """`bold` gains most when pushed, and loses between skills: more than chance, or no more."""
    returns = {
        "experts": {"calm": 800.0, "pushes": 500.0, "changes": 600.0},
        "prior": {"calm": 0.0, "pushes": 0.0, "changes": 0.0},
        "calm": {"calm": 800.0, "pushes": 510.0, "changes": 600.0},
        "bold": {"calm": 801.0, "pushes": 700.0, "changes": between * 600.0},
    }
    asked = []

    def try_policy(name, *_, situations=tune.SITUATIONS, commands=(), **__):
        asked.append([*situations, *commands])
        wobble = np.array([-60.0, 60.0, -60.0, 60.0]) * (name == "bold")
        flown = {
            (where, "walk"): Score(np.full(4, r) + wobble, *[np.zeros(4)] * 4)
            for where, r in returns[name].items()
            if where in asked[-1]
        }
        return tune.Trial(name, flown)

    monkeypatch.setattr(tune, "try_policy", try_policy)
    candidates = {"bold": replace(QUICK, guidance=1.0), "calm": replace(QUICK, guidance=2.0)}
    assert tune.choose(untrained(), None, candidates)[0] == tune.Choice(candidates[chosen], ("walk",))
    assert asked == [["calm", "pushes", "changes"]] * 2 + [["calm", "pushes"], ["changes"]] * 2


def test_plain_errors(tmp_path, capsys):
    with pytest.raises(UserError, match="no planner settings 'far': some of near"):
        pipeline.write(untrained(), tmp_path / "b", settings=["far"])
    with pytest.raises(UserError, match="no planner settings 'far': some of near"):
        pipeline.write(untrained(), tmp_path / "b", untried="far")
    assert main(["export", "--experts", str(tmp_path), "--untried", "near", "--out", str(tmp_path / "b")]) == 1
    assert "--untried goes with --world-model" in capsys.readouterr().err
    with pytest.raises(UserError, match="unknown robot 'g7'; one of h1"):
        pipeline.train_all(pipeline.Plan("g7", tmp_path, tmp_path / "b"))
    assert main(["train", "world-model", "--experts", str(tmp_path), "--out", str(tmp_path / "o"), "--size", "9G"]) == 1
    assert main(["train", "gate", "--experts", str(tmp_path), "--out", str(tmp_path / "o")]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "no checkpoint" in err[1]
    (tmp_path / "file").write_text("")
    assert main(["train", "all", "--out", str(tmp_path / "file" / "x")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
