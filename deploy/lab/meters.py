"""Lets energy flow: every node's watts into its powercap counters and BMC, its guests' CPU time into the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.cluster import Stage
from deploy.lab.hypervisor import Hypervisor
from deploy.lab.power import Watts, draw
from deploy.lab.powercap import Powercap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.lab.clock import Clock
    from deploy.lab.cluster import Cluster
    from deploy.lab.ipmi.bmc import Bmc


class Meters:
    """The meters of all nodes.

    Power and load are constant between two events, so what they were holds from the last look until this one.
    """

    def __init__(self, cluster: Cluster, clock: Clock, bmcs: Mapping[str, Bmc], folder: Path) -> None:
        self._cluster = cluster
        self._clock = clock
        self._bmcs = bmcs
        self._folder = folder
        self._trees = {
            node.name: Powercap(self.root(node.name), mmio=node.plan.mmio, psys=node.plan.psys)
            for node in cluster.nodes.values()
        }
        self._hypervisors = {
            node.name: Hypervisor(self.root(node.name), node.plan.cpus) for node in cluster.nodes.values()
        }
        self._boots = dict.fromkeys(cluster.nodes, 0)
        self._since = clock.measured(cluster.agenda.now)
        self._watts = {name: self.watts(name) for name in cluster.nodes}
        self._use = {name: cluster.cpu_use(name) for name in cluster.nodes}
        self._on = dict.fromkeys(cluster.nodes, False)
        self.advance()

    def root(self, node: str) -> Path:
        """Return the folder that stands for a node's ``/``."""
        return self._folder / "nodes" / node

    def watts(self, name: str) -> Watts:
        """Return what a node draws now."""
        on = self._cluster.nodes[name].stage is not Stage.OFF
        return draw(self._cluster.busy_cpus(name), on=on)

    def advance(self) -> None:
        """Count what flowed since the last time."""
        moment = self._clock.measured(self._cluster.agenda.now)
        seconds, self._since = moment - self._since, moment
        for name, tree in self._trees.items():
            node = self._cluster.nodes[name]
            if node.boots != self._boots[name]:
                self._boots[name] = node.boots
                tree.reset()
                self._hypervisors[name].reset()
            held, self._watts[name] = self._watts[name], self.watts(name)
            tree.advance(held, seconds)
            self._bmcs[name].meter.observe(held.wall, seconds)
            self._bmcs[name].meter.watts = self._watts[name].wall
            self._count_time(name, seconds)

    def _count_time(self, name: str, seconds: float) -> None:
        hypervisor = self._hypervisors[name]
        if self._on[name]:
            hypervisor.advance(self._use[name], seconds)
        self._on[name] = self._cluster.nodes[name].stage is not Stage.OFF
        self._use[name] = self._cluster.cpu_use(name)
        hypervisor.follow({guest.vmid: guest.plan.name for guest in self._cluster.running_on(name)})
