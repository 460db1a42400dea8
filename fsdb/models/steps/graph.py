"""An ONNX graph as a whole, for what no other step expresses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feed:
    """A tensor that a graph reads: its name, its element type and the slots that are its columns.

    `type` is 'float', 'double', 'int64', 'int32', 'bool' or 'string'. The tensor is of shape (rows, columns) where `rank` is
    2, and (rows) where it is 1.
    """

    name: str
    type: str
    columns: tuple[int, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX model, as base64 of its bytes. Only onnxruntime runs it; a program with it has no other step but Bounds.

    Without `labels` it is a regression: one slot, from the output `scores`. With `labels`, the graph's own in the order of the
    program's classes, there is a slot for each class that is the largest for the one that the graph chooses: 1 for the label
    in the output `label`, or where that is None the output `scores` itself. With a `label`, `scores` (which may then be
    None) are the probabilities, in as many slots more.
    """

    model: str
    feeds: tuple[Feed, ...]
    label: str | None
    scores: str | None
    labels: tuple[int, ...] | tuple[str, ...] | None
    operators: tuple[str, ...]

    @property
    def width(self) -> int:
        if self.labels is None:
            return 1
        both = self.label is not None and self.scores is not None
        return len(self.labels) * (2 if both else 1)
