"""Runs timm's rebuild of BiT, so that ours can be held to it.

    pip install timm
    python tests/reference/bit_timm.py

writes `bit.npz` beside this file: `pooled` (2, 2048) float32, timm's resnetv2_50x1_bit's answers to `pictures()`
with the weights of `arrays()`, which timm reads from a file of Google's layout by its own loader; and `sha256` of
those weights. Only whole numbers are drawn, then scaled by powers of two: every machine draws the same. The file
beside it was made by timm 1.0.31 on torch 2.14.1.
"""

import hashlib
import tempfile
from pathlib import Path

import numpy as np

ANSWERS = Path(__file__).with_name("bit.npz")
Arrays = dict[str, np.ndarray]


def shapes() -> dict[str, tuple[int, ...]]:
    """As in BiT-M-R50x1.npz, but for the classifier, which has 10 classes here."""
    told = {"resnet/root_block/standardized_conv2d/kernel": (7, 7, 3, 64)}
    channels = 64
    for block, units in enumerate((3, 4, 6, 3), 1):
        width = 32 * 2**block
        for unit in range(1, units + 1):
            place = f"resnet/block{block}/unit{unit:02d}"
            if unit == 1:
                told[f"{place}/a/proj/standardized_conv2d/kernel"] = (1, 1, channels, 4 * width)
            convolutions = {"a": (1, 1, channels, width), "b": (3, 3, width, width), "c": (1, 1, width, 4 * width)}
            for part, shape in convolutions.items():
                told[f"{place}/{part}/group_norm/gamma"] = told[f"{place}/{part}/group_norm/beta"] = shape[2:3]
                told[f"{place}/{part}/standardized_conv2d/kernel"] = shape
            channels = 4 * width
    told |= {"resnet/group_norm/gamma": (channels,), "resnet/group_norm/beta": (channels,)}
    return told | {"resnet/head/conv2d/kernel": (1, 1, channels, 10), "resnet/head/conv2d/bias": (10,)}


def arrays() -> Arrays:
    """Seeded values that let every path matter: kernels are off centre, no gamma is 1 and no beta 0."""
    random = np.random.RandomState(50)
    made = {}
    for name, shape in shapes().items():
        values = np.frombuffer(random.bytes(int(np.prod(shape))), np.int8).reshape(shape).astype(np.float32)
        scale, middle = {"kernel": (2**-9, 2**-5), "gamma": (2**-8, 1), "beta": (2**-8, -0.25), "bias": (1, 0)}[
            name.rpartition("/")[2]
        ]
        made[name] = values * scale + np.float32(middle)
    return made


def digest(weights: Arrays) -> str:
    whole = hashlib.sha256()
    for name in sorted(weights):
        whole.update(name.encode() + weights[name].tobytes())
    return whole.hexdigest()


def pictures() -> np.ndarray:
    """(2, 224, 224, 3) uint8 RGB: blocks of colour with noise on top; and a grey so faint that epsilon shows."""
    random = np.random.RandomState(7)
    coarse = random.randint(0, 256, (14, 14, 3)).repeat(16, axis=0).repeat(16, axis=1)
    noise = random.randint(0, 64, (224, 224, 3))
    return np.stack([coarse // 4 * 3 + noise, random.randint(127, 129, (224, 224, 3))]).astype(np.uint8)


def main() -> None:
    import timm
    import torch

    weights = arrays()
    model = timm.create_model("resnetv2_50x1_bit", pretrained=False, num_classes=0).eval()
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "weights.npz", **weights)
        model.load_pretrained(Path(folder) / "weights.npz")
    mean, deviation = (np.float32(model.default_cfg[name]) for name in ("mean", "std"))
    ready = (pictures().astype(np.float32) / 255 - mean) / deviation
    with torch.no_grad():
        pooled = model(torch.from_numpy(ready.transpose(0, 3, 1, 2).copy())).numpy()
    np.savez_compressed(ANSWERS, pooled=pooled, sha256=digest(weights))


if __name__ == "__main__":
    main()
