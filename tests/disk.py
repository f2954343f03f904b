"""What the tests of files and runs share."""

from __future__ import annotations

import errno
import os


def same(left, right):
    """Whether two arrays agree in every bit, dtype and shape."""
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def everything_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def fail_replace(monkeypatch, when, error=None):
    """Let os.replace raise on its `when`-th call (from 0)."""
    calls, real = [], os.replace

    def replace(source, target):
        calls.append(source)
        if len(calls) - 1 == when:
            raise error or OSError(errno.EIO, "the disk is gone")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
