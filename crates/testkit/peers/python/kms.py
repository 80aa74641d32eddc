"""Uses a KMS endpoint as an application does, through boto3, and checks what it answers.

    kms.py [CASE…]    with AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL_STS, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
                      AWS_DEFAULT_REGION and, for TLS, AWS_CA_BUNDLE in the environment; the access key of a user
                      without policies, GRANTEE_ACCESS_KEY_ID and GRANTEE_SECRET_ACCESS_KEY; and the credentials of a
                      session of a role that may call ListKeys alone, SESSION_ACCESS_KEY_ID,
                      SESSION_SECRET_ACCESS_KEY and SESSION_TOKEN

Each function below is one case. Ends with status 0 and one line per case, or with the first failure. Every answer to
every case is judged by the service's model (kms_model.py).
"""

import base64
import json
import os
import re
import sys
import traceback
from pathlib import Path

import boto3
import botocore
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

import kms_operations
import kms_refusals
from kms_model import Model, paths

CONTEXT = {"tenant": "acme", "purpose": "backup", "clé": "\U0001f511"}
MODEL = Model(botocore.session.get_session().get_service_model("kms"))
PUBLIC_CAS = Path(botocore.__file__).parent / "cacert.pem"
API = Path(__file__).parents[4] / "docs/api.md"


def client(service="kms", config=None, **options):
    config = Config(retries={"max_attempts": 1, "mode": "standard"}).merge(config or Config())
    made = boto3.client(service, config=config, **options)
    made.meta.events.register("before-parse.kms", judge)
    return made


def judge(operation_model, response_dict, **_):
    """Fails the call whose answer is not as the model says."""
    headers = {name.lower(): value for name, value in response_dict["headers"].items()}
    judge.body = response_dict["body"]
    found = MODEL.problems(operation_model.name, response_dict["status_code"], headers, judge.body)
    assert not found, f"{operation_model.name}: {found}: {judge.body!r}"


