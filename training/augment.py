"""Pictures changed at random, in ways that leave their kind, their colours and their brush what they were."""

from __future__ import annotations

import cv2
import numpy as np

cv2.setNumThreads(1)  # the threads that prepare batches are enough


def crop(image: np.ndarray, side: int, rng: np.random.Generator, least: float) -> np.ndarray:
    """A part of `least` to 1 of the area, its sides 3:4 to 4:3, brought to (side, side, 3)."""
    height, width = image.shape[:2]
    for _ in range(5):
        area = rng.uniform(least, 1) * height * width
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        h, w = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
        if h <= height and w <= width:
            top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
            image = image[top : top + h, left : left + w]
            break
    shrinks = max(image.shape[:2]) > side
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def light(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Brightness, contrast, saturation and the tint of the light, each changed by up to `strength`."""
    x = image.astype(np.float32) * rng.uniform(1 - strength, 1 + strength)
    x *= rng.uniform(1 - strength / 6, 1 + strength / 6, 3).astype(np.float32)
    mean = x.mean()
    x = mean + (x - mean) * rng.uniform(1 - strength, 1 + strength)
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * rng.uniform(1 - strength, 1 + strength)
    return np.clip(x, 0, 255).astype(np.uint8)


def erase(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A box of up to a fifth of the area filled with one colour (Zhong et al. 2020)."""
    side = image.shape[0]
    h, w = (int(rng.uniform(0.15, 0.45) * side) for _ in range(2))
    top, left = rng.integers(side - h), rng.integers(side - w)
    image = image.copy()
    image[top : top + h, left : left + w] = rng.integers(0, 256, 3)
    return image


def picture(image: np.ndarray, side: int, rng: np.random.Generator, least: float = 0.25) -> np.ndarray:
    """(H, W, 3) uint8 -> (side, side, 3) uint8."""
    image = crop(image, side, rng, least)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.8:
        image = light(image, rng, 0.3)
    if rng.random() < 0.3:
        image = erase(image, rng)
    return image


def face(image: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S, 3) uint8, an aligned face -> (side, side, 3) uint8: a little turned, moved, grown, blurred, relit."""
    width = image.shape[0]
    matrix = cv2.getRotationMatrix2D(
        (width / 2, width / 2), rng.normal(0, 5), rng.uniform(0.9, 1.15) * side / width
    )
    matrix[:, 2] += side / 2 - width / 2 + rng.normal(0, 0.03 * side, 2)
    image = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.2:  # as from a small photo
        small = int(side * rng.uniform(0.35, 0.8))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (side, side))
    image = light(image, rng, 0.4)
    if rng.random() < 0.15:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.4:
        image = erase(image, rng)
    return image
