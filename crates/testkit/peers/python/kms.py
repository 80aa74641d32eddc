"""Uses a KMS endpoint as an application does, through boto3, and checks what it answers.

    kms.py    with AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL_STS, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
              AWS_DEFAULT_REGION and, for TLS, AWS_CA_BUNDLE in the environment

Each function below is one case. Ends with status 0 and one line per case, or with the first failure.
"""

import os
import sys
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

CONTEXT = {"tenant": "acme", "purpose": "backup", "clé": "\U0001f511"}


def client(service="kms", **options):
    config = Config(retries={"max_attempts": 1, "mode": "standard"})
    return boto3.client(service, config=config, **options)


def refused(name, call, *, code=None, status=400):
    """Calls what must be refused with the exception `name`; gives the error."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == (code or name), f"{found}: {error}"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        assert len(error.response["ResponseMetadata"]["RequestId"]) == 36, error.response
        modelled = getattr(KMS.exceptions, name, None)
        assert modelled is None or isinstance(error, modelled), type(error)
        return error.response["Error"]
    raise AssertionError(f"{name} was expected, and nothing was refused")


KMS = client()


def key(**options):
    return KMS.create_key(**options)["KeyMetadata"]


def create_and_describe():
    made = key(Description="for boto3")
    assert made["KeyState"] == "Enabled" and made["KeySpec"] == "SYMMETRIC_DEFAULT", made
    assert KMS.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made
    assert "DeletionDate" not in made


def aliases():
    made = key()
    KMS.create_alias(AliasName="alias/peer", TargetKeyId=made["KeyId"])
    found = KMS.list_aliases(KeyId=made["KeyId"])["Aliases"]
    assert [alias["AliasName"] for alias in found] == ["alias/peer"], found
    assert KMS.describe_key(KeyId="alias/peer")["KeyMetadata"]["KeyId"] == made["KeyId"]
    again = lambda: KMS.create_alias(AliasName="alias/peer", TargetKeyId=made["KeyId"])
    refused("AlreadyExistsException", again)
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
    before = KMS.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
    KMS.rotate_key_on_demand(KeyId=key_id)
    after = KMS.encrypt(KeyId=key_id, Plaintext=b"after")["CiphertextBlob"]
    assert KMS.decrypt(CiphertextBlob=before)["Plaintext"] == b"before"
    assert KMS.decrypt(CiphertextBlob=after)["Plaintext"] == b"after"


def states():
    made = key()
    KMS.disable_key(KeyId=made["KeyId"])
    error = refused("DisabledException", lambda: KMS.encrypt(KeyId=made["KeyId"], Plaintext=b"x"))
    assert error["Message"] == f"{made['Arn']} is disabled.", error
    KMS.enable_key(KeyId=made["KeyId"])
    KMS.encrypt(KeyId=made["KeyId"], Plaintext=b"x")
    KMS.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    refused("KMSInvalidStateException", lambda: KMS.encrypt(KeyId=made["KeyId"], Plaintext=b"x"))
    KMS.cancel_key_deletion(KeyId=made["KeyId"])


def pages():
    made = {key()["KeyId"] for _ in range(25)}
    found, pages = set(), 0
    for page in KMS.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 10}):
        assert len(page["Keys"]) <= 10
        found |= {entry["KeyId"] for entry in page["Keys"]}
        pages += 1
    assert made <= found and pages >= 3, pages
    refused("InvalidMarkerException", lambda: KMS.list_keys(Marker="nonsense"))


def errors():
    error = refused("NotFoundException", lambda: KMS.describe_key(KeyId="fake-key-id"))
    assert error["Message"] == "Invalid keyId 'fake-key-id'", error
    unknown = "12345678-1234-1234-1234-123456789012"
    error = refused("NotFoundException", lambda: KMS.describe_key(KeyId=unknown))
    assert error["Message"].endswith(f":key/{unknown}' does not exist"), error
    refused("ValidationException", lambda: KMS.encrypt(KeyId=key()["KeyId"], Plaintext=b"x" * 4097))
    refused("UnsupportedOperationException", lambda: KMS.describe_custom_key_stores())
    dry = lambda: KMS.generate_data_key(KeyId=key()["KeyId"], KeySpec="AES_256", DryRun=True)
    refused("DryRunOperationException", dry)


def who():
    identity = client("sts").get_caller_identity()
    assert identity["Arn"].startswith("arn:aws:iam::"), identity
    assert identity["Account"] in identity["Arn"], identity


def authentication():
    wrong = client(aws_secret_access_key="x" * 40, aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    bad_secret = refused("InvalidSignatureException", lambda: wrong.list_keys())
    nobody = client(aws_secret_access_key="x" * 40, aws_access_key_id="AKIAABCDEFGHIJKLMNOP")
    bad_id = refused("InvalidSignatureException", lambda: nobody.list_keys())
    assert bad_secret == bad_id, (bad_secret, bad_id)
    with_token = client(
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token="token",
    )
    refused("UnrecognizedClientException", lambda: with_token.list_keys())
    sts = client("sts", aws_secret_access_key="x" * 40, aws_access_key_id="AKIAABCDEFGHIJKLMNOP")
    refused("SignatureDoesNotMatch", lambda: sts.get_caller_identity(), status=403)


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
    if os.environ["AWS_ENDPOINT_URL_KMS"].startswith("https"):
        try:
            # None is the public CAs, which know nothing of this server.
            import certifi
            public = certifi.where()
        except ImportError:
            import botocore
            public = os.path.join(os.path.dirname(botocore.__file__), "cacert.pem")
        try:
            client(verify=public).list_keys()
        except SSLError:
            return
        raise AssertionError("a server that is not trusted was talked to")


CASES = [create_and_describe, aliases, encrypt_and_decrypt, data_keys, rotation, states, pages, errors, who,
         authentication, regions, trust]

if __name__ == "__main__":
    for case in CASES:
        try:
            case()
        except Exception:
            traceback.print_exc()
            sys.exit(f"kms.py: {case.__name__} failed")
        print(f"ok {case.__name__}", flush=True)
