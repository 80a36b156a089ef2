"""Whose data sits where: the owners of training data, divided over shards, and each shard over slices in order."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed


@dataclass(frozen=True)
class Placement:
    """The owners of each slice of each shard.

    An owner's place never changes: when one is removed, nobody moves up, so all slices before stay what they are.
    """

    shards: tuple[tuple[tuple[str, ...], ...], ...]

    def owners(self) -> list[str]:
        """All of them."""
        return [owner for slices in self.shards for slice_ in slices for owner in slice_]

    def so_far(self, shard: int, number: int) -> list[str]:
        """The owners of a slice and of those before it in its shard; both are counted from 1."""
        return [owner for slice_ in self.shards[shard - 1][:number] for owner in slice_]

    def without(self, owners: Collection[str]) -> "Placement":
        """The same places without some owners; a slice may be left empty."""
        return Placement(
            tuple(tuple(tuple(o for o in slice_ if o not in owners) for slice_ in slices) for slices in self.shards)
        )


def place(owners: Iterable[str], *, num_shards: int, num_slices: int, seed: int) -> Placement:
    """Owners in the order of a seeded hash of their names, dealt to the shards in turn, and each shard cut in order.

    Shards differ in size by one owner at most, and so do the slices of a shard. Who will ask to be forgotten is not
    assumed to be known. (Where it is, the paper gathers the likely ones in few shards, which makes forgetting cheaper.)

    Raises:
        UserError: there are fewer owners than slices in all shards.
    """
    dealt = sorted(owners, key=lambda owner: derive_seed(seed, "place", owner))
    if len(dealt) < num_shards * num_slices:
        raise UserError(
            f"sisa: {len(dealt)} owners are too few for {num_shards} shards of {num_slices} slices; make fewer of them."
        )
    return Placement(tuple(_cut(dealt[shard::num_shards], num_slices) for shard in range(num_shards)))


def _cut(owners: list[str], num_slices: int) -> tuple[tuple[str, ...], ...]:
    borders = [len(owners) * i // num_slices for i in range(num_slices + 1)]
    return tuple(tuple(owners[start:end]) for start, end in pairwise(borders))
