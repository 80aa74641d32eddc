"""Every operation that is built, in its variants, and exactly which members it answers.

A row is an operation, a request, and the members of the answer as `kms_model.paths` names them. A new operation is
a new row; a new member of an answer belongs in the rows where it appears, and out of `NOT_BUILT`.
"""

import json

METADATA = {f"KeyMetadata.{name}" for name in (
    "AWSAccountId", "Arn", "CreationDate", "CurrentKeyMaterialId", "CustomerMasterKeySpec", "Description", "Enabled",
    "EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec", "KeyState", "KeyUsage", "MultiRegion", "Origin",
)}
PAGE = {"Truncated"}
MORE = PAGE | {"NextMarker"}
ENCRYPTED = {"CiphertextBlob", "KeyId", "EncryptionAlgorithm"}
DECRYPTED = {"Plaintext", "KeyId", "EncryptionAlgorithm", "KeyMaterialId"}
RE_ENCRYPTED = {"CiphertextBlob", "SourceKeyId", "KeyId", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm",
                "SourceKeyMaterialId", "DestinationKeyMaterialId"}
DATA_KEY = {"CiphertextBlob", "KeyId", "KeyMaterialId"}
ALIAS = {f"Aliases[].{name}" for name in (
    "AliasName", "AliasArn", "TargetKeyId", "CreationDate", "LastUpdatedDate")}
GRANT = {f"Grants[].{name}" for name in (
    "KeyId", "GrantId", "CreationDate", "GranteePrincipal", "IssuingAccount", "Operations")}
RETIRABLE = GRANT | {"Grants[].RetiringPrincipal"}
FULL_GRANT = RETIRABLE | {"Grants[].Name", "Grants[].Constraints.EncryptionContextSubset",
                          "Grants[].Constraints.EncryptionContextEquals"}
MATERIAL = {f"Rotations[].{name}" for name in ("KeyId", "KeyMaterialId", "KeyMaterialState")}
ROTATION = MATERIAL | {"Rotations[].RotationDate", "Rotations[].RotationType"}

CONTEXT = {"tenant": "acme"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]})


class World:
    """Keys and grants in every state that a row needs."""

    def __init__(self, kms, me):
        def key(**options):
            return kms.create_key(**options)["KeyMetadata"]["KeyId"]

        self.me = me
        self.key, self.other, self.disabled, self.pending = key(), key(), key(), key()
        self.rotating, self.rotated, self.to_delete, self.to_cancel = key(), key(), key(), key()
        self.unused = key()
        self.managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
        kms.disable_key(KeyId=self.disabled)
        kms.schedule_key_deletion(KeyId=self.pending, PendingWindowInDays=7)
        kms.schedule_key_deletion(KeyId=self.to_cancel)
        kms.enable_key_rotation(KeyId=self.rotating, RotationPeriodInDays=90)
        kms.rotate_key_on_demand(KeyId=self.rotated)
        kms.tag_resource(KeyId=self.key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}])
        for alias in ("alias/one", "alias/two"):
            kms.create_alias(AliasName=alias, TargetKeyId=self.key)
        self.blob = kms.encrypt(KeyId=self.key, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]

        def grant(key=self.key, **options):
            return kms.create_grant(KeyId=key, GranteePrincipal=me, Operations=["Decrypt", "RetireGrant"], **options)

        self.plain_grant = grant()
        self.to_retire, self.by_id = grant(RetiringPrincipal=me), grant(RetiringPrincipal=me)
        self.to_revoke = grant()
        self.root = f"arn:aws:iam::{me.split(':')[4]}:root"
        for _ in range(2):
            grant(self.rotating)
            grant(self.rotated, RetiringPrincipal=self.root)
        both = {"EncryptionContextSubset": {"a": "b"}, "EncryptionContextEquals": CONTEXT}
        self.full_grants = [
            grant(RetiringPrincipal=me, Name=name, Constraints={name: both[name]}) for name in both
        ]
        self.arn = kms.describe_key(KeyId=self.key)["KeyMetadata"]["Arn"]


