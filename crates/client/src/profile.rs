//! The shared `config` and `credentials` files: sections of properties, some of which have properties themselves.
//!
//! ```text
//! [default]                       [services local]
//! region = eu-central-1           kms =
//! services = local                  endpoint_url = https://127.0.0.1:7443
//!
//! [profile ops]                   in `credentials`: [ops] without the word `profile`
//! role_arn = arn:aws:iam::…       # a comment, also after a blank
//! ```
//!
//! What properties mean is decided where they are used. The truth is the AWS SDKs and Tools Reference Guide and the
//! parser tests that the SDKs share. A file that breaks the grammar is refused, with the line.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::environment::{Environment, var};
use crate::error::{ConfigError, Grammar};

/// All profiles, and the sections for services that they refer to.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    profiles: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

/// The properties of a section, by name in lower case.
#[derive(Debug, Default)]
pub(crate) struct Section(BTreeMap<String, Value>);

/// The value of a property: text, or properties of its own if the text is empty.
#[derive(Default)]
struct Value {
    text: Zeroizing<String>,
    nested: BTreeMap<String, Zeroizing<String>>,
}

impl Profiles {
    /// Both files, where the environment or the home directory has them. A file that is not there is empty; what
    /// `credentials` says goes before what `config` says.
    pub(crate) fn load(environment: &Environment) -> Result<Self, ConfigError> {
        let path = |name, default: &str| match environment.get(name) {
            Some(text) => Some(environment.path(text)),
            None => environment.home().map(|home| home.join(default)),
        };
        let mut profiles = Self::default();
        for (path, kind) in [
            (path(var::CONFIG_FILE, ".aws/config"), Kind::Config),
            (path(var::CREDENTIALS_FILE, ".aws/credentials"), Kind::Credentials),
        ] {
            let Some(path) = path else { continue };
            let text = read(&path)?;
            profiles.add(&text, kind).map_err(|(line, grammar)| ConfigError::Grammar {
                path,
                line,
                grammar,
            })?;
        }
        Ok(profiles)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    /// The endpoint that a profile has for a service: its own in the profile's `services` section, else the one for
    /// all services.
    pub(crate) fn endpoint_url(&self, profile: &str, service: &str) -> Result<Option<&str>, ConfigError> {
        let Some(section) = self.get(profile) else { return Ok(None) };
        if let Some(name) = section.get("services") {
            let services = self.services.get(name).ok_or_else(|| ConfigError::NoSuchServices {
                profile: profile.into(),
                services: name.into(),
            })?;
            if let Some(url) = services.nested(service, "endpoint_url") {
                return Ok(Some(url));
            }
        }
        Ok(section.get("endpoint_url"))
    }

    /// Adds what a file says. An error has the number of its line, from 1.
    fn add(&mut self, text: &str, kind: Kind) -> Result<(), (usize, Grammar)> {
        // `[profile default]` goes before `[default]` in `config`, wherever the two stand.
        let has_long_default = kind == Kind::Config
            && text.lines().any(|line| matches!(heading(line), Some(Ok(name)) if is_long_default(name)));
        let mut place = Place::Nowhere;
        for (index, line) in text.lines().enumerate() {
            let at = |grammar| (index + 1, grammar);
            if line.trim().is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = heading(line) {
                place = self.open(name.map_err(at)?, kind, has_long_default);
            } else if line.starts_with([' ', '\t']) {
                self.continue_property(line.trim(), &place).map_err(at)?;
            } else {
                place = self.add_property(line, place).map_err(at)?;
            }
        }
        Ok(())
    }

    /// The section of a heading; one that means nothing here is skipped.
    fn open(&mut self, name: &str, kind: Kind, has_long_default: bool) -> Place {
        let words = name.split_once([' ', '\t']).map(|(word, rest)| (word, unquoted(rest.trim())));
        let (is_services, name) = match (kind, words) {
            (Kind::Credentials, None) => (false, name),
            (Kind::Config, None) if name == DEFAULT && !has_long_default => (false, name),
            (Kind::Config, Some(("profile", name))) => (false, name),
            (Kind::Config, Some(("services", name))) => (true, name),
            _ => return Place::Skipped,
        };
        if !is_identifier(name) {
            return Place::Skipped;
        }
        self.sections(is_services).entry(name.to_owned()).or_default();
        Place::Section { is_services, name: name.to_owned(), property: None }
    }

    fn add_property(&mut self, line: &str, place: Place) -> Result<Place, Grammar> {
        if matches!(place, Place::Nowhere) {
            return Err(Grammar::NoSection);
        }
        let (name, value) = line.split_once('=').ok_or(Grammar::NoEquals)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), without_comment(value).trim());
        if name.is_empty() {
            return Err(Grammar::NoName);
        }
        let Place::Section { is_services, name: section, .. } = place else { return Ok(Place::Skipped) };
        let property = is_identifier(&name).then_some(name);
        if let (Some(property), Some(opened)) = (&property, self.sections(is_services).get_mut(&section)) {
            let value = Value { text: Zeroizing::new(value.to_owned()), nested: BTreeMap::new() };
            opened.0.insert(property.clone(), value);
        }
        Ok(Place::Section { is_services, name: section, property: Some(property.unwrap_or_default()) })
    }

    fn continue_property(&mut self, line: &str, place: &Place) -> Result<(), Grammar> {
        let (is_services, section, property) = match place {
            Place::Nowhere => return Err(Grammar::NoSection),
            Place::Skipped => return Ok(()),
            Place::Section { property: None, .. } => return Err(Grammar::NoProperty),
            Place::Section { is_services, name, property: Some(property) } => (*is_services, name, property),
        };
        let opened = self.sections(is_services).get_mut(section);
        // A property whose name can't be one is skipped with all its lines.
        let Some(value) = opened.and_then(|section| section.0.get_mut(property)) else { return Ok(()) };
        if !value.text.is_empty() {
            value.text.push('\n');
            value.text.push_str(line);
            return Ok(());
        }
        let (name, text) = line.split_once('=').ok_or(Grammar::NoEquals)?;
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() {
            return Err(Grammar::NoName);
        }
        value.nested.insert(name, Zeroizing::new(text.trim().to_owned()));
        Ok(())
    }

    fn sections(&mut self, is_services: bool) -> &mut BTreeMap<String, Section> {
        if is_services { &mut self.services } else { &mut self.profiles }
    }
}

