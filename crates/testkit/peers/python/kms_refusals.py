"""Runs the table ../refusals.json through a client: what its setup makes, then every row, which must be refused.

The table is for every client; how a client asks and how it says no is the client's: `call(operation, members)`
answers an object in the JSON that the service speaks (byte strings in base64), or raises `Refused`. The JavaScript
client has a copy of these few lines in node/kms.mjs.
"""

import json
import string
from pathlib import Path

TABLE = json.loads((Path(__file__).parent.parent / "refusals.json").read_text(encoding="utf-8"))

# The members of the table's requests and answers that are byte strings.
BLOBS = ("Plaintext", "CiphertextBlob")


class Refused(Exception):
    """What a client makes of an error."""

    def __init__(self, name, message, status=400):
        super().__init__(f"{name} ({status}): {message}")
        self.name, self.message, self.status = name, message, status


def run(call, names):
    """Fails unless every row is refused as it says; gives their number. `names` has what ${…} stands for, and gets
    more."""
    for step in TABLE["setup"]:
        for _ in range(step.get("times", 1)):
            answer = call(step["call"], filled(step.get("input", {}), names))
        for name, path in step.get("save", {}).items():
            value = answer
            for member in path.split("."):
                value = value[member]
            names[name] = value
    wrong = [text for row in TABLE["refusals"] if (text := judged(call, row, names))]
    assert not wrong, "\n".join(wrong)
    return len(TABLE["refusals"])


def judged(call, row, names):
    """What is wrong with the answer to a row; nothing, for a good one."""
    try:
        call(row["call"], filled(row["input"], names))
    except Refused as error:
        as_said = error.name == row["error"] and error.status == 400
        if "message" in row:
            as_said = as_said and error.message == filled(row["message"], names)
        return None if as_said else f"{row}: {error}"
    return f"{row}: it was done"


def filled(value, names):
    """A value with its ${…} filled in."""
    if isinstance(value, dict):
        return {name: filled(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return string.Template(value).substitute(names) if "${" in str(value) else value
