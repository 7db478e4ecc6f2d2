import csv

import numpy as np
import pytest

from metaworld_rt.plants.h1 import DECISION_DT
from metaworld_rt.plants.robot import H1
from metaworld_rt.train.expert.clip import ClipError, load_clip, make_clip, save_clip

ROOT = ["root_x", "root_y", "root_z", "root_qw", "root_qx", "root_qy", "root_qz"]


def write_csv(path, qpos, fps=30, order=None, comment=True):
    columns = {**dict(zip(ROOT, qpos[:, :7].T, strict=True)), **dict(zip(H1.joints, qpos[:, 7:].T, strict=True))}
    names = order or list(columns)
    with path.open("w", newline="") as file:
        if comment:
            file.write(f"# fps: {fps}\n")
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(np.stack([columns[name] for name in names], axis=1).tolist())


def test_rates_are_resampled_and_velocities_follow(tmp_path, motion):
    save_clip(tmp_path / "walk.npz", motion(120), fps=120)
    clip = load_clip(tmp_path / "walk.npz")
    assert len(clip.qpos) == pytest.approx(80, abs=1)
    assert clip.seconds == pytest.approx(1.6, abs=0.03)
    np.testing.assert_allclose(clip.qpos, motion(50)[: len(clip.qpos)], atol=3e-3)
    np.testing.assert_allclose(clip.qvel[:, 0], 1.0, atol=1e-6)
    np.testing.assert_allclose(clip.qvel[:, 5], 0.5, atol=1e-3)
    hip = H1.joints.index("left_hip_pitch")
    np.testing.assert_allclose(clip.qvel[0, 6 + hip], 0.3 * 2 * np.pi / 0.8, rtol=0.05)
    assert clip.cyclic
    assert not make_clip(motion(50, seconds=1.0)).cyclic


def test_csv_columns_may_come_in_any_order(tmp_path, motion):
    qpos = motion(30)
    order = [*reversed(H1.joints), *ROOT]
    write_csv(tmp_path / "a.csv", qpos, order=order)
    save_clip(tmp_path / "a.npz", qpos, fps=30)
    np.testing.assert_allclose(load_clip(tmp_path / "a.csv").qpos, load_clip(tmp_path / "a.npz").qpos, atol=1e-12)


def test_sign_flips_of_quaternions_are_harmless(tmp_path, motion):
    qpos = motion(50)
    save_clip(tmp_path / "a.npz", qpos)
    qpos[20:, 3:7] *= -1
    save_clip(tmp_path / "b.npz", qpos)
    np.testing.assert_allclose(load_clip(tmp_path / "a.npz").qvel, load_clip(tmp_path / "b.npz").qvel, atol=1e-9)


def test_joints_beyond_the_limits_are_clamped_and_counted(tmp_path, motion):
    qpos = motion(50)
    qpos[:, 7 + H1.joints.index("left_knee")] = 3.0
    save_clip(tmp_path / "a.npz", qpos)
    clip = load_clip(tmp_path / "a.npz")
    assert clip.clamped == pytest.approx(1 / 19)
    assert clip.qpos[:, 7:].max() <= H1.upper.max()


def test_bad_clips_give_one_clear_error(tmp_path, motion):
    def error(name):
        with pytest.raises(ClipError) as caught:
            load_clip(tmp_path / name)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    good = motion(50)
    assert "cannot be read" in error("none.npz")
    assert "an .npz or a .csv" in error("walk.bvh")
    (tmp_path / "junk.npz").write_bytes(b"PK junk")
    assert "cannot be read" in error("junk.npz")
    np.savez(tmp_path / "half.npz", fps=50, joint_names=np.array(H1.joints))
    assert "lacks the array joint_pos" in error("half.npz")
    bad = good.copy()
    bad[5, 9] = np.nan
    save_clip(tmp_path / "nan.npz", bad)
    assert "not finite" in error("nan.npz")
    save_clip(tmp_path / "short.npz", good[:4])
    assert "at least 0.2 s" in error("short.npz")
    save_clip(tmp_path / "rate.npz", good, fps=0)
    assert "rate of 0.0 Hz" in error("rate.npz")
    write_csv(tmp_path / "joint.csv", good, order=[*ROOT, *H1.joints[1:]])
    assert "lacks the joints left_hip_yaw" in error("joint.csv")
    write_csv(tmp_path / "root.csv", good, order=[*ROOT[1:], *H1.joints])
    assert "lacks the columns root_x" in error("root.csv")
    write_csv(tmp_path / "norate.csv", good, comment=False)
    assert "does not state its rate" in error("norate.csv")
    assert DECISION_DT == 0.02
