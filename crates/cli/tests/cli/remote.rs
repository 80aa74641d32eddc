//! Commands on a key service elsewhere: the real binary against `keyfold serve`, over TLS.

mod failures;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::{Place, Ran};

const ACCOUNT: &str = "000000000000";

/// `keyfold serve --dev` in a directory of its own, and what it has a shell export.
struct Service {
    process: Child,
    exports: Vec<(String, String)>,
    /// Its key store.
    store: PathBuf,
}

impl Service {
    /// On the key store `name` of `place`, which is made if it is not there.
    fn start(place: &Place, name: &str) -> Self {
        let store = place.0.path().join(name);
        let home = store.to_str().unwrap();
        let mut process = place.start(&["--home", home, "serve", "--dev", "--listen", "127.0.0.1:0"]);
        let stdout = process.stdout.take().unwrap();
        let mut service = Self { process, exports: Vec::new(), store };
        for line in BufReader::new(stdout).lines() {
            let line = line.unwrap();
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                service.exports.push((name.to_owned(), value.to_owned()));
            }
            if line.starts_with("export AWS_CA_BUNDLE=") {
                return service;
            }
        }
        panic!("it serves nothing");
    }

    fn export(&self, name: &str) -> &str {
        self.exports.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap()
    }

    /// A command in a shell that has pasted what the service said.
    fn command(&self, place: &Place, args: &[&str]) -> Command {
        let mut command = place.command(args);
        command.envs(self.exports.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, place: &Place, args: &[&str]) -> Ran {
        self.command(place, args).output().unwrap().into()
    }

    fn ok(&self, place: &Place, args: &[&str]) -> String {
        let ran = self.run(place, args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    fn fails(&self, place: &Place, args: &[&str], code: i32) -> String {
        let before = place.listing();
        let ran = self.run(place, args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}");
        assert_eq!(place.listing(), before, "{args:?}");
        ran.stderr
    }

    /// Makes a key; gives its ARN.
    fn key(&self, place: &Place, args: &[&str]) -> String {
        let answer = self.ok(place, &[&["keys", "create", "--json"], args].concat());
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn files_and_keys_in_a_service_elsewhere() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    place.write("a", "attack at dawn");

    let arn = service.key(&place, &["--alias", "alias/a", "--description", "of the service"]);
    assert!(arn.starts_with("arn:aws:kms:local:000000000000:key/"), "{arn}");
    let id = arn.rsplit_once('/').unwrap().1;
    let ran = service.run(&place, &["-v", "encrypt", "a", "--key", "alias/a", "-c", "k=v"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("the data key was made and wrapped by {arn}")), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains(&format!("key service: {}, Region local", service.export("AWS_ENDPOINT_URL_KMS")))
    );

    for args in [
        &["--key", arn.as_str()][..],
        &["--key", "alias/a"],
        &["--key", id],
        &["--discovery-account", "111122223333", "--discovery-account", ACCOUNT],
    ] {
        let args = [&["decrypt", "-f", "a.encrypted", "-o", "b", "-c", "k=v"], args].concat();
        service.ok(&place, &args);
        assert_eq!(place.read("b"), b"attack at dawn");
    }
    let ran =
        service.run(&place, &["-v", "decrypt", "a.encrypted", "-o", "-", "--discovery-account", ACCOUNT]);
    assert_eq!(ran.stdout, b"attack at dawn");
    assert!(ran.stderr.contains(&format!("the data key was unwrapped by {arn}")), "{}", ran.stderr);

    let listed = service.ok(&place, &["keys", "list"]);
    assert!(
        listed.contains(id) && listed.contains("alias/a") && listed.contains("of the service"),
        "{listed}"
    );
    assert!(service.ok(&place, &["aliases", "list", "--key", id]).contains("alias/a"));
    service.ok(&place, &["aliases", "create", "alias/b", id]);
    service.ok(&place, &["aliases", "delete", "alias/b"]);
    service.ok(&place, &["keys", "rotate", id]);
    service.ok(&place, &["keys", "disable", id]);
    let said = service.fails(&place, &["decrypt", "a.encrypted", "-o", "c", "--key", &arn], 8);
    assert!(said.contains("DisabledException"), "{said}");
    service.ok(&place, &["keys", "enable", id]);
    assert!(!place.store().exists(), "the key store on this machine was not touched");
}

#[test]
fn what_is_not_allowed_is_not_asked_for() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    place.write("a", "attack at dawn");
    let arn = service.key(&place, &[]);
    service.ok(&place, &["encrypt", "a", "--key", &arn]);
    let decrypt = ["decrypt", "a.encrypted", "-o", "b"];

    let said = service.fails(&place, &["encrypt", "a", "-o", "b"], 2);
    assert!(said.contains("has no default key") && said.contains("--key KEY names one"), "{said}");
    let said = service.fails(&place, &decrypt, 2);
    assert!(said.contains("is not asked for whatever key a message names"), "{said}");
    for args in [
        &["--discovery-account", "111122223333"][..],
        &["--discovery-account", ACCOUNT, "--discovery-partition", "aws-cn"],
        &["--discovery-account", ACCOUNT, "--region", "eu-1"],
    ] {
        let said = service.fails(&place, &[&decrypt, args].concat(), 4);
        assert!(said.contains(&format!("hint: one of these keys decrypts it: --key {arn}")), "{said}");
    }
    let said = service.fails(&place, &[&decrypt[..], &["--key", "alias/other"]].concat(), 8);
    assert!(
        said.contains("NotFoundException: Alias arn:aws:kms:local:000000000000:alias/other is not found.")
    );
    assert!(said.contains("(HTTP status 400, request "), "{said}");
    // Raw keys need no service, and no credentials for one.
    place.write("raw", [7; 32]);
    let raw = ["--aes-key", "n/k=raw", "--endpoint-url", "https://127.0.0.1:9", "--region", "r"];
    place.ok(&[&["encrypt", "a", "-o", "r"], &raw[..]].concat());
    place.ok(&[&["decrypt", "r", "-o", "s"], &raw[..]].concat());
    assert_eq!(place.read("s"), b"attack at dawn");
}

#[test]
fn an_arn_decides_the_region() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    place.write("a", "attack at dawn");
    let arn = service.key(&place, &["--region", "eu-1"]);
    assert!(arn.starts_with("arn:aws:kms:eu-1:"), "{arn}");
    // The Region that is set is `local`.
    service.ok(&place, &["encrypt", "a", "--key", &arn]);
    service.ok(&place, &["decrypt", "a.encrypted", "-o", "b", "--key", &arn]);
    let elsewhere = arn.replace(":eu-1:", ":eu-2:");
    let said = service.fails(&place, &["encrypt", "a", "-o", "c", "--key", &elsewhere], 8);
    assert!(said.contains(&format!("NotFoundException: Key '{elsewhere}' does not exist")), "{said}");
    let id = arn.rsplit_once('/').unwrap().1;
    service.fails(&place, &["keys", "describe", id], 8);
    service.ok(&place, &["keys", "describe", id, "--region", "eu-1"]);
}

#[test]
fn a_profile_has_it_all() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    let config = format!(
        "[profile dev]\nregion = local\nservices = dev\nca_bundle = {}\n[services dev]\nkms =\n  endpoint_url = {}\n\
         [profile bare]\nregion = eu-central-1\n",
        service.export("AWS_CA_BUNDLE"),
        service.export("AWS_ENDPOINT_URL_KMS"),
    );
    let credentials = format!(
        "[dev]\naws_access_key_id = {}\naws_secret_access_key = {}\n[bare]\naws_access_key_id = A\n\
         aws_secret_access_key = s\n",
        service.export("AWS_ACCESS_KEY_ID"),
        service.export("AWS_SECRET_ACCESS_KEY"),
    );
    for (name, content) in [("config", config), ("credentials", credentials)] {
        let path = place.home().join(".aws").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::write(&path, content.as_bytes());
    }
    place.ok(&["keys", "create", "--profile", "dev", "--alias", "alias/p"]);
    assert!(place.ok(&["keys", "list", "--profile", "dev"]).contains("alias/p"));
    let ran: Ran =
        place.command(&["keys", "list", "--aws"]).env("AWS_PROFILE", "dev").output().unwrap().into();
    assert_eq!(ran.code, Some(0), "--aws takes the profile's endpoint: {}", ran.stderr);
    let said = place.fails(&["keys", "list", "--profile", "bare"], 2);
    assert!(said.contains("no key service is named"), "{said}");
    let said = place.fails(&["keys", "list", "--profile", "nobody"], 2);
    assert!(said.contains("there is no profile nobody"), "{said}");
    // A profile alone sends nobody elsewhere.
    let ran: Ran = place.command(&["keys", "list"]).env("AWS_PROFILE", "dev").output().unwrap().into();
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
}

