//! Options that name a key service elsewhere.

use std::path::PathBuf;

use clap::Args;

/// Which key service, for whom. They are the AWS CLI's, but for `--aws`.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// Use the key service at this address [environment: AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", global = true, help_heading = "Key service")]
    pub(crate) endpoint_url: Option<String>,
    /// Use AWS KMS, or the endpoint that the profile has
    #[arg(long, global = true, help_heading = "Key service")]
    pub(crate) aws: bool,
    /// Region of keys that are not named by ARN [environment: AWS_REGION, AWS_DEFAULT_REGION] [default: that of the
    /// profile]
    #[arg(long, value_name = "REGION", global = true, help_heading = "Key service")]
    pub(crate) region: Option<String>,
    /// Profile of the shared AWS configuration files, whose credentials are used [environment: AWS_PROFILE]
    #[arg(long, value_name = "NAME", global = true, help_heading = "Key service")]
    pub(crate) profile: Option<String>,
    /// CA certificates to trust instead of the system's, in PEM [environment: AWS_CA_BUNDLE]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Key service")]
    pub(crate) ca_bundle: Option<PathBuf>,
}

impl RemoteArgs {
    /// The first of them that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--endpoint-url", self.endpoint_url.is_some()),
            ("--aws", self.aws),
            ("--region", self.region.is_some()),
            ("--profile", self.profile.is_some()),
            ("--ca-bundle", self.ca_bundle.is_some()),
        ];
        given.iter().find(|(_, is_given)| *is_given).map(|(name, _)| *name)
    }
}
