"""Chooses off-screen OpenGL before any test imports MuJoCo, which decides at its import."""

from metaworld_rt.run.gl import choose_gl

choose_gl(required=False)