impl Section {
    /// A property; one without text counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.text.as_str()).filter(|text| !text.is_empty())
    }

    fn nested(&self, name: &str, nested: &str) -> Option<&str> {
        self.0.get(name)?.nested.get(nested).map(|text| text.as_str()).filter(|text| !text.is_empty())
    }
}

/// Values can be secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config,
    Credentials,
}

/// Where in a file the parser is.
enum Place {
    Nowhere,
    /// In a section that means nothing here.
    Skipped,
    /// In a section, after this property; its name is empty if it can't be one.
    Section {
        is_services: bool,
        name: String,
        property: Option<String>,
    },
}

/// The text between the brackets of a heading.
fn heading(line: &str) -> Option<Result<&str, Grammar>> {
    let rest = line.strip_prefix('[')?;
    Some(rest.split_once(']').map(|(name, _)| name.trim()).ok_or(Grammar::NoBracket))
}

fn is_long_default(heading: &str) -> bool {
    heading.split_once([' ', '\t']).is_some_and(|(word, name)| word == "profile" && name.trim() == DEFAULT)
}

/// A value ends where a comment begins: at `#` or `;` after a blank.
fn without_comment(value: &str) -> &str {
    let is_comment = |(at, c): &(usize, char)| matches!(c, '#' | ';') && value[..*at].ends_with([' ', '\t']);
    value.char_indices().find(is_comment).map_or(value, |(at, _)| &value[..at])
}

fn unquoted(name: &str) -> &str {
    let quoted = |quote| name.strip_prefix(quote).and_then(|name| name.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(name)
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-/.%@_:+".contains(c))
}

fn read(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let failed = |source: io::Error| ConfigError::File { path: PathBuf::from(path), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Zeroizing::default()),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_LEN_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB")));
    }
    Ok(text)
}

