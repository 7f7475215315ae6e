"""Texts that come again with every order: one array for the same texts, so that facts about them are found again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

_ARRAYS_KEPT = 64

_known: OrderedDict[Hashable, pa.Array] = OrderedDict()
_lock = Lock()


def distinct_texts(dictionaries: Sequence[pa.Array]) -> pa.Array:
    """The texts of some dictionaries, each once in the order in which they come; one array for the same texts.

    What the same dictionaries gave before is found by their content: to bring them together again took as long as all
    else that is done to open a column. The array lies in memory of its own: no mapped file is kept open by it.
    """
    key = tuple(map(_content, dictionaries))
    known = _remembered(key)
    if known is None:
        # Copied in any case: of one dictionary whose texts are all different, too.
        texts = pc.unique(pa.concat_arrays(dictionaries))
        own = ("distinct", _content(texts))
        known = _remembered(own) or _remember(own, texts)
        _remember(key, known)
    return known


def _content(texts: pa.Array) -> tuple[str, int, int, bytes]:
    content = hashlib.blake2b(digest_size=32)
    for buffer in texts.buffers():
        content.update(b"\0" if buffer is None else f"{buffer.size} ".encode())
        if buffer is not None:
            content.update(buffer)
    return str(texts.type), texts.offset, len(texts), content.digest()


def _remembered(key: Hashable) -> pa.Array | None:
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        return _known.get(key)


def _remember(key: Hashable, texts: pa.Array) -> pa.Array:
    with _lock:
        known = _known.setdefault(key, texts)
        _known.move_to_end(key)
        while len(_known) > _ARRAYS_KEPT:
            _known.popitem(last=False)
    return known
