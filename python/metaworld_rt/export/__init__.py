"""PyTorch to bundle: everything that turns trained networks into the files a host loads.

Writing ONNX needs the package onnx (the `train` extra); reading and checking a bundle does not.
"""

from metaworld_rt.export.bundle import BundleError, read_bundle, verify_bundle, write_bundle
from metaworld_rt.export.network import Layer, Mlp
from metaworld_rt.export.toy import write_toy_bundle

__all__ = ["BundleError", "Layer", "Mlp", "read_bundle", "verify_bundle", "write_bundle", "write_toy_bundle"]
