"""Load turned into watts: a small home server that rests below the 6 W of the original experiment, at the wall."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PowerModel:
    """What a node draws.

    Attributes:
        idle_package: Watts of the processor package that does nothing.
        per_cpu: More watts for each logical processor in use.
        cores_share: Part of the package's dynamic power that its cores draw.
        dram_idle: Watts of the memory at rest.
        dram_per_cpu: More watts of memory for each processor in use.
        board: Watts of everything else inside.
        supply_efficiency: Of the power supply; the rest becomes heat before it reaches the board.
        standby: Watts at the wall of a node that is off.
    """

    idle_package: float = 1.8
    per_cpu: float = 4.5
    cores_share: float = 0.85
    dram_idle: float = 0.3
    dram_per_cpu: float = 0.4
    board: float = 2.0
    supply_efficiency: float = 0.88
    standby: float = 0.8


@dataclass(frozen=True, slots=True)
class Watts:
    """A node's power: ``cores`` is part of ``package``; ``dram`` is not; ``wall`` is everything."""

    package: float
    cores: float
    dram: float
    wall: float


HOME_SERVER = PowerModel()


def draw(busy_cpus: float, *, on: bool, model: PowerModel = HOME_SERVER) -> Watts:
    """Return what a node draws with ``busy_cpus`` logical processors in use."""
    if not on:
        return Watts(0.0, 0.0, 0.0, model.standby)
    dynamic = busy_cpus * model.per_cpu
    package = model.idle_package + dynamic
    dram = model.dram_idle + busy_cpus * model.dram_per_cpu
    return Watts(
        package=package,
        cores=dynamic * model.cores_share,
        dram=dram,
        wall=(package + dram + model.board) / model.supply_efficiency,
    )
