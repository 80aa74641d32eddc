//! Which source the credentials come from, by the configuration alone.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::container::Container;
use super::instance::Instance;
use super::process::Process;
use super::sts::{AssumeRole, Role, WebIdentity};
use super::{Credentials, Source};
use crate::environment::{Environment, var};
use crate::error::{ConfigError, CredentialsError, Place, ProfileFault};
use crate::profile::{Profiles, Section};

/// The first source that is set up. `is_named` says that the caller named the profile himself.
pub(crate) fn find(
    environment: &Environment,
    profiles: &Profiles,
    profile: &str,
    is_named: bool,
) -> Result<Source, ConfigError> {
    let finder = Finder { environment, profiles };
    if !is_named {
        if let Some(credentials) = environment_keys(environment)? {
            return Ok(credentials);
        }
        if let Some(source) = environment_identity(environment) {
            return Ok(source);
        }
    }
    if let Some(source) = finder.selected(profile)? {
        return Ok(source);
    }
    let none = || CredentialsError::None { profile: profile.into() };
    finder.machine(profile)?.ok_or_else(|| none().into())
}

fn environment_keys(environment: &Environment) -> Result<Option<Source>, CredentialsError> {
    let token = environment.get(var::SESSION_TOKEN);
    keys(
        &Place::Environment,
        (var::ACCESS_KEY_ID, environment.get(var::ACCESS_KEY_ID)),
        (var::SECRET_ACCESS_KEY, environment.get(var::SECRET_ACCESS_KEY)),
        token,
    )
}

/// An access key, if there is one; one half of it is an error.
fn keys(
    place: &Place,
    (id_name, id): (&'static str, Option<&str>),
    (secret_name, secret): (&'static str, Option<&str>),
    token: Option<&str>,
) -> Result<Option<Source>, CredentialsError> {
    let half = |missing| Err(CredentialsError::Half { place: place.clone(), missing });
    match (id, secret) {
        (Some(id), Some(secret)) => {
            Ok(Some(Source::Static(Arc::new(Credentials::new(place, id, secret, token)?))))
        }
        (Some(_), None) => half(secret_name),
        (None, Some(_)) => half(id_name),
        (None, None) => Ok(None),
    }
}

fn environment_identity(environment: &Environment) -> Option<Source> {
    let token_file = environment.path(environment.get(var::WEB_IDENTITY_TOKEN_FILE)?);
    let role = Role {
        arn: environment.get(var::ROLE_ARN)?.to_owned(),
        session_name: environment.get(var::ROLE_SESSION_NAME).map(str::to_owned),
        external_id: None,
        duration_s: None,
    };
    Some(Source::WebIdentity(WebIdentity { token_file, role }))
}

struct Finder<'a> {
    environment: &'a Environment,
    profiles: &'a Profiles,
}

impl Finder<'_> {
    /// The source of the profile that was selected: a role in it goes before its keys.
    fn selected(&self, name: &str) -> Result<Option<Source>, ConfigError> {
        let Some(section) = self.profiles.get(name) else { return Ok(None) };
        match self.role(name, section, &mut vec![name.to_owned()])? {
            Some(source) => Ok(Some(source)),
            None => self.plain(name, section),
        }
    }

    /// The source of a profile that another one refers to: its keys go before a role in it.
    fn referred(&self, name: &str, visited: &mut Vec<String>) -> Result<Source, ConfigError> {
        let fault = |what| fault(name, what);
        let section = self.profiles.get(name).ok_or_else(|| fault(ProfileFault::Missing))?;
        let is_itself = visited.last().is_some_and(|last| last == name);
        if !is_itself && visited.iter().any(|it| it == name) {
            return Err(fault(ProfileFault::Circle));
        }
        visited.push(name.to_owned());
        if let Some(source) = self.plain(name, section)? {
            return Ok(source);
        }
        if is_itself {
            return Err(fault(ProfileFault::Circle));
        }
        self.role(name, section, visited)?.ok_or_else(|| fault(ProfileFault::Empty))
    }

    /// The role of a profile, with what it is assumed with.
    fn role(
        &self,
        name: &str,
        section: &Section,
        visited: &mut Vec<String>,
    ) -> Result<Option<Source>, ConfigError> {
        let fault = |what| Err(fault(name, what));
        let token_file = section.get("web_identity_token_file");
        let Some(arn) = section.get("role_arn") else {
            return if token_file.is_some() { fault(ProfileFault::NoRole) } else { Ok(None) };
        };
        let Ok(duration_s) = section.get("duration_seconds").map(str::parse).transpose() else {
            return fault(ProfileFault::Duration);
        };
        let text = |property| section.get(property).map(str::to_owned);
        let role = Role {
            arn: arn.to_owned(),
            session_name: text("role_session_name"),
            external_id: text("external_id"),
            duration_s,
        };
        if let Some(path) = token_file {
            let token_file = self.environment.path(path);
            return Ok(Some(Source::WebIdentity(WebIdentity { token_file, role })));
        }
        if section.get("mfa_serial").is_some() {
            return fault(ProfileFault::Mfa);
        }
        let base = match (section.get("source_profile"), section.get("credential_source")) {
            (Some(_), Some(_)) => return fault(ProfileFault::TwoSources),
            (None, None) => return fault(ProfileFault::NoSource),
            (Some(source), None) => self.referred(source, visited)?,
            (None, Some(source)) => match self.named(source, name)? {
                Some(source) => source,
                None => return fault(ProfileFault::NoSuchSource),
            },
        };
        Ok(Some(Source::AssumeRole(Box::new(AssumeRole { base, role }))))
    }

    /// The keys of a profile, or the process that has them.
    fn plain(&self, name: &str, section: &Section) -> Result<Option<Source>, ConfigError> {
        let names = ["aws_access_key_id", "aws_secret_access_key"];
        let [id, secret] = names.map(|name| (name, section.get(name)));
        let place = Place::Profile(name.into());
        if let Some(source) = keys(&place, id, secret, section.get("aws_session_token"))? {
            return Ok(Some(source));
        }
        if let Some(command) = section.get("credential_process") {
            let command = Zeroizing::new(command.to_owned());
            return Ok(Some(Source::Process(Process { profile: name.into(), command })));
        }
        match UNSUPPORTED.iter().find(|property| section.get(property).is_some()) {
            Some(property) => Err(fault(name, ProfileFault::Unsupported(property))),
            None => Ok(None),
        }
    }

    /// What `credential_source` names.
    fn named(&self, source: &str, profile: &str) -> Result<Option<Source>, ConfigError> {
        match source {
            "Environment" => Ok(environment_keys(self.environment)?),
            "EcsContainer" => Ok(Container::find(self.environment)?.map(Source::Container)),
            "Ec2InstanceMetadata" => Ok(Instance::find(self.environment, profile)?.map(Source::Instance)),
            _ => Err(fault(profile, ProfileFault::UnknownSource)),
        }
    }

    /// What the machine itself may have: a container's service, or an instance's.
    fn machine(&self, profile: &str) -> Result<Option<Source>, ConfigError> {
        if let Some(container) = Container::find(self.environment)? {
            return Ok(Some(Source::Container(container)));
        }
        Ok(Instance::find(self.environment, profile)?.map(Source::Instance))
    }
}

fn fault(profile: &str, what: ProfileFault) -> ConfigError {
    CredentialsError::Profile { profile: profile.into(), what }.into()
}

/// Properties of sources that are not built: IAM Identity Center, and the sign-in of the AWS CLI.
const UNSUPPORTED: [&str; 3] = ["sso_session", "sso_start_url", "login_session"];
