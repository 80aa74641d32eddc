//! `keys`.

use std::collections::BTreeMap;

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, CreateAliasRequest, CreateKeyRequest, DescribeKeyRequest, DisableKeyRequest,
    EnableKeyRequest, KeyListEntry, KeyMetadata, ListKeysRequest, ListKeysResponse, RotateKeyOnDemandRequest,
    ScheduleKeyDeletionRequest,
};
use keyfold_protocol::{AliasName, ErrorKind, KmsError};

use super::aliases::all_aliases;
use super::{moment, respond, table::table};
use crate::args::KeysCommand;
use crate::console::{Console, answer, answer_json, printable, shown};
use crate::failure::{Code, Failure};
use crate::service::{KeyService, OpenService};
use crate::store::KeyStore;

/// Performs a command on keys. Only `create` makes a store where there is none.
pub(crate) fn keys(command: &KeysCommand, service: &KeyService, console: Console) -> Result<(), Failure> {
    perform(command, service, console).map_err(|failure| match alias_in(command) {
        Some(alias) if failure.code == Code::KeyService => {
            failure.hint(format!("this takes a key id or key ARN: keyfold keys describe {alias} tells them"))
        }
        _ => failure,
    })
}

/// The alias that was given where AWS KMS takes none.
fn alias_in(command: &KeysCommand) -> Option<&str> {
    let args = match command {
        KeysCommand::Create { .. } | KeysCommand::List { .. } | KeysCommand::Describe(_) => return None,
        KeysCommand::ScheduleDeletion { key: args, .. }
        | KeysCommand::Enable(args)
        | KeysCommand::Disable(args)
        | KeysCommand::Rotate(args)
        | KeysCommand::CancelDeletion(args) => args,
    };
    Some(args.key.as_str()).filter(|key| key.starts_with("alias/") || key.contains(":alias/"))
}

fn perform(command: &KeysCommand, service: &KeyService, console: Console) -> Result<(), Failure> {
    let open = || service.open(console);
    match command {
        KeysCommand::Create { description, alias, format } => {
            create(service, description.clone(), alias.as_deref(), format.json, console)
        }
        KeysCommand::List { format } => list(&open()?, format.json),
        KeysCommand::Describe(args) => {
            let response = open()?.send(DescribeKeyRequest::new(&args.key))?;
            respond(args.format.json, &response, |response| describe(&response.key_metadata))
        }
        KeysCommand::Enable(args) => {
            let response = open()?.send(EnableKeyRequest::new(&args.key))?;
            respond(args.format.json, &response, |_| format!("{}: enabled", args.key))
        }
        KeysCommand::Disable(args) => {
            let response = open()?.send(DisableKeyRequest::new(&args.key))?;
            respond(args.format.json, &response, |_| format!("{}: disabled", args.key))
        }
        KeysCommand::Rotate(args) => {
            let response = open()?.send(RotateKeyOnDemandRequest::new(&args.key))?;
            respond(args.format.json, &response, |response| {
                format!("{}: rotated", printable(&response.key_id))
            })
        }
        KeysCommand::ScheduleDeletion { key: args, days } => {
            let mut request = ScheduleKeyDeletionRequest::new(&args.key);
            request.pending_window_in_days = *days;
            let response = open()?.send(request)?;
            respond(args.format.json, &response, |response| {
                let date = response.deletion_date.map(moment).unwrap_or_default();
                let key_id = printable(&response.key_id);
                format!("{key_id}: disabled now, to be deleted on {date}")
            })
        }
        KeysCommand::CancelDeletion(args) => {
            let response = open()?.send(CancelKeyDeletionRequest::new(&args.key))?;
            respond(args.format.json, &response, |response| {
                format!("{}: will not be deleted; it is disabled", printable(&response.key_id))
            })
        }
    }
}

fn create(
    service: &KeyService,
    description: Option<String>,
    alias: Option<&str>,
    json: bool,
    console: Console,
) -> Result<(), Failure> {
    alias.map_or(Ok(()), check_name)?;
    let opened = match service {
        KeyService::Local(store) => open_or_create(store, console)?,
        KeyService::Remote(_) => service.open(console)?,
    };
    alias.map_or(Ok(()), |alias| check_is_free(alias, &opened))?;
    let mut request = CreateKeyRequest::new();
    request.description = description;
    let response = opened.send(request)?;
    let key_id = &response.key_metadata.key_id;
    if let Some(alias) = alias {
        opened.send(CreateAliasRequest::new(alias, key_id)).map_err(|error| {
            let failure = Failure::from(error);
            Failure {
                what: format!("the key {key_id} was created, but not its alias: {}", failure.what),
                ..failure
            }
        })?;
    }
    respond(json, &response, |response| describe(&response.key_metadata))
}

