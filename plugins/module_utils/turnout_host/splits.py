"""Which slot takes how much of the traffic: splits, and the link that chooses one.

nginx resolves the path of a unix socket at each connect(2), so replacing the
``live`` link moves the very next connection and closes none.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .atomic import remove_tree, replace_link, sync_folder
from .layout import LANES, SLOTS, Layout, other_slot


def create_full(layout: Layout, slot: str) -> str:
    """Make the split that gives ``slot`` all lanes; return its name, which is the slot's."""
    return create(layout, {slot: LANES})


def create_share(layout: Layout, slot: str, share: int) -> str:
    """Make the split that gives ``slot`` so many percent and the live slot the rest.

    Raises:
        ValueError: if that is no whole number of lanes, or nothing is live to share with.
    """
    if share == 100:
        return create_full(layout, slot)
    taken, rest = divmod(share * LANES, 100)
    live = live_slot(layout)
    if rest or live in (None, slot):
        raise ValueError(f"{slot} cannot get {share} % beside {live}")
    return create(layout, {slot: taken, other_slot(slot): LANES - taken}, other_slot(slot))


def create(layout: Layout, lanes: dict[str, int], live: str = "") -> str:
    """Make a split, unless it is there; return its name.

    Args:
        lanes: how many of the 20 lanes each slot gets.
        live: the slot that counts as live under this split, whatever its share; by default the
            one with most lanes. While a canary grows that is the old one, until it has none.

    Raises:
        ValueError: if the lanes are not 20, or a slot is unknown.
    """
    taking = {slot: count for slot, count in sorted(lanes.items()) if count}
    if sum(taking.values()) != LANES or set(taking) - set(SLOTS):
        raise ValueError(f"a split needs {LANES} lanes of {' and '.join(SLOTS)}, not {lanes}")
    live = live or max(taking, key=lambda slot: taking[slot])
    name = _name(taking, live)
    final = layout.splits / name
    # Built aside and renamed: a split under its own name is always whole.
    if not final.is_dir():
        staged = layout.splits / f".{name}.new"
        remove_tree(staged)
        staged.mkdir()
        staged.chmod(0o755)  # whatever root's umask: nginx must get in
        _fill(layout, staged.name, taking, live)
        sync_folder(staged)
        staged.rename(final)
        sync_folder(layout.splits)
    elif not (final / "static-other").is_symlink():  # made by an earlier version
        _link_static(final, live)
    return name


def _name(taking: dict[str, int], live: str) -> str:
    """Return a name that begins with the live slot: one rename decides about that, too."""
    if len(taking) == 1:
        return next(iter(taking))
    slots = (live, other_slot(live))
    return "-".join(f"{slot}{taking[slot]:02}" for slot in slots)


def _fill(layout: Layout, folder: str, taking: dict[str, int], live: str) -> None:
    split = layout.splits / folder
    sockets = {slot: layout.socket(slot) for slot in taking}
    owners = [slot for slot, count in taking.items() for _ in range(count)]
    for lane, slot in enumerate(owners):
        (split / f"{lane:02}.sock").symlink_to(sockets[slot])
    _link_static(split, live)


def _link_static(split: Path, live: str) -> None:
    """Link what nginx serves: a page loaded before a switch asks for its files after it."""
    for name, slot in (("static", live), ("static-other", other_slot(live))):
        replace_link(split / name, f"../../slots/{slot}/static")


def live(layout: Layout) -> str | None:
    """Return the name of the split that takes traffic, or None before the first deploy."""
    return layout.live.readlink().name if layout.live.is_symlink() else None


def lanes(layout: Layout, split: str | None) -> dict[str, int]:
    """Return how many lanes each slot has in ``split``."""
    counted = Counter(by_lane(layout, split).values())
    return {slot: counted[slot] for slot in SLOTS}


def by_lane(layout: Layout, split: str | None) -> dict[str, str]:
    """Return the slot of each lane (``00`` to ``19``) in ``split``."""
    links = (layout.splits / split).glob("*.sock") if split else ()
    return {lane.stem: lane.readlink().stem for lane in links}


def live_slot(layout: Layout) -> str | None:
    """Return the slot whose release is live, or None before the first deploy.

    Not the one with most lanes: a candidate with 75 % is still one, and the release beside it is
    what a revert or a boot goes back to.
    """
    return slot_of(live(layout))


def slot_of(split: str | None) -> str | None:
    """Return the slot that counts as live under a split; its name begins with it."""
    return next((slot for slot in SLOTS if (split or "").startswith(slot)), None)


def idle_slot(layout: Layout) -> str:
    """Return the slot that the next release goes into."""
    slot = live_slot(layout)
    return SLOTS[0] if slot is None else other_slot(slot)


def make_live(layout: Layout, split: str | None) -> bool:
    """Give the traffic to ``split`` in one rename; None takes it from everybody.

    None is only for the revert of a first deploy, before which nothing was live.
    """
    if split is None:
        existed = layout.live.is_symlink()
        layout.live.unlink(missing_ok=True)
        sync_folder(layout.base)
        return existed
    return replace_link(layout.live, f"splits/{split}")
