# SPDX-License-Identifier: MIT
"""Numbers that an earlier version showed, beside those of this one."""


def compare(was, has, where, own):
    """Every value that there was is there now, but those named in `own`; fields may have come since."""
    if isinstance(was, dict):
        for key, value in was.items():
            if key not in own:
                assert key in has, (where, key)
                compare(value, has[key], f"{where}.{key}", own)
    elif isinstance(was, list):
        assert len(was) == len(has), (where, was, has)
        for i, (one, other) in enumerate(zip(was, has)):
            compare(one, other, f"{where}[{i}]", own)
    elif isinstance(was, float):
        assert abs(was - has) <= 1e-9 * abs(was), (where, was, has)
    else:
        assert was == has, (where, was, has)
