"""The base of every model that crosses a seam between two modules or is written to a file."""

import ast
import inspect
import textwrap
import threading
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict

_BUILDING = threading.RLock()


class Frozen(BaseModel):
    """An immutable model that refuses fields it does not know.

    Its validator is built when the first instance is made: no command uses half of the models.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        serialize_by_alias=True,
        defer_build=True,
    )

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """Build the validator in one thread at a time, as pydantic does itself from 2.14 on."""
        with _BUILDING:
            return super().model_rebuild(
                _parent_namespace_depth=_parent_namespace_depth + 1, **options
            )


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings below a model's fields, by the names in files.

    Pydantic's ``use_attribute_docstrings`` does the same as each class is created: it parses the
    source of every model, in every process, for the one command that prints schemas.
    """
    docs: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(node, ast.ClassDef)  # noqa: S101 - narrows the type
        for field, doc in pairwise(node.body):
            match field, doc:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    info = model.model_fields.get(name)
                    docs[(info and info.alias) or name] = inspect.cleandoc(text)
    return docs
