"""Indexing by many workers and one database, simulated event by event, beside the arithmetic of docs/scale.md.

Workers take batches from one list. Some are slow, and each is killed now and then: it loses its batch, which goes
back to the list, and is back after a while. What is embedded is handed to a database that takes so many rows a
second, and no more batches at a time than it has places: else the workers wait. `python -m benchmarks.simulation`
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

SEED = 11


@dataclass(frozen=True)
class Plan:
    """rate: pictures a second of a worker; slow: the share of workers that have 1/slower of it.

    lifetime: seconds until a worker is killed, in the mean (exponential); restart: seconds until it is back.
    writes: rows a second that the database takes; places: batches that may wait there.
    """

    pictures: int
    workers: int
    rate: float
    batch: int = 32
    slow: float = 0.0
    slower: float = 4.0
    lifetime: float = math.inf
    restart: float = 60.0
    writes: float = math.inf
    places: int = 64

    @property
    def rates(self) -> list[float]:
        few = round(self.slow * self.workers)
        return [self.rate / self.slower] * few + [self.rate] * (self.workers - few)


@dataclass(frozen=True)
class Outcome:
    """seconds: until all is stored. lost: batches that were embedded in vain. waited: share of the workers' time
    that went into waiting for the database."""

    seconds: float
    lost: int
    waited: float


def expected(plan: Plan) -> float:
    """Seconds, by arithmetic: the slower of all workers together and the database.

    A batch of T seconds that is begun anew after each kill takes (lifetime + restart) (exp(T / lifetime) - 1) in
    the mean.
    """
    together = 0.0
    for rate in plan.rates:
        taken = plan.batch / rate
        if plan.lifetime < math.inf:
            taken = (plan.lifetime + plan.restart) * math.expm1(taken / plan.lifetime)
        together += plan.batch / taken
    return plan.pictures / min(together, plan.writes)


def simulate(plan: Plan, seed: int = SEED) -> Outcome:
    chance, rates, size = random.Random(seed), plan.rates, plan.batch
    left = math.ceil(plan.pictures / size)
    idle: list[int] = []
    stored: list[float] = []  # when each batch is in the database, in the order in which they came
    events: list[tuple[float, int, str]] = []
    lost, waited = 0, 0.0

    def killed_after(now: float) -> float:
        return now + (chance.expovariate(1 / plan.lifetime) if plan.lifetime < math.inf else math.inf)

    kills = [killed_after(0) for _ in rates]

    def take(worker: int, now: float) -> None:
        nonlocal left
        if not left:
            idle.append(worker)
            return
        left -= 1
        if kills[worker] < now:  # while it had nothing to do
            kills[worker] = killed_after(now)
        ends = now + size / rates[worker]
        dies = kills[worker] < ends
        heapq.heappush(events, (kills[worker], worker, "killed") if dies else (ends, worker, "embedded"))

    for worker in range(plan.workers):
        take(worker, 0)
    while events:
        now, worker, what = heapq.heappop(events)
        if what == "embedded":
            room = stored[-plan.places] if len(stored) >= plan.places else 0
            if room > now and kills[worker] < room:
                heapq.heappush(events, (kills[worker], worker, "killed"))
                continue
            handed = max(now, room)
            waited += handed - now
            stored.append(max(handed, stored[-1] if stored else 0) + size / plan.writes)
            heapq.heappush(events, (handed, worker, "free"))
        elif what == "killed":
            lost, left = lost + 1, left + 1
            kills[worker] = killed_after(now + plan.restart)
            heapq.heappush(events, (now + plan.restart, worker, "free"))
            if idle:
                take(idle.pop(), now)
        else:
            take(worker, now)
    return Outcome(stored[-1], lost, waited / (plan.workers * stored[-1]))


def plans() -> Iterator[tuple[str, Plan]]:
    """What docs/scale.md shows: a million pictures, 75 a second by a worker."""
    plain = Plan(1_000_000, 1, 75)
    for workers in (1, 16, 256, 1024):
        yield "1 worker" if workers == 1 else f"{workers:,} workers", replace(plain, workers=workers)
    yield "1,024 workers, batches of 4,096 pictures", replace(plain, workers=1024, batch=4096)
    many = replace(plain, workers=256)
    yield "256, a tenth of them at a quarter of the speed", replace(many, slow=0.1)
    yield "256, each killed once an hour", replace(many, lifetime=3600)
    yield "256, each killed every ten seconds, back after one", replace(many, lifetime=10, restart=1)
    yield "256, a database of 3,000 rows a second", replace(many, writes=3000)
    yield "256, all three", replace(many, slow=0.1, lifetime=3600, writes=3000)


def main() -> None:
    print("| plan | by arithmetic | simulated | batches lost | waiting for the database |")
    print("| --- | --- | --- | --- | --- |")
    for name, plan in plans():
        found = simulate(plan)
        told = f"{expected(plan):,.0f} s | {found.seconds:,.0f} s | {found.lost:,} | {found.waited:.0%}"
        print(f"| {name} | {told} |")


if __name__ == "__main__":
    main()
