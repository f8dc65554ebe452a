"""What the nets are taught through: a head for each set of labels, gone once the net is trained."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import ops

EMBEDDING = 256
CLIP = 5.0  # longest gradient


class Cosine(keras.layers.Layer):
    """(N, D) -> (N, classes): `scale` times the cosine to each class (Wang et al. 2017, NormFace)."""

    def __init__(self, classes: int, scale: float, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.classes, self.scale = classes, scale

    def build(self, shape: tuple[int, ...]) -> None:
        self.centres = self.add_weight(
            shape=(shape[-1], self.classes), initializer="glorot_uniform", name="centres"
        )

    def call(self, rows):
        return self.scale * ops.matmul(ops.normalize(rows, axis=-1), ops.normalize(self.centres, axis=0))


class Masked(keras.losses.Loss):
    """Cross-entropy with smoothed labels of the pictures that have one; each counts the same, whatever its head.

    margin: taken from the true class's logit (Wang et al. 2018, CosFace: scale times the margin of the cosine).
    """

    def __init__(self, classes: int, smoothing: float = 0.1, margin: float = 0.0) -> None:
        super().__init__()
        self.classes, self.smoothing, self.margin = classes, smoothing, margin

    def call(self, labels, logits):
        labels = ops.reshape(ops.cast(labels, "int32"), (-1,))
        truth = ops.one_hot(ops.maximum(labels, 0), self.classes)
        logits = logits - self.margin * truth
        wanted = truth * (1 - self.smoothing) + self.smoothing / self.classes
        each = -ops.sum(wanted * ops.log_softmax(logits, axis=-1), axis=-1)
        return each * ops.cast(labels >= 0, each.dtype)


def taught(
    net: keras.Model,
    classes: Mapping[str, int],
    *,
    dropout: float,
    scale: float,
    smoothing: float = 0.1,
    margin: float = 0.0,
    rate: float,
    decay: float,
    steps: int,
    warmup: int,
) -> keras.Model:
    """The net with a head for each set of labels, over one pooled embedding, compiled for `steps` of training.

    classes: head -> their number. margin: of the cosine. The rate falls as a cosine does, after `warmup` steps.
    """
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(net.outputs[-1])
    rows = keras.layers.Dropout(dropout)(pooled)
    rows = keras.layers.Dense(EMBEDDING, name="embedding", dtype="float32")(rows)
    rows = keras.layers.BatchNormalization(name="embedding_norm", dtype="float32")(rows)
    model = keras.Model(net.input, {head: Cosine(count, scale, head)(rows) for head, count in classes.items()})
    schedule = keras.optimizers.schedules.CosineDecay(rate / 20, steps, warmup_target=rate, warmup_steps=warmup)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, clipnorm=CLIP)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    losses = {head: Masked(count, smoothing, scale * margin) for head, count in classes.items()}
    model.compile(optimizer, loss=losses)
    return model
