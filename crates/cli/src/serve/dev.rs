//! `serve --dev`: a service to try out, on a key store that is made as needed, for this machine alone.
//!
//! Its root of trust is a file beside the store, its administrator's secret is printed, and without `--home` all of it
//! is gone when the server ends. It says so.

use keyfold_kms::Service;
use keyfold_kms::principals::{Identity, NewAccessKey, Principal, PrincipalError, UserName};
use keyfold_server::{TlsFiles, Transport};
use pollster::block_on;

use super::{Starting, identity, log, run, systemd, tls_min};
use crate::admin::{ADMINISTRATOR_POLICY, POLICY_OF_ADMINISTRATOR, secret};
use crate::args::{GlobalArgs, ServeArgs};
use crate::console::{Console, answer, shown};
use crate::failure::Failure;
use crate::lockdown::Sandbox;
use crate::store::KeyStore;

pub(super) fn serve(
    args: &ServeArgs,
    global: &GlobalArgs,
    console: Console,
    starting: Starting,
) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::usage("--dev is for loopback addresses only"));
    }
    let ephemeral = match &global.home {
        Some(_) => None,
        None => {
            let folder = tempfile::Builder::new().prefix("keyfold-dev-").tempdir();
            Some(folder.map_err(|error| Failure::io("can't make a temporary key store", &error))?)
        }
    };
    let home = match &ephemeral {
        Some(folder) => folder.path().to_owned(),
        None => global.home.clone().unwrap_or_default(),
    };
    let store = KeyStore::at(&home, global);
    store.open_or_create(false)?.ensure_default_key()?;
    log::start(args)?;
    let opened = store.open_alone()?;
    let service = opened.shared_service();
    let access_key = fresh_access_key(&service)?;
    let (ca, _) = identity::make_identity(&home, &[])?;
    let transport = if args.insecure_http {
        Transport::InsecureHttp
    } else {
        let (certificates, key) = match (&args.tls_cert, &args.tls_key) {
            (Some(certificates), Some(key)) => (certificates.clone(), key.clone()),
            _ => (identity::certificate(&home), identity::key(&home)),
        };
        Transport::Tls(TlsFiles { certificates, key, min: tls_min(args) })
    };

    console.note("this is a development service: its root of trust lies beside the keys it protects");
    match &ephemeral {
        Some(_) => console.note("its key store ends with it; --home DIR keeps one"),
        None => console.note(&format!("its key store is {}", shown(&home))),
    }
    let sandbox = Sandbox::around(home.clone(), ephemeral.is_some());
    run(args, transport, systemd::passed_socket()?, &opened, sandbox, starting, |server| {
        let scheme = if args.insecure_http { "http" } else { "https" };
        let endpoint = format!("{scheme}://{}", server.address());
        let region = service.scope().region.as_str();
        let mut lines = vec![
            format!("export AWS_ENDPOINT_URL_KMS={endpoint}"),
            format!("export AWS_ENDPOINT_URL_STS={endpoint}"),
            format!("export AWS_ACCESS_KEY_ID={}", access_key.id),
            format!("export AWS_SECRET_ACCESS_KEY={}", secret(&access_key)),
            format!("export AWS_REGION={region}"),
            format!("export AWS_DEFAULT_REGION={region}"),
        ];
        if !args.insecure_http && args.tls_cert.is_none() {
            let ca = std::path::absolute(&ca).unwrap_or(ca);
            lines.push(format!("export AWS_CA_BUNDLE={}", quoted(&ca.to_string_lossy())));
        }
        answer(&lines.join("\n"))
    })
}

/// A new access key for the user `dev`, who may do everything; the ones of earlier runs are removed.
fn fresh_access_key(service: &Service) -> Result<NewAccessKey, Failure> {
    let account = service.scope().account.clone();
    let name: UserName =
        DEVELOPER.parse().map_err(|error| Failure::usage(format!("{DEVELOPER}: {error}")))?;
    match block_on(service.create_user(&account, &name)) {
        Ok(()) | Err(PrincipalError::UserExists) => {}
        Err(error) => return Err(error.into()),
    }
    let policy = POLICY_OF_ADMINISTRATOR
        .parse()
        .map_err(|error| Failure::usage(format!("{POLICY_OF_ADMINISTRATOR}: {error}")))?;
    let identity = Identity::User { account: account.clone(), name: name.clone() };
    block_on(service.put_policy(&identity, &policy, ADMINISTRATOR_POLICY))?;
    let developer = Principal::User { account, name };
    for key in block_on(service.list_access_keys(&developer))? {
        block_on(service.delete_access_key(&key.id))?;
    }
    Ok(block_on(service.create_access_key(&developer))?)
}

/// Text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

const DEVELOPER: &str = "dev";

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_one_word() {
        assert_eq!(super::quoted("/tmp/a-b/ca.pem"), "/tmp/a-b/ca.pem");
        assert_eq!(super::quoted("/it's a/ca.pem"), r"'/it'\''s a/ca.pem'");
    }
}
