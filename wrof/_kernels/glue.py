"""Join two plans at their common stops (gluing lemma)."""

from __future__ import annotations

from numba import njit

from .types import Floats, Ints


@njit(cache=True)
def glue(
    zin: Ints,
    i: Ints,
    fin: Floats,
    zout: Ints,
    j: Ints,
    fout: Floats,
    out_i: Ints,
    out_z: Ints,
    out_j: Ints,
    out_f: Floats,
) -> int:
    """Fill triples from arcs into and out of stops, each sorted by stop; return how many.

    At every stop the north-west corner rule pairs what arrives with what leaves. What rounding leaves
    over of an arrival goes with the last departure, so that no source mass is lost.
    """
    b, count = 0, 0
    need = fout[0] if len(fout) else 0.0
    for a in range(len(fin)):
        left = fin[a]
        while b < len(fout) and zout[b] < zin[a]:  # what was to leave an earlier stop and never arrived
            b += 1
            need = fout[b] if b < len(fout) else 0.0
        while left > 0.0 and b < len(fout) and zout[b] == zin[a]:
            f = min(left, need)
            if f > 0.0:
                out_i[count], out_z[count], out_j[count], out_f[count] = i[a], zin[a], j[b], f
                count += 1
            left -= f
            need -= f
            if need <= 0.0:
                b += 1
                need = fout[b] if b < len(fout) else 0.0
        if left > 0.0 and count > 0 and out_z[count - 1] == zin[a]:
            if out_i[count - 1] == i[a]:
                out_f[count - 1] += left
            else:
                out_i[count], out_z[count], out_j[count], out_f[count] = i[a], zin[a], out_j[count - 1], left
                count += 1
    return count