def refused(name, call, *, status=400):
    """Calls what must be refused with the exception `name`, of that type where boto3 has one; gives the error."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == name, f"{found}: {error}"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        assert len(error.response["ResponseMetadata"]["RequestId"]) == 36, error.response
        typed = name in MODEL.service.shape_names
        assert not typed or isinstance(error, getattr(KMS.exceptions, name)), type(error)
        return error.response["Error"]
    raise AssertionError(f"{name} was expected, and nothing was refused")


KMS = client()


def key(**options):
    return KMS.create_key(**options)["KeyMetadata"]


def grantee():
    """Another user, who has no policies."""
    return client(aws_access_key_id=os.environ["GRANTEE_ACCESS_KEY_ID"],
                  aws_secret_access_key=os.environ["GRANTEE_SECRET_ACCESS_KEY"])


def caller():
    return client("sts").get_caller_identity()


def create_and_describe():
    made = key(Description="for boto3")
    assert made["KeyState"] == "Enabled" and made["KeySpec"] == "SYMMETRIC_DEFAULT", made
    assert KMS.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made
    assert "DeletionDate" not in made
    KMS.update_key_description(KeyId=made["KeyId"], Description="\u00e9")
    assert KMS.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Description"] == "\u00e9"


def aliases():
    made, other = key()["KeyId"], key()["KeyId"]
    KMS.create_alias(AliasName="alias/peer", TargetKeyId=made)
    found = KMS.list_aliases(KeyId=made)["Aliases"]
    assert [alias["AliasName"] for alias in found] == ["alias/peer"], found
    assert KMS.describe_key(KeyId="alias/peer")["KeyMetadata"]["KeyId"] == made
    KMS.update_alias(AliasName="alias/peer", TargetKeyId=other)
    assert KMS.describe_key(KeyId=found[0]["AliasArn"])["KeyMetadata"]["KeyId"] == other
    KMS.delete_alias(AliasName="alias/peer")
    refused("NotFoundException", lambda: KMS.describe_key(KeyId="alias/peer"))


def encrypt_and_decrypt():
    key_id = key()["KeyId"]
    for plaintext in (b"x", bytes(range(256)) * 16):
        blob = KMS.encrypt(KeyId=key_id, Plaintext=plaintext, EncryptionContext=CONTEXT)["CiphertextBlob"]
        opened = KMS.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(CONTEXT.items())))
        assert opened["Plaintext"] == plaintext
        assert opened["KeyId"].endswith(key_id)
        for context in ({}, {**CONTEXT, "tenant": "Acme"}):
            wrong = lambda: KMS.decrypt(CiphertextBlob=blob, EncryptionContext=context)
            refused("InvalidCiphertextException", wrong)
        flipped = blob[:-1] + bytes([blob[-1] ^ 1])
        refused("InvalidCiphertextException",
                lambda: KMS.decrypt(CiphertextBlob=flipped, EncryptionContext=CONTEXT))
        other = key()["KeyId"]
        refused("IncorrectKeyException",
                lambda: KMS.decrypt(CiphertextBlob=blob, KeyId=other, EncryptionContext=CONTEXT))
        moved = KMS.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=other)
        assert KMS.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == plaintext
    too_long = lambda: KMS.encrypt(KeyId=key_id, Plaintext=b"x" * 4097)
    error = refused("ValidationException", too_long)
    assert error["Message"] == ("1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
                                "Member must have length less than or equal to 4096"), error


def data_keys():
    key_id = key()["KeyId"]
    made = KMS.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(made["Plaintext"]) == 32
    opened = KMS.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"]
    sealed = KMS.generate_data_key_without_plaintext(KeyId=key_id, NumberOfBytes=64)
    assert "Plaintext" not in sealed
    assert len(KMS.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"]) == 64
    assert len(KMS.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024


def rotation():
    key_id = key()["KeyId"]
    before = KMS.encrypt(KeyId=key_id, Plaintext=b"before")
    KMS.rotate_key_on_demand(KeyId=key_id)
    after = KMS.encrypt(KeyId=key_id, Plaintext=b"after")
    opened = [KMS.decrypt(CiphertextBlob=answer["CiphertextBlob"]) for answer in (before, after)]
    assert [answer["Plaintext"] for answer in opened] == [b"before", b"after"]
    assert opened[0]["KeyMaterialId"] != opened[1]["KeyMaterialId"], opened
    rotations = KMS.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND"], rotations
    KMS.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    status = KMS.get_key_rotation_status(KeyId=key_id)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90, status
    KMS.disable_key_rotation(KeyId=key_id)
    assert not KMS.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]


def states():
    made = key()["KeyId"]
    encrypt = lambda: KMS.encrypt(KeyId=made, Plaintext=b"x")
    KMS.disable_key(KeyId=made)
    refused("DisabledException", encrypt)
    KMS.enable_key(KeyId=made)
    encrypt()
    KMS.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)
    refused("KMSInvalidStateException", encrypt)
    KMS.cancel_key_deletion(KeyId=made)
    refused("DisabledException", encrypt)


def grants():
    made, user = key()["KeyId"], grantee()
    decrypt = lambda **options: user.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT, **options)
    blob = KMS.encrypt(KeyId=made, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    refused("AccessDeniedException", decrypt)
    refused("AccessDeniedException", user.list_keys)
    arn = client("sts", aws_access_key_id=os.environ["GRANTEE_ACCESS_KEY_ID"],
                 aws_secret_access_key=os.environ["GRANTEE_SECRET_ACCESS_KEY"]).get_caller_identity()["Arn"]
    grant = dict(KeyId=made, GranteePrincipal=arn, RetiringPrincipal=arn, Operations=["Decrypt", "DescribeKey"],
                 Constraints={"EncryptionContextSubset": {"tenant": "acme"}}, Name="for-a-user")
    given = KMS.create_grant(**grant)
    assert KMS.create_grant(**grant)["GrantId"] == given["GrantId"], "the same name is the same grant"
    assert decrypt()["Plaintext"] == b"x"
    assert decrypt(GrantTokens=[given["GrantToken"]])["Plaintext"] == b"x"
    refused("AccessDeniedException", lambda: user.encrypt(KeyId=made, Plaintext=b"x"))
    listed = KMS.list_grants(KeyId=made)["Grants"]
    assert [entry["GrantId"] for entry in listed] == [given["GrantId"]], listed
    assert listed[0]["Constraints"] == grant["Constraints"], listed
    retirable = KMS.list_retirable_grants(RetiringPrincipal=arn)["Grants"]
    assert given["GrantId"] in [entry["GrantId"] for entry in retirable], retirable
    user.retire_grant(GrantToken=given["GrantToken"])
    refused("AccessDeniedException", decrypt)
    again = KMS.create_grant(**grant)["GrantId"]
    KMS.revoke_grant(KeyId=made, GrantId=again)
    assert KMS.list_grants(KeyId=made)["Grants"] == []


def tags():
    made = key(Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyId"]
    KMS.tag_resource(KeyId=made, Tags=[{"TagKey": "a", "TagValue": "2"}, {"TagKey": "b", "TagValue": ""}])
    KMS.untag_resource(KeyId=made, TagKeys=["b"])
    assert KMS.list_resource_tags(KeyId=made)["Tags"] == [{"TagKey": "a", "TagValue": "2"}]


def policies():
    made = key()["KeyId"]
    assert KMS.list_key_policies(KeyId=made)["PolicyNames"] == ["default"]
    policy = json.loads(KMS.get_key_policy(KeyId=made)["Policy"])
    assert policy["Id"] == "key-default-1", policy
    me = caller()["Arn"]
    policy["Statement"].append({"Effect": "Deny", "Principal": {"AWS": me}, "Action": "kms:Encrypt", "Resource": "*"})
    text = json.dumps(policy, indent=1)
    KMS.put_key_policy(KeyId=made, Policy=text)
    assert KMS.get_key_policy(KeyId=made)["Policy"] == text, "byte for byte"
    error = refused("AccessDeniedException", lambda: KMS.encrypt(KeyId=made, Plaintext=b"x"))
    assert error["Message"].startswith(f"User: {me} is not authorized to perform: kms:Encrypt on resource: "), error


def pages():
    made = {key()["KeyId"] for _ in range(250)}
    found, pages = [], 0
    for page in KMS.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 60}):
        assert len(page["Keys"]) <= 60
        found += [entry["KeyId"] for entry in page["Keys"]]
        pages += 1
    assert made <= set(found) and len(found) == len(set(found)) and pages >= 5, pages


def built():
    """The operations that docs/api.md has as built."""
    found = re.findall(r"^\| (\w+) \| (?:yes|partly) \|", API.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) >= 35, found
    return found


def operations():
    """Every operation that is built, with all that it can answer."""
    listed = built()
    rows = kms_operations.rows(kms_operations.World(KMS, caller()["Arn"]))
    assert {row[0] for row in rows} == set(listed), "operations without a row, or rows without an operation"
    seen_before = MODEL.seen
    MODEL.seen = set()
    for operation, request, expected in rows:
        getattr(KMS, botocore.xform_name(operation))(**request)
        found = paths(json.loads(judge.body or "{}"))
        assert found == expected, f"{operation} {request}: {found ^ expected}"
    unseen = MODEL.members(listed) - MODEL.seen
    assert unseen == kms_operations.NOT_BUILT, f"NOT_BUILT is not the rest: {unseen ^ kms_operations.NOT_BUILT}"
    MODEL.seen |= seen_before


def operations_not_built():
    anything = client(config=Config(parameter_validation=False))
    for operation in set(MODEL.service.operation_names) - set(built()):
        refused("UnsupportedOperationException", getattr(anything, botocore.xform_name(operation)))


def refusals():
    def call(operation, members):
        members = {name: base64.b64decode(value) if name in kms_refusals.BLOBS else value
                   for name, value in members.items()}
        try:
            answer = getattr(KMS, botocore.xform_name(operation))(**members)
        except ClientError as error:
            name = error.response["Error"]["Code"]
            typed = name in MODEL.service.shape_names
            assert not typed or type(error) is getattr(KMS.exceptions, name), type(error)
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise kms_refusals.Refused(name, error.response["Error"].get("Message", ""), status) from error
        return {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                for name, value in answer.items()}

    me = caller()
    names = {"me": me["Arn"], "account": me["Account"], "account_root": f"arn:aws:iam::{me['Account']}:root",
             "region": KMS.meta.region_name}
    assert kms_refusals.run(call, names) == 48


def who():
    identity = caller()
    assert identity["Arn"].startswith("arn:aws:iam::"), identity
    assert identity["Account"] in identity["Arn"], identity


def authentication():
    mine = os.environ["AWS_ACCESS_KEY_ID"]
    wrong = client(aws_secret_access_key="x" * 40, aws_access_key_id=mine)
    bad_secret = refused("InvalidSignatureException", wrong.list_keys)
    nobody = client(aws_secret_access_key="x" * 40, aws_access_key_id="AKIAABCDEFGHIJKLMNOP")
    bad_id = refused("InvalidSignatureException", nobody.list_keys)
    assert bad_secret == bad_id, (bad_secret, bad_id)
    with_token = client(aws_access_key_id=mine, aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
                        aws_session_token="token")
    refused("UnrecognizedClientException", with_token.list_keys)
    unsigned = client(config=Config(signature_version=UNSIGNED))
    refused("MissingAuthenticationTokenException", unsigned.list_keys)
    sts = client("sts", aws_secret_access_key="x" * 40, aws_access_key_id="AKIAABCDEFGHIJKLMNOP")
    refused("SignatureDoesNotMatch", sts.get_caller_identity, status=403)


def sessions():
    names = {"aws_access_key_id": "SESSION_ACCESS_KEY_ID", "aws_secret_access_key": "SESSION_SECRET_ACCESS_KEY",
             "aws_session_token": "SESSION_TOKEN"}
    mine = {option: os.environ[name] for option, name in names.items()}
    identity = client("sts", **mine).get_caller_identity()
    assert re.fullmatch(r"arn:aws:sts::\d{12}:assumed-role/reader/clients", identity["Arn"]), identity
    assert identity["UserId"].startswith("AROA") and identity["UserId"].endswith(":clients"), identity
    assert client(**mine).list_keys()["Keys"]
    refused("AccessDeniedException", client(**mine).create_key)
    token = mine.pop("aws_session_token")
    refused("UnrecognizedClientException", client(**mine).list_keys)
    forged = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    refused("UnrecognizedClientException", client(**mine, aws_session_token=forged).list_keys)


def regions():
    made = key()
    elsewhere = client(region_name="eu-central-1")
    error = refused("NotFoundException", lambda: elsewhere.describe_key(KeyId=made["KeyId"]))
    assert ":kms:eu-central-1:" in error["Message"], error
    refused("NotFoundException", lambda: elsewhere.describe_key(KeyId=made["Arn"]))
    there = elsewhere.create_key()["KeyMetadata"]
    assert ":kms:eu-central-1:" in there["Arn"], there
    refused("NotFoundException", lambda: KMS.describe_key(KeyId=there["KeyId"]))


def trust():
    """A server whose CA is not among the trusted ones is not talked to."""
    try:
        client(verify=PUBLIC_CAS).list_keys()
    except SSLError:
        return
    raise AssertionError("a server that is not trusted was talked to")


def throttling():
    """On a server whose rates are low."""
    error = None
    for _ in range(20):
        try:
            KMS.list_keys()
        except KMS.exceptions.ClientError as refusal:
            error = refusal.response
    assert error and error["Error"]["Code"] == "ThrottlingException", error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    assert error["Error"]["Message"] == ("You have exceeded the rate at which you may call KMS. "
                                         "Reduce the frequency of your calls."), error


CASES = [create_and_describe, aliases, encrypt_and_decrypt, data_keys, rotation, states, grants, tags, policies, pages,
         operations, operations_not_built, refusals, who, authentication, sessions,
         regions, trust]

if __name__ == "__main__":
    for case in [globals()[name] for name in sys.argv[1:]] or CASES:
        try:
            case()
        except Exception:
            traceback.print_exc()
            sys.exit(f"kms.py: {case.__name__} failed")
        print(f"ok {case.__name__}", flush=True)
