"""Keyrings and master key providers over KMS, for `peer.py`: every kind that the SDK has for a key and the message it
wrapped the data key of. The endpoint and the credentials are those of the environment."""

import functools

import boto3
import botocore.session
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsDiscoveryMultiKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkDiscoveryMultiKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateAwsKmsMrkMultiKeyringInput,
    CreateAwsKmsMultiKeyringInput,
    DiscoveryFilter,
)
from aws_encryption_sdk.key_providers.kms import DiscoveryAwsKmsMasterKeyProvider
from aws_encryption_sdk.key_providers.kms import DiscoveryFilter as ProviderFilter
from aws_encryption_sdk.key_providers.kms import (
    MRKAwareDiscoveryAwsKmsMasterKeyProvider,
    MRKAwareStrictAwsKmsMasterKeyProvider,
    StrictAwsKmsMasterKeyProvider,
)

PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
SESSION = botocore.session.get_session()  # one for all, since each would read the model again
NOBODY = "111111111111"  # an account that has no keys


@functools.cache
def kms(region):
    return boto3.client("kms", region_name=region)


def writing(spec):
    """The one that the case names in `interface`: with a generator and children."""
    keys = [spec["generator"], *spec["children"]]
    if spec["interface"] == "provider":
        return StrictAwsKmsMasterKeyProvider(botocore_session=SESSION, key_ids=list(keys))
    if spec["interface"] == "mrk-keyring":
        return mrk_multi(keys)
    return multi(keys)


def reading(spec):
    """Every one that must open the message."""
    return reading_of((spec["generator"], *spec["children"]))


@functools.cache
def reading_of(keys):
    """Made once for these keys: each makes clients of its own."""
    regions = sorted({region_of(key) for key in keys})
    region = regions[0]
    account = filters(account_of(keys[0]))
    found = {
        "multi": multi(keys),
        "mrk multi": mrk_multi(keys),
        "strict provider": StrictAwsKmsMasterKeyProvider(botocore_session=SESSION, key_ids=list(keys)),
        "mrk strict provider": MRKAwareStrictAwsKmsMasterKeyProvider(botocore_session=SESSION, key_ids=list(keys)),
        "discovery": discovery(region, None),
        "discovery, filtered": discovery(region, account[0]),
        "mrk discovery, filtered": mrk_discovery(region, account[0]),
        "discovery multi, filtered": PROVIDERS.create_aws_kms_discovery_multi_keyring(
            CreateAwsKmsDiscoveryMultiKeyringInput(regions=regions, discovery_filter=account[0])),
        "mrk discovery multi, filtered": PROVIDERS.create_aws_kms_mrk_discovery_multi_keyring(
            CreateAwsKmsMrkDiscoveryMultiKeyringInput(regions=regions, discovery_filter=account[0])),
        "discovery provider": DiscoveryAwsKmsMasterKeyProvider(botocore_session=SESSION),
        "discovery provider, filtered": DiscoveryAwsKmsMasterKeyProvider(
            botocore_session=SESSION, discovery_filter=account[1]),
        "mrk discovery provider, filtered": MRKAwareDiscoveryAwsKmsMasterKeyProvider(
            botocore_session=SESSION, discovery_filter=account[1], discovery_region=region),
    }
    for key in keys:
        found[f"strict {key}"] = strict(key)
        found[f"mrk strict {key}"] = PROVIDERS.create_aws_kms_mrk_keyring(
            CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms(region_of(key))))
        found[f"strict provider {key}"] = StrictAwsKmsMasterKeyProvider(botocore_session=SESSION, key_ids=[key])
    return found


def failing(spec):
    """Those that must not open it."""
    return failing_of(region_of(spec["generator"]), spec["stranger"])


@functools.cache
def failing_of(region, stranger):
    nobody = filters(NOBODY)
    return {
        "another key": strict(stranger),
        "another key, by provider": StrictAwsKmsMasterKeyProvider(botocore_session=SESSION, key_ids=[stranger]),
        "another account": discovery(region, nobody[0]),
        "another account, by provider": DiscoveryAwsKmsMasterKeyProvider(
            botocore_session=SESSION, discovery_filter=nobody[1]),
        "another Region": discovery("ap-south-1", None),
    }


def strict(key):
    return PROVIDERS.create_aws_kms_keyring(
        CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms(region_of(key))))


def multi(keys):
    return PROVIDERS.create_aws_kms_multi_keyring(
        CreateAwsKmsMultiKeyringInput(generator=keys[0], kms_key_ids=list(keys[1:])))


def mrk_multi(keys):
    return PROVIDERS.create_aws_kms_mrk_multi_keyring(
        CreateAwsKmsMrkMultiKeyringInput(generator=keys[0], kms_key_ids=list(keys[1:])))


def discovery(region, accounts):
    return PROVIDERS.create_aws_kms_discovery_keyring(
        CreateAwsKmsDiscoveryKeyringInput(kms_client=kms(region), discovery_filter=accounts))


def mrk_discovery(region, accounts):
    return PROVIDERS.create_aws_kms_mrk_discovery_keyring(
        CreateAwsKmsMrkDiscoveryKeyringInput(kms_client=kms(region), region=region, discovery_filter=accounts))


def filters(account):
    """A filter on an account, for keyrings and for providers."""
    return (DiscoveryFilter(account_ids=[account], partition="aws"),
            ProviderFilter(account_ids=[account], partition="aws"))


def region_of(arn):
    return arn.split(":")[3]


def account_of(arn):
    return arn.split(":")[4]
