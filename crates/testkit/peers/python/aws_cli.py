"""Uses a KMS endpoint through the AWS CLI, and checks what it prints.

    aws_cli.py [CASE…]    with the environment that kms.py asks for

The CLI's own entry point runs in this process, command line by command line, since starting Python for each takes a
second; `the_program` starts it as a user does. Ends with status 0 and one line per case, or with the first failure.
"""

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import awscli.clidriver
import boto3

import kms_refusals

os.environ["AWS_MAX_ATTEMPTS"] = "1"
FOLDER = tempfile.TemporaryDirectory()
GRANTEE = {"AWS_ACCESS_KEY_ID": os.environ["GRANTEE_ACCESS_KEY_ID"],
           "AWS_SECRET_ACCESS_KEY": os.environ["GRANTEE_SECRET_ACCESS_KEY"]}
UNKNOWN = {"AWS_ACCESS_KEY_ID": "AKIAABCDEFGHIJKLMNOP", "AWS_SECRET_ACCESS_KEY": "x" * 40}


DRIVER = awscli.clidriver.create_clidriver()


def aws(*arguments, **environment):
    """`aws ARGUMENTS`; gives what it prints, as JSON. What the service refuses is raised as `Refused`."""
    output, errors = io.StringIO(), io.StringIO()
    arguments = [str(argument) for argument in arguments]
    kept = dict(os.environ)
    os.environ.update(environment)
    try:
        # A driver keeps the environment and the global options that it has met.
        is_plain = not environment and {"--region", "--ca-bundle", "--no-paginate"}.isdisjoint(arguments)
        driver = DRIVER if is_plain else awscli.clidriver.create_clidriver()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = driver.main(arguments)
    finally:
        os.environ.clear()
        os.environ.update(kept)
    if status == 0:
        return json.loads(output.getvalue() or "{}")
    text = errors.getvalue().strip()
    error = re.fullmatch(r"An error occurred \((\w+)\) when calling the \w+ operation"
                         r"(?: \(reached max retries: 0\))?: ?(.*)", text, re.DOTALL)
    if error is None:
        raise RuntimeError(f"aws {arguments}: {status}: {text}")
    raise kms_refusals.Refused(error[1], error[2])


def kms(command, *arguments, **environment):
    return aws("kms", command, *arguments, **environment)


def refused(name, call):
    try:
        call()
    except kms_refusals.Refused as error:
        assert error.name == name, error
    else:
        raise AssertionError(f"{name} was expected, and nothing was refused")


def file(data):
    """A file with these bytes, as the CLI is told to read it."""
    made = Path(FOLDER.name) / str(len(os.listdir(FOLDER.name)))
    made.write_bytes(data)
    return f"fileb://{made}"


def key(*arguments):
    return kms("create-key", *arguments)["KeyMetadata"]["KeyId"]


def bytes_of(answer, member):
    return base64.b64decode(answer[member], validate=True)


def the_program():
    program = Path(sys.executable).parent / "aws"
    line = [sys.executable, program, "kms", "list-keys", "--output", "text"]
    listed = subprocess.run(line, capture_output=True, check=True)
    assert listed.stdout.startswith(b"KEYS\tarn:aws:kms:"), listed


def create_and_describe():
    made = key("--description", "for the CLI", "--tags", "TagKey=a,TagValue=1")
    described = kms("describe-key", "--key-id", made)["KeyMetadata"]
    assert described["Description"] == "for the CLI" and described["KeyState"] == "Enabled", described
    assert kms("list-resource-tags", "--key-id", made)["Tags"] == [{"TagKey": "a", "TagValue": "1"}]
    kms("tag-resource", "--key-id", made, "--tags", "TagKey=b,TagValue=2")
    kms("untag-resource", "--key-id", made, "--tag-keys", "a", "b")
    assert kms("list-resource-tags", "--key-id", made)["Tags"] == []


def aliases():
    made = key()
    kms("create-alias", "--alias-name", "alias/peer", "--target-key-id", made)
    found = kms("list-aliases", "--key-id", made)["Aliases"]
    assert [alias["AliasName"] for alias in found] == ["alias/peer"], found
    kms("update-alias", "--alias-name", "alias/peer", "--target-key-id", key())
    kms("delete-alias", "--alias-name", "alias/peer")
    refused("NotFoundException", lambda: kms("describe-key", "--key-id", "alias/peer"))