#[test]
fn who_is_not_trusted_is_not_asked() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    let other = place.0.path().join("other");
    place.ok(&["init", "--no-recovery", "--home", other.to_str().unwrap()]);
    let ca = other.join("tls/ca.pem");
    let said = service.fails(&place, &["keys", "list", "--ca-bundle", ca.to_str().unwrap()], 8);
    assert!(said.contains(&format!("can't trust {}: ", service.export("AWS_ENDPOINT_URL_KMS"))), "{said}");
    assert!(said.contains("hint: --ca-bundle FILE, or AWS_CA_BUNDLE, names the CA certificate to trust"));
    let said = service.fails(&place, &["keys", "list", "--ca-bundle", "nowhere.pem"], 6);
    assert!(said.contains("can't read nowhere.pem: no such file or directory"), "{said}");
}

#[test]
fn who_asks_has_to_be_known_and_allowed() {
    let place = Place::new();
    let home = place.0.path().join("served");
    let home = home.to_str().unwrap();
    place.ok(&["init", "--no-recovery", "--home", home]);
    place.ok(&["principals", "create-user", "alice", "--home", home]);
    let alice = place.ok(&["principals", "create-access-key", "alice", "--json", "--home", home]);
    let alice: serde_json::Value = serde_json::from_str(&alice).unwrap();
    let service = Service::start(&place, "served");
    assert!(service.store.exists());

    let mut command = service.command(&place, &["keys", "create"]);
    for (name, member) in [("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey")]
    {
        command.env(name, alice["AccessKey"][member].as_str().unwrap());
    }
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    let expected = "AccessDeniedException: User: arn:aws:iam::000000000000:user/alice is not authorized to perform: \
                    kms:CreateKey";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);

    let mut command = service.command(&place, &["keys", "list"]);
    let ran: Ran = command.env("AWS_SECRET_ACCESS_KEY", "another").output().unwrap().into();
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    let hint = "hint: the service does not know this access key, or it has another secret";
    assert!(ran.stderr.contains("Exception: ") && ran.stderr.contains(hint), "{}", ran.stderr);

    let mut command = service.command(&place, &["keys", "list"]);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(ran.stderr.contains("there are no AWS credentials"), "{}", ran.stderr);
}

