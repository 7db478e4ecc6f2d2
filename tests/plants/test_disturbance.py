import mujoco
import numpy as np

from metaworld_rt.plants.disturbance import Disturbances, Push, SensorFault, noise_scale, random_pushes
from metaworld_rt.plants.h1 import build


def test_velocity_push_acts_once_and_force_push_while_it_lasts():
    model = build(collisions="fast")
    data = mujoco.MjData(model)
    torso = model.body("torso_link").id
    d = Disturbances([Push(0.1, velocity=(0.5, 0, 0)), Push(0.2, force=(0, 50, 0), duration_s=0.1)])
    d.before_step(0.05, model, data)
    assert data.qvel[0] == 0
    for t in (0.1, 0.15):
        d.before_step(t, model, data)
    assert data.qvel[0] == 0.5
    d.before_step(0.25, model, data)
    assert data.xfrc_applied[torso, 1] == 50
    d.before_step(0.31, model, data)
    assert data.xfrc_applied[torso, 1] == 0


def test_model_changes():
    model, plain = build(), build()
    Disturbances(payload_kg=5.0, friction=0.5, strength=0.8).change_model(model)
    torso = model.body("torso_link").id
    assert np.isclose(model.body_mass[torso] - plain.body_mass[torso], 5.0)
    assert np.isclose(model.body_subtreemass[0] - plain.body_subtreemass[0], 5.0)
    np.testing.assert_allclose(model.geom_friction[:, 0], 0.5 * plain.geom_friction[:, 0])
    np.testing.assert_allclose(model.actuator_forcerange, 0.8 * plain.actuator_forcerange)


def test_delay_and_faults_of_the_sensor_path():
    d = Disturbances(
        sensor_delay_s=0.02,
        faults=[
            SensorFault("drop", 0.1, 0.02),
            SensorFault("freeze", 0.2, 0.05),
            SensorFault("nan", 0.3, 0.02, index=1),
            SensorFault("inf", 0.4, 0.02),
        ],
    )
    seen = {}
    for k in range(250):
        t = k * 0.002
        seen[k] = d.sense(t, np.full(3, float(k)))
    assert seen[5] is None  # nothing has arrived yet
    assert seen[40][0] == 30
    assert seen[55] is None
    frozen = {seen[k][0] for k in range(100, 125)}
    assert len(frozen) == 1
    assert seen[126][0] == 116  # the delay line went on behind the frozen value
    assert np.isnan(seen[155][1])
    assert np.isfinite(seen[155][0])
    assert np.isinf(seen[205]).all()
    assert np.isfinite(seen[249]).all()


def test_noise_is_seeded_and_leaves_the_true_value_alone():
    true = np.zeros(51)
    first = Disturbances(sensor_noise=0.01, seed=4).sense(0.0, true)
    second = Disturbances(sensor_noise=0.01, seed=4).sense(0.0, true)
    np.testing.assert_array_equal(first, second)
    assert np.all(true == 0)
    assert 0.02 < first[32:].std() < 0.5
    assert noise_scale(55)[51:].sum() == 0


def test_random_pushes_are_reproducible():
    pushes = random_pushes(3, 10.0)
    assert pushes == random_pushes(3, 10.0)
    assert pushes != random_pushes(4, 10.0)
    times = np.array([p.at_s for p in pushes])
    assert times[0] == 2.0
    assert times[-1] < 10.0
    assert ((np.diff(times) >= 0.8) & (np.diff(times) <= 3.2)).all()
    assert max(abs(v) for p in pushes for v in p.velocity) <= 1.2
    assert 0 < max(abs(v) for p in pushes for v in p.spin) <= 0.6