def encrypt_and_decrypt():
    made, other, plaintext = key(), key(), bytes(range(256)) * 16
    blob = file(bytes_of(kms("encrypt", "--key-id", made, "--plaintext", file(plaintext),
                             "--encryption-context", "tenant=acme,purpose=backup"), "CiphertextBlob"))
    in_json = ("--encryption-context", '{"tenant": "acme", "purpose": "backup"}')
    assert bytes_of(kms("decrypt", "--ciphertext-blob", blob, *in_json), "Plaintext") == plaintext
    refused("InvalidCiphertextException", lambda: kms("decrypt", "--ciphertext-blob", blob))
    refused("IncorrectKeyException", lambda: kms("decrypt", "--ciphertext-blob", blob, "--key-id", other, *in_json))
    moved = kms("re-encrypt", "--ciphertext-blob", blob, "--destination-key-id", other,
                "--source-encryption-context", "tenant=acme,purpose=backup")
    opened = kms("decrypt", "--ciphertext-blob", file(bytes_of(moved, "CiphertextBlob")))
    assert bytes_of(opened, "Plaintext") == plaintext and opened["KeyId"].endswith(other)


def data_keys():
    made = key()
    data_key = kms("generate-data-key", "--key-id", made, "--key-spec", "AES_256", "--encryption-context", "a=b")
    blob = file(bytes_of(data_key, "CiphertextBlob"))
    opened = kms("decrypt", "--ciphertext-blob", blob, "--encryption-context", "a=b")
    assert opened["Plaintext"] == data_key["Plaintext"] and len(bytes_of(opened, "Plaintext")) == 32
    sealed = kms("generate-data-key-without-plaintext", "--key-id", made, "--number-of-bytes", 64)
    assert "Plaintext" not in sealed, sealed
    assert len(bytes_of(kms("generate-random", "--number-of-bytes", 1024), "Plaintext")) == 1024


def rotation():
    made = key()
    kms("enable-key-rotation", "--key-id", made, "--rotation-period-in-days", 90)
    status = kms("get-key-rotation-status", "--key-id", made)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90, status
    kms("disable-key-rotation", "--key-id", made)
    kms("rotate-key-on-demand", "--key-id", made)
    assert kms("list-key-rotations", "--key-id", made)["Rotations"][0]["RotationType"] == "ON_DEMAND"


def states():
    made = key()
    encrypt = lambda: kms("encrypt", "--key-id", made, "--plaintext", file(b"x"))
    kms("disable-key", "--key-id", made)
    refused("DisabledException", encrypt)
    kms("enable-key", "--key-id", made)
    encrypt()
    kms("schedule-key-deletion", "--key-id", made, "--pending-window-in-days", 7)
    refused("KMSInvalidStateException", encrypt)
    kms("cancel-key-deletion", "--key-id", made)


def grants():
    made = key()
    user = aws("sts", "get-caller-identity", **GRANTEE)["Arn"]
    blob = file(bytes_of(kms("encrypt", "--key-id", made, "--plaintext", file(b"x")), "CiphertextBlob"))
    decrypt = lambda *more: bytes_of(kms("decrypt", "--ciphertext-blob", blob, *more, **GRANTEE), "Plaintext")
    refused("AccessDeniedException", decrypt)
    grant = ("create-grant", "--key-id", made, "--grantee-principal", user, "--retiring-principal", user,
             "--operations", "Decrypt", "DescribeKey")
    given = kms(*grant)
    assert decrypt("--grant-tokens", given["GrantToken"]) == b"x"
    assert len(kms("list-grants", "--key-id", made)["Grants"]) == 1
    assert len(kms("list-retirable-grants", "--retiring-principal", user)["Grants"]) >= 1
    kms("retire-grant", "--grant-token", given["GrantToken"], **GRANTEE)
    refused("AccessDeniedException", decrypt)
    kms("revoke-grant", "--key-id", made, "--grant-id", kms(*grant)["GrantId"])
    assert kms("list-grants", "--key-id", made)["Grants"] == []


