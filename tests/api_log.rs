//! What is written to the log. A process of its own, since a log belongs to all tests of one.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod api_common;

use api_common::{KEY, World, run};
use md5::{Digest as _, Md5};
use serde_json::json;

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_comes_into_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    run(async {
        let world = World::new().await;
        let (account, _) = world.account("Acme").await;
        let ada =
            json!({"first_name": "Ada", "last_name": "L", "username": "ada", "password": "correct horse"});
        world.send("PUT", &format!("/v2/accounts/{account}/users"), ada).await;
        let credentials = checksync::id::hex(&Md5::digest("ada:correct horse"));
        let log_in = async |credentials: &str, name: &str| {
            let data = json!({"data": {"credentials": credentials, "account_name": name}});
            world.with("PUT", "/v2/user_auth", &data).await
        };
        let token = log_in(&credentials, "acme").await.json()["auth_token"].as_str().unwrap().to_owned();
        log_in(&format!("{credentials}x"), "acme").await;
        log_in(&credentials, "nobody").await;
        // 4f3330e78e664bb57f8fb23fbaac2429:5f4dcc3b5aa765d61d8327deb882cf99
        let pair = "NGYzMzMwZTc4ZTY2NGJiNTdmOGZiMjNmYmFhYzI0Mjk6NWY0ZGNjM2I1YWE3NjVkNjFkODMyN2RlYjg4MmNmOTk=";
        let basic = format!("Basic {pair}");
        for path in [
            format!("/v2/token_auth?auth_token={token}"),
            format!("/v2/token_auth?auth_token=no{token}"),
            format!("/v2/user_auth/{token}"),
            format!("/v2/user_auth/no{token}/more"),
        ] {
            world.raw("GET", &path, &[], "").await;
        }
        world.raw("GET", "/v2/token_auth", &[("authorization", &basic)], "").await;
        world.raw("PUT", &format!("/v2/api_auth?x={KEY}"), &[], &json!({"data": KEY}).to_string()).await;
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("/v2/token_auth") && log.contains("refused"), "{log}");
        let secrets =
            ["correct horse", KEY, &token, &world.token, &credentials, pair, "5f4dcc3b5aa765d61d83"];
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    });
}
