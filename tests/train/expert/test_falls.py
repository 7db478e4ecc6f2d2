import numpy as np
import pytest

from metaworld_rt.train.expert.falls import BACK, EVERY, Falls


@pytest.fixture
def falls():
    return Falls(count=3, sizes=(2, 1), depth=4, rng=np.random.default_rng(0))


def live(falls, decisions, start=0):
    """The robots' states say when it was: (t, row) and t."""
    for t in range(start, start + decisions):
        state = np.stack([np.full(3, t), np.arange(3)], axis=-1)
        falls.look((state, np.full((3, 1), t)))
    return start + decisions


def test_a_start_lies_before_the_failure_by_what_is_said(falls):
    now = live(falls, 400)
    falls.failed(np.array([1]))
    assert len(falls) == 1
    state, when = falls.draw(50)
    assert state.shape == (50, 2)
    assert when.shape == (50, 1)
    assert (state[:, 1] == 1).all(), "of the robot that failed"
    before = now - when
    assert ((before >= (BACK[0] - 1) * EVERY) & (before <= BACK[1] * EVERY)).all()


def test_what_was_before_the_reset_is_not_what_led_to_it(falls):
    live(falls, 400)
    falls.begin(np.array([1]), np.array([], dtype=int))
    falls.failed(np.array([1]))
    assert len(falls) == 0
    assert len(falls.draw(5)[0]) == 0


def test_who_began_before_a_failure_is_not_kept_again(falls):
    falls.begin(np.arange(3), np.array([2]))
    live(falls, 400)
    falls.failed(np.arange(3))
    assert sorted(set(falls.draw(50)[0][:, 1])) == [0, 1]


def test_the_newest_are_kept(falls):
    now = live(falls, 400)
    for _ in range(3):
        falls.failed(np.arange(3))
        now = live(falls, 1000, now)
    assert len(falls) == 4
    assert falls.draw(50)[1].min() > 1000