def policies():
    made = key()
    assert kms("list-key-policies", "--key-id", made)["PolicyNames"] == ["default"]
    policy = json.loads(kms("get-key-policy", "--key-id", made, "--policy-name", "default")["Policy"])
    policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"})
    written = file(json.dumps(policy).encode()).replace("fileb://", "file://")
    kms("put-key-policy", "--key-id", made, "--policy-name", "default", "--policy", written)
    refused("AccessDeniedException", lambda: kms("encrypt", "--key-id", made, "--plaintext", file(b"x")))


def pages():
    service = boto3.client("kms")  # only to be quicker
    made = {service.create_key()["KeyMetadata"]["KeyId"] for _ in range(250)}
    found = [entry["KeyId"] for entry in kms("list-keys", "--page-size", 60)["Keys"]]
    assert made <= set(found) and len(found) == len(set(found)), len(found)
    first = kms("list-keys", "--page-size", 60, "--max-items", 100)
    rest = kms("list-keys", "--page-size", 60, "--starting-token", first["NextToken"])
    assert [entry["KeyId"] for entry in first["Keys"] + rest["Keys"]] == found


def refusals():
    def call(operation, members):
        arguments = []
        for name in [name for name in members if name in kms_refusals.BLOBS]:
            arguments += [f"--{hyphened(name)}", file(base64.b64decode(members.pop(name)))]
        return kms(hyphened(operation), *arguments, "--cli-input-json", json.dumps(members))

    def hyphened(name):
        return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()

    me = aws("sts", "get-caller-identity")
    names = {"me": me["Arn"], "account": me["Account"], "account_root": f"arn:aws:iam::{me['Account']}:root",
             "region": os.environ["AWS_DEFAULT_REGION"]}
    assert kms_refusals.run(call, names) == 48


def who():
    me = aws("sts", "get-caller-identity")
    assert me["Arn"].startswith(f"arn:aws:iam::{me['Account']}:"), me


def authentication():
    refused("InvalidSignatureException", lambda: kms("list-keys", **UNKNOWN))
    refused("InvalidSignatureException", lambda: kms("list-keys", AWS_SECRET_ACCESS_KEY="x" * 40))
    refused("UnrecognizedClientException", lambda: kms("list-keys", AWS_SESSION_TOKEN="token"))
    refused("SignatureDoesNotMatch", lambda: aws("sts", "get-caller-identity", **UNKNOWN))


def sessions():
    names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    session = {f"AWS_{name}": os.environ[f"SESSION_{name}"] for name in names}
    whole = {**session, "AWS_SESSION_TOKEN": os.environ["SESSION_TOKEN"]}
    assert aws("sts", "get-caller-identity", **whole)["Arn"].endswith(":assumed-role/reader/clients")
    assert kms("list-keys", **whole)["Keys"]
    refused("AccessDeniedException", lambda: kms("create-key", **whole))
    refused("UnrecognizedClientException", lambda: kms("list-keys", **session))


def regions():
    arn = kms("create-key", "--region", "eu-central-1")["KeyMetadata"]["Arn"]
    assert ":kms:eu-central-1:" in arn, arn
    refused("NotFoundException", lambda: kms("describe-key", "--key-id", arn))


def trust():
    """A server whose CA is not among the trusted ones is not talked to."""
    public = Path(awscli.__file__).parent / "botocore/cacert.pem"
    try:
        kms("list-keys", "--ca-bundle", public)
    except RuntimeError as error:
        assert "SSL validation failed" in str(error), error
    else:
        raise AssertionError("a server that is not trusted was talked to")


def throttling():
    """On a server whose rates are low."""
    try:
        for _ in range(20):
            kms("list-keys", "--no-paginate")
    except kms_refusals.Refused as error:
        assert error.name == "ThrottlingException", error
    else:
        raise AssertionError("nothing was throttled")


CASES = [the_program, create_and_describe, aliases, encrypt_and_decrypt, data_keys, rotation, states, grants, policies,
         pages, refusals, who, authentication, sessions, regions, trust]

if __name__ == "__main__":
    for case in [globals()[name] for name in sys.argv[1:]] or CASES:
        try:
            case()
        except Exception:
            traceback.print_exc()
            sys.exit(f"aws_cli.py: {case.__name__} failed")
        print(f"ok {case.__name__}", flush=True)
