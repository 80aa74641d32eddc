//! Traces, as a collector sees them (OTLP 1.x, `opentelemetry/proto/trace/v1/trace.proto`).

use std::fs;
use std::net::TcpListener;

use keyfold_testkit::Serving;
use keyfold_testkit::serving::keyfold;
use serde_json::{Value, json};

use super::client::Client;
use super::collector::Collector;

fn serving(home: &std::path::Path, variables: &[(&str, &str)]) -> Serving {
    let mut command = keyfold(home);
    command.args(["serve", "--dev", "--insecure-http", "--listen", "127.0.0.1:0"]);
    Serving::spawn({
        command.envs(variables.iter().copied());
        command
    })
}

/// An attribute as text, whatever its type.
fn attribute(of: &Value, name: &str) -> Option<String> {
    let value =
        of["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == name)?["value"].clone();
    let value = value.as_object()?.values().next()?.clone();
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[test]
fn a_request_is_a_span_of_its_caller_and_what_is_done_for_it_are_its_children() {
    let (home, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
        ("OTEL_SERVICE_NAME", "keys-of-the-test"),
    ];
    let serving = serving(home.path(), &variables);
    let client = Client::of(&serving);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    // That it is not to be sampled is not the caller's to say, nor is what else is written into the span.
    let traceparent = format!("00-{trace}-{parent}-00");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", "of=the-caller")];
    let created = client.call_with("CreateKey", &json!({}), &headers);
    assert_eq!(created.status, 200, "{created:?}");
    let refused = client.call_with("DescribeKey", &json!({"KeyId": "alias/none"}), &headers);
    assert_eq!(refused.status, 400);
    client.call_with("ListKeys", &json!({}), &[("traceparent", "00-wrong-wrong-01")]);
    // What waits is sent at the end.
    let log = serving.end();

    let exports = collector.exports();
    let mut spans = Vec::new();
    for export in &exports {
        assert!(export.head.starts_with("post /v1/traces "), "{}", export.head);
        assert!(export.head.contains("content-type: application/json"), "{}", export.head);
        let body: Value = serde_json::from_slice(&export.body).unwrap();
        for of_resource in body["resourceSpans"].as_array().unwrap() {
            let resource = &of_resource["resource"];
            assert_eq!(attribute(resource, "service.name").as_deref(), Some("keys-of-the-test"));
            assert_eq!(attribute(resource, "deployment.environment").as_deref(), Some("test"));
            for of_scope in of_resource["scopeSpans"].as_array().unwrap() {
                spans.extend(of_scope["spans"].as_array().unwrap().clone());
            }
        }
    }
    let named =
        |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{spans:?}"));

    let span = named("KMS/CreateKey");
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&json!(trace), &json!(parent)));
    assert_eq!(span["kind"], 2, "a server's");
    assert!(exports.iter().all(|export| !String::from_utf8_lossy(&export.body).contains("the-caller")));
    let request_id = log.lines().find(|line| line.contains("operation=\"CreateKey\"")).unwrap();
    assert!(request_id.contains(&attribute(span, "aws.request_id").unwrap()), "{request_id}");
    for (name, value) in [
        ("rpc.system", "aws-api"),
        ("rpc.method", "CreateKey"),
        ("http.response.status_code", "200"),
        ("cloud.account.id", "000000000000"),
        ("cloud.region", "local"),
    ] {
        assert_eq!(attribute(span, name).as_deref(), Some(value), "{span}");
    }
    assert_eq!(attribute(span, "error.type"), None);
    for child in ["authenticate", "perform"] {
        let of_span = |other: &&Value| other["name"] == child && other["parentSpanId"] == span["spanId"];
        assert_eq!(spans.iter().filter(of_span).count(), 1, "{child}");
    }

    let refused = named("KMS/DescribeKey");
    assert_eq!(attribute(refused, "error.type").as_deref(), Some("NotFoundException"));
    assert_eq!(attribute(refused, "http.response.status_code").as_deref(), Some("400"));
    assert_ne!(refused["status"]["code"], 2, "the caller's fault");

    let own = named("KMS/ListKeys");
    assert_ne!(own["traceId"], json!(trace));
    assert!(
        own["parentSpanId"].as_str().unwrap_or_default().is_empty(),
        "what is no traceparent is no parent: {own}"
    );
}

#[test]
fn sent_as_protobuf_unless_told_otherwise_with_the_headers_that_are_asked_for() {
    let (home, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let endpoint = format!("{}/else/where", collector.endpoint);
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=keys"),
    ];
    let serving = serving(home.path(), &variables);
    Client::of(&serving).call("ListKeys", &json!({}));
    let _ = serving.end();
    let exports = collector.exports();
    let has = |export: &super::collector::Export, text: &str| {
        export.body.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(exports.iter().any(|export| has(export, "KMS/ListKeys") && has(export, "keyfold")));
    for export in exports {
        assert!(export.head.starts_with("post /else/where "), "{}", export.head);
        assert!(export.head.contains("content-type: application/x-protobuf"), "{}", export.head);
        assert!(export.head.contains("x-tenant: keys"), "{}", export.head);
    }
}

#[test]
fn a_collector_that_is_away_or_never_answers_costs_no_request() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for endpoint in [silent.local_addr().unwrap(), away] {
        let home = tempfile::tempdir().unwrap();
        let endpoint = format!("http://{endpoint}");
        // So short that sending is tried all the time.
        let variables =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
        let serving = serving(home.path(), &variables);
        let client = Client::of(&serving);
        for _ in 0..50 {
            assert_eq!(client.call("ListKeys", &json!({})).status, 200);
        }
        let _ = serving.end();
    }
}

#[test]
fn the_certificates_of_the_system_are_read_before_they_are_out_of_reach() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (roots, none) = (elsewhere.path().join("roots.pem"), elsewhere.path().join("none.pem"));
    let _ = serving(home.path(), &[]).end();
    fs::copy(home.path().join("tls/ca.pem"), &roots).unwrap();
    fs::File::create(&none).unwrap();
    for (file, is_warned) in [(roots, false), (none, true)] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1"),
            ("SSL_CERT_FILE", file.to_str().unwrap()),
        ];
        let log = serving(home.path(), &variables).end();
        assert_eq!(log.contains("no CA certificates"), is_warned, "{log}");
    }
}

#[test]
fn settings_that_are_not_built_are_refused_before_anything_is_served() {
    let home = tempfile::tempdir().unwrap();
    let mut command = keyfold(home.path());
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("http/protobuf or http/json"), "{stderr}");
    assert!(output.stdout.is_empty());
}
