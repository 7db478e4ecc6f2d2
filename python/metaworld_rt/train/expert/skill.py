"""What each locomotion skill is trained for: its task, gait, reference motion, and the weights of its reward."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Skill:
    """A locomotion skill.

    Attributes:
        name, description: as in the bundle.
        task: the task whose reward is the main term.
        period: of the phase that it sees, s; 0 for none.
        speed: m/s along the heading that the shaping aims at.
        height: of the pelvis, m, below which it is told to stand taller; straight legs make 1.04.
        swing_height: how high a swinging foot lifts, m.
        swing_share: share of the cycle in which a foot swings (more than half: a flight phase).
        arm_swing: amplitude of the shoulders' reference, rad.
        elbow: the elbows' reference, rad.
        yaw_range: initial yaw against the heading is normal with this deviation, rad; and uniform all round for
            `turn_share` of the episodes.
        harder: by how much the difficulty changes in an iteration.
        push: largest push, m/s added to the base's velocity in x and y.
        decisions: default training length.
        weights: reward weights, see `metaworld_rt.train.expert.shaping`.
        polish: factors on weights that grow in late in the training: smoothness costs little once the skill is there,
            and much before.
        bank_share: share of the episodes that start from states of other skills, where there is a bank of them.
        learns: which batch trains it: "locomotion", "reach", "footwork" or "door".
        reads: features that it must see beyond the robot's own state; heading and phase count as such.
        symmetric: whether it should act in a mirror as it acts, mirrored.
        begins: phase at which its way begins; 0 without one.
        busy: share of its phase's cycle that its way takes, from there on; afterwards it rests.
        ppo: hyperparameters that differ from `PpoConfig`'s own.
    """

    name: str
    description: str
    task: str
    period: float
    speed: float
    height: float = 0.99
    swing_height: float = 0.08
    swing_share: float = 0.4
    arm_swing: float = 0.0
    elbow: float = 0.9
    yaw_range: float = 0.2
    turn_share: float = 0.0
    harder: float = 0.01
    push: float = 1.2
    decisions: int = 4_000_000
    weights: dict[str, float] = field(default_factory=dict)
    polish: dict[str, float] = field(default_factory=dict)
    bank_share: float = 0.5
    learns: str = "locomotion"
    reads: tuple[str, ...] = ("heading", "phase")
    symmetric: bool = True
    begins: float = 0.0
    busy: float = 1.0
    ppo: dict[str, float] = field(default_factory=dict)


_POLISH = {"action_rate": 4.0, "action_jerk": 4.0, "arms": 2.0, "slip": 3.0, "tilt_rate": 2.0, "yaw_rate": 2.0}
_COMMON = {
    "task": 1.0,
    "relaxed": 0.5,
    "torque": 8e-6,
    "action_rate": 0.04,
    "action_jerk": 0.02,
    "arms": 0.15,
    "hips": 0.6,
    "torso": 0.6,
    "tall": 4.0,
    "sideways": 0.4,
    "tilt_rate": 0.02,
    "yaw_rate": 0.05,
    "bounce": 0.2,
    "slip": 0.08,
    "stance_width": 3.0,
    "saturation": 0.5,
}

_DOOR = {
    "task": 3.0,
    "arms": 1.0,
    "hand": 1.5,
    "place": 1.0,
    "hinge": 1.5,
    "latch": 1.0,
    "open": 2.0,
    "opening": 1.0,
    "upright": 0.2,
    "facing": 0.1,
    "relaxed": 0.1,
    "torque": 2e-6,
    "action_rate": 0.02,
    "action_jerk": 0.01,
    "joint_speed": 0.0005,
    "hips": 0.05,
    "tilt_rate": 0.02,
    "bounce": 0.05,
    "slip": 0.02,
    "stance_width": 1.0,
    "saturation": 0.5,
}
_DOOR_PPO = {"steps": 48, "entropy_weight": 2e-4, "lr_min": 2e-5}  # a touch of a few centimetres: quiet exploration


def _door(name: str, description: str, decisions: int, begins: float = 0.0, busy: float = 1.0) -> Skill:
    """A stage at the door; the way that it follows sets its period."""
    return Skill(
        name=name,
        description=description,
        task="door",
        period=0.0,
        speed=0.0,
        decisions=decisions,
        weights=_DOOR,
        polish={"action_rate": 3.0, "action_jerk": 3.0},
        learns="door",
        reads=("heading", "phase", "base_xy", "door", "door_present", "left_hand", "right_hand"),
        symmetric=False,
        begins=begins,
        busy=busy,
        ppo=_DOOR_PPO,
    )


SKILLS: dict[str, Skill] = {
    skill.name: skill
    for skill in (
        Skill(
            name="stand",
            description="stands still, upright and relaxed, and catches itself when pushed",
            task="stand",
            period=0.8,  # as walk: it comes to a stop in the rhythm of its steps
            speed=0.0,
            yaw_range=0.3,
            turn_share=0.3,
            decisions=2_500_000,
            # Braking from a run costs more than the task gives for it: without the bonus it is better to fall at once.
            weights={**_COMMON, "alive": 1.5, "still": 0.8, "joint_speed": 0.002, "both_feet": 0.4},
            polish=_POLISH,
        ),
        Skill(
            name="walk",
            description="walks at about 1 m/s along the commanded heading",
            task="walk",
            period=0.8,
            speed=1.06,
            swing_height=0.09,
            swing_share=0.4,
            arm_swing=0.30,
            elbow=0.9,
            turn_share=0.2,
            decisions=6_000_000,
            weights={**_COMMON, "gait": 1.0, "contact": 0.6, "speed": 0.4, "heading": 0.4},
            polish=_POLISH,
        ),
        Skill(
            name="run",
            description="runs at about 5 m/s along the commanded heading",
            task="run",
            period=0.5,
            speed=5.2,
            height=0.94,
            swing_height=0.20,
            swing_share=0.55,
            arm_swing=0.6,
            elbow=0.2,
            decisions=12_000_000,
            push=0.8,
            weights={
                **_COMMON,
                "task": 1.5,
                "torque": 2e-6,
                "action_rate": 0.04,
                "action_jerk": 0.02,
                "bounce": 0.03,
                "gait": 0.5,
                "contact": 0.2,
                "speed": 0.2,
                "heading": 0.4,
                "arms": 0.1,
                "hips": 0.3,
            },
            polish={**_POLISH, "slip": 1.0},
        ),
        Skill(
            name="reach",
            description="walks up to a target and holds the left hand there",
            task="reach",
            period=0.8,
            speed=1.1,
            swing_height=0.09,
            swing_share=0.4,
            arm_swing=0.2,
            elbow=0.9,
            decisions=3_000_000,
            weights={
                "task": 2.0,
                "near": 1.0,
                "touch": 3.0,
                "travel": 0.5,
                "face": 0.3,
                "gait": 0.8,
                "contact": 0.6,
                "upright": 0.3,
                "joint_speed": 0.002,
                "arms": 0.1,
                "torso": 0.2,
                "relaxed": 0.2,
                "torque": 5e-6,
                "action_rate": 0.04,
                "action_jerk": 0.02,
                "hips": 0.3,
                "tilt_rate": 0.02,
                "bounce": 0.1,
                "slip": 0.08,
                "stance_width": 3.0,
                "saturation": 0.5,
            },
            polish={"action_rate": 4.0, "action_jerk": 4.0, "arms": 2.0, "slip": 3.0},
            learns="reach",
            harder=0.02,
            reads=("phase", "hand_to_goal", "base_to_goal", "left_hand"),
            symmetric=False,
            ppo={"steps": 48, "target_kl": 0.012, "entropy_weight": 0.0, "lr_min": 2e-5, "min_std": 0.05},
        ),
        Skill(
            name="footwork",
            description="keeps the pelvis at a place that moves, whatever the arms do",
            task="stand",
            period=0.8,
            speed=0.5,
            height=0.97,
            swing_height=0.08,
            swing_share=0.4,
            decisions=6_000_000,
            weights={
                "task": 2.0,
                "away": 1.0,
                "alive": 1.0,
                "speed": 3.0,
                "heading": 0.6,
                "upright": 0.4,
                "tall": 4.0,
                "gait": 0.5,
                "contact": 0.3,
                "joint_speed": 0.002,
                "relaxed": 0.2,
                "torque": 4e-6,
                "action_rate": 0.02,
                "action_jerk": 0.01,
                "hips": 0.3,
                "tilt_rate": 0.02,
                "bounce": 0.1,
                "slip": 0.08,
                "stance_width": 3.0,
                "saturation": 0.5,
            },
            polish={"action_rate": 2.0, "action_jerk": 2.0, "slip": 2.0},
            bank_share=0.0,
            learns="footwork",
            harder=0.002,
            reads=("heading", "phase", "base_to_goal", "left_hand", "right_hand"),
            symmetric=False,
        ),
        replace(
            _door("door_approach", "walks up to the door and stops in front of it", 2_000_000),
            reads=("heading", "base_xy"),
        ),
        replace(
            _door("door_open", "turns the door's handle and pulls the door open", 12_000_000),
            # The knob is within reach from one place alone: with _DOOR's weights one clone stood 0.1 m off and in 4
            # million decisions never caught it, with these it did in 2 (docs/door.md).
            weights={**_DOOR, "place": 4.0, "hand": 3.0},
        ),
        # The phase runs on through the switch: it begins with the phase at which door_open has opened, and long before
        # that comes again it stands in the doorway.
        replace(
            _door("door_pass", "walks into the doorway and keeps the door from falling shut", 8_000_000, 0.89, 0.6),
            # To lean on the frame with the back is safe, and there it ends: the way keeps clear of it.
            weights={**_DOOR, "place": 2.0, "far": 5.0},
            # Falls are rare and late: small steps of many robots (512), where larger ones left 3 of 10 tries failing.
            ppo={**_DOOR_PPO, "target_kl": 0.012},
        ),
    )
}


def get_skill(name: str) -> Skill:
    """The skill called `name`.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in SKILLS:
        raise ValueError(f"unknown expert {name!r}: one of {', '.join(SKILLS)}")
    return SKILLS[name]
