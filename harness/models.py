"""The base of every model that crosses a seam between two modules or is written to a file."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable model that refuses fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
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
