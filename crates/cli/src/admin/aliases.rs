//! `aliases`.

use keyfold_protocol::KmsError;
use keyfold_protocol::operations::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse,
    UpdateAliasRequest,
};

use super::{moment, respond, table::table};
use crate::args::AliasesCommand;
use crate::console::Console;
use crate::failure::Failure;
use crate::service::{KeyService, OpenService};

/// Performs a command on aliases.
pub(crate) fn aliases(
    command: &AliasesCommand,
    service: &KeyService,
    console: Console,
) -> Result<(), Failure> {
    let opened = service.open(console)?;
    match command {
        AliasesCommand::Create(args) => {
            let response = opened.send(CreateAliasRequest::new(&args.alias, &args.key))?;
            respond(args.format.json, &response, |_| format!("{}: names {}", args.alias, args.key))
        }
        AliasesCommand::Update(args) => {
            let response = opened.send(UpdateAliasRequest::new(&args.alias, &args.key))?;
            respond(args.format.json, &response, |_| format!("{}: names {} now", args.alias, args.key))
        }
        AliasesCommand::Delete { alias, format } => {
            let response = opened.send(DeleteAliasRequest::new(alias))?;
            respond(format.json, &response, |_| format!("{alias}: deleted"))
        }
        AliasesCommand::List { key, format } => {
            let aliases = all_aliases(&opened, key.as_deref())?;
            respond(format.json, &ListAliasesResponse::new(aliases, false), |response| {
                list(&response.aliases)
            })
        }
    }
}

/// The aliases of all pages: of all keys, or of one.
pub(super) fn all_aliases(service: &OpenService, key: Option<&str>) -> Result<Vec<AliasListEntry>, KmsError> {
    let mut aliases = Vec::new();
    let mut marker = None;
    loop {
        let mut request = ListAliasesRequest::new();
        request.key_id = key.map(str::to_owned);
        request.marker = marker;
        let page = service.send(request)?;
        aliases.extend(page.aliases);
        marker = page.next_marker;
        if !page.truncated || marker.is_none() {
            return Ok(aliases);
        }
    }
}

fn list(aliases: &[AliasListEntry]) -> String {
    let row = |alias: &AliasListEntry| {
        let updated = alias.last_updated_date.map(moment).unwrap_or_default();
        [alias.alias_name.clone(), alias.target_key_id.clone().unwrap_or_default(), updated]
    };
    table(["ALIAS", "KEY ID", "UPDATED"], &aliases.iter().map(row).collect::<Vec<_>>())
}
