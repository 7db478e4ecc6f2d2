import numpy as np
import pytest

from metaworld_rt.tasks import tolerance


@pytest.mark.parametrize(
    ("shape", "at_margin"), [(tolerance.gaussian, 0.1), (tolerance.linear, 0.0), (tolerance.quadratic, 0.0)]
)
def test_one_inside_and_the_stated_value_at_the_margin(shape, at_margin):
    x = np.array([1.0, 1.5, 2.0, 2.5, 0.5])
    value = shape(x, 1.0, 2.0, 0.5)
    np.testing.assert_allclose(value, [1, 1, 1, at_margin, at_margin], atol=1e-12)


def test_one_sided_bounds_and_far_values():
    assert tolerance.linear(np.array(100.0), 1.0, np.inf, 1.0) == 1.0
    assert tolerance.linear(np.array(-3.0), 1.0, np.inf, 1.0) == 0.0
    assert tolerance.quadratic(np.array(50.0), margin=10.0) == 0.0
    assert tolerance.quadratic(np.array(5.0), margin=10.0) == pytest.approx(0.75)
    assert tolerance.linear(np.array(0.0), 0.75, 2.0, 0.75, at_margin=0.1) == pytest.approx(0.1)
