"""The JSON schema of a part, by which an editor completes a configuration and underlines what is wrong in it.

A family is the union of its kinds at the time, those of users' files among them, told apart by `kind`. Whatever a
configuration may hold in place of a value is in the schema: a kind's or a preset's name alone, a quantity such as
`10 kbit/s` for a number, parts by their names for a list of them, dotted names. A mapping may leave its `kind` out, as
one does that is laid over another.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

from pydantic.json_schema import CoreRef, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

_QUANTITY: Final = r"^[-+.]*(\d|inf|nan)"
"""Beginning of a text in place of a number. A pattern concerns texts alone."""


class PartSchema(GenerateJsonSchema):
    """Pydantic's generator, for parts and families."""

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        family: Any = getattr(schema["function"]["function"], "__self__", None)
        if not hasattr(family, "kinds"):
            return super().function_plain_schema(schema)
        name, reference = self.get_cache_defs_ref_schema(CoreRef(f"{family.__module__}.{family.__name__}:{id(family)}"))
        if name not in self.definitions:
            self.definitions[name] = {}  # a part may hold others of its own family
            parts = [self.generate_inner(part.__pydantic_core_schema__) for part in family.kinds.values()]
            self.definitions[name] = {"anyOf": [{"enum": sorted(family.kinds)}, *parts]}
        return reference

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema) | {"patternProperties": {r"\.": {}}}
        presets = sorted(getattr(schema["cls"], "presets", ()))
        if not presets:
            return found
        found["properties"]["preset"] = {"enum": presets}
        return {"anyOf": [{"enum": presets}, found]}

    def encode_default(self, dft: object) -> object:
        """JSON has no word for it, and every number may be a text."""
        found = super().encode_default(dft)
        return "inf" if found == inf else found

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return super().int_schema(schema) | {"type": ["integer", "string"], "pattern": _QUANTITY}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return super().float_schema(schema) | {"type": ["number", "string"], "pattern": _QUANTITY}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        found = super().tuple_schema(schema)
        item = found.get("items")
        return (
            {"anyOf": [found, {"type": "object", "additionalProperties": item}]} if item and "$ref" in item else found
        )
