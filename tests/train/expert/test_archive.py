import numpy as np

from metaworld_rt.train.expert.archive import SURVIVES, Archive


def look(archive, value, bins, times):
    n = len(bins)
    for _ in range(times):
        archive.look((np.full((n, 2), value), np.full((n, 1), -value)), np.array(bins))


def test_states_are_kept_only_of_robots_that_live_on():
    archive = Archive(400, (2, 1), bins=3, depth=50, rng=np.random.default_rng(0))
    look(archive, 1.0, [0] * 400, SURVIVES)
    archive.forget(np.arange(400))  # all fell
    look(archive, 2.0, [2] * 400, 2 * SURVIVES)
    assert archive.filled[0] == 0
    assert archive.filled[1] == 0
    assert archive.filled[2] > 5
    first, second = archive.draw(20, np.ones(3))
    assert first.shape == (20, 2)
    assert (first == 2.0).all()
    assert (second == -2.0).all()


def test_bins_count_alike():
    archive = Archive(400, (2, 1), bins=2, depth=50, rng=np.random.default_rng(0))
    look(archive, 1.0, [0] * 390 + [1] * 10, 40 * SURVIVES)
    look(archive, 1.0, [-1] * 400, SURVIVES)
    assert (archive.filled > 0).all()
    assert archive.filled[0] == 50  # no deeper


def test_an_empty_archive_gives_nothing():
    archive = Archive(4, (2, 1), bins=2, depth=5, rng=np.random.default_rng(0))
    assert len(archive.draw(7, np.ones(2))[0]) == 0


def test_states_are_drawn_by_the_shares_of_bins_that_have_some():
    archive = Archive(400, (2, 1), bins=3, depth=50, rng=np.random.default_rng(0))
    look(archive, 1.0, [0] * 400, 2 * SURVIVES)
    look(archive, 2.0, [1] * 400, 2 * SURVIVES)
    archive.forget(np.arange(400))
    drawn = archive.draw(4000, np.array([1.0, 3.0, 50.0]))[0][:, 0]  # nothing is in the last one
    assert abs((drawn == 2.0).mean() - 0.75) < 0.05
    assert len(archive.draw(5, np.array([0.0, 0.0, 1.0]))[0]) == 0