#[test]
fn nobody_at_the_port() {
    let place = Place::new();
    place.write("a", "attack at dawn");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut command =
        place.command(&["encrypt", "a", "--key", "alias/a", "--endpoint-url", &url, "--region", "r"]);
    command.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "s");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("can't connect to {url}: connection refused")), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: is it running? keyfold serve starts a key service"), "{}", ran.stderr);
    assert_eq!(place.listing(), ["a"]);

    place.write("b", "attack at dusk");
    place.ok(&["-q", "encrypt", "a", "b"]);
    let (found, remote) = (["--discovery-account", ACCOUNT], ["--endpoint-url", &url, "--region", "local"]);
    let args = [&["decrypt", "a.encrypted", "b.encrypted", "-f"], &found[..], &remote[..]].concat();
    let mut command = place.command(&args);
    command.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "s");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("can't connect").count(), 1, "{}", ran.stderr);
}

#[test]
fn contradictions_are_refused() {
    let place = Place::new();
    place.write("a", "attack at dawn");
    for (args, expected) in [
        (
            &["--home", "h", "keys", "list", "--aws"][..],
            "--home is for a key store on this machine, --aws for a key service",
        ),
        (
            &["keys", "list", "--passphrase-file", "p", "--region", "r"],
            "--passphrase-file is for a key store",
        ),
        (
            &["keys", "list", "--aws", "--endpoint-url", "https://a"],
            "--endpoint-url names a key service, and --aws is another",
        ),
        (&["init", "--aws"], "--aws: keyfold init is about the key store on this machine"),
        (&["serve", "--endpoint-url", "https://a"], "--endpoint-url: keyfold serve is about the key store"),
        (&["principals", "list", "--profile", "p"], "--profile: keyfold principals is about the key store"),
        (&["keys", "list", "--aws"], "no Region is set"),
        (&["keys", "list", "--aws", "--region", "local"], "local is not a Region of AWS"),
        (
            &["keys", "list", "--endpoint-url", "http://keys.example.org", "--region", "r"],
            "plain http:// is for this machine alone",
        ),
        (
            &["keys", "list", "--endpoint-url", "keys", "--region", "r"],
            "it must look like https://HOST[:PORT]",
        ),
        (
            &["decrypt", "a", "-o", "b", "--discovery-account", ACCOUNT],
            "--discovery-account is for a key service elsewhere",
        ),
        (&["decrypt", "a", "-o", "b", "--aws", "--discovery-account", "x"], "an account has 12 digits"),
        (
            &["decrypt", "a", "-o", "b", "--aws", "--discovery-account", ACCOUNT, "--key", "k"],
            "cannot be used with",
        ),
    ] {
        let said = place.fails(args, 2);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn the_key_store_on_this_machine_is_used_where_it_is_named_whatever_the_environment_says() {
    let place = Place::new();
    place.write("a", "attack at dawn");
    let ran = |args: &[&str], name: &str, value: &str| -> Ran {
        place
            .command(args)
            .env("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
            .env(name, value)
            .output()
            .unwrap()
            .into()
    };
    let encrypt = ["encrypt", "a", "--home", "here"];
    let done = ran(&encrypt, "AWS_REGION", "eu-1");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = ran(&["keys", "list"], "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(done.code, Some(4), "the key store, which is not there: {}", done.stderr);
    let done = ran(&["init", "--no-recovery"], "AWS_REGION", "eu-1");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    // What is set to nothing is not set.
    let ran: Ran = place.command(&["keys", "list"]).env("AWS_ENDPOINT_URL", "").output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
