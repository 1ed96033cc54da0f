"""The log of a process, on a disk that takes none of it."""

from __future__ import annotations

import io

from okapi_install.logs import LossyStream


class FullDisk(io.StringIO):
    """A file on a disk that has room for the first line only."""

    def write(self, text: str) -> int:
        if self.getvalue():
            raise OSError(28, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.getvalue():
            raise OSError(28, "No space left on device")


def test_a_line_that_the_disk_does_not_take_is_lost_without_harm() -> None:
    file = FullDisk()
    stream = LossyStream(file)
    for line in ("first\n", "second\n"):
        assert stream.write(line) == len(line)
        stream.flush()
    assert file.getvalue() == "first\n"
