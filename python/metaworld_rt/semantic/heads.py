"""The words of the embedded model's answer: what each output of its heads means. Shared by training and inference."""

from __future__ import annotations

from enum import IntEnum

SLOTS = 3  # quantities of one kind that a sentence may have


class Until(IntEnum):
    """How a stage ends, as the model says it; `distance` and `elapsed` point at a quantity in the sentence."""

    never = 0
    door_hinge = 1
    hand_to_goal = 2
    base_to_goal = 3
    passed_near = 4  # in front of the door
    passed_far = 5  # beyond the door
    distance = 6  # 6, 7, 8: the first, second, third distance that the sentence names
    elapsed = 9  # 9, 10, 11: the first, second, third duration


UNTILS = 6 + 2 * SLOTS
TURNS = ("", "left", "right", "back", "target")
PACES = ("", "slow", "fast", "speed1", "speed2")
DOORS = ("none", "closed", "ajar", "open")
TARGETS = ("none", "near", "far")

# The household's skills: the hand-written test set assumes them, and a bundle that lacks one is told so by these words.
HOUSEHOLD = (
    ("stand", "stands still and keeps its balance"),
    ("walk", "walks along the heading at about 1 m/s"),
    ("run", "runs along the heading"),
    ("reach", "moves the left hand to a target point"),
    ("door_approach", "walks up to the door and stops in front of it"),
    ("door_open", "turns the handle and pulls the door open"),
    ("door_pass", "walks through the open door to the other side"),
)
