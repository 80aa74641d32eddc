"""Judges the answers of a KMS endpoint by AWS's own description of the service: the model that botocore carries.

An answer must be what its operation's output shape says: members of the right types within their limits, none
missing, none more, at any depth. An error must be one that the model gives the operation, or one common to all
operations of AWS. `test_kms_model.py` shows that the judge can say no.
"""

import base64
import json
import re

MEDIA_TYPE = "application/x-amz-json-1.1"

# Errors that AWS documents for every service and the model of none.
COMMON_ERRORS = {
    "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InvalidSignatureException",
    "MissingAuthenticationTokenException", "NotAuthorizedException", "SerializationException",
    "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException", "ValidationException",
}

# Errors that AWS answers though its model does not give them to the operation.
BESIDE_THE_MODEL = {
    # "an operation that is not built", which AWS has no name for
    "UnsupportedOperationException",
}

# Faults have status 500, all others 400.
FAULTS = {"DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}


class Model:
    """What AWS says about the service, and what of it has been seen."""

    def __init__(self, service_model):
        self.service = service_model
        self.succeeded = set()  # names of operations
        self.refused = set()  # names of errors
        self.seen = set()  # Shape.member of what was answered

    def problems(self, operation, status, headers, body):
        """What is wrong with an answer to `operation`: a list of texts, empty for a good one."""
        found = []
        operation_model = self.service.operation_model(operation)
        if headers.get("content-type") != MEDIA_TYPE:
            found.append(f"content-type is {headers.get('content-type')}")
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.get("x-amzn-requestid", "")):
            found.append(f"x-amzn-requestid is {headers.get('x-amzn-requestid')}")
        if status != 200:
            return found + self._error(operation_model, status, body)
        self.succeeded.add(operation)
        if operation_model.output_shape is None:
            return found if body in (b"", b"{}") else [*found, f"a body where the model has none: {body!r}"]
        try:
            answer = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_no_member_twice)
        except ValueError as error:
            return [*found, f"no JSON: {error}"]
        return [*found, *self._value(operation_model.output_shape, answer, "$")]

    def members(self, operations):
        """All that these operations can answer, as Shape.member."""
        found, todo = set(), [self.service.operation_model(name).output_shape for name in operations]
        while todo:
            shape = todo.pop()
            if shape is None:
                continue
            if shape.type_name == "structure":
                new = {f"{shape.name}.{name}" for name in shape.members} - found
                found |= new
                todo += shape.members.values() if new else []
            elif shape.type_name == "list":
                todo.append(shape.member)
            elif shape.type_name == "map":
                todo += [shape.key, shape.value]
        return found

    def _error(self, operation_model, status, body):
        try:
            error = json.loads(body, object_pairs_hook=_no_member_twice)
        except ValueError as problem:
            return [f"an error that is no JSON: {problem}"]
        name = error.get("__type") if isinstance(error, dict) else None
        if not isinstance(name, str):
            return [f"an error without __type: {body!r}"]
        self.refused.add(name)
        found = []
        modelled = {shape.name for shape in operation_model.error_shapes}
        if name not in modelled | COMMON_ERRORS | BESIDE_THE_MODEL:
            found.append(f"{name} is no error of {operation_model.name}")
        if status != (500 if name in FAULTS else 400):
            found.append(f"{name} with status {status}")
        if set(error) - {"__type", "message"}:
            found.append(f"{name} has {sorted(error)}")
        if "message" in error and not isinstance(error["message"], str):
            found.append(f"the message of {name} is {error['message']!r}")
        return found

    def _value(self, shape, value, path):
        judge = getattr(self, f"_{shape.type_name}", None)
        return judge(shape, value, path) if judge else [f"{path}: the model has a {shape.type_name}"]

    def _structure(self, shape, value, path):
        if not isinstance(value, dict):
            return [f"{path} is {value!r}, not an object"]
        self.seen |= {f"{shape.name}.{name}" for name in value}
        found = [f"{path}.{name}: no such member" for name in value if name not in shape.members]
        found += [f"{path}.{name} is missing" for name in shape.required_members if name not in value]
        for name, member in shape.members.items():
            if name in value:
                found += self._value(member, value[name], f"{path}.{name}")
        return found

    def _list(self, shape, value, path):
        if not isinstance(value, list):
            return [f"{path} is {value!r}, not a list"]
        found = _within(shape, len(value), path)
        for position, item in enumerate(value):
            found += self._value(shape.member, item, f"{path}[{position}]")
        return found

    def _map(self, shape, value, path):
        if not isinstance(value, dict):
            return [f"{path} is {value!r}, not an object"]
        found = _within(shape, len(value), path)
        for name, item in value.items():
            found += self._value(shape.key, name, f"{path} (name)")
            found += self._value(shape.value, item, f"{path}.{name}")
        return found

    def _string(self, shape, value, path):
        if not isinstance(value, str):
            return [f"{path} is {value!r}, not a string"]
        if shape.enum and value not in shape.enum:
            return [f"{path} is {value!r}, which {shape.name} has not"]
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            return [f"{path} is {value!r}, not {pattern}"]
        return _within(shape, len(value), path)

    def _blob(self, shape, value, path):
        try:
            return _within(shape, len(base64.b64decode(value, validate=True)), path)
        except (TypeError, ValueError):
            return [f"{path} is not base64"]

    def _boolean(self, shape, value, path):
        return [] if isinstance(value, bool) else [f"{path} is {value!r}, not a boolean"]

    def _integer(self, shape, value, path):
        if not isinstance(value, int) or isinstance(value, bool):
            return [f"{path} is {value!r}, not an integer"]
        return _within(shape, value, path)

    def _timestamp(self, shape, value, path):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        is_moment = is_number and 1_500_000_000 < value < 10_000_000_000  # seconds, of this century
        return [] if is_moment else [f"{path} is {value!r}, not seconds since 1970"]


def paths(answer):
    """The members of an answer as a set of texts such as `Keys[].KeyId`; what is in a map does not count."""
    found = set()

    def walk(value, path):
        items = value if isinstance(value, list) else []
        if isinstance(value, dict) and not path.endswith(MAPS):
            for name, member in value.items():
                walk(member, f"{path}.{name}" if path else name)
        elif any(isinstance(item, dict) for item in items):
            for item in items:
                walk(item, f"{path}[]")
        else:
            found.add(path)

    walk(answer, "")
    return found - {""}


MAPS = ("EncryptionContextSubset", "EncryptionContextEquals")


def _within(shape, size, path):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low or high is not None and size > high:
        return [f"{path}: {size} is not within {low} and {high}"]
    return []


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


def _no_member_twice(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError(f"a member twice: {[name for name, _ in pairs]}")
    return dict(pairs)