/// The profile where none is named.
pub(crate) const DEFAULT: &str = "default";
const FILE_LEN_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(config: &str, credentials: &str) -> Result<Profiles, (usize, Grammar)> {
        let mut profiles = Profiles::default();
        profiles.add(config, Kind::Config)?;
        profiles.add(credentials, Kind::Credentials)?;
        Ok(profiles)
    }

    /// The profiles as `name{property=value,…}`, in order.
    fn shown(config: &str, credentials: &str) -> String {
        let profiles = parsed(config, credentials).unwrap();
        let shown = profiles.profiles.iter().map(|(name, section)| {
            let values = section.0.iter().map(|(name, value)| {
                let nested = value.nested.iter().map(|(name, text)| format!("\n{name} = {}", text.as_str()));
                format!("{name}={}{}", value.text.as_str(), nested.collect::<String>())
            });
            format!("{name}{{{}}}", values.collect::<Vec<_>>().join(","))
        });
        shown.collect()
    }

    /// The cases that the SDKs share ("profile-parser-tests").
    #[test]
    fn files_mean_what_they_mean_to_the_sdks() {
        for (config, expected) in [
            ("", ""),
            ("[profile foo]", "foo{}"),
            (
                "[profile some-thing:long/the_one%only.foo@bar+]\n[profile foo!bar]",
                "some-thing:long/the_one%only.foo@bar+{}",
            ),
            ("[profile \tfoo \t]", "foo{}"),
            ("[profile\tfoo]", "foo{}"),
            ("[profile foo]\r\nname = value\r\n", "foo{name=value}"),
            ("[profile foo]\nname = val=ue", "foo{name=val=ue}"),
            ("[profile foo]\nname = 😂", "foo{name=😂}"),
            ("[profile foo]\nname \t=  \tvalue \t", "foo{name=value}"),
            ("[profile foo]\nname =", "foo{name=}"),
            ("\t \n[profile foo]\n\t\n \nname = value\n\t \n[profile bar]\n \t", "bar{}foo{name=value}"),
            ("# c\n[profile foo] # c\nname = value # c with # sign", "foo{name=value}"),
            (";\n[profile foo];\nname = value ;\n", "foo{name=value}"),
            ("[profile foo]\nname = value; adjacent", "foo{name=value; adjacent}"),
            ("[profile foo]\nname = value\n -one # c\n \t -two \t ", "foo{name=value\n-one # c\n-two}"),
            ("[profile foo]\nName = 1\n[profile foo]\nname = 2\nother = 3", "foo{name=2,other=3}"),
            ("[profile default]\nname = 1\n[default]\nname2 = 2", "default{name=1}"),
            ("[default]\nname2 = 2\n[profile default]\nname = 1", "default{name=1}"),
            ("[profile in valid]\nname = value", ""),
            ("[foo]\nname = value", ""),
            ("[profile foo]\nin valid = value\n more\nname = value", "foo{name=value}"),
            ("[profile foo]\ns3 =\n name = value\n\t \n other =", "foo{s3=\nname = value\nother = }"),
        ] {
            assert_eq!(shown(config, ""), expected, "{config:?}");
        }
        let merged = shown("[profile foo]\na = 1\nb = 1", "[foo]\nb = 2\n[profile bar]\nc = 3\n[in valid]");
        assert_eq!(merged, "foo{a=1,b=2}");
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        for (config, line, grammar) in [
            ("[profile foo", 1, Grammar::NoBracket),
            ("name = value", 1, Grammar::NoSection),
            (" -continued", 1, Grammar::NoSection),
            ("[profile foo]\n= value", 2, Grammar::NoName),
            ("[profile foo]\nkey : value", 2, Grammar::NoEquals),
            ("[profile foo]\n -continued", 2, Grammar::NoProperty),
            ("[profile foo]\nname = value\n[profile foo]\n -continued", 4, Grammar::NoProperty),
            ("[profile foo]\ns3 =\n invalid", 3, Grammar::NoEquals),
            ("[profile foo]\ns3 =\n = value", 3, Grammar::NoName),
        ] {
            assert_eq!(parsed(config, "").unwrap_err(), (line, grammar), "{config:?}");
        }
    }

    #[test]
    fn an_endpoint_is_the_services_own_or_the_one_for_all() {
        let profiles = parsed(
            "[profile a]\nendpoint_url = https://all\nservices = s\n[services s]\nkms =\n  endpoint_url = https://kms\n\
             [profile b]\nservices = nowhere",
            "",
        );
        let profiles = profiles.unwrap();
        assert_eq!(profiles.endpoint_url("a", "kms").unwrap(), Some("https://kms"));
        assert_eq!(profiles.endpoint_url("a", "sts").unwrap(), Some("https://all"));
        assert_eq!(profiles.endpoint_url("none", "kms").unwrap(), None);
        assert!(matches!(profiles.endpoint_url("b", "kms"), Err(ConfigError::NoSuchServices { .. })));
    }

    #[test]
    fn values_do_not_print() {
        let profiles = parsed("", "[a]\naws_secret_access_key = hunter2").unwrap();
        assert!(!format!("{profiles:?}").contains("hunter2"));
    }
}
