"""A validator for the words of JSON Schema that `Cell.model_json_schema` writes."""

import re
from collections.abc import Mapping
from typing import Any

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
LEAST = {"minimum": "__ge__", "exclusiveMinimum": "__gt__", "maximum": "__le__", "exclusiveMaximum": "__lt__"}
WORDS = {
    "$ref", "$defs", "title", "description", "default", "type", "anyOf", "enum", "const", "pattern", "format",
    "multipleOf", "properties", "patternProperties", "additionalProperties", "required", "items", "prefixItems",
    "minItems", "maxItems", "minLength", "maxLength", *LEAST,
}  # fmt: skip


def fits(value: object, schema: Any, root: Mapping[str, Any]) -> bool:
    """True if a value of a YAML file is one that the schema takes."""
    if schema is True:
        return True
    assert schema.keys() <= WORDS, schema.keys() - WORDS
    if "$ref" in schema and not fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root):
        return False
    if "anyOf" in schema and not any(fits(value, each, root) for each in schema["anyOf"]):
        return False
    types = schema.get("type", [])
    if types and not any(_is(value, each) for each in ([types] if isinstance(types, str) else types)):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, dict):
        return _mapping_fits(value, schema, root)
    if isinstance(value, list):
        items = [*schema.get("prefixItems", ())]
        items += [schema.get("items", True)] * (len(value) - len(items))
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and all(
            fits(each, item, root) for each, item in zip(value, items, strict=False)
        )
    return all(getattr(float(value), holds)(schema[word]) for word, holds in LEAST.items() if word in schema)  # type: ignore[arg-type]


def _is(value: object, name: str) -> bool:
    if name == "null" or value is None:
        return name == "null" and value is None
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))  # type: ignore[arg-type]


def _mapping_fits(value: Mapping[str, object], schema: Any, root: Mapping[str, Any]) -> bool:
    known, further = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, each in value.items():
        if name in known:
            if not fits(each, known[name], root):
                return False
        elif any(re.search(pattern, name) for pattern in schema.get("patternProperties", {})):
            continue
        elif further is False or not fits(each, further, root):
            return False
    return value.keys() >= set(schema.get("required", ()))
