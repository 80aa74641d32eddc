//! The log: each line that a request leaves can be told to be its.

use keyfold_testkit::Serving;
use serde_json::{Value, json};

use super::client::{Client, exchange};

#[test]
fn every_line_of_a_request_has_its_id() {
    let home = tempfile::tempdir().unwrap();
    for level in ["info", "error,keyfold_server=info"] {
        let options = ["--dev", "--insecure-http", "--log", "json", "--log-level", level];
        let serving = Serving::start(home.path(), &options);
        let client = Client::of(&serving);
        client.call("ListKeys", &json!({}));
        let mut stream = client.connect();
        let (head, _) = client.signed("ListKeys", "{} ", &[]);
        std::io::Write::write_all(&mut stream, format!("{head}{{}}\n").as_bytes()).unwrap();
        assert_eq!(exchange(&mut stream).0, 400);

        let log = serving.end();
        assert!(log.contains("not authentic"), "{log}");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut of_requests = 0;
        for line in lines.filter(|line| line["target"] != "keyfold::serve" && line["message"] != "stopping") {
            if line["target"] == "keyfold::lockdown" {
                continue;
            }
            let id = line["request_id"].as_str().or(line["span"]["request_id"].as_str());
            assert_eq!(id.map(str::len), Some(36), "{line}");
            of_requests += 1;
        }
        assert!(of_requests >= 2, "{log}");
    }
}