/// Opens the key store, made if it is not there.
fn open_or_create(store: &KeyStore, console: Console) -> Result<OpenService, Failure> {
    let was_there = store.exists()?;
    let opened = store.open_or_create(false)?;
    if !was_there {
        console.notice(&format!("created the key store {}; keep a backup of it", shown(store.home()?)));
    }
    Ok(OpenService::local(opened.kms(), console))
}

/// Whether `alias` can be one: known before there is a key that would be left without it.
fn check_name(alias: &str) -> Result<(), Failure> {
    if alias.parse::<AliasName>().is_ok() && !alias.starts_with("alias/aws/") {
        return Ok(());
    }
    let hint = "it begins with alias/, not with alias/aws/, and has letters, digits, / _ -";
    Err(Failure::usage(format!("{alias} can't be an alias")).hint(hint))
}

fn check_is_free(alias: &str, service: &OpenService) -> Result<(), Failure> {
    match service.send(DescribeKeyRequest::new(alias)) {
        Ok(_) => Err(Failure::new(Code::KeyService, format!("{alias} is the alias of another key"))
            .hint("keyfold keys create without --alias, then keyfold aliases update")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn list(service: &OpenService, json: bool) -> Result<(), Failure> {
    let keys = all_keys(service)?;
    if json {
        return answer_json(&ListKeysResponse::new(keys, false));
    }
    let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alias in all_aliases(service, None)? {
        aliases.entry(alias.target_key_id.unwrap_or_default()).or_default().push(alias.alias_name);
    }
    let mut rows = Vec::new();
    for key in keys {
        let metadata = metadata_of(service, &key.key_id)?;
        let of_key =
            |text: fn(&KeyMetadata) -> Option<String>| metadata.as_ref().and_then(text).unwrap_or_default();
        let state = of_key(|key| key.key_state.as_ref().map(ToString::to_string));
        let created = of_key(|key| key.creation_date.map(moment));
        let description = of_key(|key| key.description.clone());
        let aliases = aliases.remove(&key.key_id).unwrap_or_default().join(" ");
        rows.push([key.key_id, state, created, aliases, description]);
    }
    answer(&table(["KEY ID", "STATE", "CREATED", "ALIASES", "DESCRIPTION"], &rows))
}

/// What there is to say of a listed key; nothing if its policy keeps that from who asks, or it was deleted meanwhile.
fn metadata_of(service: &OpenService, key_id: &str) -> Result<Option<KeyMetadata>, KmsError> {
    match service.send(DescribeKeyRequest::new(key_id)) {
        Ok(response) => Ok(Some(response.key_metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The keys of all pages.
fn all_keys(service: &OpenService) -> Result<Vec<KeyListEntry>, KmsError> {
    let mut keys = Vec::new();
    let mut marker = None;
    loop {
        let mut request = ListKeysRequest::new();
        request.marker = marker;
        let page = service.send(request)?;
        keys.extend(page.keys);
        marker = page.next_marker;
        if !page.truncated || marker.is_none() {
            return Ok(keys);
        }
    }
}

fn describe(key: &KeyMetadata) -> String {
    let text = |value: Option<String>| value.unwrap_or_default();
    let lines = [
        ("key id", key.key_id.clone()),
        ("arn", text(key.arn.clone())),
        ("state", text(key.key_state.as_ref().map(ToString::to_string))),
        ("description", text(key.description.clone())),
        ("created", text(key.creation_date.map(moment))),
        ("to be deleted", text(key.deletion_date.map(moment))),
        ("spec", text(key.key_spec.as_ref().map(ToString::to_string))),
        ("usage", text(key.key_usage.as_ref().map(ToString::to_string))),
        ("origin", text(key.origin.as_ref().map(ToString::to_string))),
        ("key material id", text(key.current_key_material_id.clone())),
    ];
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    lines.map(|(label, value)| format!("{label:<15} {}", printable(value))).collect::<Vec<_>>().join("\n")
}
