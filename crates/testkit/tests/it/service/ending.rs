//! The end, with requests in progress.

use std::io::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use keyfold_testkit::Serving;
use serde_json::json;

use super::client::{Client, exchange};

#[test]
fn what_is_in_progress_is_answered_and_what_was_answered_stays() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--dev", "--insecure-http", "--rate-writing", "100000"];
    let serving = Serving::start(home.path(), &arguments);
    let client = Client::of(&serving);
    let answered = Mutex::new(Vec::new());

    // Requests whose end is still to come. That a hundred others on later connections were answered shows that the
    // server has taken these.
    let body = json!({"Description": "in progress"}).to_string();
    let mut in_progress: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = client.connect();
            let head = client.signed("CreateKey", &body, &[]).0;
            stream.write_all(format!("{head}{}", &body[..5]).as_bytes()).unwrap();
            stream
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Until the server takes no more; what it did not answer counts for nothing.
                while let Ok(key_id) = created(&client) {
                    answered.lock().unwrap().push(key_id);
                }
            });
        }
        while answered.lock().unwrap().len() < 100 {
            thread::sleep(Duration::from_millis(5));
        }
        serving.terminate();
        while !serving.log().contains("stopping") {
            thread::sleep(Duration::from_millis(5));
        }
        for stream in &mut in_progress {
            stream.write_all(&body.as_bytes()[5..]).unwrap();
            let (status, text) = exchange(stream);
            assert_eq!(status, 200, "{text}");
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
            answered.lock().unwrap().push(answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned());
        }
    });
    let mut serving = serving;
    assert!(serving.wait().success(), "{}", serving.log());

    let serving = Serving::start(home.path(), &arguments);
    let client = Client::of(&serving);
    for key_id in answered.into_inner().unwrap() {
        assert_eq!(client.call("DescribeKey", &json!({"KeyId": key_id})).status, 200, "{key_id}");
    }
    let _ = serving.end();
}

/// Makes a key; an error where no whole answer came.
fn created(client: &Client) -> std::io::Result<String> {
    use std::io::Read as _;
    let (head, _) = client.signed("CreateKey", "{}", &[]);
    let mut stream = std::net::TcpStream::connect(&client.host)?;
    stream.write_all(format!("{head}{{}}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_str(body)?;
    answer["KeyMetadata"]["KeyId"].as_str().map(str::to_owned).ok_or_else(|| std::io::Error::other("no key"))
}
