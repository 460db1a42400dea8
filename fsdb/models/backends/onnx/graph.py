"""An ONNX graph as it grows, and the columns of its tensors that the slots of a program are.

Every slot is a column of a float64 tensor of shape (rows, columns), missing values as NaN. Text slots are no tensors: they
are looked up before the graph runs, see sources.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
ML_OPSET = 5
ML = "ai.onnx.ml"
_IR_VERSION = 10
_MOST_NUMBERS = 4_000_000  # in one tensor of a batch: 32 MB


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a tensor; `source` is the input that a message about it names."""

    tensor: str
    place: int
    source: str


class Graph:
    """Nodes and constants; `slots` are the program's slots so far, None where it is a text."""

    def __init__(self) -> None:
        self.slots: list[Column | None] = []
        self.widths: dict[str, int] = {}
        self.widest = 1
        self._nodes: list[Any] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._tensors: list[Any] = []
        self._selected: dict[tuple[int, ...], str] = {}

    def node(self, operator: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Appends a node of one output; its name."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """A constant tensor; equal ones are one."""
        array = np.asarray(values, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"c{len(self._tensors)}"
            self._constants[key] = name
            self._tensors.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def column(self, slot: int) -> Column:
        """The column of a number slot."""
        found = self.slots[slot]
        assert found is not None, "a program reads a text slot as a number"
        return found

    def columns(self, slots: Sequence[int]) -> str:
        """The tensor whose columns are these slots, in order."""
        key = tuple(slots)
        if key not in self._selected:
            self._selected[key] = self._select([self.column(slot) for slot in slots])
        return self._selected[key]

    def add(self, tensor: str, sources: Sequence[str]) -> None:
        """The columns of a tensor become the next slots; a text for each names the input that it comes from, or is empty."""
        self.widths[tensor] = len(sources)
        self.slots += [Column(tensor, place, source) for place, source in enumerate(sources)]
        self.wide(len(sources))

    def sources(self, slots: Sequence[int]) -> list[str]:
        """The inputs that slots come from."""
        return [self.column(slot).source for slot in slots]

    def wide(self, numbers: int) -> None:
        """Tells that a tensor has so many numbers a row."""
        self.widest = max(self.widest, numbers)

    @property
    def batch(self) -> int:
        """How many rows one run may have."""
        return max(16, min(8192, _MOST_NUMBERS // self.widest))

    def _select(self, columns: Sequence[Column]) -> str:
        tensors = list(dict.fromkeys(column.tensor for column in columns))
        starts = {}
        width = 0
        for tensor in tensors:
            starts[tensor] = width
            width += self.widths[tensor]
        places = [starts[column.tensor] + column.place for column in columns]
        whole = tensors[0] if len(tensors) == 1 else self.node("Concat", tensors, axis=1)
        if places == list(range(width)):
            return whole
        self.wide(max(width, len(places)))
        return self.node("Gather", [whole, self.constant(places, np.int64)], axis=1)

    def to_bytes(self, inputs: Sequence[tuple[str, int]], output: str, width: int) -> bytes:
        """The model with the given float64 inputs (name and number of columns) and one output."""
        graph = helper.make_graph(
            [*self._nodes, helper.make_node("Identity", [output], ["y"])],
            "fsdb",
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, size]) for name, size in inputs],
            [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, width])],
            initializer=self._tensors,
        )
        model = helper.make_model(
            graph,
            producer_name="fsdb",
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        result: bytes = model.SerializeToString()
        return result
