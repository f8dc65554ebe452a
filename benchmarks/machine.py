"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from engines.networks.runtime import has_bfloat16, openvino

PACKAGES = (
    *("numpy", "opencv-python", "pillow", "scikit-learn", "usearch"),
    *("openvino", "tensorflow", "keras", "mtcnn", "gradio"),
)


@dataclass(frozen=True)
class Machine:
    """memory: GB, 0 where the system does not tell. bfloat16: whether the processor computes in it."""

    processor: str
    cores: int
    memory: int
    bfloat16: bool
    system: str
    versions: dict[str, str]

    def __str__(self) -> str:
        memory = f"{self.memory} GB" if self.memory else "memory unknown"
        bfloat16 = "bfloat16" if self.bfloat16 else "no bfloat16"
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.processor}, {self.cores} cores, {memory}, {bfloat16}; {self.system}; {versions}"


def this_machine() -> Machine:
    processor, bfloat16 = _processor()
    return Machine(
        processor=processor,
        cores=os.cpu_count() or 1,
        memory=_memory(),
        bfloat16=bfloat16,
        system=f"{platform.system()} {platform.machine()}",
        versions={"Python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    )


def _processor() -> tuple[str, bool]:
    if openvino() is None:
        return platform.processor() or platform.machine(), False
    return openvino().Core().get_property("CPU", "FULL_DEVICE_NAME"), has_bfloat16()


def _memory() -> int:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, ValueError):  # Windows has no sysconf
        return 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
