//! The keys behind `alias/aws/<service>`: the counterpart of AWS managed keys. One for each service, account and
//! Region, made when its alias is first used and rotated every year.
//!
//! Users don't manage such a key, because its policy has no permission for that, for nobody: management is refused as
//! any other access is. Its use is left to the identity policies of the account. AWS lets such a key be used through its
//! service only, which takes a policy condition.
//!
//! Nobody can delete such a key, so none is made in vain: the services are a fixed list; who may not use it, and who only
//! tries whether it may, makes none; and as callers name any Region, there is a limit to the Regions.

use keyfold_protocol::{AliasName, KeyId, KmsError};

use super::create::{NewKey, NewKeyTerms};
use super::rotation::Schedule;
use super::{KeyRecord, alias};
use crate::authz::check;
use crate::authz::key_policy::KeyPolicy;
use crate::call::{Call, Scope};
use crate::error::{Fault, RecordError};
use crate::principals::named::UniqueIds;
use crate::root::barrier::Place;

/// The services, each with what its key protects, in AWS's words where they are known ("Default key that protects my S3
/// objects when no other key is defined"). AWS has no public list; these are services whose alias is in its
/// documentation.
pub const SERVICES: &[(&str, &str)] = &[
    ("acm", "ACM private keys"),
    ("backup", "Backup data"),
    ("codecommit", "CodeCommit repositories"),
    ("dynamodb", "DynamoDB data"),
    ("ebs", "EBS volumes"),
    ("elasticfilesystem", "EFS filesystems"),
    ("es", "Elasticsearch data"),
    ("glue", "Glue data"),
    ("kinesis", "Kinesis data"),
    ("kinesisvideo", "kinesis video data"),
    ("lambda", "Lambda functions"),
    ("rds", "RDS database volumes"),
    ("redshift", "Redshift data"),
    ("s3", "S3 objects"),
    ("secretsmanager", "Secrets Manager data"),
    ("sns", "SNS data"),
    ("sqs", "SQS messages"),
    ("ssm", "SSM parameters"),
    ("xray", "X-Ray data"),
];

/// Most Regions in which an account has keys, for such a key to be made in another one.
const REGIONS_MAX: usize = 64;

/// The key behind `name`, which had none a moment ago. It is made now, if `name` is one of a service and the caller is
/// of this account and may use it; key, policy and alias in one commit, so that two who do this at the same time get the
/// same key.
pub(crate) async fn ensure(call: &Call<'_>, name: &AliasName) -> Result<Option<KeyId>, KmsError> {
    let Some(service) = name.as_str().strip_prefix(PREFIX) else { return Ok(None) };
    let Some((service, protected)) = SERVICES.iter().find(|(known, _)| *known == service) else {
        return Ok(None);
    };
    if call.is_abroad() || call.is_dry_run {
        return Ok(None);
    }
    match make(call, name, service, protected).await {
        Ok(made) => Ok(made),
        Err(Fault::Answer(error)) => Err(error),
        // Somebody else has made it; now it is there.
        Err(Fault::Conflict) => {
            let made = alias::find(call, name).await?.ok_or(RecordError::Contention)?;
            Ok(Some(made.record.target))
        }
    }
}

async fn make(
    call: &Call<'_>,
    name: &AliasName,
    service: &str,
    protected: &str,
) -> Result<Option<KeyId>, Fault> {
    let mut changes = call.barrier.changes();
    let terms = NewKeyTerms {
        description: format!("Default key that protects my {protected} when no other key is defined"),
        managed_for: Some(service.to_owned()),
        schedule: Some(Schedule { period_days: PERIOD_DAYS, since: call.now }),
    };
    let key = NewKey::add(call, &mut changes, terms)?;
    let policy = KeyPolicy { document: policy(call.scope, service), principals: UniqueIds::new() };
    let read = policy.read(&call.scope.partition)?;
    check::authorize_on_new(call, &read, &call.scope.key_arn(&key.id)).await?;
    if !has_room(call).await? {
        return Ok(None);
    }
    changes.create(Place::key_policy(call.scope, &key.id), &policy)?;
    alias::create(&mut changes, (call.barrier, call.scope), name, &key.id, None, call.now)?;
    changes.commit().await?;
    Ok(Some(key.id))
}

/// Whether the account has keys in this Region already, or in fewer than [`REGIONS_MAX`] others. Those who make keys in
/// several new Regions at the same moment may get one more each.
async fn has_room(call: &Call<'_>) -> Result<bool, RecordError> {
    if !call.barrier.range::<KeyRecord>(&Place::keys(call.scope), None, 1).await?.is_empty() {
        return Ok(true);
    }
    let prefix = Place::keys_of(&call.scope.account);
    let mut after = None;
    for _ in 0..REGIONS_MAX {
        let next = call.barrier.range::<KeyRecord>(&prefix, after.as_deref(), 1).await?;
        let Some(key) = next.first() else { return Ok(true) };
        let region = key.place().as_str().split('/').nth(2).ok_or(RecordError::Damaged)?;
        // After all key ids of this Region.
        after = Some(format!("{region}/~"));
    }
    Ok(false)
}

/// The policy of such a key: use and a look at it, to whom identity policies of the account allow that.
fn policy(scope: &Scope, service: &str) -> String {
    let Scope { partition, account, .. } = scope;
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-{service}-1",
  "Statement" : [ {{
    "Sid" : "Allow use to all principals in the account that identity policies allow it to",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey" ],
    "Resource" : "*"
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*" ],
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// What the names of all such aliases start with ([`AliasName::is_reserved`]).
const PREFIX: &str = "alias/aws/";
/// API reference: EnableKeyRotation on AWS managed keys, since May 2022.
const PERIOD_DAYS: u16 = 365;
