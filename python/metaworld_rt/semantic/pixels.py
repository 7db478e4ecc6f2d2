"""Images: read from a file, made square and small, written as PNG."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from .backend import BackendError, checked_image

MAX_FILE = 32 * 2**20


def read_image(path: str | Path) -> np.ndarray:
    """An image file as [height, width, 3] uint8.

    Raises:
        BackendError: no such file, not an image, too large, or Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise BackendError("reading image files needs Pillow: pip install 'metaworld-rt[semantic]'") from error
    path = Path(path)
    if not path.is_file():
        raise BackendError(f"cannot read {path}: {'it is a folder' if path.is_dir() else 'no such file'}")
    try:
        if path.stat().st_size > MAX_FILE:
            raise BackendError(f"{path} is larger than {MAX_FILE >> 20} MB")
        with Image.open(path) as image:
            if max(image.size) > 4096:
                raise BackendError(f"{path} is {image.size[0]} x {image.size[1]}: at most 4096 pixels a side")
            return checked_image(np.asarray(image.convert("RGB")))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise BackendError(f"{path} is not an image that can be read: {error}") from error


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """The middle square of an image at [size, size, 3] uint8: areas are averaged, or pixels interpolated."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return square
    weights = _weights(side, size)
    rows = np.einsum("ij,jkc->ikc", weights, square.astype(np.float32))
    return np.clip(np.einsum("ij,kjc->kic", weights, rows) + 0.5, 0, 255).astype(np.uint8)


def _weights(source: int, target: int) -> np.ndarray:
    """[target, source] weights of a triangle filter as wide as the scale, rows sum to 1."""
    scale = source / target
    support = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(source)[None] + 0.5 - centres[:, None]) / support
    weights = np.clip(1.0 - distance, 0.0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def png(image: np.ndarray) -> bytes:
    """[height, width, 3] uint8 as a PNG file."""
    height, width = image.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), np.ascontiguousarray(image).reshape(height, -1)], 1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
        + chunk(b"IEND", b"")
    )
