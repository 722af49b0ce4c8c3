"""How hard a server may be asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Politeness:
    """How hard a server may be asked. Times are in seconds.

    `workers` requests are under way at the same time, and `interval` is the least time between two to one
    host. A request that fails in a way that may pass is made `attempts` times in all, with waits that grow
    from `first_wait` to `longest_wait`, or as long as the server asks, but a `Retry-After` beyond
    `longest_retry_after` is not waited for. `read_timeout` bounds the silence on a connection,
    `total_timeout` a whole transfer, `redirects` how often an address may lead to another. After `patience`
    addresses in a row at which a host was in trouble, it is left alone.
    """

    workers: int = 4
    attempts: int = 5
    interval: float = 0.1
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    total_timeout: float = 180.0
    redirects: int = 5
    patience: int = 20
