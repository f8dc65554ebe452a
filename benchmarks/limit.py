"""How far the nets are from what this machine can compute at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import material
from benchmarks.measure import in_turn, number, ratio, say, seconds
from benchmarks.report import Row
from engines import Crop
from engines.lookalike import Lookalike
from engines.networks.network import NetworkEngine
from engines.networks.quiet import quietly
from engines.networks.runtime import has_bfloat16, openvino
from engines.product import Product
from engines.style import Style

if TYPE_CHECKING:
    import keras

SIDE = 4096  # of the square matrices
CHAIN = 4
INPUT = 224  # pixels, of every net
PICTURES = 64  # embedded at a time
ENGINES: dict[str, type[NetworkEngine]] = {"efficientnetb0": Product, "resnet50": Lookalike, "vgg19": Style}


def rows(scratch: Path) -> Iterator[Row]:
    peaks = {"float32, BLAS": blas_peak()}
    if has_bfloat16():
        peaks["bfloat16, OpenVINO"] = bfloat16_peak()
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, INPUT, INPUT, 3), np.uint8)
    crops = [Crop(picture) for picture in pixels]
    for net, make in ENGINES.items():
        with material.seeded_weights(net, scratch):
            say(f"  {net}: exporting")
            engine = make(net)
            engine.embed(crops)
            with quietly():
                each = flops(engine.nets[0].build(None))
        for name, peak in peaks.items():
            most, reached = in_turn(peak, partial(_pace, engine, crops, each), unit="GFLOP/s")
            what = f"GFLOP/s of {net}, {INPUT} px, as a share"
            note = (
                f"{number(each / 1e9)} GFLOP a picture (convolutions and dense layers), "
                f"{number(reached.median * 1e9 / each)} pictures/s, run by {engine.describe().runner}"
            )
            against = f"a product of {SIDE:,} x {SIDE:,} matrices, {name}"
            yield Row(what, against, ratio(reached, most), None, reached, most, note)


def _pace(engine: NetworkEngine, crops: list[Crop], each: int) -> float:
    """GFLOP/s of embedding these crops."""
    return each * len(crops) / seconds(lambda: engine.embed(crops)) / 1e9


def flops(model: keras.Model) -> int:
    """Floating-point operations of one picture's way through convolutions and dense layers: 2 per multiply-add."""
    import keras

    total = 0  # a net within a net may leave its sizes open
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += flops(keras.models.clone_model(layer, input_tensors=keras.Input((INPUT, INPUT, 3))))
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
            places = prod(layer.output.shape[1:-1])  # at each of them every weight of the kernel is used once
            total += 2 * places * prod(layer.kernel.shape)
    return total


def blas_peak() -> Callable[[], float]:
    """GFLOP/s of NumPy's matrix product in float32."""
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)
    out = np.empty_like(a)
    return lambda: 2 * SIDE**3 / seconds(lambda: np.matmul(a, b, out=out)) / 1e9


def bfloat16_peak() -> Callable[[], float]:
    """GFLOP/s of the same by OpenVINO: four in a row, since the first converts its input from float32."""
    ov = openvino()
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32) / SIDE**0.5
    product = left = ov.opset13.parameter([SIDE, SIDE], np.float32)
    for _ in range(CHAIN):
        product = ov.opset13.matmul(product, ov.opset13.constant(b), False, False)
    hint = {"INFERENCE_PRECISION_HINT": "bf16"}
    request = ov.Core().compile_model(ov.Model([product], [left]), "CPU", hint).create_infer_request()
    request.infer([a], share_inputs=True)
    return lambda: CHAIN * 2 * SIDE**3 / seconds(lambda: request.infer([a], share_inputs=True)) / 1e9
