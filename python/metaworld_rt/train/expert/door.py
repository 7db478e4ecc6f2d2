"""The batch that learns the door by following a way that a search has shown.

The way (`door_search`) was walked by robots whose legs an expert of footwork moved and whose arms followed commands.
`door_clone` gives an expert that does the same with one network, this batch teaches it to do it from wherever it errs,
and better. After DeepMimic (Peng et al., arXiv 1804.02717).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np
import torch

from metaworld_rt.plants.h1 import DECISION_DT, build
from metaworld_rt.plants.robot import H1
from metaworld_rt.tasks import features
from metaworld_rt.tasks.door import door_reward
from metaworld_rt.tasks.features import rotation
from metaworld_rt.tasks.signals import Signals
from metaworld_rt.train.expert.archive import Archive
from metaworld_rt.train.expert.bank import ROBOT_NQ, Bank, join
from metaworld_rt.train.expert.door_hook import ARM_JOINTS
from metaworld_rt.train.expert.env import Outcome, SkillEnv
from metaworld_rt.train.expert.evaluate import return_figures
from metaworld_rt.train.expert.policy import Expert
from metaworld_rt.train.expert.practice import Variety
from metaworld_rt.train.expert.sense import Senses
from metaworld_rt.train.expert.shaping import Step, effort_terms
from metaworld_rt.train.expert.skill import Skill

# s, of the training physics: the task's. At 0.004 practice is nearly twice as fast, and ends a little wrong: an expert
# that opened 99 % of the doors there opened 95 % at 0.002. So it is for the beginning (`train_expert`, timestep).
TIMESTEP = 0.002
EPISODE = 200  # decisions
UNLATCHED, AJAR, OPENED = 0.75, 0.2, 0.9  # rad: latch beyond which the locks are clear of the frame, and hinge angles
FALLEN_HEIGHT = 0.62  # m
FALLEN_UP = 0.3
BEHIND = 0.35  # rad that the hinge may be behind the way's
_TURNED, _CLEAR = 1.15, 0.3  # rad: the hatch is held turned until the hinge is there, and the locks past the frame
HINGE_XY = np.array([0.75, -0.5])  # m, the axis that the leaf turns about
ASTRAY = 0.4  # m of the pelvis from the way
# How late a robot may be on its way through an open door, at full difficulty: decisions behind it and, once its time is
# over, m short of its end: nowhere is it further.
LATE, SHORT = 75, 1.5
_SHUT = 0.1  # rad: a way that begins below is one from the task's reset
# Where the skill before hands over: rad of the hinge from where the way begins, the leaf swings on while the weights
# change, and the least rad/s. Once the leaf is still the switch is long past.
_SWITCH, _SWINGS = (-0.05, 0.3), 0.1
# The expert at work changes the switch, and so does every other physics: two of three starts there stray from those
# that were seen, by m and m/s of the pelvis (and its turning, rad/s), rad and rad/s of the joints, rad and a share of
# the leaf's speed.
_STRAYS = 2 / 3
_STRAY_PLACE, _STRAY_SPEED = (0.02, 0.02, 0.0), (0.1, 0.1, 0.05, 0.15, 0.15, 0.15)
_STRAY_JOINTS, _STRAY_JOINT_SPEED = 0.02, 0.2
_STRAY_HINGE, _STRAY_SWING = 0.03, (0.7, 1.2)
_LEAD_IN = 12.5  # decisions that the controller takes to give a skill its full weight
_NOISE = 0.02  # rad, of the joints in the way's states
_AHEAD = 2  # decisions that a phase may be ahead at the reset; the controller's is by one
_BIN = 10  # decisions of the way in one bin of the archive
# Decisions after the way, and those in one bin. Whoever rests for long is not where who just came is: feet creep.
_HOLD, _HOLD_BIN = 600, 50
_BEFORE = 5  # bins: starts are drawn from so far before the places where the way is lost
_EVEN = 0.3  # share of the starts on the way, and of those in the rest, that are drawn evenly
_FORGET = 0.999  # of the losses counted, a decision
_ENDLESS = 10**9
# What differs between real doors and between simulators. An expert that knew MuJoCo's new contacts alone opened 76 % of
# the doors with the old ones.
VARIETY = Variety(
    friction=(0.7, 1.2),
    masses=(0.96, 1.04),
    springs=(0.85, 1.15),
    sprung=("door_hinge", "door_latch"),
    libccd=0.75,  # most: with it more tries fail
)
# With a stiff spring and little friction no lunge holds the leaf: practice would be about those scenes.
# And as many of the new contacts as of the old: the switch is another with each.
MILD = replace(VARIETY, friction=(0.9, 1.05), masses=(0.99, 1.01), springs=(0.95, 1.05), libccd=0.5)


@dataclass(frozen=True)
class _Starts:
    """Shares of the episodes by what they begin with; the rest begin with states of the way.

    Attributes:
        first: where the way begins: the task's reset, or states handed over.
        end: the way's end, at any phase.
        own: the batch's own states.
        after: its own states after the way's end.
        late: states of the way when its time is over, where the door was open already: who is late goes on. At full
            difficulty.
    """

    first: float
    end: float
    own: float
    after: float
    late: float


_OPENING = _Starts(first=0.2, end=0.1, own=0.2, after=0.15, late=0.0)
# The switch decides how the pass goes, and most of the task is the rest in the doorway.
_PASSING = _Starts(first=0.3, end=0.02, own=0.2, after=0.3, late=0.08)


def training_model(collisions: str = "full", timestep: float = TIMESTEP) -> mujoco.MjModel:
    """The door's scene at the training's timestep, s."""
    return build("door", collisions=collisions, timestep=timestep)


def on_leaf(points: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """World points (n, k, 3) in the frame of a leaf at hinge angles (n,), rad: from its axis, as if it were closed."""
    c, s = np.cos(hinge)[:, None], np.sin(hinge)[:, None]
    x, y = points[..., 0] - HINGE_XY[0], points[..., 1] - HINGE_XY[1]
    return np.stack([c * x + s * y, c * y - s * x, points[..., 2]], axis=-1)


def _before_hard(losses: np.ndarray) -> np.ndarray:
    """Shares of the starts (k,) by the losses soon after each of k places; some are drawn evenly."""
    hard = losses + 1e-9
    return _EVEN / len(hard) + (1.0 - _EVEN) * hard / hard.sum()


def _stray(qpos: np.ndarray, qvel: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> None:
    """Moves the states of these rows, (k,), to others near by, in place."""
    k, joints = len(rows), slice(7, ROBOT_NQ)
    qpos[rows, :3] += rng.normal(0.0, 1.0, (k, 3)) * _STRAY_PLACE
    qpos[rows, joints] += rng.normal(0.0, _STRAY_JOINTS, (k, H1.n))
    qpos[rows, -2] += rng.normal(0.0, _STRAY_HINGE, k)
    qvel[rows, :6] += rng.normal(0.0, 1.0, (k, 6)) * _STRAY_SPEED
    qvel[rows, 6 : ROBOT_NQ - 1] += rng.normal(0.0, _STRAY_JOINT_SPEED, (k, H1.n))
    qvel[rows, -2] *= rng.uniform(*_STRAY_SWING, k)


class DoorEnv(SkillEnv):
    """Robots that follow a way through the door; see `LocomotionEnv` for the other arguments.

    Args:
        banks: first the way, whole states in order, the door's joints too; it sets the period of the skill's phase.
            Then states of the skill before it: those whose leaf swings past where the way begins are starts too.
        timestep: of the physics, s.
        alone: to be scored: all begin at this decision of the way (0: where the skill before hands over, too), and only
            falling ends an episode. None: to learn.

    Attributes:
        cycle: decisions of the skill's phase.
        losses: (bins,) how often the way was lost lately, by place: `_BIN` decisions of the way a bin, then what
            follows it, in one bin or, where the skill rests after its way, in several.
        clock: (count,) decisions since the way's begin; below 0 for who was handed over before it. It is slower while
            the skill's weight still grows, as its phase is.

    Raises:
        ValueError: no way, or states without a door.
    """

    def __init__(
        self,
        skill: Skill,
        count: int = 256,
        seed: int = 0,
        threads: int = 2,
        collisions: str = "full",
        banks: Sequence[Bank] = (),
        timestep: float = TIMESTEP,
        alone: int | None = None,
    ) -> None:
        self._given = tuple(banks)
        if not banks or any(bank.qpos.shape[1] == ROBOT_NQ for bank in banks):
            raise ValueError(
                f"{skill.name} follows a way through the door: give --bank models/checkpoints/door/{skill.name}.npz, "
                "or one that metaworld_rt.train.expert.door_search wrote"
            )
        self.way = banks[0]
        before = join(banks[1:]) if banks[1:] else self.way[:0]
        past = before.qpos[:, -2] - self.way.qpos[0, -2]
        self.handover = before[(past > _SWITCH[0]) & (past < _SWITCH[1]) & (before.qvel[:, -2] > _SWINGS)]
        self.cycle = len(self.way) / skill.busy
        skill = replace(skill, period=self.cycle * DECISION_DT)
        model = training_model(collisions, timestep)
        super().__init__(skill, model, features.HOUSEHOLD, count, seed, threads)
        self.senses = Senses(self.physics)
        self._hands = self._reach()
        rests = skill.busy < 1.0
        self._on_way = len(self.way) // _BIN + 1
        bins = self._on_way + (_HOLD // _HOLD_BIN if rests else 1)
        self._starts = _PASSING if rests else _OPENING
        self.clock, self._lead_in = np.zeros(count), np.zeros(count)
        self.losses = np.zeros(bins)
        self.alone = alone
        if alone is None:
            self.physics.use_models((MILD if rests else VARIETY).spread(model, self.rng, count))
        self._from_reset = self.way.qpos[0, -2] < _SHUT
        self._has_first = self._from_reset or len(self.handover) > 0
        self.archive = Archive(count, (model.nq, model.nv, self.action.shape[1], 1), bins, 200, self.rng)
        self.begin()

    def _reach(self) -> np.ndarray:
        """The left and the right hand along the way in the leaf's frame, (T, 2, 3)."""
        senses, physics, n = self.senses, self.physics, self.count
        hands = np.zeros((len(self.way), 2, 3))
        for first in range(0, len(self.way), n):
            rows = np.arange(min(n, len(self.way) - first))
            physics.qpos[rows], physics.qvel[rows] = self.way.qpos[first + rows], self.way.qvel[first + rows]
            senses.reset(rows)
            hands[first + rows] = np.stack([senses.left[rows], senses.right[rows]], axis=1)
        return on_leaf(hands, self.way.qpos[:, -2])

    def frame(self) -> np.ndarray:
        """Where on the way each robot should be, (count,)."""
        return np.clip(self.clock, 0, len(self.way) - 1).astype(np.int64)

    def _begin(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, rng, end, way = len(rows), self.rng, len(self.way) - 1, self.way
        self.archive.forget(rows)
        self.heading[rows] = 0.0
        qpos, qvel, action = self.home(n)
        clock = np.zeros(n)
        starts = self._starts
        # Who begins late is lost at once, and learns nothing, while the difficulty is low.
        shares = (starts.first * self._has_first, starts.end, starts.own, starts.after, starts.late * self.difficulty)
        first, last, own, rest, late = np.cumsum(shares)
        kind = rng.random(n) if self.alone is None else np.full(n, 1.0 if self.alone else 0.0)
        if not self._from_reset:
            handed = np.flatnonzero(kind < first)
            start = self.handover[rng.integers(0, max(1, len(self.handover)), len(handed))]
            qpos[handed], qvel[handed], action[handed] = start.qpos, start.qvel, start.action
            if self.alone is None:
                _stray(qpos, qvel, handed[rng.random(len(handed)) < _STRAYS], rng)
            # The phase runs on through the switch: who opened early waits for the way to begin, who was late is on it.
            clock[handed] = (np.mod(start.phase - self.skill.begins + 0.5, 1.0) - 0.5) * self.cycle
        again = []
        for low, high, bins in ((last, own, np.ones(len(self.losses))), (own, rest, self._rest_shares())):
            chosen = np.flatnonzero((kind >= low) & (kind < high))
            lived = self.archive.draw(len(chosen), bins)
            rows_again = chosen[: len(lived[0])]
            qpos[rows_again], qvel[rows_again], action[rows_again] = lived[:3]
            clock[rows_again] = lived[3][:, 0]
            again.append(rows_again)
        shown = np.setdiff1d(np.flatnonzero(kind >= first), np.concatenate(again))
        k = np.where(kind[shown] < last, end, rng.choice(end, len(shown), p=self._start_shares()))
        k = k if self.alone is None else np.full(len(shown), self.alone)
        qpos[shown], qvel[shown], action[shown] = way.qpos[k], way.qvel[k], way.action[k]
        is_late = (kind[shown] >= rest) & (kind[shown] < late)
        clock[shown] = np.where(is_late, end, k)
        qpos[shown, 7:ROBOT_NQ] += rng.normal(0.0, _NOISE, (len(k), H1.n))
        self.clock[rows] = clock
        # In the task another skill is before this one, and stands.
        from_reset = (kind < first) if self._from_reset and self.alone is None else np.zeros(n, dtype=bool)
        self._lead_in[rows] = _LEAD_IN * (from_reset & (rng.random(n) < 0.7))
        ahead = rng.integers(0, _AHEAD + 1, n) * (kind < first) * self._from_reset
        on_the_way = np.mod(self.skill.begins + (clock + ahead) / self.cycle, 1.0)
        self.phase[rows] = np.where(clock < end, on_the_way, rng.random(n))
        self._length[rows] = rng.integers(EPISODE // 2, EPISODE, n)
        if self.alone is not None:
            self._length[rows] = _ENDLESS
        return qpos, qvel, action

    def _rate(self) -> np.ndarray:
        """The weight of the skill, (count,)."""
        return np.minimum(1.0, (self.age + 1) / np.maximum(self._lead_in, 1.0))

    def step(self, raw_action: np.ndarray) -> Outcome:
        """As of every batch; while the weight grows, the rest of the action stands."""
        share = self._rate()[:, None]
        return super().step(share * raw_action + (1.0 - share) * H1.action_of_target(H1.default_pos))

    def advance_phase(self) -> None:
        """As of every batch, at the weight's pace."""
        self.phase = np.mod(self.phase + self._rate() / self.cycle, 1.0)

    def _start_shares(self) -> np.ndarray:
        """How often an episode begins at each decision of the way but the last, (T - 1,): more before hard places."""
        end = len(self.way) - 1
        ahead = np.convolve(self.losses, np.ones(_BEFORE))[_BEFORE - 1 :]  # of a bin and those after it
        return _before_hard(ahead[np.arange(end) // _BIN])

    def _rest_shares(self) -> np.ndarray:
        """How often an episode begins in each bin after the way, (bins,): more before hard places."""
        ahead = self.losses + np.append(self.losses[1:], 0.0)  # of a bin and the next
        return np.append(np.zeros(self._on_way), _before_hard(ahead[self._on_way :]))

    def _away(self, s: Signals) -> np.ndarray:
        """From where the way is to the pelvis, (count, 3), m; at the way's end on into the doorway is no matter."""
        at = self.frame()
        away = s.qpos[:, :3] - self.way.qpos[at, :3]
        away[:, 0] = np.where(at == len(self.way) - 1, np.minimum(away[:, 0], 0.0), away[:, 0])
        return away

    def _bin(self) -> np.ndarray:
        """The bin of each robot's place, (count,)."""
        rested = self.clock - len(self.way)
        place = np.where(rested < 0, self.clock // _BIN, self._on_way + rested // _HOLD_BIN)
        return np.clip(place, 0, len(self.losses) - 1).astype(np.int64)

    def _started(self, rows: np.ndarray) -> None:
        self.senses.reset(rows)

    def _extra(self) -> dict[str, np.ndarray]:
        return self.senses.terms()

    def _failed(self, s: Signals) -> np.ndarray:
        fallen = (s.qpos[:, 2] < FALLEN_HEIGHT) | (s.torso_up < FALLEN_UP)
        if self.alone is not None:
            return fallen
        ref = self.way.qpos[self.frame()]
        behind = s.qpos[:, -2] < np.minimum(ref[:, -2], 0.95) - BEHIND
        lost = fallen | behind | self._astray(s)
        self.losses = _FORGET * self.losses + np.bincount(self._bin()[lost], minlength=len(self.losses))
        return lost

    def _astray(self, s: Signals) -> np.ndarray:
        """Who has left the way, (count,) bool.

        Through an open door a little late is not lost: on the task nothing ends it either, and whoever never practises
        it falls there or stays. But who falls on the way more often than not learns to stop before it if that is not
        lost. So how late is allowed grows with the difficulty, while ends are rare.
        """
        allowed = 0.0 if self._from_reset else self.difficulty
        x, y = (s.qpos[:, i, None] - self.way.qpos[:, i] for i in (0, 1))
        x[:, -1] = np.minimum(x[:, -1] + SHORT * allowed, 0.0)  # further on is no matter
        near = np.square(x) + np.square(y) <= ASTRAY**2
        behind = self.frame()[:, None] - np.arange(len(self.way))
        return ~(near & (behind >= 0) & (behind <= LATE * allowed)).any(axis=-1)

    def _terms(self, step: Step) -> dict[str, np.ndarray]:
        self.senses.update()
        s = step.signals
        self.archive.look((s.qpos, s.qvel, self.action, self.clock[:, None] + 1.0), self._bin())
        self.clock += self._rate()
        at = self.frame()
        ref = self.way.qpos[at]
        hinge, latch = s.qpos[:, -2], s.qpos[:, -1]
        arms = np.square(s.qpos[:, 7:ROBOT_NQ] - ref[:, 7:ROBOT_NQ])[:, ARM_JOINTS].sum(axis=-1)
        # Seen from the leaf: a hand that is where the way's was while the leaf lags behind has let go of it.
        hands = on_leaf(np.stack([s.left_hand, s.right_hand], axis=1), hinge) - self._hands[at]
        hands = np.linalg.norm(hands, axis=-1)
        hand = np.where(ref[:, -2] < 0.5, hands[:, 0], hands.mean(axis=-1))  # the left one opens
        away = np.linalg.norm(self._away(s), axis=-1)
        # Who is behind the way must keep the hatch turned until the locks are past the frame.
        turned = np.minimum(np.maximum(ref[:, -1], _TURNED * (hinge > 0.02)), _TURNED) * (hinge < _CLEAR)
        return {
            "task": door_reward(s)["reward"],
            "arms": np.exp(-arms),
            "hand": 0.6 * np.exp(-np.square(hand / 0.08)) + 0.4 * np.exp(-hand / 0.3),
            "place": 0.5 * np.exp(-np.square(away / 0.15)) + 0.5 * np.exp(-np.square(away / 0.05)),
            "far": -np.minimum(np.linalg.norm((s.qpos[:, :3] - ref[:, :3])[:, :2], axis=-1), 1.0),
            "hinge": np.exp(-np.square(np.minimum(hinge - ref[:, -2], 0.0) / 0.1)),
            "latch": np.exp(-np.square(np.minimum(latch - turned, 0.0) / 0.3)),
            "open": np.clip(hinge, 0.0, 1.0),
            "opening": np.clip(s.qvel[:, -2], -0.3, 0.8) * (hinge < 1.0),
            "facing": (rotation(s.qpos[:, 3:7])[:, :, 0] * rotation(ref[:, 3:7])[:, :, 0]).sum(axis=-1),
            "upright": s.torso_up,
            "joint_speed": -np.square(s.qvel[:, 6:25]).sum(axis=-1),
            **effort_terms(step),
        }

    def score(self, actor: Expert, threads: int) -> tuple[dict[str, float], Bank]:
        """See `score_following`."""
        return score_following(actor, self.skill, self._given, threads=threads)


def score_following(
    actor: Expert,
    skill: Skill,
    banks: Sequence[Bank],
    robots: int = 32,
    seed: int = 1234,
    threads: int = 1,
    begin: int = 0,
) -> tuple[dict[str, float], Bank]:
    """Scores an expert on its own, from decision `begin` of its way to a second after the way's end, 12 s if it rests.

    Returns:
        The scores, while upright: `return_mean` sums the task's reward, `turned`, `ajar` and `opened` are the shares of
        the robots that ever came so far, `door` is the hinge's median angle at the end, rad. And whole states for other
        skills to start from.
    """
    env = DoorEnv(skill, robots, seed, threads, banks=banks, alone=begin)
    env.age[:] = 0
    phi, alive, total, states = env.observe(), np.ones(robots, dtype=bool), np.zeros(robots), []
    decisions = len(env.way) - begin + (_HOLD if skill.busy < 1.0 else round(1.0 / DECISION_DT))
    hinge, furthest = np.zeros(robots), np.zeros((robots, 2))
    for t in range(decisions):
        with torch.no_grad():
            outcome = env.step(actor(torch.from_numpy(phi)).double().numpy())
        phi = outcome.phi
        total += np.where(alive, outcome.task_reward, 0.0)
        alive &= ~outcome.terminated
        hinge = np.where(alive, env.physics.qpos[:, -2], hinge)
        furthest = np.where(alive[:, None], np.maximum(furthest, env.physics.qpos[:, -2:]), furthest)
        if t % 3 == 2:
            seen = Bank(env.physics.qpos.copy(), env.physics.qvel.copy(), env.action, env.phase.copy())
            states.append(seen[alive])
    env.close()
    scores = {
        **return_figures(total),
        "decisions": decisions,
        "upright": round(float(alive.mean()), 3),
        "turned": round(float((furthest[:, 1] > UNLATCHED).mean()), 3),
        "ajar": round(float((furthest[:, 0] > AJAR).mean()), 3),
        "opened": round(float((furthest[:, 0] > OPENED).mean()), 3),
        "door": round(float(np.median(hinge)), 3),
    }
    return scores, join(states)
