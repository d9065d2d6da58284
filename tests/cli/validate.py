"""Every line of a file is a JSON value that a schema describes, down to the last key.

    validate.py SCHEMA LINES
"""
import json
import sys

import jsonschema


def closed_objects(schema):
    """All object schemas must say which keys there are: an undocumented key is an error then."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield schema.get("additionalProperties") is False
        for part in schema.values():
            yield from closed_objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from closed_objects(part)


def main(schema_path, lines_path):
    with open(schema_path, encoding="utf-8") as source:
        schema = json.load(source)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    count = broken = 0
    with open(lines_path, encoding="utf-8") as lines:
        for line in lines:
            count += 1
            value = json.loads(line)
            for error in validator.iter_errors(value):
                broken += 1
                print(f"{value['file']}: {error.json_path}: {error.message[:200]}")
    is_closed = all(closed_objects(schema))
    print(f"{count} values, {broken} errors, schema closed: {is_closed}")
    return 0 if count and not broken and is_closed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