def rows(w):
    """(operation, request, members of the answer)"""
    grant = {"KeyId": w.key, "GranteePrincipal": w.me, "Operations": ["Encrypt"]}
    granted = {"GrantId", "GrantToken"}
    everything = {"Description": "\u00e9", "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT",
                  "Origin": "AWS_KMS", "MultiRegion": False, "Policy": POLICY,
                  "BypassPolicyLockoutSafetyCheck": True, "Tags": [{"TagKey": "k", "TagValue": "v"}]}
    token = [w.plain_grant["GrantToken"]]
    material = {"KeyId": w.rotated, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
    status = {"KeyId", "KeyRotationEnabled"}
    used = {f"KeyLastUsage.{name}" for name in ("KmsRequestId", "Operation", "Timestamp")}
    usage = {"KeyId", "KeyCreationDate", "TrackingStartDate"}
    scheduled = {"KeyId", "DeletionDate", "KeyState", "PendingWindowInDays"}
    return [
        ("CreateKey", {}, METADATA),
        ("CreateKey", everything, METADATA),
        ("CreateKey", {"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"}, METADATA),
        ("DescribeKey", {"KeyId": w.key}, METADATA),
        ("DescribeKey", {"KeyId": "alias/one", "GrantTokens": token}, METADATA),
        ("DescribeKey", {"KeyId": w.disabled}, METADATA),
        ("DescribeKey", {"KeyId": w.pending}, METADATA | {"KeyMetadata.DeletionDate"}),
        ("DescribeKey", {"KeyId": w.rotated}, METADATA),
        ("DescribeKey", {"KeyId": "alias/aws/s3"}, METADATA),
        ("ListKeys", {"Limit": 1000, "ResourceOwners": ["SELF"]}, PAGE | {"Keys[].KeyId", "Keys[].KeyArn"}),
        ("ListKeys", {"Limit": 1}, MORE | {"Keys[].KeyId", "Keys[].KeyArn"}),
        ("UpdateKeyDescription", {"KeyId": w.key, "Description": ""}, set()),
        ("DisableKey", {"KeyId": w.other}, set()),
        ("EnableKey", {"KeyId": w.other}, set()),
        ("ScheduleKeyDeletion", {"KeyId": w.to_delete}, scheduled),
        ("CancelKeyDeletion", {"KeyId": w.to_cancel}, {"KeyId"}),
        ("GetKeyLastUsage", {"KeyId": w.unused}, usage),
        ("GetKeyLastUsage", {"KeyId": w.key}, usage | used),

        ("CreateAlias", {"AliasName": "alias/three", "TargetKeyId": w.key}, set()),
        ("UpdateAlias", {"AliasName": "alias/three", "TargetKeyId": w.other}, set()),
        ("ListAliases", {}, PAGE | ALIAS),
        ("ListAliases", {"KeyId": w.key, "Limit": 1}, MORE | ALIAS),
        ("ListAliases", {"KeyId": w.rotated}, PAGE | {"Aliases"}),
        ("DeleteAlias", {"AliasName": "alias/three"}, set()),

        ("Encrypt", {"KeyId": w.key, "Plaintext": b"x"}, ENCRYPTED),
        ("Encrypt", {"KeyId": "alias/one", "Plaintext": b"x" * 4096, "EncryptionContext": CONTEXT, "DryRun": False,
                     "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "GrantTokens": token}, ENCRYPTED),
        ("Decrypt", {"CiphertextBlob": w.blob, "EncryptionContext": CONTEXT}, DECRYPTED),
        ("Decrypt", {"CiphertextBlob": w.blob, "EncryptionContext": CONTEXT, "KeyId": w.arn, "DryRun": False,
                     "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, DECRYPTED),
        ("ReEncrypt", {"CiphertextBlob": w.blob, "SourceEncryptionContext": CONTEXT, "DestinationKeyId": w.other},
         RE_ENCRYPTED),
        ("ReEncrypt", {"CiphertextBlob": w.blob, "SourceEncryptionContext": CONTEXT, "DestinationKeyId": w.key,
                       "SourceKeyId": w.key, "DestinationEncryptionContext": {"new": "one"}}, RE_ENCRYPTED),
        ("GenerateDataKey", {"KeyId": w.key, "KeySpec": "AES_256"}, DATA_KEY | {"Plaintext"}),
        ("GenerateDataKey", {"KeyId": w.key, "NumberOfBytes": 1024, "EncryptionContext": CONTEXT},
         DATA_KEY | {"Plaintext"}),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": w.key, "KeySpec": "AES_128"}, DATA_KEY),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": w.rotated, "NumberOfBytes": 1}, DATA_KEY),
        ("GenerateRandom", {"NumberOfBytes": 1024}, {"Plaintext"}),

        ("EnableKeyRotation", {"KeyId": w.other}, set()),
        ("GetKeyRotationStatus", {"KeyId": w.rotating}, status | {"RotationPeriodInDays", "NextRotationDate"}),
        ("GetKeyRotationStatus", {"KeyId": w.key}, status),
        ("GetKeyRotationStatus", {"KeyId": w.disabled}, status),
        ("GetKeyRotationStatus", {"KeyId": w.managed}, status | {"RotationPeriodInDays", "NextRotationDate"}),
        ("DisableKeyRotation", {"KeyId": w.other}, set()),
        ("RotateKeyOnDemand", {"KeyId": w.rotated}, {"KeyId"}),
        ("ListKeyRotations", {"KeyId": w.rotated}, PAGE | ROTATION),
        ("ListKeyRotations", {**material, "Limit": 1}, MORE | MATERIAL),
        ("ListKeyRotations", material, PAGE | ROTATION),
        ("ListKeyRotations", {"KeyId": w.key, "IncludeKeyMaterial": "ROTATIONS_ONLY"}, PAGE | {"Rotations"}),

        ("CreateGrant", grant, granted),
        ("CreateGrant", {**grant, "RetiringPrincipal": w.me, "Name": "all-of-it", "DryRun": False,
                         "Constraints": {"EncryptionContextEquals": CONTEXT},
                         "GrantTokens": token}, granted),
        ("ListGrants", {"KeyId": w.key}, PAGE | FULL_GRANT),
        ("ListGrants", {"KeyId": w.key, "GrantId": w.plain_grant["GrantId"], "GranteePrincipal": w.me}, PAGE | GRANT),
        ("ListGrants", {"KeyId": w.rotating, "Limit": 1}, MORE | GRANT),
        ("ListGrants", {"KeyId": w.other}, PAGE | {"Grants"}),
        ("ListRetirableGrants", {"RetiringPrincipal": w.root}, PAGE | RETIRABLE),
        ("ListRetirableGrants", {"RetiringPrincipal": w.root, "Limit": 1}, MORE | RETIRABLE),
        ("RetireGrant", {"GrantToken": w.to_retire["GrantToken"]}, set()),
        ("RetireGrant", {"KeyId": w.arn, "GrantId": w.by_id["GrantId"]}, set()),
        ("RevokeGrant", {"KeyId": w.key, "GrantId": w.to_revoke["GrantId"]}, set()),

        ("TagResource", {"KeyId": w.key, "Tags": [{"TagKey": "c", "TagValue": "\u00e9"}]}, set()),
        ("ListResourceTags", {"KeyId": w.key}, PAGE | {"Tags[].TagKey", "Tags[].TagValue"}),
        ("ListResourceTags", {"KeyId": w.key, "Limit": 1}, MORE | {"Tags[].TagKey", "Tags[].TagValue"}),
        ("ListResourceTags", {"KeyId": w.other}, PAGE | {"Tags"}),
        ("UntagResource", {"KeyId": w.key, "TagKeys": ["a", "c", "absent"]}, set()),

        ("GetKeyPolicy", {"KeyId": w.key}, {"Policy", "PolicyName"}),
        ("PutKeyPolicy", {"KeyId": w.other, "Policy": POLICY, "PolicyName": "default"}, set()),
        ("GetKeyPolicy", {"KeyId": w.other, "PolicyName": "default"}, {"Policy", "PolicyName"}),
        ("ListKeyPolicies", {"KeyId": w.key}, PAGE | {"PolicyNames"}),
    ]


# Members of built operations' answers that this service has no occasion for, as Shape.member. A test holds that these
# are all: every other member was answered in some row.
NOT_BUILT = {
    *(f"{operation}Response.CiphertextForRecipient" for operation in ("Decrypt", "GenerateDataKey", "GenerateRandom")),
    *(f"KeyMetadata.{member}" for member in (
        "CloudHsmClusterId", "CustomKeyStoreId", "EncapsulationAlgorithms", "ExpirationModel", "KeyAgreementAlgorithms",
        "MacAlgorithms", "MultiRegionConfiguration", "PendingDeletionWindowInDays", "SigningAlgorithms", "ValidTo",
        "XksKeyConfiguration")),
    "MultiRegionConfiguration.MultiRegionKeyType", "MultiRegionConfiguration.PrimaryKey",
    "MultiRegionConfiguration.ReplicaKeys", "MultiRegionKey.Arn", "MultiRegionKey.Region", "XksKeyConfigurationType.Id",
    "GrantConstraints.SourceArn", "GrantListEntry.GranteeServicePrincipal", "GrantListEntry.RetiringServicePrincipal",
    *(f"RotationsListEntry.{member}" for member in (
        "ExpirationModel", "ImportState", "KeyMaterialDescription", "ValidTo")),
    "GetKeyRotationStatusResponse.OnDemandRotationStartDate",  # a rotation is done when it is answered
    "ListKeyPoliciesResponse.NextMarker",  # a key has one policy
    "KeyLastUsageData.CloudTrailEventId",
}
